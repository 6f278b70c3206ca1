//! Values as clients see them: response JSON and text.
//!
//! Floats and doubles are Java's shortest texts (`1.0`, `1.0E10`), NaN and infinities strings, BIG_DECIMAL a plain
//! string, TIMESTAMP its UTC text, BYTES lower-case hex, MAP an object.

use bigdecimal::BigDecimal;
use serde_json::Number;

use crate::{
    Value,
    date_time::{TimeZone, timestamp},
};

/// Appends the JSON of a response cell.
pub fn push_json(out: &mut String, value: &Value) {
    match value {
        Value::Null => out.push_str("null"),
        Value::Int(v) => push_i64(out, i64::from(*v)),
        Value::Long(v) => push_i64(out, *v),
        Value::Float(v) => push_float_json(out, *v),
        Value::Double(v) => push_double_json(out, *v),
        Value::BigDecimal(v) => {
            out.push('"');
            push_big_decimal(out, v);
            out.push('"');
        }
        Value::Boolean(v) => out.push_str(if *v { "true" } else { "false" }),
        Value::Timestamp(v) => push_timestamp_json(out, *v),
        Value::String(v) | Value::Json(v) => push_json_string(out, v),
        Value::Bytes(v) => push_bytes_json(out, v),
        Value::Map(v) => push_map_json(out, v),
        Value::Array(_, elements) => {
            out.push('[');
            for (i, element) in elements.iter().enumerate() {
                if i > 0 {
                    out.push(',');
                }
                push_json(out, element);
            }
            out.push(']');
        }
    }
}

/// A response cell as a JSON value. Floats keep their value but not Java's spelling: use [`push_json`] for output.
pub fn to_json(value: &Value) -> serde_json::Value {
    use serde_json::Value as Json;
    let float = |text: String, number: f64| Number::from_f64(number).map_or(Json::String(text), Json::Number);
    match value {
        Value::Null => Json::Null,
        Value::Int(v) => (*v).into(),
        Value::Long(v) => (*v).into(),
        // Through the float's own shortest text, so that 0.1f stays 0.1.
        Value::Float(v) => float(java_float(*v), java_float(*v).parse().unwrap_or(f64::from(*v))),
        Value::Double(v) => float(java_double(*v), *v),
        Value::Boolean(v) => (*v).into(),
        Value::Map(v) => serde_json::from_str(v).unwrap_or_else(|_| Json::String(v.clone())),
        Value::String(v) | Value::Json(v) => Json::String(v.clone()),
        Value::Array(_, elements) => elements.iter().map(to_json).collect(),
        Value::BigDecimal(_) | Value::Timestamp(_) | Value::Bytes(_) => Json::String(to_text(value)),
    }
}

/// The value's text, as a cast to STRING gives it. NULL is `null`; an array is its JSON.
pub fn to_text(value: &Value) -> String {
    let mut out = String::new();
    push_text(&mut out, value);
    out
}

/// As [`to_text`], appended.
pub fn push_text(out: &mut String, value: &Value) {
    match value {
        Value::Float(v) => push_java_float(out, *v),
        Value::Double(v) => push_java_double(out, *v),
        Value::BigDecimal(v) => push_big_decimal(out, v),
        Value::Timestamp(v) => timestamp::push_timestamp(out, *v, TimeZone::UTC),
        Value::String(v) | Value::Json(v) | Value::Map(v) => out.push_str(v),
        Value::Bytes(v) => push_hex(out, v),
        Value::Null | Value::Int(_) | Value::Long(_) | Value::Boolean(_) | Value::Array(..) => push_json(out, value),
    }
}

/// Appends a DOUBLE cell: a number, or the strings `"NaN"`, `"Infinity"`, `"-Infinity"`.
pub fn push_double_json(out: &mut String, value: f64) {
    if value.is_finite() {
        push_java_double(out, value);
    } else {
        out.push('"');
        push_java_double(out, value);
        out.push('"');
    }
}

/// Appends a FLOAT cell.
pub fn push_float_json(out: &mut String, value: f32) {
    if value.is_finite() {
        push_java_float(out, value);
    } else {
        push_double_json(out, f64::from(value));
    }
}

/// Appends a TIMESTAMP cell (epoch millis) as a quoted text.
pub fn push_timestamp_json(out: &mut String, millis: i64) {
    out.push('"');
    timestamp::push_timestamp(out, millis, TimeZone::UTC);
    out.push('"');
}

/// Appends a BYTES cell as quoted lower-case hex.
pub fn push_bytes_json(out: &mut String, bytes: &[u8]) {
    out.push('"');
    push_hex(out, bytes);
    out.push('"');
}

