//! How the process ends, and how much it says.
//!
//! A failure ends with status 1. Pinot's tool ends with 0 even then, unless `-Dpinot.admin.system.exit=true` stands in
//! `JAVA_OPTS`; whoever writes `=false` there gets that behaviour here too.

use std::process::ExitCode;

const PROPERTY: &str = "-Dpinot.admin.system.exit=";

/// Says what went wrong, in one line that begins with `Error:`, and gives the status to end with.
pub fn failure(error: &anyhow::Error) -> ExitCode {
    eprintln!("Error: {error:#}");
    status()
}

/// The status of a failure.
pub fn status() -> ExitCode {
    if silent(&std::env::var("JAVA_OPTS").unwrap_or_default()) { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// The last mention counts, as with Java.
fn silent(java_opts: &str) -> bool {
    java_opts
        .split_whitespace()
        .filter_map(|option| option.strip_prefix(PROPERTY))
        .next_back()
        .is_some_and(|value| value.eq_ignore_ascii_case("false"))
}

/// What is logged: `LOG4J_CONSOLE_LEVEL` as Pinot's images know it, else the verb's own level. `RUST_LOG` wins over both.
pub fn log_level(default: &str) -> String {
    match std::env::var("LOG4J_CONSOLE_LEVEL").unwrap_or_default().to_ascii_lowercase().as_str() {
        "off" => "off",
        "fatal" | "error" => "error",
        "warn" => "warn",
        "info" => "info",
        "debug" => "debug",
        "trace" | "all" => "trace",
        _ => default,
    }
    .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_written_false_makes_failures_silent() {
        for (java_opts, expected) in [
            ("", false),
            ("-Xmx1G -Dpinot.admin.system.exit=true", false),
            ("-Dpinot.admin.system.exit=false -Xms1G", true),
            ("-Dpinot.admin.system.exit=false -Dpinot.admin.system.exit=true", false),
        ] {
            assert_eq!(silent(java_opts), expected, "{java_opts}");
        }
    }
}
