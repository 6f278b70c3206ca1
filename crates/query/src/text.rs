//! Values as text in headers, plans and option strings.

use std::borrow::Cow;

use model::Value;
pub(crate) use model::render::java_double;
use model::render::java_float;

/// The text of a literal inside a header, without quotes.
pub(crate) fn value_text(value: &Value) -> Cow<'_, str> {
    Cow::Owned(match value {
        Value::Null => "null".to_owned(),
        Value::Int(v) => v.to_string(),
        Value::Long(v) | Value::Timestamp(v) => v.to_string(),
        Value::Float(v) => java_float(*v),
        Value::Double(v) => java_double(*v),
        Value::BigDecimal(v) => v.to_plain_string(),
        Value::Boolean(v) => v.to_string(),
        Value::String(v) | Value::Json(v) | Value::Map(v) => return Cow::Borrowed(v),
        Value::Bytes(v) => hex::encode(v),
        Value::Array(_, items) => {
            let items: Vec<_> = items.iter().map(value_text).collect();
            format!("[{}]", items.join(", "))
        }
    })
}

/// A literal that stands alone in the select list: strings keep their quotes.
pub(crate) fn bare_literal_text(value: &Value) -> String {
    match value {
        Value::String(_) | Value::Json(_) | Value::Bytes(_) | Value::Map(_) => format!("'{}'", value_text(value)),
        _ => value_text(value).into_owned(),
    }
}
