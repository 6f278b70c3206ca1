//! Patterns over paths: `glob:…` and `regex:…`, with the rules of Java's path matchers.

use regex::Regex;

use crate::Error;

/// Matches whole paths. A path is tried as its URI and as the plain path in it.
#[derive(Clone, Debug)]
pub struct PathPattern(Regex);

impl PathPattern {
    pub fn new(text: &str) -> Result<Self, Error> {
        let bad = |reason: String| Error::Value { what: "file name pattern", value: text.to_owned(), reason };
        let body = match text.split_once(':') {
            Some(("glob", glob)) => glob_regex(glob).map_err(bad)?,
            Some(("regex", regex)) => regex.to_owned(),
            _ => return Err(bad("it must begin with 'glob:' or 'regex:', as in 'glob:**/*.csv'".to_owned())),
        };
        let regex = regex::RegexBuilder::new(&format!("^(?:{body})$")).size_limit(1 << 20).build();
        Ok(Self(regex.map_err(|e| bad(last_line(&e.to_string())))?))
    }

    /// `path` is a plain path or a URI; both forms of a `file:` URI are tried.
    pub fn matches(&self, path: &str) -> bool {
        if self.0.is_match(path) {
            return true;
        }
        // A path matcher sees `s3://bucket/x` as `s3:/bucket/x`.
        match path.split_once("://") {
            Some(("file", rest)) => self.0.is_match(rest) || self.0.is_match(&format!("file:{rest}")),
            Some((scheme, rest)) => self.0.is_match(&format!("{scheme}:/{rest}")),
            None => path.starts_with('/') && self.0.is_match(&format!("file:{path}")),
        }
    }
}

fn last_line(text: &str) -> String {
    text.lines().last().unwrap_or(text).trim_start_matches("error: ").to_owned()
}

/// `*` and `?` stay within a directory, `**` crosses them; `{a,b}` and `[…]` as usual.
fn glob_regex(glob: &str) -> Result<String, String> {
    let mut out = String::new();
    let mut chars = glob.chars().peekable();
    let mut group = false;
    while let Some(c) = chars.next() {
        match c {
            '*' if chars.peek() == Some(&'*') => {
                chars.next();
                out.push_str("(?s:.*)");
            }
            '*' => out.push_str("[^/]*"),
            '?' => out.push_str("[^/]"),
            '\\' => {
                let escaped = chars.next().ok_or("it ends with a backslash")?;
                out.push_str(&regex::escape(&escaped.to_string()));
            }
            '{' if group => return Err("groups in braces cannot be nested".to_owned()),
            '{' => {
                group = true;
                out.push_str("(?:");
            }
            '}' if group => {
                group = false;
                out.push(')');
            }
            ',' if group => out.push('|'),
            '[' => bracket(&mut chars, &mut out)?,
            c => out.push_str(&regex::escape(&c.to_string())),
        }
    }
    if group {
        return Err("'{' without '}'".to_owned());
    }
    Ok(out)
}

/// Never matches a slash.
fn bracket(chars: &mut std::iter::Peekable<std::str::Chars<'_>>, out: &mut String) -> Result<(), String> {
    out.push_str("[[^/]&&[");
    if chars.next_if(|c| *c == '!').is_some() {
        out.push('^');
    } else if chars.next_if(|c| *c == '^').is_some() {
        out.push_str("\\^");
    }
    let mut empty = true;
    for c in chars.by_ref() {
        match c {
            ']' if empty => return Err("an empty '[]'".to_owned()),
            ']' => {
                out.push_str("]]");
                return Ok(());
            }
            '/' => return Err("a '/' in '[…]'".to_owned()),
            '-' => out.push('-'),
            c => out.push_str(&regex::escape(&c.to_string())),
        }
        empty = false;
    }
    Err("'[' without ']'".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_over_paths() {
        for (pattern, path, expected) in [
            ("glob:**/*.csv", "/data/a/b.csv", true),
            ("glob:**/*.csv", "/data/b.csv.gz", false),
            ("glob:**/*.csv", "s3://bucket/x/b.csv", true),
            ("glob:**/*.csv", "b.csv", false),
            ("glob:**/2021/**/*.json", "/d/2021/07/x.json", true),
            ("glob:**/2021/**/*.json", "/d/2020/07/x.json", false),
            ("glob:*.csv", "/data/b.csv", false),
            ("glob:/data/*.csv", "/data/b.csv", true),
            ("glob:/data/*.csv", "/data/a/b.csv", false),
            ("glob:file:/data/*.csv", "/data/b.csv", true),
            ("glob:**.{json,jsonl}", "/data/b.jsonl", true),
            ("glob:**/part-[0-9]?.x", "/data/part-12.x", true),
            ("glob:**/part-[!0-9]*", "/data/part-1", false),
            ("glob:**/a\\*b", "/a*b", true),
            ("glob:**/a+(b).csv", "/d/a+(b).csv", true),
            ("glob:**/Größe?.csv", "/d/Größe1.csv", true),
            ("regex:.*/[a-c]\\.json", "/x/b.json", true),
            ("regex:[a-c]\\.json", "/x/b.json", false),
            ("regex:s3:/bucket/.*", "s3://bucket/b.json", true),
        ] {
            assert_eq!(PathPattern::new(pattern).unwrap().matches(path), expected, "{pattern} {path}");
        }
    }

    #[test]
    fn broken_patterns_say_what_is_wrong() {
        for (pattern, part) in [
            ("**/*.csv", "begin with 'glob:'"),
            ("glob:{a,{b}}", "nested"),
            ("glob:{a", "without '}'"),
            ("glob:[a", "without ']'"),
            ("glob:a\\", "backslash"),
            ("regex:(a", "unclosed group"),
            ("regex:a{1000000}", "size"),
        ] {
            let text = PathPattern::new(pattern).unwrap_err().to_string();
            assert!(text.contains(part), "{pattern}: {text}");
        }
    }
}
