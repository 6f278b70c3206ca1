//! One value as a file gives it.

use std::fmt::Write as _;

use bigdecimal::BigDecimal;

/// A value of any kind. Lists and maps nest.
#[derive(Clone, Debug, PartialEq)]
pub enum Field {
    Null,
    Bool(bool),
    Int(i32),
    Long(i64),
    /// The digits of a whole number beyond 64 bits.
    BigInt(String),
    Float(f32),
    Double(f64),
    Decimal(BigDecimal),
    Text(String),
    Bytes(Vec<u8>),
    List(Vec<Field>),
    /// Entries in the file's order.
    Map(Vec<(String, Field)>),
    /// Epoch milliseconds of a value that is a point in time in its file.
    Timestamp(i64),
}

impl Field {
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
            Self::BigInt(digits) => out.push_str(digits),
            Self::Float(x) if x.is_finite() => out.push_str(&java_float(*x)),
            Self::Float(x) => write_json_text(&java_float(*x), out),
            Self::Double(x) if x.is_finite() => out.push_str(&java_double(*x)),
            Self::Double(x) => write_json_text(&java_double(*x), out),
            Self::Decimal(d) => out.push_str(&d.to_plain_string()),
            Self::Text(text) => write_json_text(text, out),
            Self::Bytes(bytes) => write_json_text(&base64(bytes), out),
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
                    write_json_text(key, out);
                    out.push(':');
                    value.write_json(out);
                }
                out.push('}');
            }
        }
    }
}

/// Appends a quoted JSON string; only what must be escaped is.
fn write_json_text(text: &str, out: &mut String) {
    out.push('"');
    let mut plain = 0;
    for (i, b) in text.bytes().enumerate() {
        if b >= 0x20 && b != b'"' && b != b'\\' {
            continue;
        }
        out.push_str(&text[plain..i]);
        plain = i + 1;
        match b {
            b'"' => out.push_str("\\\""),
            b'\\' => out.push_str("\\\\"),
            b'\n' => out.push_str("\\n"),
            b'\r' => out.push_str("\\r"),
            b'\t' => out.push_str("\\t"),
            0x08 => out.push_str("\\b"),
            0x0c => out.push_str("\\f"),
            _ => _ = write!(out, "\\u{b:04X}"),
        }
    }
    out.push_str(&text[plain..]);
    out.push('"');
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

/// The text of a double as Java writes it: `1.0`, `1.0E10`, `1.0E-5`, `NaN`, `Infinity`.
pub fn java_double(x: f64) -> String {
    if !x.is_finite() {
        return non_finite(x.is_nan(), x < 0.0);
    }
    java_digits(x == 0.0 || (1e-3..1e7).contains(&x.abs()), || format!("{x:?}"), || format!("{x:e}"))
}

/// The text of a float as Java writes it.
pub fn java_float(x: f32) -> String {
    if !x.is_finite() {
        return non_finite(x.is_nan(), x < 0.0);
    }
    java_digits(x == 0.0 || (1e-3..1e7).contains(&x.abs()), || format!("{x:?}"), || format!("{x:e}"))
}

fn non_finite(nan: bool, negative: bool) -> String {
    if nan {
        return "NaN".to_owned();
    }
    if negative { "-Infinity".to_owned() } else { "Infinity".to_owned() }
}

fn java_digits(plain: bool, decimal: impl Fn() -> String, scientific: impl Fn() -> String) -> String {
    if plain {
        return decimal();
    }
    let text = scientific();
    let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    if mantissa.contains('.') { format!("{mantissa}E{exponent}") } else { format!("{mantissa}.0E{exponent}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn doubles_read_as_java_writes_them() {
        let check = |x: f64, expected: &str| assert_eq!(java_double(x), expected);
        check(0.0, "0.0");
        check(-0.0, "-0.0");
        check(1.0, "1.0");
        check(1e7, "1.0E7");
        check(9_999_999.5, "9999999.5");
        check(0.001, "0.001");
        check(0.000_12, "1.2E-4");
        check(-1.5e300, "-1.5E300");
        check(f64::NEG_INFINITY, "-Infinity");
        assert_eq!(java_float(0.1), "0.1");
        assert_eq!(java_float(1e10), "1.0E10");
    }

    #[test]
    fn json_is_compact_and_escaped() {
        let value = Field::Map(vec![
            ("a\"b".to_owned(), Field::List(vec![Field::Null, Field::Double(1e10), Field::Bool(true)])),
            ("tab\t\u{1}é".to_owned(), Field::Bytes(b"hello".to_vec())),
            ("big".to_owned(), Field::BigInt("123456789012345678901234567890".to_owned())),
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
