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

/// Flags whose value is a secret.
const SECRET_FLAGS: &[&str] =
    &["password", "authToken", "personalAccessToken", "kafkaPassword", "awsSecretKey", "token"];
/// Parts of keys whose value is a secret, as in `-configOverride a.password=x`.
const SECRET_KEYS: &[&str] = &["password", "secret", "token", "accesskey", "saskey"];
const MASK: &str = "*****";

/// The words typed, fit to be shown: secrets are masked, and a word with blanks is quoted.
pub fn masked(typed: &[String]) -> Vec<String> {
    let mut secret = false;
    let mut out = Vec::with_capacity(typed.len());
    for word in typed {
        let flag = word.strip_prefix("--").or_else(|| word.strip_prefix('-'));
        let shown = match flag {
            _ if secret => MASK.to_owned(),
            Some(flag) => match flag.split_once('=') {
                Some((name, _)) if SECRET_FLAGS.contains(&name) => format!("-{name}={MASK}"),
                _ => mask_pairs(word),
            },
            None => mask_pairs(word),
        };
        secret = !secret && flag.is_some_and(|flag| SECRET_FLAGS.contains(&flag));
        let quoted = shown.is_empty() || shown.contains(|c: char| c.is_whitespace() || c == '"');
        out.push(if quoted { format!("'{shown}'") } else { shown });
    }
    out
}

/// Masks the values of `key=value,key2=value2` whose key speaks of a secret.
fn mask_pairs(word: &str) -> String {
    let mask = |pair: &str| match pair.split_once('=') {
        Some((key, _)) if SECRET_KEYS.iter().any(|part| key.to_ascii_lowercase().contains(part)) => {
            format!("{key}={MASK}")
        }
        _ => pair.to_owned(),
    };
    word.split(',').map(mask).collect::<Vec<_>>().join(",")
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

    #[test]
    fn secrets_are_not_repeated() {
        for (typed, seen) in [
            ("AddTable -user u -password p -exec", "AddTable -user u -password ***** -exec"),
            ("AddTable --authToken Basic -exec", "AddTable --authToken ***** -exec"),
            ("x -authToken=abc -password -password", "x -authToken=***** -password *****"),
            ("x -configOverride a.b=c,s3.secretKey=d,e=f", "x -configOverride a.b=c,s3.secretKey=*****,e=f"),
        ] {
            let words: Vec<String> = typed.split(' ').map(str::to_owned).collect();
            assert_eq!(masked(&words).join(" "), seen);
        }
    }
}
