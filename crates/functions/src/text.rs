//! Numbers, timestamps and bytes as text, the way Java writes and reads them.

use chrono::{DateTime, NaiveDate, NaiveDateTime, Timelike};

/// `Double.toString`: shortest digits, at least one after the point, exponent form outside `[1e-3, 1e7)`.
pub fn double_to_string(value: f64) -> String {
    java_number(&format!("{value:e}"), value.is_nan(), value.is_infinite(), value.is_sign_negative())
}

/// `Float.toString`.
pub fn float_to_string(value: f32) -> String {
    java_number(&format!("{value:e}"), value.is_nan(), value.is_infinite(), value.is_sign_negative())
}

fn java_number(scientific: &str, nan: bool, infinite: bool, negative: bool) -> String {
    if nan {
        return "NaN".to_owned();
    }
    if infinite {
        return if negative { "-Infinity" } else { "Infinity" }.to_owned();
    }
    let scientific = scientific.trim_start_matches('-');
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    let digits: String = mantissa.chars().filter(|c| *c != '.').collect();
    let mut out = String::with_capacity(digits.len() + 8);
    if negative {
        out.push('-');
    }
    let zero = digits.bytes().all(|d| d == b'0');
    if zero {
        out.push_str("0.0");
    } else if (-3..7).contains(&exponent) {
        if exponent < 0 {
            out.push_str("0.");
            out.extend(std::iter::repeat_n('0', (-exponent - 1) as usize));
            out.push_str(&digits);
        } else {
            let whole = exponent as usize + 1;
            if digits.len() > whole {
                out.push_str(&digits[..whole]);
                out.push('.');
                out.push_str(&digits[whole..]);
            } else {
                out.push_str(&digits);
                out.extend(std::iter::repeat_n('0', whole - digits.len()));
                out.push_str(".0");
            }
        }
    } else {
        out.push_str(&digits[..1]);
        out.push('.');
        out.push_str(if digits.len() > 1 { &digits[1..] } else { "0" });
        out.push('E');
        out.push_str(&exponent.to_string());
    }
    out
}

/// `Double.parseDouble`: surrounding white space, an optional `d`/`f` suffix, `NaN` and `Infinity`.
pub fn parse_double(text: &str) -> Option<f64> {
    let text = text.trim_matches(|c: char| c <= ' ');
    let (sign, body) = match text.as_bytes().first()? {
        b'-' => (-1.0, &text[1..]),
        b'+' => (1.0, &text[1..]),
        _ => (1.0, text),
    };
    match body {
        "NaN" => return Some(f64::NAN),
        "Infinity" => return Some(sign * f64::INFINITY),
        _ => {}
    }
    let body = body.strip_suffix(['d', 'D', 'f', 'F']).unwrap_or(body);
    // Rust also reads "inf" and "nan", and a second sign.
    if !body.starts_with(|c: char| c.is_ascii_digit() || c == '.') {
        return None;
    }
    body.parse::<f64>().ok().map(|v| sign * v)
}

/// `Integer.parseInt`, then a double truncated toward zero.
pub fn parse_int(text: &str) -> Option<i32> {
    text.parse::<i32>().ok().or_else(|| parse_double(text).map(|d| d as i32))
}

/// `Long.parseLong`, then a timestamp text, then a double truncated toward zero.
pub fn parse_long(text: &str) -> Option<i64> {
    text.parse::<i64>().ok().or_else(|| parse_double(text).map(|d| d as i64)).or_else(|| parse_timestamp(text))
}

/// `true` in any case or `1`; anything else is false.
pub fn parse_boolean(text: &str) -> bool {
    text.eq_ignore_ascii_case("true") || text == "1"
}

/// `yyyy-MM-dd HH:mm:ss.f`, with one to three digits of the fraction, in UTC. `None` when out of the calendar.
pub fn timestamp_to_string(millis: i64) -> Option<String> {
    let time = DateTime::from_timestamp_millis(millis)?.naive_utc();
    let fraction = format!("{:03}", time.nanosecond() / 1_000_000);
    let fraction = fraction.trim_end_matches('0');
    Some(format!("{}.{}", time.format("%Y-%m-%d %H:%M:%S"), if fraction.is_empty() { "0" } else { fraction }))
}

