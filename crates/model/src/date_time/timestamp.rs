//! The texts of TIMESTAMP values.

use super::{
    civil::{self, Fields},
    zone::{TimeZone, parse_offset_seconds},
};

/// A text that is no timestamp.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("Invalid timestamp: '{0}'")]
pub struct InvalidTimestamp(pub String);

/// Epoch milliseconds of `yyyy-MM-dd`, `yyyy-MM-dd HH:mm[:ss[.fraction]]`, `yyyy-MM-ddTHH:mm[:ss[.fraction]][Z|±hh:mm]`
/// or a whole number of milliseconds. Texts without zone are in `zone`; digits beyond milliseconds are cut.
pub fn parse_timestamp(text: &str, zone: TimeZone) -> Result<i64, InvalidTimestamp> {
    parse(text.trim(), zone).ok_or_else(|| InvalidTimestamp(text.to_owned()))
}

fn parse(text: &str, zone: TimeZone) -> Option<i64> {
    if !text.is_empty() && text.bytes().enumerate().all(|(i, b)| b.is_ascii_digit() || (i == 0 && b == b'-')) {
        return text.parse().ok();
    }
    let bytes = text.as_bytes();
    if !text.is_ascii() {
        return None;
    }
    let (year, rest) = split_number(bytes, 4, 9)?;
    let (month, rest) = split_number(rest.strip_prefix(b"-")?, 1, 2)?;
    let (day, rest) = split_number(rest.strip_prefix(b"-")?, 1, 2)?;
    if !(1..=12).contains(&month) || day < 1 || day > civil::days_in_month(i64::from(year), month) {
        return None;
    }
    let mut fields = Fields { year: i64::from(year), month, day, hour: 0, minute: 0, second: 0, millis: 0 };
    if rest.is_empty() {
        return zoned(fields, zone);
    }
    let rest = rest.strip_prefix(b"T").or_else(|| rest.strip_prefix(b" "))?;
    let (hour, rest) = split_number(rest, 1, 2)?;
    let (minute, mut rest) = split_number(rest.strip_prefix(b":")?, 1, 2)?;
    let mut second = 0;
    if let Some(after) = rest.strip_prefix(b":") {
        (second, rest) = split_number(after, 1, 2)?;
        if let Some(after) = rest.strip_prefix(b".") {
            let digits = after.iter().take_while(|b| b.is_ascii_digit()).count();
            if digits == 0 || digits > 9 {
                return None;
            }
            let mut millis = 0;
            for i in 0..3 {
                millis = millis * 10 + after.get(i).filter(|_| i < digits).map_or(0, |b| u32::from(b - b'0'));
            }
            fields.millis = millis;
            rest = &after[digits..];
        }
    }
    if hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    (fields.hour, fields.minute, fields.second) = (hour, minute, second);
    match rest {
        b"" => zoned(fields, zone),
        b"Z" => Some(fields.to_millis()),
        other => {
            let offset = parse_offset_seconds(std::str::from_utf8(other).ok()?)?;
            Some(fields.to_millis() - i64::from(offset) * 1000)
        }
    }
}

fn zoned(fields: Fields, zone: TimeZone) -> Option<i64> {
    Some(zone.to_utc_lenient(fields.to_millis()))
}

fn split_number(bytes: &[u8], min: usize, max: usize) -> Option<(u32, &[u8])> {
    let digits = bytes.iter().take(max).take_while(|b| b.is_ascii_digit()).count();
    if digits < min {
        return None;
    }
    let value = bytes[..digits].iter().fold(0u32, |n, b| n * 10 + u32::from(b - b'0'));
    Some((value, &bytes[digits..]))
}

/// `2021-01-01 00:00:00.0`: at least one fraction digit, further trailing zeros cut. Local time of `zone`.
pub fn format_timestamp(millis: i64, zone: TimeZone) -> String {
    let mut text = String::with_capacity(23);
    push_timestamp(&mut text, millis, zone);
    text
}

/// As [`format_timestamp`], appended.
pub fn push_timestamp(out: &mut String, millis: i64, zone: TimeZone) {
    let fields = Fields::from_millis(zone.to_local(millis));
    // Years before 1 are shown as years of their era, as JDBC does.
    let year = if fields.year > 0 { fields.year } else { 1 - fields.year };
    push_padded(out, year as u64, 4);
    out.push('-');
    push_padded(out, u64::from(fields.month), 2);
    out.push('-');
    push_padded(out, u64::from(fields.day), 2);
    out.push(' ');
    push_padded(out, u64::from(fields.hour), 2);
    out.push(':');
    push_padded(out, u64::from(fields.minute), 2);
    out.push(':');
    push_padded(out, u64::from(fields.second), 2);
    out.push('.');
    let millis = u64::from(fields.millis);
    match (millis % 100, millis % 10) {
        (0, _) => push_padded(out, millis / 100, 1),
        (_, 0) => push_padded(out, millis / 10, 2),
        _ => push_padded(out, millis, 3),
    }
}

/// Appends `number` with leading zeros up to `width` digits.
pub fn push_padded(out: &mut String, number: u64, width: usize) {
    let mut digits = [b'0'; 20];
    let mut at = digits.len();
    let mut rest = number;
    while rest > 0 || digits.len() - at < width.min(20) {
        at -= 1;
        digits[at] = b'0' + (rest % 10) as u8;
        rest /= 10;
    }
    for _ in 20..width {
        out.push('0');
    }
    for digit in &digits[at..] {
        out.push(char::from(*digit));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_all_forms() {
        for (text, millis) in [
            ("2021-01-01", 1_609_459_200_000),
            ("2021-01-01 00:00", 1_609_459_200_000),
            ("2021-01-01 00:00:01.5", 1_609_459_201_500),
            ("2021-01-01 00:00:00.123456789", 1_609_459_200_123),
            ("2021-01-01T00:00:00Z", 1_609_459_200_000),
            ("2021-01-01T00:00:00.25+01:00", 1_609_455_600_250),
            ("2021-01-01T05:30+05:30", 1_609_459_200_000),
            ("1609459200000", 1_609_459_200_000),
            ("-5", -5),
            (" 2021-01-01 ", 1_609_459_200_000),
        ] {
            assert_eq!(parse_timestamp(text, TimeZone::UTC), Ok(millis), "{text}");
        }
        for bad in [
            "",
            "x",
            "2021-13-01",
            "2021-02-30",
            "2021-01-01 25:00",
            "2021-01-01 00:00:00.",
            "2021-01-01T00:00+99:00",
            "20é1-01-01",
        ] {
            assert!(parse_timestamp(bad, TimeZone::UTC).is_err(), "{bad}");
        }
    }

    #[test]
    fn writes_jdbc_text() {
        for (millis, text) in [
            (1_609_459_200_000, "2021-01-01 00:00:00.0"),
            (1_609_459_200_120, "2021-01-01 00:00:00.12"),
            (1_609_459_200_123, "2021-01-01 00:00:00.123"),
            (1_609_459_200_005, "2021-01-01 00:00:00.005"),
            (-1, "1969-12-31 23:59:59.999"),
        ] {
            assert_eq!(format_timestamp(millis, TimeZone::UTC), text);
        }
        let _ = format_timestamp(i64::MIN, TimeZone::UTC);
        let _ = format_timestamp(i64::MAX, TimeZone::UTC);
    }
}
