//! Regular expressions and LIKE. The `…var` names are the same functions for patterns that differ by row.

use super::Family;
use crate::{
    call::{Int, Memo, Str},
    function,
    pattern::Pattern,
    utf16,
};

pub static FUNCTIONS: Family = &[
    &function!("regexplike" | "regexplikevar";
    (s: Str, pattern: Str) -> Result<bool, String>, with { let memo = Memo::new(sensitive); } => memo.get(pattern)?.find(s),
    (s: Str, pattern: Str, flag: Str) -> Result<bool, String>, with {
        let sensitive = Memo::new(sensitive);
        let insensitive = Memo::new(insensitive);
    } => match flag {
        "i" | "I" => insensitive.get(pattern)?.find(s),
        "c" | "C" => sensitive.get(pattern)?.find(s),
        other => Err(format!("Unsupported match parameter: '{other}', expected 'i' or 'c'")),
    }),
    &function!("like" | "likevar";
        (s: Str, pattern: Str) -> Result<bool, String>, with { let memo = Memo::new(Pattern::like); } => memo.get(pattern)?.find(s)),
    &function!("regexpextract" | "regexpextractvar";
        (s: Str, pattern: Str) -> Result<String, String>, with { let memo = Memo::new(sensitive); } => extract(&memo, s, pattern, 0, ""),
        (s: Str, pattern: Str, group: Int) -> Result<String, String>, with { let memo = Memo::new(sensitive); } => extract(&memo, s, pattern, group, ""),
        (s: Str, pattern: Str, group: Int, default: Str) -> Result<String, String>, with { let memo = Memo::new(sensitive); } => extract(&memo, s, pattern, group, default)),
    &function!("regexpreplace" | "regexpreplacevar";
        (s: Str, pattern: Str, by: Str) -> Result<String, String>, with { let memo = Memo::new(sensitive); } => replace(&memo, s, pattern, by, 0, -1),
        (s: Str, pattern: Str, by: Str, start: Int) -> Result<String, String>, with { let memo = Memo::new(sensitive); } => replace(&memo, s, pattern, by, start, -1),
        (s: Str, pattern: Str, by: Str, start: Int, nth: Int) -> Result<String, String>, with { let memo = Memo::new(sensitive); } => replace(&memo, s, pattern, by, start, nth),
        (s: Str, pattern: Str, by: Str, start: Int, nth: Int, flag: Str) -> Result<String, String>, with {
            let sensitive = Memo::new(sensitive);
            let insensitive = Memo::new(insensitive);
        } => replace(if flag == "i" { &insensitive } else { &sensitive }, s, pattern, by, start, nth)),
];

fn sensitive(pattern: &str) -> Result<Pattern, String> {
    Pattern::new(pattern, false)
}

fn insensitive(pattern: &str) -> Result<Pattern, String> {
    Pattern::new(pattern, true)
}

fn extract(memo: &Memo<Pattern>, text: &str, pattern: &str, group: i32, default: &str) -> Result<String, String> {
    let group = usize::try_from(group).map_err(|_| format!("No group {group}"))?;
    let found = memo.get(pattern)?.groups_at(text, 0)?;
    Ok(match found {
        None => default.to_owned(),
        Some(groups) => match groups.get(group).ok_or_else(|| format!("No group {group}"))? {
            Some((start, end)) => text[*start..*end].to_owned(),
            None => default.to_owned(),
        },
    })
}

fn replace(memo: &Memo<Pattern>, text: &str, pattern: &str, by: &str, start: i32, nth: i32) -> Result<String, String> {
    let outside = || format!("the start position {start} is outside of the text");
    let start = usize::try_from(start).ok().and_then(|s| utf16::byte_offset(text, s)).ok_or_else(outside)?;
    let pattern = memo.get(pattern)?;
    if nth < 0 {
        return pattern.replace_all(text, start, by);
    }
    let mut at = start;
    let mut left = nth;
    while let Some(groups) = pattern.groups_at(text, at)? {
        let Some(Some((from, to))) = groups.first().copied() else { break };
        if left == 0 {
            return Ok(format!("{}{by}{}", &text[..from], &text[to..]));
        }
        left -= 1;
        at = match text[to..].chars().next() {
            Some(c) if from == to => to + c.len_utf8(),
            None if from == to => break,
            _ => to,
        };
    }
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests {
    use crate::testing::{check, check_errors};

    #[test]
    fn regular_expressions() {
        check(&[
            ("regexp_like('gitpod', 'p.d$')", "BOOLEAN true"),
            ("regexplike('redguard', '^RED', 'i')", "BOOLEAN true"),
            ("regexplike('redguard', '^RED', 'c')", "BOOLEAN false"),
            ("regexplike(null, 'x')", "BOOLEAN null"),
            ("like('PullRequest', 'pull%')", "BOOLEAN true"),
            ("regexpextract('a=1, b=22', '[0-9]+')", "STRING 1"),
            ("regexpextract('a=1, b=22', '(b)=([0-9]+)', 2)", "STRING 22"),
            ("regexpextract('abc', '[0-9]+', 0, 'none')", "STRING none"),
            ("regexpextract('abc', '[0-9]+')", "STRING "),
            ("regexpreplace('banana', 'a', 'o')", "STRING bonono"),
            ("regexpreplace('banana', 'a', 'o', 2)", "STRING banono"),
            ("regexpreplace('banana', 'a', 'o', 0, 1)", "STRING banona"),
            ("regexpreplace('banana', 'A', 'o', 0, -1, 'i')", "STRING bonono"),
            ("regexpreplace('hello world', '(\\w+) (\\w+)', '$2 $1')", "STRING world hello"),
        ]);
        check_errors(&[
            ("regexpextract('abc', 'b', 1)", "regexpextract: No group 1"),
            ("regexpreplace('abc', 'b', 'x', 9)", "regexpreplace: the start position 9 is outside of the text"),
            ("regexplike('abc', 'b', 'q')", "regexplike: Unsupported match parameter: 'q', expected 'i' or 'c'"),
        ]);
    }
}