/// Appends a MAP cell: the object itself, or a string where the text is no JSON.
pub fn push_map_json(out: &mut String, text: &str) {
    if serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok() {
        out.push_str(text);
    } else {
        push_json_string(out, text);
    }
}

/// Appends a JSON string with its quotes.
pub fn push_json_string(out: &mut String, text: &str) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    out.reserve(text.len() + 2);
    out.push('"');
    let mut start = 0;
    for (i, byte) in text.bytes().enumerate() {
        if byte >= 0x20 && byte != b'"' && byte != b'\\' {
            continue;
        }
        out.push_str(&text[start..i]);
        start = i + 1;
        match byte {
            b'"' => out.push_str("\\\""),
            b'\\' => out.push_str("\\\\"),
            b'\n' => out.push_str("\\n"),
            b'\r' => out.push_str("\\r"),
            b'\t' => out.push_str("\\t"),
            0x08 => out.push_str("\\b"),
            0x0c => out.push_str("\\f"),
            _ => {
                out.push_str("\\u00");
                out.push(char::from(HEX[usize::from(byte >> 4)]));
                out.push(char::from(HEX[usize::from(byte & 15)]));
            }
        }
    }
    out.push_str(&text[start..]);
    out.push('"');
}

/// Appends a whole number.
pub fn push_i64(out: &mut String, value: i64) {
    if value < 0 {
        out.push('-');
    }
    timestamp::push_padded(out, value.unsigned_abs(), 1);
}

/// Appends lower-case hex.
pub fn push_hex(out: &mut String, bytes: &[u8]) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    out.reserve(bytes.len() * 2);
    for byte in bytes {
        out.push(char::from(HEX[usize::from(byte >> 4)]));
        out.push(char::from(HEX[usize::from(byte & 15)]));
    }
}

/// Plain notation, never with an exponent.
pub fn push_big_decimal(out: &mut String, value: &BigDecimal) {
    out.push_str(&value.to_plain_string());
}

/// Java's text of a double: `1.0`, `1.0E10`, `1.0E-5`, `NaN`, `-Infinity`.
pub fn java_double(value: f64) -> String {
    let mut out = String::with_capacity(24);
    push_java_double(&mut out, value);
    out
}

/// Java's text of a float, shortest for its own width.
pub fn java_float(value: f32) -> String {
    let mut out = String::with_capacity(16);
    push_java_float(&mut out, value);
    out
}

/// As [`java_double`], appended.
pub fn push_java_double(out: &mut String, value: f64) {
    if !value.is_finite() {
        return push_not_finite(out, value);
    }
    let magnitude = value.abs();
    if magnitude < 1e7 && magnitude.fract() == 0.0 {
        return push_whole(out, magnitude as u64, value.is_sign_negative());
    }
    if magnitude.to_bits() == 1 {
        // Java picks the best text of two digits where one digit would do; here that is not the shortest one.
        return out.push_str(if value > 0.0 { "4.9E-324" } else { "-4.9E-324" });
    }
    push_java(out, ryu::Buffer::new().format_finite(value), (1e-3..1e7).contains(&magnitude));
}

/// As [`java_float`], appended.
pub fn push_java_float(out: &mut String, value: f32) {
    if !value.is_finite() {
        return push_not_finite(out, f64::from(value));
    }
    let magnitude = value.abs();
    if magnitude < 1e7 && magnitude.fract() == 0.0 {
        return push_whole(out, magnitude as u64, value.is_sign_negative());
    }
    if magnitude.to_bits() == 1 {
        return out.push_str(if value > 0.0 { "1.4E-45" } else { "-1.4E-45" });
    }
    push_java(out, ryu::Buffer::new().format_finite(value), (1e-3..1e7).contains(&magnitude));
}

fn push_not_finite(out: &mut String, value: f64) {
    out.push_str(match value {
        v if v.is_nan() => "NaN",
        v if v > 0.0 => "Infinity",
        _ => "-Infinity",
    });
}

fn push_whole(out: &mut String, magnitude: u64, negative: bool) {
    if negative {
        out.push('-');
    }
    timestamp::push_padded(out, magnitude, 1);
    out.push_str(".0");
}

