//! Pinot's users type `-dataDir x` with one dash; clap knows `--dataDir x`. This maps the one to the other.

/// Rewrites `-flag` to `--flag` for every argument of one dash and a word of two or more letters. Values stay as they
/// are: what follows a bare `--`, negative numbers, and a lone `-`.
pub fn normalise(args: impl IntoIterator<Item = String>) -> Vec<String> {
    let mut out = Vec::new();
    let mut raw = false;
    for arg in args {
        let word = arg.strip_prefix('-').filter(|rest| {
            !raw && rest.len() > 1 && rest.starts_with(|c: char| c.is_ascii_alphabetic()) && !rest.contains(' ')
        });
        raw |= arg == "--";
        out.push(match word {
            Some(word) => format!("--{word}"),
            None => arg,
        });
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_dash_words_become_long_flags() {
        for (typed, seen) in [
            ("quickstart -type batch", "quickstart --type batch"),
            ("sql -h", "sql -h"),
            ("StartServer --dataDir /x -serverPort 0", "StartServer --dataDir /x --serverPort 0"),
            ("sql -limit -5 -", "sql --limit -5 -"),
            ("x -- -notAFlag", "x -- -notAFlag"),
        ] {
            let args = normalise(typed.split(' ').map(str::to_owned));
            assert_eq!(args.join(" "), seen, "typed: {typed}");
        }
    }

    #[test]
    fn a_statement_that_begins_with_a_dash_is_left_alone() {
        let args = normalise(["-- a comment\nselect 1".to_owned(), "-x y".to_owned()]);
        assert_eq!(args, ["-- a comment\nselect 1", "-x y"]);
    }
}
