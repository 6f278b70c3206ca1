//! `completions`: what the shell needs to complete verbs and flags.

use anyhow::Result;
use clap::Args;
use clap_complete::{Shell, generate};

use super::{Group, Verb, cli, help};

const PROGRAM: &str = "cuvee";

#[derive(Debug, Args)]
pub struct Completions {
    /// bash, zsh or fish.
    #[arg(value_parser = ["bash", "zsh", "fish"])]
    pub shell: String,
}

impl Verb for Completions {
    const NAME: &'static str = "completions";
    const GROUP: Group = Group::Operations;
    const ABOUT: &'static str = "Print completions of verbs and flags for a shell.";
    const DETAILS: &'static str = "\
bash:  source <(cuvee completions bash)                      in ~/.bashrc
zsh:   cuvee completions zsh > \"${fpath[1]}/_cuvee\"
fish:  cuvee completions fish > ~/.config/fish/completions/cuvee.fish";
    const EXAMPLES: &'static [&'static str] = &["completions bash"];
    const ECHO: bool = false;

    async fn run(self) -> Result<()> {
        let shell = match self.shell.as_str() {
            "zsh" => Shell::Zsh,
            "fish" => Shell::Fish,
            _ => Shell::Bash,
        };
        print!("{}", script(shell)?);
        Ok(())
    }
}

/// The script, with flags as they are typed here: with one dash.
fn script(shell: Shell) -> Result<String> {
    let mut text = Vec::new();
    generate(shell, &mut cli::command(), PROGRAM, &mut text);
    let text = String::from_utf8(text)?;
    Ok(match shell {
        // fish knows long flags of one dash by another name.
        Shell::Fish => text.replace(" -l ", " -o "),
        _ => help::single_dashes(&text),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn verbs_and_flags_are_in_every_script_with_one_dash() {
        for shell in [Shell::Bash, Shell::Zsh, Shell::Fish] {
            let text = script(shell).unwrap();
            assert!(text.contains("AddTable"), "{shell}");
            let flag = if shell == Shell::Fish { "-o tableConfigFile" } else { "-tableConfigFile" };
            assert!(text.contains(flag), "{shell}: {text}");
            assert!(!text.contains("--tableConfigFile"), "{shell}");
        }
    }
}
