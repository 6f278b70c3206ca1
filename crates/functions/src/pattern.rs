//! Java regular expressions and LIKE patterns.
//!
//! A pattern is rewritten to the linear-time engine's syntax; what only a backtracking engine can do (look-around,
//! back references, possessive groups) goes to one with a bounded number of steps.

use std::borrow::Cow;

/// A compiled pattern that is searched for anywhere in a text.
#[derive(Debug, Clone)]
pub struct Pattern(Engine);

#[derive(Debug, Clone)]
enum Engine {
    Linear(regex::Regex),
    Backtracking(Box<fancy_regex::Regex>),
}

/// Byte ranges of a match: the whole, then each group.
pub type Groups = Vec<Option<(usize, usize)>>;

impl Pattern {
    /// Compiles a Java pattern.
    pub fn new(pattern: &str, case_insensitive: bool) -> Result<Self, String> {
        let translated = translate(pattern);
        let translated = if case_insensitive { format!("(?i:{translated})") } else { translated };
        match regex::Regex::new(&translated) {
            Ok(regex) => Ok(Self(Engine::Linear(regex))),
            Err(regex::Error::CompiledTooBig(_)) => Err(bad(pattern, "it is too large")),
            Err(error) => match fancy_regex::RegexBuilder::new(&translated).backtrack_limit(1_000_000).build() {
                Ok(regex) => Ok(Self(Engine::Backtracking(Box::new(regex)))),
                // The linear engine's message points at the place.
                Err(_) => Err(bad(pattern, error.to_string().lines().last().unwrap_or("syntax error"))),
            },
        }
    }

    /// Compiles a LIKE pattern, which ignores case.
    pub fn like(pattern: &str) -> Result<Self, String> {
        Self::new(&like_to_regex(pattern), true)
    }

    /// Whether the pattern occurs in `text`.
    pub fn find(&self, text: &str) -> Result<bool, String> {
        match &self.0 {
            Engine::Linear(regex) => Ok(regex.is_match(text)),
            Engine::Backtracking(regex) => regex.is_match(text).map_err(|e| e.to_string()),
        }
    }

    /// The first match at or after byte `from`, with its groups.
    pub fn groups_at(&self, text: &str, from: usize) -> Result<Option<Groups>, String> {
        fn ranges<'a>(groups: impl Iterator<Item = Option<(usize, usize)>> + 'a) -> Groups {
            groups.collect()
        }
        Ok(match &self.0 {
            Engine::Linear(regex) => {
                regex.captures_at(text, from).map(|c| ranges(c.iter().map(|g| g.map(|m| (m.start(), m.end())))))
            }
            Engine::Backtracking(regex) => regex
                .captures_from_pos(text, from)
                .map_err(|e| e.to_string())?
                .map(|c| ranges(c.iter().map(|g| g.map(|m| (m.start(), m.end()))))),
        })
    }

    /// The number of a named group.
    fn group_number(&self, name: &str) -> Option<usize> {
        match &self.0 {
            Engine::Linear(regex) => regex.capture_names().position(|n| n == Some(name)),
            Engine::Backtracking(regex) => regex.capture_names().position(|n| n == Some(name)),
        }
    }

    /// Replaces each match from byte `from` on by a Java replacement (`$1`, `${name}`, `\` escapes).
    pub fn replace_all(&self, text: &str, from: usize, replacement: &str) -> Result<String, String> {
        let mut out = String::from(&text[..from]);
        let mut copied = from;
        let mut at = from;
        while let Some(groups) = self.groups_at(text, at)? {
            let Some(Some((start, end))) = groups.first().copied() else { break };
            out.push_str(&text[copied..start]);
            self.expand(&mut out, text, &groups, replacement)?;
            if out.len() > crate::call::MAX_VALUE_BYTES {
                return Err(format!("the result is longer than the {} bytes allowed", crate::call::MAX_VALUE_BYTES));
            }
            copied = end;
            at = end;
            if start == end {
                match text[end..].chars().next() {
                    Some(c) => at += c.len_utf8(),
                    None => break,
                }
            }
        }
        out.push_str(&text[copied..]);
        Ok(out)
    }

    fn expand(&self, out: &mut String, text: &str, groups: &Groups, replacement: &str) -> Result<(), String> {
        let group = |number: usize| -> Result<&str, String> {
            let range = groups.get(number).ok_or_else(|| format!("No group {number}"))?;
            Ok(range.map_or("", |(start, end)| &text[start..end]))
        };
        let mut chars = replacement.chars().peekable();
        while let Some(c) = chars.next() {
            match c {
                '\\' => out.push(chars.next().ok_or("character to be escaped is missing")?),
                '$' if chars.peek() == Some(&'{') => {
                    let name: String = chars.by_ref().skip(1).take_while(|c| *c != '}').collect();
                    let number = self.group_number(&name).ok_or_else(|| format!("No group with name {{{name}}}"))?;
                    out.push_str(group(number)?);
                }
                '$' => {
                    let digit = |c: Option<&char>| c.and_then(|c| c.to_digit(10)).map(|d| d as usize);
                    let mut number = digit(chars.peek()).ok_or("Illegal group reference")?;
                    chars.next();
                    while let Some(next) = digit(chars.peek()).map(|d| number * 10 + d).filter(|n| *n < groups.len()) {
                        number = next;
                        chars.next();
                    }
                    out.push_str(group(number)?);
                }
                other => out.push(other),
            }
        }
        Ok(())
    }
}

