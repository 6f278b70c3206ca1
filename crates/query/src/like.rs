//! LIKE patterns as regular expressions.

/// The regular expression that finds what the pattern matches: `%` any text, `_` any character, backslash escapes.
/// A `%` at an edge leaves that edge open.
pub fn to_regex(pattern: &str) -> String {
    let mut regex = String::with_capacity(pattern.len() + 8);
    let trimmed = pattern.trim_start_matches('%');
    if trimmed.len() == pattern.len() {
        regex.push('^');
    }
    let mut chars = trimmed.chars().peekable();
    let mut open_end = trimmed.is_empty() && !pattern.is_empty();
    while let Some(c) = chars.next() {
        match c {
            '%' => {
                while chars.peek() == Some(&'%') {
                    chars.next();
                }
                if chars.peek().is_some() {
                    regex.push_str(".*");
                } else {
                    open_end = true;
                }
            }
            '_' => regex.push('.'),
            '\\' => push_literal(&mut regex, chars.next().unwrap_or('\\')),
            other => push_literal(&mut regex, other),
        }
    }
    if !open_end {
        regex.push('$');
    }
    regex
}

fn push_literal(regex: &mut String, c: char) {
    if matches!(
        c,
        '.' | '*' | '+' | '?' | '(' | ')' | '[' | ']' | '{' | '}' | '^' | '$' | '|' | '\\' | '#' | '&' | '-' | '~'
    ) {
        regex.push('\\');
    }
    regex.push(c);
}

#[cfg(test)]
mod tests {
    use super::to_regex;

    #[test]
    fn wildcards_and_edges() {
        for (pattern, regex) in [
            ("Pull%", "^Pull"),
            ("%o%", "o"),
            ("%x", "x$"),
            ("a_b%c", "^a.b.*c$"),
            ("", "^$"),
            ("%", ""),
            ("50\\%", "^50%$"),
            ("a.b", "^a\\.b$"),
        ] {
            assert_eq!(to_regex(pattern), regex, "{pattern}");
        }
    }
}
