//! Values as text in metadata: exact, and readable again.

use std::{fmt::Write, str::FromStr};

use bigdecimal::BigDecimal;
use model::{DataType, Value};

/// Text of a single value. Bytes are lower-case hex, decimals in plain notation.
pub(crate) fn render(value: &Value) -> String {
    match value {
        Value::Null | Value::Array(..) => String::new(),
        Value::Int(v) => v.to_string(),
        Value::Long(v) | Value::Timestamp(v) => v.to_string(),
        Value::Float(v) => v.to_string(),
        Value::Double(v) => v.to_string(),
        Value::BigDecimal(v) => v.to_plain_string(),
        Value::Boolean(v) => v.to_string(),
        Value::String(v) | Value::Json(v) | Value::Map(v) => v.clone(),
        Value::Bytes(v) => v.iter().fold(String::with_capacity(v.len() * 2), |mut hex, byte| {
            // Writing into a String cannot fail.
            let _ = write!(hex, "{byte:02x}");
            hex
        }),
    }
}

/// The value that [`render`] wrote, or `None` where the text is of another type.
pub(crate) fn parse(data_type: DataType, text: &str) -> Option<Value> {
    Some(match data_type {
        DataType::Int => Value::Int(text.parse().ok()?),
        DataType::Long => Value::Long(text.parse().ok()?),
        DataType::Float => Value::Float(text.parse().ok()?),
        DataType::Double => Value::Double(text.parse().ok()?),
        DataType::BigDecimal => Value::BigDecimal(BigDecimal::from_str(text).ok()?),
        DataType::Boolean => Value::Boolean(text.parse().ok()?),
        DataType::Timestamp => Value::Timestamp(text.parse().ok()?),
        DataType::Json => Value::Json(text.to_owned()),
        DataType::Map | DataType::List | DataType::Struct => Value::Map(text.to_owned()),
        DataType::String => Value::String(text.to_owned()),
        DataType::Bytes => Value::Bytes(unhex(text)?),
        DataType::Unknown | DataType::Object => return None,
    })
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    if !text.len().is_multiple_of(2) {
        return None;
    }
    let digit = |b: u8| char::from(b).to_digit(16).map(|d| d as u8);
    text.as_bytes().chunks_exact(2).map(|pair| Some(digit(pair[0])? << 4 | digit(pair[1])?)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_read_back() {
        let cases = [
            (DataType::Int, Value::Int(-5)),
            (DataType::Long, Value::Long(i64::MIN)),
            (DataType::Float, Value::Float(1.1)),
            (DataType::Double, Value::Double(f64::NEG_INFINITY)),
            (DataType::BigDecimal, Value::BigDecimal("123456789012345678901234567890.10".parse().unwrap())),
            (DataType::Boolean, Value::Boolean(true)),
            (DataType::Timestamp, Value::Timestamp(1_700_000_000_000)),
            (DataType::String, Value::String("é".to_owned())),
            (DataType::Json, Value::Json("{}".to_owned())),
            (DataType::Bytes, Value::Bytes(vec![0, 255, 16])),
        ];
        for (data_type, value) in cases {
            assert_eq!(parse(data_type, &render(&value)), Some(value));
        }
        assert_eq!(parse(DataType::Bytes, "abc"), None);
        assert_eq!(parse(DataType::Bytes, "zz"), None);
    }
}
