//! One value as a file gives it.

use std::fmt::Write as _;

use bigdecimal::BigDecimal;
use model::{parse, render};

use super::json;

/// A value of any kind. Lists and maps nest.
#[derive(Clone, Debug, PartialEq)]
pub enum Field {
    Null,
    Bool(bool),
    Int(i32),
    Long(i64),
    /// The JSON text of a number that no other kind holds exactly: a whole one beyond 64 bits, or any with a point
    /// where [`Field::from_json`] read it.
    Number(String),
    Float(f32),
    Double(f64),
    /// Boxed, since it is rare and would make every other value larger.
    Decimal(Box<BigDecimal>),
    Text(String),
    Bytes(Vec<u8>),
    List(Vec<Field>),
    /// Entries in the file's order.
    Map(Vec<(String, Field)>),
    /// Epoch milliseconds of a value that is a point in time in its file.
    Timestamp(i64),
}

impl Field {
    pub fn decimal(value: BigDecimal) -> Self {
        Self::Decimal(Box::new(value))
    }

    pub fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }

    /// The entry of a map.
    pub fn get(&self, key: &str) -> Option<&Field> {
        match self {
            Self::Map(entries) => entries.iter().find(|(k, _)| k == key).map(|(_, v)| v),
            _ => None,
        }
    }

    /// Reads one JSON value without losing anything: booleans stay booleans, numbers keep their digits.
    pub fn from_json(text: &str) -> Result<Self, String> {
        json::parse_exact(text)
    }

    /// Compact JSON. Bytes become base64 text, decimals keep their digits, NaN and infinities become texts.
    pub fn to_json(&self) -> String {
        let mut out = String::new();
        self.write_json(&mut out);
        out
    }

    /// Appends compact JSON, see [`Self::to_json`].
    pub fn write_json(&self, out: &mut String) {
        match self {
            Self::Null => out.push_str("null"),
            Self::Bool(b) => out.push_str(if *b { "true" } else { "false" }),
            Self::Int(n) => _ = write!(out, "{n}"),
            Self::Long(n) | Self::Timestamp(n) => _ = write!(out, "{n}"),
            Self::Number(text) => out.push_str(text),
            Self::Float(x) => render::push_float_json(out, *x),
            Self::Double(x) => render::push_double_json(out, *x),
            Self::Decimal(d) if parse::check_scale(d) => out.push_str(&d.to_plain_string()),
            Self::Decimal(d) => out.push_str(&d.to_scientific_notation()),
            Self::Text(text) => render::push_json_string(out, text),
            Self::Bytes(bytes) => render::push_json_string(out, &base64(bytes)),
            Self::List(items) => {
                out.push('[');
                for (i, item) in items.iter().enumerate() {
                    if i > 0 {
                        out.push(',');
                    }
                    item.write_json(out);
                }
                out.push(']');
            }
            Self::Map(entries) => {
                out.push('{');
                for (i, (key, value)) in entries.iter().enumerate() {
                    if i > 0 {
                        out.push(',');
                    }
                    render::push_json_string(out, key);
                    out.push(':');
                    value.write_json(out);
                }
                out.push('}');
            }
        }
    }
}

fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for group in bytes.chunks(3) {
        let bits = group.iter().fold(0u32, |n, &b| n << 8 | u32::from(b)) << (8 * (3 - group.len()));
        for i in 0..4 {
            let digit = ALPHABET[(bits >> (18 - 6 * i)) as usize & 63];
            out.push(if i <= group.len() { char::from(digit) } else { '=' });
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_compact_and_escaped() {
        let value = Field::Map(vec![
            ("a\"b".to_owned(), Field::List(vec![Field::Null, Field::Double(1e10), Field::Bool(true)])),
            ("tab\t\u{1}é".to_owned(), Field::Bytes(b"hello".to_vec())),
            ("big".to_owned(), Field::Number("123456789012345678901234567890".to_owned())),
        ]);
        assert_eq!(
            value.to_json(),
            r#"{"a\"b":[null,1.0E10,true],"tab\t\u0001é":"aGVsbG8=","big":123456789012345678901234567890}"#
        );
    }

    #[test]
    fn base64_pads() {
        for (bytes, text) in [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg==")] {
            assert_eq!(base64(bytes.as_bytes()), text);
        }
    }
}
