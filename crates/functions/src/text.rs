//! Numbers, timestamps and bytes as text, where a cast is laxer than a column's own values.

use model::{TimeZone, date_time, parse};

pub use model::{
    parse::{parse_boolean, parse_java_double as parse_double},
    render::{java_double as double_to_string, java_float as float_to_string},
};

/// An integer, or else a double truncated toward zero.
pub fn parse_int(text: &str) -> Option<i32> {
    text.parse::<i32>().ok().or_else(|| parse::parse_java_double(text).map(|d| d as i32))
}

/// An integer, or else a double truncated toward zero, or else a timestamp's millis.
pub fn parse_long(text: &str) -> Option<i64> {
    text.parse::<i64>()
        .ok()
        .or_else(|| parse::parse_java_double(text).map(|d| d as i64))
        .or_else(|| parse_timestamp(text))
}

/// Epoch millis of a timestamp's text or number, in UTC where it names no zone.
pub fn parse_timestamp(text: &str) -> Option<i64> {
    date_time::parse_timestamp(text, TimeZone::UTC).ok()
}

/// `yyyy-MM-dd HH:mm:ss.f` in UTC.
pub fn timestamp_to_string(millis: i64) -> String {
    date_time::format_timestamp(millis, TimeZone::UTC)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_parse_like_java() {
        assert_eq!(parse_int("12"), Some(12));
        assert_eq!(parse_int("12.9"), Some(12));
        assert_eq!(parse_int("1e20"), Some(i32::MAX));
        assert_eq!(parse_int("Golf"), None);
        assert_eq!(parse_int("inf"), None);
        assert_eq!(parse_double("--1"), None);
        assert_eq!(parse_double(""), None);
        assert_eq!(parse_long("9223372036854775807"), Some(i64::MAX));
        assert_eq!(parse_long("1970-01-01 00:00:01"), Some(1000));
    }
}
