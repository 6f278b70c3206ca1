//! From the words typed to the verb that runs.

use std::{io::Write as _, process::ExitCode};

use anyhow::{Result, anyhow};
use clap::{Command, error::ErrorKind};

use super::{Entry, LATER, help, registry};
use crate::{args, exit};

/// The whole command tree, for parsing and for shell completions.
pub fn command() -> Command {
    let entries = registry();
    let mut root = Command::new("cuvee")
        .version(env!("CARGO_PKG_VERSION"))
        .propagate_version(true)
        .about("Real-time OLAP with Apache Pinot's surface, in one binary.")
        .subcommand_required(true)
        .arg_required_else_help(true)
        .disable_help_subcommand(true)
        .disable_help_flag(true)
        .override_usage("cuvee <Verb> [flags]")
        .help_template(help::ROOT_TEMPLATE)
        .after_help(help::verb_list(&entries))
        .arg(help::help_flag());
    for entry in &entries {
        root = root.subcommand(subcommand(entry));
    }
    root
}

fn subcommand(entry: &Entry) -> Command {
    let command = (entry.flags)(Command::new(entry.name))
        .about(entry.about)
        .long_about(None::<&str>)
        .aliases(entry.aliases.iter().copied())
        .disable_help_flag(true)
        .arg(help::help_flag())
        .help_template(help::VERB_TEMPLATE)
        .after_help(help::below(entry))
        // Numbers such as `-1` are values: no flag is a digit.
        .mut_args(|arg| if arg.get_action().takes_values() { arg.allow_negative_numbers(true) } else { arg });
    command.next_line_help(false)
}

/// Parses the words after the program's name and runs what they say.
pub fn run(typed: impl IntoIterator<Item = std::ffi::OsString>) -> ExitCode {
    let typed: Result<Vec<String>, _> = typed.into_iter().map(std::ffi::OsString::into_string).collect();
    let typed = match typed {
        Ok(typed) => typed,
        Err(word) => return exit::failure(&anyhow!("`{}` is not UTF-8", word.to_string_lossy())),
    };
    let words = std::iter::once("cuvee".to_owned()).chain(args::normalise(typed.iter().cloned()));
    let matches = match command().try_get_matches_from(words) {
        Ok(matches) => matches,
        Err(error) => return refuse(&typed, &error),
    };
    let Some((name, flags)) = matches.subcommand() else { return exit::failure(&anyhow!("no verb was typed")) };
    let entries = registry();
    let Some(entry) = entries.iter().find(|e| e.name == name) else {
        return exit::failure(&anyhow!("the verb {name} is not registered"));
    };
    let running = match (entry.run)(flags) {
        Ok(running) => running,
        Err(error) => return refuse(&typed, &error),
    };
    service::telemetry::init(&exit::log_level(entry.log));
    if entry.echo {
        println!("Executing command: {}", args::masked(&typed).join(" "));
    }
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return exit::failure(&error.into()),
    };
    let ended = runtime.block_on(running);
    // What still blocks a thread must not hold up the end.
    runtime.shutdown_background();
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => exit::failure(&error),
    }
}

/// Shows help, the version, or what is wrong with the words typed.
fn refuse(typed: &[String], error: &clap::Error) -> ExitCode {
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => {
            // The reader may have gone, as with `| head`.
            let _ = write!(std::io::stdout(), "{}", help::single_dashes(&error.to_string()));
            return ExitCode::SUCCESS;
        }
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
            eprint!("{}", help::single_dashes(&error.to_string()));
            return exit::status();
        }
        ErrorKind::InvalidSubcommand => {
            let verb = typed.iter().find(|word| !word.starts_with('-')).map_or("", String::as_str);
            if let Some((name, instead)) = LATER.iter().find(|(name, _)| *name == verb) {
                return exit::failure(&anyhow!("the verb {name} is not there yet: {instead}"));
            }
        }
        _ => {}
    }
    let text = help::single_dashes(&error.to_string());
    // Capital, as the other failures: tools look for the word.
    let text = text.strip_prefix("error: ").unwrap_or(&text);
    let text = text.replace("unrecognized subcommand", "unknown verb").replace("subcommand", "verb");
    let text = text
        .replace("unexpected argument", "unknown flag or word")
        .replace("similar argument exists", "similar flag is");
    eprintln!("Error: {}", text.trim_end());
    exit::status()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn the_command_tree_is_sound() {
        command().debug_assert();
    }

    #[test]
    fn every_verb_has_help_with_an_example_and_single_dashes() {
        for entry in registry() {
            let words = ["cuvee", entry.name, "--help"];
            let error = command().try_get_matches_from(words).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::DisplayHelp, "{}", entry.name);
            let text = help::single_dashes(&error.to_string());
            assert!(text.contains("Example") && text.contains(entry.about), "{text}");
            assert!(!text.contains(" --"), "{text}");
            assert!(!entry.examples.is_empty() && !entry.about.is_empty(), "{}", entry.name);
        }
    }

    #[test]
    fn examples_parse() {
        for entry in registry() {
            for example in entry.examples {
                let words = args::normalise(std::iter::once("cuvee".to_owned()).chain(help::words(example)));
                if let Err(error) = command().try_get_matches_from(words) {
                    panic!("{example}: {error}");
                }
            }
        }
    }

    #[test]
    fn no_verb_is_both_there_and_to_come() {
        let there: BTreeSet<&str> = registry().iter().map(|e| e.name).collect();
        for (name, _) in LATER {
            assert!(!there.contains(name), "{name}");
        }
    }
}
