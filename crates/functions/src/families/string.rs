//! Texts: case, parts, search, padding, splitting. Positions and lengths count UTF-16 code units.

use std::collections::HashSet;

use super::Family;
use crate::{
    call::{Int, Str, Strs},
    function, utf16,
};

pub static FUNCTIONS: Family = &[
    &function!("upper"; (s: Str) -> String => s.to_uppercase()),
    &function!("lower"; (s: Str) -> String => s.to_lowercase()),
    &function!("reverse"; (s: Str) -> String => s.chars().rev().collect()),
    &function!("initcap"; (s: Str) -> String => initcap(s)),
    &function!("length"; (s: Str) -> i32 => utf16::length(s) as i32),
    &function!("substr";
    (s: Str, begin: Int) -> String => utf16::substring(s, begin.into(), i32::MAX.into()).into_owned(),
    (s: Str, begin: Int, end: Int) -> String => {
        let end = if end == -1 { i32::MAX } else { end };
        utf16::substring(s, begin.into(), end.into()).into_owned()
    }),
    &function!("substring";
    (s: Str, position: Int) -> String => utf16::substring(s, i64::from(position) - 1, i32::MAX.into()).into_owned(),
    (s: Str, position: Int, length: Int) -> String => {
        let begin = i64::from(position) - 1;
        utf16::substring(s, begin, begin + i64::from(length)).into_owned()
    }),
    &function!("concat";
        (a: Str, b: Str) -> String => [a, b].concat(),
        (a: Str, b: Str, separator: Str) -> String => [a, separator, b].concat()),
    &function!("concatws"; (separator: Str, a: Str, b: Str) -> String => [a, separator, b].concat()),
    &function!("trim";
        (s: Str) -> String => s.trim_matches(|c| c <= ' ').to_owned(),
        (side: Str, characters: Str, s: Str) -> Result<String, String> => trim(side, characters, s)),
    &function!("ltrim"; (s: Str) -> String => s.trim_start_matches(is_space).to_owned()),
    &function!("rtrim"; (s: Str) -> String => s.trim_end_matches(is_space).to_owned()),
    &function!("left" | "leftsubstr"; (s: Str, n: Int) -> String => utf16::slice(s, 0, n.max(0) as usize).into_owned()),
    &function!("right" | "rightsubstr"; (s: Str, n: Int) -> String => {
        let length = utf16::length(s);
        utf16::slice(s, length.saturating_sub(n.max(0) as usize), length).into_owned()
    }),
    &function!("lpad"; (s: Str, size: Int, pad: Str) -> Result<String, String> => {
        Ok(padding(s, size, pad)? + s)
    }),
    &function!("rpad"; (s: Str, size: Int, pad: Str) -> Result<String, String> => {
        Ok(s.to_owned() + &padding(s, size, pad)?)
    }),
    &function!("strpos";
        (s: Str, find: Str) -> i32 => index(s, s.find(find)),
        (s: Str, find: Str, nth: Int) -> i32 => index(s, nth_occurrence(s, find, nth))),
    &function!("strrpos";
        (s: Str, find: Str) -> i32 => index(s, s.rfind(find)),
        (s: Str, find: Str, from: Int) -> i32 => last_before(s, find, from)),
    &function!("startswith"; (s: Str, prefix: Str) -> bool => s.starts_with(prefix)),
    &function!("endswith"; (s: Str, suffix: Str) -> bool => s.ends_with(suffix)),
    &function!("contains"; (s: Str, part: Str) -> bool => s.contains(part)),
    &function!("replace"; (s: Str, find: Str, by: Str) -> Result<String, String> => replace(s, find, by)),
    &function!("remove"; (s: Str, find: Str) -> Result<String, String> => replace(s, find, "")),
    &function!("repeat";
        (s: Str, times: Int) -> Result<String, String> => repeat(s, "", times),
        (s: Str, separator: Str, times: Int) -> Result<String, String> => repeat(s, separator, times)),
    &function!("split" | "stringtoarray";
        (s: Str, delimiter: Str) -> Vec<String> => owned(split(s, delimiter, 0)),
        (s: Str, delimiter: Str, limit: Int) -> Vec<String> => owned(split(s, delimiter, limit))),
    &function!("splitpart";
        (s: Str, delimiter: Str, index: Int) -> String => part(&split(s, delimiter, 0), index),
        (s: Str, delimiter: Str, limit: Int, index: Int) -> String => part(&split(s, delimiter, limit), index)),
    &function!("strcmp"; (a: Str, b: Str) -> i32 => utf16::compare_to(a, b)),
    &function!("codepoint"; (s: Str) -> Result<i32, String> => {
        s.chars().next().map(|c| c as i32).ok_or_else(|| "the text is empty".to_owned())
    }),
    &function!("chr"; (code: Int) -> Result<String, String> => {
        u32::try_from(code).ok().and_then(char::from_u32).map(String::from).ok_or_else(|| format!("{code} is no code point"))
    }),
    &function!("hammingdistance"; (a: Str, b: Str) -> i32 => hamming(a, b)),
    &function!("levenshteindistance"; (a: Str, b: Str) -> Result<i32, String> => levenshtein(a, b)),
    &function!("prefixes"; (s: Str, longest: Int) -> Vec<String> => prefixes(s, longest, "")),
    &function!("prefixeswithprefix"; (s: Str, longest: Int, before: Str) -> Vec<String> => prefixes(s, longest, before)),
    &function!("suffixes"; (s: Str, longest: Int) -> Vec<String> => suffixes(s, longest, "")),
    &function!("suffixeswithsuffix"; (s: Str, longest: Int, after: Str) -> Vec<String> => suffixes(s, longest, after)),
    &function!("uniquengrams" | "generateuniquengrams";
        (s: Str, size: Int) -> Result<Vec<String>, String> => ngrams(&[s], size, size),
        (s: Str, smallest: Int, largest: Int) -> Result<Vec<String>, String> => ngrams(&[s], smallest, largest)),
    &function!("uniquengramsmv" | "generateuniquengramsmv";
        (s: Strs, size: Int) -> Result<Vec<String>, String> => ngrams(&s, size, size),
        (s: Strs, smallest: Int, largest: Int) -> Result<Vec<String>, String> => ngrams(&s, smallest, largest)),
];

