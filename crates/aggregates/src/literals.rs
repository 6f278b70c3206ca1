//! Literal parameters of aggregations.

use model::Value;

/// A whole number, also as a text or a double without fraction.
pub(crate) fn integer(value: &Value) -> Option<i64> {
    match value {
        Value::Int(v) => Some(i64::from(*v)),
        Value::Long(v) => Some(*v),
        Value::Float(v) if v.fract() == 0.0 => Some(*v as i64),
        Value::Double(v) if v.fract() == 0.0 => Some(*v as i64),
        Value::String(v) => v.trim().parse().ok(),
        _ => None,
    }
}

/// A number, also as a text.
pub(crate) fn number(value: &Value) -> Option<f64> {
    match value {
        Value::Int(v) => Some(f64::from(*v)),
        Value::Long(v) => Some(*v as f64),
        Value::Float(v) => Some(f64::from(*v)),
        Value::Double(v) => Some(*v),
        Value::BigDecimal(v) => v.to_string().parse().ok(),
        Value::String(v) => v.trim().parse().ok(),
        _ => None,
    }
}

pub(crate) fn text(value: &Value) -> Option<&str> {
    match value {
        Value::String(v) | Value::Json(v) => Some(v),
        _ => None,
    }
}

/// The value of a key in a parameter text such as `threshold=10;log2m=12`.
pub(crate) fn parameter(text: &str, key: &str) -> Option<f64> {
    text.split(';')
        .filter_map(|pair| pair.split_once('='))
        .find_map(|(name, value)| name.trim().eq_ignore_ascii_case(key).then(|| value.trim().parse().ok()).flatten())
}
