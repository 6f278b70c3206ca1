//! Texts by UTF-16 code units: how lengths and positions count.

use std::borrow::Cow;

/// Number of UTF-16 code units.
pub fn length(text: &str) -> usize {
    if text.is_ascii() { text.len() } else { text.encode_utf16().count() }
}

/// Units `start..end`, both clamped to the text. Half of a surrogate pair becomes U+FFFD.
pub fn slice(text: &str, start: usize, end: usize) -> Cow<'_, str> {
    if start >= end {
        return Cow::Borrowed("");
    }
    if text.is_ascii() {
        return Cow::Borrowed(&text[start.min(text.len())..end.min(text.len())]);
    }
    let units: Vec<u16> = text.encode_utf16().skip(start).take(end - start).collect();
    Cow::Owned(String::from_utf16_lossy(&units))
}

/// Units `start..end` where negative positions count from the end; out-of-range positions are moved to the ends.
pub fn substring(text: &str, start: i64, end: i64) -> Cow<'_, str> {
    let length = length(text) as i64;
    let resolve = |at: i64| if at < 0 { at + length } else { at }.clamp(0, length);
    slice(text, resolve(start) as usize, resolve(end) as usize)
}

/// The position in units of a byte offset.
pub fn position(text: &str, byte: usize) -> usize {
    length(&text[..byte])
}

/// The byte offset of a position in units; a position inside a pair is moved after it. `None` beyond the end.
pub fn byte_offset(text: &str, position: usize) -> Option<usize> {
    if text.is_ascii() {
        return (position <= text.len()).then_some(position);
    }
    let mut units = 0;
    for (byte, c) in text.char_indices() {
        if units >= position {
            return Some(byte);
        }
        units += c.len_utf16();
    }
    (units >= position).then_some(text.len())
}

/// Java's `compareTo`: the difference of the first units that differ, else of the lengths.
pub fn compare_to(a: &str, b: &str) -> i32 {
    let (mut left, mut right) = (a.encode_utf16(), b.encode_utf16());
    loop {
        match (left.next(), right.next()) {
            (Some(x), Some(y)) if x == y => {}
            (Some(x), Some(y)) => return i32::from(x) - i32::from(y),
            _ => return length(a) as i32 - length(b) as i32,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units() {
        assert_eq!(length("a😀ü"), 4);
        assert_eq!(slice("a😀ü", 1, 3), "😀");
        assert_eq!(slice("a😀ü", 3, 99), "ü");
        assert_eq!(slice("abc", 5, 9), "");
        assert_eq!(substring("hello", -3, 5), "llo");
        assert_eq!(substring("hello", 2, 1), "");
        assert_eq!(byte_offset("a😀ü", 3), Some(5));
        assert_eq!(byte_offset("a", 2), None);
        assert_eq!(position("a😀ü", 5), 3);
        assert_eq!(compare_to("abc", "abd"), -1);
        assert_eq!(compare_to("abc", "a"), 2);
    }
}