/// White space of Java's `\s`.
fn is_space(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\n' | '\u{b}' | '\u{c}' | '\r')
}

fn initcap(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut starts = true;
    for c in text.chars() {
        if starts {
            out.extend(c.to_uppercase())
        } else {
            out.extend(c.to_lowercase())
        }
        starts = c.is_whitespace();
    }
    out
}

fn trim(side: &str, characters: &str, text: &str) -> Result<String, String> {
    let any = |c: char| characters.contains(c);
    Ok(match side.to_ascii_uppercase().as_str() {
        "BOTH" => text.trim_matches(any),
        "LEADING" => text.trim_start_matches(any),
        "TRAILING" => text.trim_end_matches(any),
        other => return Err(format!("'{other}' is none of BOTH, LEADING, TRAILING")),
    }
    .to_owned())
}

/// An error before an allocation that hostile sizes could blow up.
fn check_size(bytes: usize) -> Result<(), String> {
    let most = crate::call::MAX_VALUE_BYTES;
    if bytes > most { Err(format!("the result of {bytes} bytes is longer than the {most} allowed")) } else { Ok(()) }
}

fn padding(text: &str, size: i32, pad: &str) -> Result<String, String> {
    let missing = (size.max(0) as usize).saturating_sub(utf16::length(text));
    let pad = if pad.is_empty() { " " } else { pad };
    check_size(missing.saturating_mul(4))?;
    let repeated = pad.repeat(missing / utf16::length(pad) + 1);
    Ok(utf16::slice(&repeated, 0, missing).into_owned())
}