fn bad(pattern: &str, reason: &str) -> String {
    format!("invalid regular expression '{}': {}", crate::convert::clip(pattern), reason.trim_start_matches("error: "))
}

/// The regular expression of a LIKE pattern: `%` any text, `_` any character, `\` escapes either. `%` at an end leaves
/// that end unanchored.
pub fn like_to_regex(pattern: &str) -> String {
    let body = pattern.trim_start_matches('%');
    let mut regex = String::with_capacity(pattern.len() + 8);
    if body.len() == pattern.len() {
        regex.push('^');
    }
    let mut chars = body.chars().peekable();
    let mut open_end = body.is_empty() && !pattern.is_empty();
    while let Some(c) = chars.next() {
        open_end = false;
        match c {
            '%' => {
                while chars.peek() == Some(&'%') {
                    chars.next();
                }
                if chars.peek().is_none() {
                    open_end = true;
                } else {
                    regex.push_str(".*");
                }
            }
            '_' => regex.push('.'),
            '\\' if matches!(chars.peek(), Some('%' | '_' | '\\')) => {
                push_escaped(&mut regex, chars.next().unwrap_or('\\'));
            }
            other => push_escaped(&mut regex, other),
        }
    }
    if !open_end {
        regex.push('$');
    }
    regex
}

fn push_escaped(out: &mut String, c: char) {
    if regex_syntax_special(c) {
        out.push('\\');
    }
    out.push(c);
}

fn regex_syntax_special(c: char) -> bool {
    matches!(
        c,
        '\\' | '.' | '+' | '*' | '?' | '(' | ')' | '|' | '[' | ']' | '{' | '}' | '^' | '$' | '#' | '&' | '-' | '~'
    )
}

/// Rewrites what Java writes differently: `\Q…\E`, ASCII-only `\d \w \s`, POSIX `\p{Alpha}`, `\h`, `\Z`, escapes that
/// only Java allows.
fn translate(pattern: &str) -> String {
    let mut out = String::with_capacity(pattern.len() + 16);
    let mut chars = pattern.chars().peekable();
    let mut class_depth = 0usize;
    while let Some(c) = chars.next() {
        match c {
            '[' => {
                class_depth += 1;
                out.push(c);
                // A bracket right after the opening is a literal.
                if chars.peek() == Some(&'^') {
                    out.extend(chars.next());
                }
                if chars.peek() == Some(&']') {
                    chars.next();
                    out.push_str("\\]");
                }
            }
            ']' => {
                class_depth = class_depth.saturating_sub(1);
                out.push(c);
            }
            '\\' => {
                let Some(escaped) = chars.next() else {
                    out.push('\\');
                    break;
                };
                let inside = class_depth > 0;
                match escaped {
                    'Q' => {
                        let mut quoted = String::new();
                        while let Some(q) = chars.next() {
                            if q == '\\' && chars.peek() == Some(&'E') {
                                chars.next();
                                break;
                            }
                            quoted.push(q);
                        }
                        quoted.chars().for_each(|q| push_escaped(&mut out, q));
                    }
                    'd' => out.push_str(if inside { "0-9" } else { "[0-9]" }),
                    'D' => out.push_str("[^0-9]"),
                    'w' => out.push_str(if inside { "a-zA-Z0-9_" } else { "[a-zA-Z0-9_]" }),
                    'W' => out.push_str("[^a-zA-Z0-9_]"),
                    's' => out.push_str(if inside { " \\t\\n\\x0B\\f\\r" } else { "[ \\t\\n\\x0B\\f\\r]" }),
                    'S' => out.push_str("[^ \\t\\n\\x0B\\f\\r]"),
                    'h' => {
                        out.push_str("[ \\t\\u{A0}\\u{1680}\\u{180e}\\u{2000}-\\u{200a}\\u{202f}\\u{205f}\\u{3000}]")
                    }
                    'H' => {
                        out.push_str("[^ \\t\\u{A0}\\u{1680}\\u{180e}\\u{2000}-\\u{200a}\\u{202f}\\u{205f}\\u{3000}]")
                    }
                    'R' => out.push_str("(?:\\r\\n|[\\n\\x0B\\f\\r\\u{85}\\u{2028}\\u{2029}])"),
                    'Z' => out.push_str("(?:\\r?\\n)?\\z"),
                    'e' => out.push_str("\\x1B"),
                    'p' | 'P' => property(&mut out, escaped == 'P', &mut chars),
                    // Alphabetic escapes mean the same here or are an error in both.
                    c if c.is_ascii_alphanumeric() => out.extend(['\\', c]),
                    c => push_escaped(&mut out, c),
                }
            }
            other => out.push(other),
        }
    }
    out
}

