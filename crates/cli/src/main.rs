//! `cuvee`: start a role or a whole cluster, administer it, and ask it.

use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    cli::verbs::cli::run(std::env::args_os().skip(1))
}