fn index(text: &str, found: Option<usize>) -> i32 {
    found.map_or(-1, |byte| utf16::position(text, byte) as i32)
}

/// Byte offset of the `nth` occurrence from 1; occurrences may overlap.
fn nth_occurrence(text: &str, find: &str, nth: i32) -> Option<usize> {
    if nth <= 0 {
        return None;
    }
    if find.is_empty() {
        return Some(0);
    }
    let mut from = 0;
    for _ in 1..nth {
        let at = from + text[from..].find(find)?;
        from = at + text[at..].chars().next().map_or(1, char::len_utf8);
    }
    text[from..].find(find).map(|at| from + at)
}

fn last_before(text: &str, find: &str, from: i32) -> i32 {
    let Ok(from) = usize::try_from(from) else { return -1 };
    let limit = utf16::byte_offset(text, from).unwrap_or(text.len()).saturating_add(find.len()).min(text.len());
    let limit = (limit..=text.len()).find(|at| text.is_char_boundary(*at)).unwrap_or(text.len());
    index(text, text[..limit].rfind(find))
}

fn replace(text: &str, find: &str, by: &str) -> Result<String, String> {
    if find.is_empty() {
        return Ok(text.to_owned());
    }
    if by.len() > find.len() {
        let count = text.matches(find).count();
        check_size(text.len().saturating_add(count.saturating_mul(by.len() - find.len())))?;
    }
    Ok(text.replace(find, by))
}

fn repeat(text: &str, separator: &str, times: i32) -> Result<String, String> {
    let times = times.max(0) as usize;
    check_size((text.len() + separator.len()).saturating_mul(times))?;
    Ok(std::iter::repeat_n(text, times).collect::<Vec<_>>().join(separator))
}

fn owned(parts: Vec<&str>) -> Vec<String> {
    parts.into_iter().map(str::to_owned).collect()
}

/// Splits at a whole delimiter. Adjacent and leading delimiters give no empty part, one at the end does; an empty
/// delimiter splits at white space. With a positive `limit` the last part holds the rest.
pub(super) fn split<'a>(text: &'a str, delimiter: &str, limit: i32) -> Vec<&'a str> {
    let limit = if limit > 0 { limit as usize } else { usize::MAX };
    let mut parts = Vec::new();
    if delimiter.is_empty() {
        let mut rest = text.trim_start();
        while !rest.is_empty() {
            let end = if parts.len() + 1 == limit { None } else { rest.find(char::is_whitespace) };
            parts.push(&rest[..end.unwrap_or(rest.len())]);
            rest = end.map_or("", |end| rest[end..].trim_start());
        }
        return parts;
    }
    let mut begin = 0;
    let mut end = 0;
    while end < text.len() {
        match text[begin..].find(delimiter).map(|at| begin + at) {
            Some(at) => {
                end = at;
                if at > begin {
                    if parts.len() + 1 == limit {
                        parts.push(&text[begin..]);
                        return parts;
                    }
                    parts.push(&text[begin..at]);
                }
                begin = at + delimiter.len();
            }
            None => {
                parts.push(&text[begin..]);
                return parts;
            }
        }
    }
    parts
}

fn part(parts: &[&str], index: i32) -> String {
    let at = if index < 0 { parts.len() as i64 + i64::from(index) } else { index.into() };
    usize::try_from(at).ok().and_then(|at| parts.get(at)).copied().unwrap_or("null").to_owned()
}

fn hamming(a: &str, b: &str) -> i32 {
    if utf16::length(a) != utf16::length(b) {
        return -1;
    }
    a.encode_utf16().zip(b.encode_utf16()).filter(|(x, y)| x != y).count() as i32
}

