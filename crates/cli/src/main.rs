//! `cuvee`: start a role or a whole cluster, and ask it.

use std::{io::Read as _, process::ExitCode};

use anyhow::{Context as _, Result};
use clap::Parser as _;
use cli::{
    args, ask,
    commands::{Cli, Command, Sql},
    quickstart, start,
};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let cli = Cli::parse_from(args::normalise(std::env::args()));
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return fail(&error.into()),
    };
    let ended = runtime.block_on(run(cli));
    // What still blocks a thread must not hold up the end.
    runtime.shutdown_background();
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(&error),
    }
}

fn fail(error: &anyhow::Error) -> ExitCode {
    eprintln!("cuvee: {error:#}");
    ExitCode::FAILURE
}

async fn run(cli: Cli) -> Result<()> {
    let log = if matches!(cli.command, Command::Sql(_) | Command::QuickStart(_)) { "warn" } else { "info" };
    service::telemetry::init(log);
    match cli.command {
        Command::QuickStart(args) => quickstart::run(args).await,
        Command::StartController(args) => start::controller(&args.properties()?).await,
        Command::StartBroker(args) => start::broker(&args.properties()?).await,
        Command::StartServer(args) => start::server(&args.properties()?).await,
        Command::StartMinion(args) => start::minion(&args.properties()?).await,
        Command::Sql(args) => sql(args).await,
    }
}

async fn sql(args: Sql) -> Result<()> {
    let mut statement = args.statement;
    if statement == "-" {
        statement.clear();
        std::io::stdin().read_to_string(&mut statement).context("read the statement from standard input")?;
    }
    let broker = if args.broker.contains("://") { args.broker } else { format!("http://{}", args.broker) };
    let answer = ask::query(&reqwest::Client::new(), broker.trim_end_matches('/'), &statement, &args.options).await?;
    if args.json {
        println!("{}", serde_json::to_string_pretty(&answer)?);
    } else {
        println!("{}", ask::render(&answer)?);
    }
    Ok(())
}