/// Epoch millis as a number, `yyyy-MM-dd HH:mm:ss[.f]`, `yyyy-MM-dd`, or ISO-8601 with or without zone (UTC then).
pub fn parse_timestamp(text: &str) -> Option<i64> {
    let text = text.trim();
    if let Ok(millis) = text.parse::<i64>() {
        return Some(millis);
    }
    if let Ok(time) = DateTime::parse_from_rfc3339(text) {
        return Some(time.timestamp_millis());
    }
    for format in ["%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M"] {
        if let Ok(time) = NaiveDateTime::parse_from_str(text, format) {
            return Some(time.and_utc().timestamp_millis());
        }
    }
    for format in ["%Y-%m-%dT%H:%M%#z", "%Y-%m-%dT%H:%M:%S%.f%#z", "%Y-%m-%d %H:%M:%S%.f%#z"] {
        if let Ok(time) = DateTime::parse_from_str(&text.replace('Z', "+00"), format) {
            return Some(time.timestamp_millis());
        }
    }
    let date = NaiveDate::parse_from_str(text, "%Y-%m-%d").ok()?;
    Some(date.and_hms_opt(0, 0, 0)?.and_utc().timestamp_millis())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn doubles_read_like_java() {
        let cases: &[(f64, &str)] = &[
            (0.0, "0.0"),
            (-0.0, "-0.0"),
            (1.0, "1.0"),
            (100.0, "100.0"),
            (1234567.0, "1234567.0"),
            (12345678.0, "1.2345678E7"),
            (1e7, "1.0E7"),
            (0.001, "0.001"),
            (0.0001, "1.0E-4"),
            (0.00123, "0.00123"),
            (1.0e300, "1.0E300"),
            (f64::NAN, "NaN"),
            (f64::NEG_INFINITY, "-Infinity"),
            (2.5, "2.5"),
            (9007199254740993.0, "9.007199254740992E15"),
        ];
        for (value, text) in cases {
            assert_eq!(double_to_string(*value), *text);
        }
        assert_eq!(float_to_string(0.1), "0.1");
        assert_eq!(float_to_string(1.6777216e7), "1.6777216E7");
    }

    #[test]
    fn numbers_parse_like_java() {
        assert_eq!(parse_int("12"), Some(12));
        assert_eq!(parse_int("12.9"), Some(12));
        assert_eq!(parse_int("1e20"), Some(i32::MAX));
        assert_eq!(parse_int("Golf"), None);
        assert_eq!(parse_int("inf"), None);
        assert_eq!(parse_double(" 1.5f "), Some(1.5));
        assert_eq!(parse_double("-Infinity"), Some(f64::NEG_INFINITY));
        assert_eq!(parse_double("--1"), None);
        assert_eq!(parse_double(""), None);
        assert_eq!(parse_long("9223372036854775807"), Some(i64::MAX));
        assert_eq!(parse_long("1970-01-01 00:00:01"), Some(1000));
    }

    #[test]
    fn timestamps_parse_in_every_form() {
        for text in [
            "2024-02-29 12:34:56.789",
            "2024-02-29T12:34:56.789Z",
            "2024-02-29T12:34:56.789",
            "2024-02-29T14:34:56.789+02:00",
            "1709210096789",
        ] {
            assert_eq!(parse_timestamp(text), Some(1709210096789), "{text}");
        }
        assert_eq!(parse_timestamp("2024-02-29"), Some(1709164800000));
        assert_eq!(parse_timestamp("2024-02-30"), None);
        assert_eq!(timestamp_to_string(1709210096789).unwrap(), "2024-02-29 12:34:56.789");
        assert_eq!(timestamp_to_string(1709164800000).unwrap(), "2024-02-29 00:00:00.0");
        assert_eq!(timestamp_to_string(i64::MAX), None);
    }
}
