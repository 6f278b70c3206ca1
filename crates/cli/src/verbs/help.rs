//! Texts for people: flags are shown as they are typed, with one dash.

use std::fmt::Write as _;

use clap::{Arg, ArgAction};

use super::{Entry, Group};

pub const ROOT_TEMPLATE: &str = "{about}\n\nUsage: {usage}{after-help}";
pub const VERB_TEMPLATE: &str = "{about-with-newline}\nUsage: {usage}\n\n{all-args}{after-help}";

pub fn help_flag() -> Arg {
    Arg::new("help").short('h').long("help").action(ArgAction::Help).help("Show this text.")
}

/// The list of verbs, by group.
pub fn verb_list(entries: &[Entry]) -> String {
    let width = entries.iter().map(|e| e.name.len()).max().unwrap_or(0);
    let mut out = String::new();
    // The template puts an empty line before this.
    for (i, (group, title)) in Group::ALL.into_iter().enumerate() {
        let mut verbs = entries.iter().filter(|e| e.group == group).peekable();
        if verbs.peek().is_none() {
            continue;
        }
        let _ = writeln!(out, "{}{title}:", if i == 0 { "" } else { "\n" });
        for verb in verbs {
            let _ = writeln!(out, "  {:width$}  {}", verb.name, verb.about);
        }
    }
    let _ = write!(
        out,
        "\nFlags of a verb: cuvee <Verb> -help.  Everything else that a cluster can do: its REST API, at /help of the controller."
    );
    out
}

/// What stands below the flags in a verb's help.
pub fn below(entry: &Entry) -> String {
    let mut out = String::new();
    if !entry.details.is_empty() {
        let _ = writeln!(out, "{}\n", entry.details.trim());
    }
    let _ = write!(out, "{}", if entry.examples.len() == 1 { "Example:" } else { "Examples:" });
    for example in entry.examples {
        let _ = write!(out, "\n  cuvee {example}");
    }
    out
}

/// Turns `--flag` into `-flag` wherever it begins a word.
pub fn single_dashes(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("--") {
        let begins = rest[..at].chars().next_back().is_none_or(|c| !c.is_alphanumeric() && c != '-');
        let word = rest[at + 2..].starts_with(|c: char| c.is_ascii_alphabetic());
        out.push_str(&rest[..at]);
        out.push_str(if begins && word { "-" } else { "--" });
        rest = &rest[at + 2..];
    }
    out.push_str(rest);
    out
}

/// Splits an example as a shell would: blanks separate, quotes hold together.
#[cfg(test)]
pub fn words(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut quote = None;
    let mut word: Option<String> = None;
    for c in line.chars() {
        match (quote, c) {
            (Some(q), c) if c == q => quote = None,
            (None, '"' | '\'') => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (None, ' ') => words.extend(word.take()),
            (_, c) => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dashes_are_single_only_where_a_flag_begins() {
        for (from, to) in [
            ("tip: '--tableName' exists", "tip: '-tableName' exists"),
            ("[--exec] a--b --- -- --", "[-exec] a--b --- -- --"),
            ("--x", "-x"),
        ] {
            assert_eq!(single_dashes(from), to);
        }
    }
}
