//! Logs.

use tracing_subscriber::EnvFilter;

/// Sends log lines to standard error. `RUST_LOG` chooses what is logged; without it `default` does
/// (for example `info` or `warn,controller=debug`). A second call has no effect.
pub fn init(default: &str) {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(default));
    let _ = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_target(true)
        .compact()
        .try_init();
}