fn levenshtein(a: &str, b: &str) -> Result<i32, String> {
    let (a, b): (Vec<u16>, Vec<u16>) = (a.encode_utf16().collect(), b.encode_utf16().collect());
    if a.len().saturating_mul(b.len()) > 100_000_000 {
        return Err("the texts are too long to compare".to_owned());
    }
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let substitution = diagonal + usize::from(x != y);
            diagonal = row[j + 1];
            row[j + 1] = substitution.min(row[j] + 1).min(diagonal + 1);
        }
    }
    Ok(row[b.len()] as i32)
}

/// Longest prefix, suffix or n-gram whose whole list is built.
const MAX_PARTS: usize = 10_000;

fn prefixes(text: &str, longest: i32, before: &str) -> Vec<String> {
    let most = utf16::length(text).min(longest.max(0) as usize).min(MAX_PARTS);
    (1..=most).map(|length| format!("{before}{}", utf16::slice(text, 0, length))).collect()
}

fn suffixes(text: &str, longest: i32, after: &str) -> Vec<String> {
    let total = utf16::length(text);
    let most = total.min(longest.max(0) as usize).min(MAX_PARTS);
    (1..=most).map(|length| format!("{}{after}", utf16::slice(text, total - length, total))).collect()
}

fn ngrams(texts: &[&str], smallest: i32, largest: i32) -> Result<Vec<String>, String> {
    let (smallest, largest) = (smallest.max(1) as usize, largest.max(0) as usize);
    let mut seen = HashSet::new();
    let mut grams = Vec::new();
    let mut bytes = 0;
    for text in texts {
        let units: Vec<u16> = text.encode_utf16().collect();
        for size in smallest..=largest.min(units.len()) {
            for window in units.windows(size) {
                let gram = String::from_utf16_lossy(window);
                if seen.insert(gram.clone()) {
                    bytes += gram.len();
                    check_size(bytes)?;
                    grams.push(gram);
                }
            }
        }
    }
    Ok(grams)
}

#[cfg(test)]
mod tests {
    use crate::testing::{check, check_errors};

    #[test]
    fn parts_and_case() {
        check(&[
            ("upper('straße')", "STRING STRASSE"),
            ("LOWER('ABC')", "STRING abc"),
            ("upper(null)", "STRING null"),
            ("upper(12)", "STRING 12"),
            ("reverse('a😀b')", "STRING b😀a"),
            ("initcap('hello wORLD')", "STRING Hello World"),
            ("length('a😀')", "INT 3"),
            ("length('')", "INT 0"),
            ("substr('maria-canals', 1, 3)", "STRING ar"),
            ("substr('hello', 2)", "STRING llo"),
            ("substr('hello', 2, -1)", "STRING llo"),
            ("substr('hello', 9, 12)", "STRING "),
            ("substr('hello', 0, 99)", "STRING hello"),
            ("substring('Alpha', 1, 3)", "STRING Alp"),
            ("substring('Alpha', 4)", "STRING ha"),
            ("substring('Alpha', 2147483647, 2147483647)", "STRING "),
            ("left('hello', 2)", "STRING he"),
            ("leftsubstr('hello', -2)", "STRING "),
            ("right('hello', 2)", "STRING lo"),
            ("right('hello', 20)", "STRING hello"),
            ("concat('a', 'b')", "STRING ab"),
            ("concat('a', 'b', '_')", "STRING a_b"),
            ("concat_ws('-', 'a', 'b')", "STRING a-b"),
            ("concat('a', null)", "STRING null"),
        ]);
    }

