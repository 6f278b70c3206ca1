//! Values from text and from JSON literals.

use bigdecimal::BigDecimal;

use crate::{
    DataType, Value,
    date_time::{TimeZone, parse_timestamp},
};

/// A text that does not fit a type.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("Cannot convert value: '{value}' to type: {data_type}{}", detail_text(.detail))]
pub struct ConvertError {
    /// The text, cut to 200 characters.
    pub value: String,
    pub data_type: DataType,
    /// What is wrong where the type alone does not tell.
    pub detail: Option<String>,
}

fn detail_text(detail: &Option<String>) -> String {
    detail.as_ref().map_or_else(String::new, |detail| format!(": {detail}"))
}

/// Largest scale and exponent of a BIG_DECIMAL: its stored form has two bytes for it. A larger one would also cost
/// memory out of proportion to its text.
pub const MAX_DECIMAL_SCALE: i64 = 32_767;

/// The value of a text for a column of this type.
///
/// Numbers are trimmed and strict (`1.0` is no INT); BOOLEAN is true for `true` in any case and `1`, else false;
/// TIMESTAMP takes the texts of [`parse_timestamp`] in UTC; BYTES is hex; JSON and MAP are kept as they are.
pub fn parse_value(text: &str, data_type: DataType) -> Result<Value, ConvertError> {
    parse_value_in(text, data_type, TimeZone::UTC)
}

/// As [`parse_value`], with the zone of timestamp texts that name none.
pub fn parse_value_in(text: &str, data_type: DataType, zone: TimeZone) -> Result<Value, ConvertError> {
    let fail = || convert_error(text, data_type, None);
    Ok(match data_type {
        DataType::Int => Value::Int(text.trim().parse().map_err(|_| fail())?),
        DataType::Long => Value::Long(text.trim().parse().map_err(|_| fail())?),
        DataType::Float => Value::Float(parse_java_float(text).ok_or_else(fail)?),
        DataType::Double => Value::Double(parse_java_double(text).ok_or_else(fail)?),
        DataType::BigDecimal => Value::BigDecimal(parse_big_decimal(text)?),
        DataType::Boolean => Value::Boolean(parse_boolean(text)),
        DataType::Timestamp => Value::Timestamp(
            parse_timestamp(text, zone).map_err(|e| convert_error(text, data_type, Some(e.to_string())))?,
        ),
        DataType::String => Value::String(text.to_owned()),
        DataType::Json => Value::Json(text.to_owned()),
        DataType::Bytes => Value::Bytes(
            hex::decode(text.trim()).map_err(|e| convert_error(text, data_type, Some(e.to_string().to_lowercase())))?,
        ),
        DataType::Map | DataType::List | DataType::Struct => Value::Map(text.to_owned()),
        DataType::Unknown | DataType::Object => return Err(fail()),
    })
}

/// `true` in any case, or `1`.
pub fn parse_boolean(text: &str) -> bool {
    let text = text.trim();
    text.eq_ignore_ascii_case("true") || text == "1"
}

/// A double as Java reads it: decimal with optional exponent, `NaN`, `±Infinity`, optional suffix `d` or `f`.
pub fn parse_java_double(text: &str) -> Option<f64> {
    java_number(text.trim())?.parse().ok()
}

/// A float as Java reads it.
pub fn parse_java_float(text: &str) -> Option<f32> {
    java_number(text.trim())?.parse().ok()
}

/// The part of a Java number that Rust reads the same way.
fn java_number(text: &str) -> Option<&str> {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    if unsigned == "NaN" || unsigned == "Infinity" {
        return Some(text);
    }
    if !unsigned.starts_with(|c: char| c.is_ascii_digit() || c == '.') {
        return None;
    }
    Some(text.strip_suffix(['d', 'D', 'f', 'F']).unwrap_or(text))
}

/// An exact decimal. Scales and exponents beyond [`MAX_DECIMAL_SCALE`] are refused.
pub fn parse_big_decimal(text: &str) -> Result<BigDecimal, ConvertError> {
    let trimmed = text.trim();
    if trimmed.len() > 100_000 {
        return Err(convert_error(text, DataType::BigDecimal, Some("more than 100000 digits".to_owned())));
    }
    let usable = trimmed.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'+' | b'-' | b'.' | b'e' | b'E'));
    let decimal: BigDecimal =
        trimmed.parse().ok().filter(|_| usable).ok_or_else(|| convert_error(text, DataType::BigDecimal, None))?;
    check_scale(&decimal)
        .then_some(decimal)
        .ok_or_else(|| convert_error(text, DataType::BigDecimal, Some("its exponent is out of range".to_owned())))
}