/// Lays out the digits of a shortest text as Java does: `plain` without exponent, else one digit before the point.
fn push_java(out: &mut String, shortest: &str, plain: bool) {
    let unsigned = match shortest.strip_prefix('-') {
        Some(rest) => {
            out.push('-');
            rest
        }
        None => shortest,
    };
    let (mantissa, exponent) = match unsigned.split_once('e') {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().unwrap_or(0)),
        None => (unsigned, 0),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let mut buffer = [0u8; 48];
    let mut length = 0;
    for byte in whole.bytes().chain(fraction.bytes()) {
        buffer[length] = byte;
        length += 1;
    }
    let leading = buffer[..length].iter().take_while(|&&b| b == b'0').count();
    // The number is 0.d₁d₂… × 10^point.
    let point = whole.len() as i32 + exponent - leading as i32;
    let digits = &buffer[leading..length];
    let trailing = digits.iter().rev().take_while(|&&b| b == b'0').count();
    let digits = &digits[..digits.len() - trailing];
    let push = |out: &mut String, digits: &[u8]| out.extend(digits.iter().map(|&b| char::from(b)));
    if !plain {
        push(out, &digits[..1]);
        out.push('.');
        if digits.len() > 1 {
            push(out, &digits[1..]);
        } else {
            out.push('0');
        }
        out.push('E');
        push_i64(out, i64::from(point - 1));
    } else if point <= 0 {
        out.push_str("0.");
        out.extend(std::iter::repeat_n('0', point.unsigned_abs() as usize));
        push(out, digits);
    } else {
        let point = point as usize;
        if digits.len() > point {
            push(out, &digits[..point]);
            out.push('.');
            push(out, &digits[point..]);
        } else {
            push(out, digits);
            out.extend(std::iter::repeat_n('0', point - digits.len()));
            out.push_str(".0");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::DataType;

    #[test]
    fn doubles_as_java_writes_them() {
        for (value, text) in [
            (0.0, "0.0"),
            (-0.0, "-0.0"),
            (1.0, "1.0"),
            (-1.5, "-1.5"),
            (100.0, "100.0"),
            (123_456.789, "123456.789"),
            (9_999_999.0, "9999999.0"),
            (9_999_999.999, "9999999.999"),
            (1e7, "1.0E7"),
            (1e10, "1.0E10"),
            (1.234_567_89e10, "1.23456789E10"),
            (0.001, "0.001"),
            (0.001_5, "0.0015"),
            (0.000_99, "9.9E-4"),
            (1e-5, "1.0E-5"),
            (f64::MAX, "1.7976931348623157E308"),
            (f64::MIN_POSITIVE, "2.2250738585072014E-308"),
            (5e-324, "4.9E-324"),
            (2e23, "2.0E23"),
            (f64::NAN, "NaN"),
            (f64::NEG_INFINITY, "-Infinity"),
        ] {
            assert_eq!(java_double(value), text);
        }
        for (value, text) in [
            (0.1f32, "0.1"),
            (1e10, "1.0E10"),
            (3.402_823_5e38, "3.4028235E38"),
            (16_777_216.0, "1.6777216E7"),
            (1.17e-38, "1.17E-38"),
        ] {
            assert_eq!(java_float(value), text);
        }
    }

    #[test]
    fn every_double_reads_back() {
        let mut bits = 0x1234_5678_9abc_def0_u64;
        for _ in 0..20_000 {
            bits = bits.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let value = f64::from_bits(bits);
            if value.is_finite() {
                assert_eq!(java_double(value).parse::<f64>().unwrap().to_bits(), value.to_bits());
            }
            let small = f32::from_bits((bits >> 32) as u32);
            if small.is_finite() {
                assert_eq!(java_float(small).parse::<f32>().unwrap().to_bits(), small.to_bits());
            }
        }
    }

    #[test]
    fn cells() {
        let check = |value: Value, json: &str| {
            let mut out = String::new();
            push_json(&mut out, &value);
            assert_eq!(out, json);
            let reread: serde_json::Value = serde_json::from_str(&out).unwrap();
            assert_eq!(reread, to_json(&value));
        };
        check(Value::Null, "null");
        check(Value::Int(i32::MIN), "-2147483648");
        check(Value::Long(i64::MIN), "-9223372036854775808");
        check(Value::Float(0.1), "0.1");
        check(Value::Double(f64::INFINITY), "\"Infinity\"");
        check(Value::Float(f32::NAN), "\"NaN\"");
        check(Value::BigDecimal("1E+3".parse().unwrap()), "\"1000\"");
        check(Value::Boolean(true), "true");
        check(Value::Timestamp(0), "\"1970-01-01 00:00:00.0\"");
        check(Value::String("a\"\\\n\u{1}é".into()), "\"a\\\"\\\\\\n\\u0001é\"");
        check(Value::Bytes(vec![0, 255]), "\"00ff\"");
        check(Value::Map("{\"a\":1}".into()), "{\"a\":1}");
        check(Value::Map("{broken".into()), "\"{broken\"");
        check(Value::Array(DataType::Int, vec![Value::Int(1), Value::Int(2)]), "[1,2]");
        assert_eq!(to_text(&Value::Double(1e10)), "1.0E10");
    }
}