    #[test]
    fn trimming_and_padding() {
        check(&[
            ("trim('  a b ')", "STRING a b"),
            ("trim('BOTH', 'xy', 'xyaxbyx')", "STRING axb"),
            ("trim('leading', 'x', 'xax')", "STRING ax"),
            ("ltrim('  a ')", "STRING a "),
            ("rtrim(' a  ')", "STRING  a"),
            ("lpad('FR', 4, '*')", "STRING **FR"),
            ("rpad('PushEvent', 20, '_')", "STRING PushEvent___________"),
            ("lpad('hello', 3, '*')", "STRING hello"),
            ("lpad('a', 4, 'xy')", "STRING xyxa"),
            ("rpad('a', 3, '')", "STRING a  "),
            ("repeat('ab', 3)", "STRING ababab"),
            ("repeat('ab', ',', 2)", "STRING ab,ab"),
            ("repeat('ab', -1)", "STRING "),
        ]);
        let long = "the result of 2147483647 bytes is longer than the 16777216 allowed";
        check_errors(&[
            ("trim('x', 'x', 'xax')", "trim: 'X' is none of BOTH, LEADING, TRAILING"),
            ("repeat('a', 2147483647)", &format!("repeat: {long}")),
            ("substr('a')", "Unsupported function: substr with arguments of type: [STRING]"),
        ]);
        assert!(crate::lookup("lpad").is_some());
    }

    #[test]
    fn searching() {
        check(&[
            ("strpos('PushEvent', 'Event')", "INT 4"),
            ("strpos('PushEvent', 'Event', 1)", "INT 4"),
            ("strpos('banana', 'an', 2)", "INT 3"),
            ("strpos('aaa', 'aa', 2)", "INT 1"),
            ("strpos('banana', 'x')", "INT -1"),
            ("strpos('😀a', 'a')", "INT 2"),
            ("strrpos('banana', 'an')", "INT 3"),
            ("strrpos('banana', 'an', 2)", "INT 1"),
            ("strrpos('banana', 'an', -1)", "INT -1"),
            ("startswith('Push', 'Pu')", "BOOLEAN true"),
            ("endswith('Push', 'sh')", "BOOLEAN true"),
            ("contains('Push', 'us')", "BOOLEAN true"),
            ("replace('PushPush', 'Push', 'Pull')", "STRING PullPull"),
            ("replace('abc', '', 'x')", "STRING abc"),
            ("remove('banana', 'an')", "STRING ba"),
            ("strcmp('abc', 'abd')", "INT -1"),
            ("strcmp('b', 'a')", "INT 1"),
            ("codepoint('Push')", "INT 80"),
            ("chr(80)", "STRING P"),
            ("hammingdistance('abc', 'abd')", "INT 1"),
            ("hammingdistance('abc', 'ab')", "INT -1"),
            ("levenshteindistance('kitten', 'sitting')", "INT 3"),
        ]);
        check_errors(&[("codepoint('')", "codepoint: the text is empty"), ("chr(-1)", "chr: -1 is no code point")]);
    }

    #[test]
    fn splitting() {
        check(&[
            ("split('Alpha', 'a')", "STRING_ARRAY [Alph,]"),
            ("split('a,,b', ',')", "STRING_ARRAY [a,b]"),
            ("split(',a,b', ',')", "STRING_ARRAY [a,b]"),
            ("split('a,b,c', ',', 2)", "STRING_ARRAY [a,b,c]"),
            ("split('', ',')", "STRING_ARRAY []"),
            ("split(' a  b ', '')", "STRING_ARRAY [a,b]"),
            ("splitpart('org.apache.pinot', '.', 1)", "STRING apache"),
            ("splitpart('org.apache.pinot', '.', -1)", "STRING pinot"),
            ("splitpart('org.apache.pinot', '.', 5)", "STRING null"),
            ("splitpart('a.b.c', '.', 2, 1)", "STRING b.c"),
            ("prefixes('abc', 2)", "STRING_ARRAY [a,ab]"),
            ("prefixeswithprefix('abc', 2, '^')", "STRING_ARRAY [^a,^ab]"),
            ("suffixes('abc', 9)", "STRING_ARRAY [c,bc,abc]"),
            ("suffixeswithsuffix('abc', 1, '$')", "STRING_ARRAY [c$]"),
            ("uniquengrams('ababa', 2)", "STRING_ARRAY [ab,ba]"),
            ("uniquengrams('aba', 1, 2)", "STRING_ARRAY [a,b,ab,ba]"),
        ]);
    }
}