fn property(out: &mut String, negated: bool, chars: &mut std::iter::Peekable<std::str::Chars<'_>>) {
    let letter = if negated { 'P' } else { 'p' };
    if chars.peek() != Some(&'{') {
        out.extend(['\\', letter]);
        return;
    }
    let name: String = chars.by_ref().skip(1).take_while(|c| *c != '}').collect();
    let posix = match name.as_str() {
        "Lower" => "lower",
        "Upper" => "upper",
        "ASCII" => "ascii",
        "Alpha" => "alpha",
        "Digit" => "digit",
        "Alnum" => "alnum",
        "Punct" => "punct",
        "Graph" => "graph",
        "Print" => "print",
        "Blank" => "blank",
        "Cntrl" => "cntrl",
        "XDigit" => "xdigit",
        "Space" => "space",
        _ => "",
    };
    if posix.is_empty() {
        let name: Cow<'_, str> = match name.as_str() {
            "javaLowerCase" | "IsLowercase" => "Lowercase".into(),
            "javaUpperCase" | "IsUppercase" => "Uppercase".into(),
            "javaWhitespace" => "White_Space".into(),
            other => other.strip_prefix("Is").unwrap_or(other).to_owned().into(),
        };
        out.push_str(&format!("\\{letter}{{{name}}}"));
    } else {
        out.push_str(&format!("[[:{}{posix}:]]", if negated { "^" } else { "" }));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn java_syntax() {
        for (pattern, text, found) in [
            ("^Java.*", "JavaScript", true),
            ("eat", "Great", true),
            ("\\d+", "٣", false),
            ("[\\w-]+@", "a-b@", true),
            ("\\Qa.b\\E", "axb", false),
            ("\\p{Alpha}+\\p{Punct}", "ab!", true),
            ("\\p{IsAlphabetic}", "ü", true),
            ("[^\\s]", " \t", false),
            ("[]a]", "]", true),
            ("(?<year>[0-9]{4})", "in 2024", true),
            ("(a)\\1", "aa", true),
            ("foo(?!bar)", "foobar", false),
            ("(?<=x)y", "xy", true),
            ("\\<b\\>", "<b>", true),
            ("a\\/b", "a/b", true),
            ("[a-z&&[^b]]", "b", false),
        ] {
            assert_eq!(Pattern::new(pattern, false).unwrap().find(text), Ok(found), "{pattern} in {text}");
        }
        assert!(Pattern::new("^RED", true).unwrap().find("redguard").unwrap());
        let error = Pattern::new("(a", false).unwrap_err();
        assert!(error.starts_with("invalid regular expression '(a': unclosed group"), "{error}");
        assert!(Pattern::new("(((a{1000}){1000}){1000})", false).is_err());
    }

    #[test]
    fn like_patterns() {
        for (pattern, text, found) in [
            ("Pull%", "pullRequest", true),
            ("%quest", "PullRequest", true),
            ("Pull_", "Pulls", true),
            ("Pull_", "Pull", false),
            ("a\\%b", "a%b", true),
            ("a\\%b", "axb", false),
            ("a.b", "axb", false),
            ("%", "", true),
            ("", "", true),
            ("", "a", false),
            ("a%b%c", "a-b-c", true),
            ("a\\", "a\\", true),
            ("%ü_", "xüy", true),
        ] {
            assert_eq!(Pattern::like(pattern).unwrap().find(text), Ok(found), "{pattern} on {text}");
        }
        assert_eq!(like_to_regex("Pull%"), "^Pull");
    }

    #[test]
    fn replacements() {
        let replace =
            |pattern: &str, text: &str, by: &str| Pattern::new(pattern, false).unwrap().replace_all(text, 0, by);
        assert_eq!(replace("(\\w)(\\d)", "a1 b2", "$2$1").unwrap(), "1a 2b");
        assert_eq!(replace("x*", "abc", "-").unwrap(), "-a-b-c-");
        assert_eq!(replace("a", "banana", "\\$").unwrap(), "b$n$n$");
        assert_eq!(replace("(?<n>a)", "a", "[${n}]").unwrap(), "[a]");
        assert_eq!(replace("a", "a", "$3").unwrap_err(), "No group 3");
        assert_eq!(replace("(a)", "a", "$10").unwrap(), "a0");
    }
}