/// Whether a decimal's scale can be stored.
pub fn check_scale(decimal: &BigDecimal) -> bool {
    decimal.fractional_digit_count().abs() <= MAX_DECIMAL_SCALE
}

/// The value of a JSON literal for a column of this type: numbers, booleans and texts by their text; objects and
/// arrays only for JSON and MAP.
pub fn parse_json_literal(json: &serde_json::Value, data_type: DataType) -> Result<Value, ConvertError> {
    use serde_json::Value as Json;
    match json {
        Json::String(text) => parse_value(text, data_type),
        Json::Object(_) | Json::Array(_) if matches!(data_type, DataType::Json | DataType::Map) => {
            parse_value(&json.to_string(), data_type)
        }
        Json::Object(_) | Json::Array(_) | Json::Null => Err(convert_error(&json.to_string(), data_type, None)),
        // A whole number written as 1.0 still is one.
        Json::Number(number) if matches!(data_type, DataType::Int | DataType::Long | DataType::Timestamp) => {
            let whole = number.as_i64().or_else(|| number.as_f64().filter(|v| v.fract() == 0.0).map(|v| v as i64));
            let text = whole.map_or_else(|| number.to_string(), |whole| whole.to_string());
            parse_value(&text, data_type)
        }
        Json::Number(_) | Json::Bool(_) => parse_value(&json.to_string(), data_type),
    }
}

fn convert_error(text: &str, data_type: DataType, detail: Option<String>) -> ConvertError {
    ConvertError { value: text.chars().take(200).collect(), data_type, detail }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts() {
        let check =
            |text: &str, data_type, expected: Value| assert_eq!(parse_value(text, data_type), Ok(expected), "{text}");
        check(" 42 ", DataType::Int, Value::Int(42));
        check("+7", DataType::Long, Value::Long(7));
        check("1.5e3", DataType::Double, Value::Double(1500.0));
        check("-Infinity", DataType::Float, Value::Float(f32::NEG_INFINITY));
        check("1d", DataType::Double, Value::Double(1.0));
        check(".5", DataType::Double, Value::Double(0.5));
        check("TRUE", DataType::Boolean, Value::Boolean(true));
        check("1", DataType::Boolean, Value::Boolean(true));
        check("yes", DataType::Boolean, Value::Boolean(false));
        check("2021-01-01", DataType::Timestamp, Value::Timestamp(1_609_459_200_000));
        check("00FF", DataType::Bytes, Value::Bytes(vec![0, 255]));
        check("1.10", DataType::BigDecimal, Value::BigDecimal("1.10".parse().unwrap()));
        check(" a ", DataType::String, Value::String(" a ".into()));
    }

    #[test]
    fn refused_texts() {
        let refuse = |text: &str, data_type| assert!(parse_value(text, data_type).is_err(), "{text} as {data_type}");
        for text in ["", "1.0", "x", "2147483648", "1 2", "١"] {
            refuse(text, DataType::Int);
        }
        for text in ["", "inf", "nan", "infinity", "x", "d", "-", "1e", "é"] {
            refuse(text, DataType::Double);
        }
        for text in ["", "1E999999999", "1E-999999999", "abc", "1_0", "NaN"] {
            refuse(text, DataType::BigDecimal);
        }
        refuse("0", DataType::Bytes);
        refuse("xx", DataType::Bytes);
        refuse("x", DataType::Unknown);
        assert_eq!(
            parse_value("xyz", DataType::Int).unwrap_err().to_string(),
            "Cannot convert value: 'xyz' to type: INT"
        );
    }

    #[test]
    fn json_literals() {
        use serde_json::json;
        assert_eq!(parse_json_literal(&json!(7), DataType::Int), Ok(Value::Int(7)));
        assert_eq!(parse_json_literal(&json!(7.0), DataType::Int), Ok(Value::Int(7)));
        assert_eq!(parse_json_literal(&json!("7"), DataType::Long), Ok(Value::Long(7)));
        assert_eq!(parse_json_literal(&json!(true), DataType::Boolean), Ok(Value::Boolean(true)));
        assert_eq!(parse_json_literal(&json!(1.5), DataType::String), Ok(Value::String("1.5".into())));
        assert_eq!(parse_json_literal(&json!({"a":1}), DataType::Json), Ok(Value::Json("{\"a\":1}".into())));
        assert!(parse_json_literal(&json!({"a":1}), DataType::Int).is_err());
        assert!(parse_json_literal(&json!(1.5), DataType::Int).is_err());
    }
}
