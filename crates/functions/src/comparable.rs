//! Order between values, as Pinot sorts and compares them.

use std::cmp::Ordering;

use bigdecimal::BigDecimal;
use model::Value;

use crate::{convert, decimal};

pub use model::order::{compare_doubles as double, compare_strings as text};

/// Exact order of an integer and a double, NaN greatest.
pub fn long_with_double(a: i64, b: f64) -> Ordering {
    const EXACT: i64 = 1 << 53;
    if (-EXACT..=EXACT).contains(&a) || !b.is_finite() {
        return double(a as f64, b);
    }
    match decimal::from_f64(b) {
        Some(b) => BigDecimal::from(a).cmp(&b),
        None => double(a as f64, b),
    }
}

/// Order of two values: numbers by value whatever their types, texts by UTF-16, bytes unsigned, false before true,
/// a number and a text by the text read as a number, multi-values element by element. `None` when a value is NULL or
/// the two cannot be compared.
pub fn values(a: &Value, b: &Value) -> Option<Ordering> {
    use Value::{
        Array, BigDecimal as Decimal, Boolean, Bytes, Double, Float, Int, Json, Long, Map, Null, String, Timestamp,
    };
    let integer = |v: &Value| match v {
        Int(v) => Some(i64::from(*v)),
        Long(v) | Timestamp(v) => Some(*v),
        Boolean(v) => Some(i64::from(*v)),
        _ => None,
    };
    let float = |v: &Value| match v {
        Float(v) => Some(f64::from(*v)),
        Double(v) => Some(*v),
        _ => None,
    };
    Some(match (a, b) {
        (Null, _) | (_, Null) => return None,
        (String(a) | Json(a) | Map(a), String(b) | Json(b) | Map(b)) => text(a, b),
        (Bytes(a), Bytes(b)) => a.cmp(b),
        (Bytes(a), String(b)) => hex::encode(a).as_str().cmp(b.to_ascii_lowercase().as_str()),
        (String(_), Bytes(_)) => values(b, a)?.reverse(),
        (Array(_, a), Array(_, b)) => {
            for (x, y) in a.iter().zip(b) {
                let order = values(x, y)?;
                if order.is_ne() {
                    return Some(order);
                }
            }
            a.len().cmp(&b.len())
        }
        (String(a), number) => values(&convert::value(&String(a.clone()), number.column_type()).ok()?, number)?,
        (number, String(_)) => values(b, number)?.reverse(),
        _ => match (integer(a), integer(b), float(a), float(b)) {
            (Some(a), Some(b), ..) => a.cmp(&b),
            (Some(a), _, _, Some(b)) => long_with_double(a, b),
            (_, Some(b), Some(a), _) => long_with_double(b, a).reverse(),
            (_, _, Some(a), Some(b)) => double(a, b),
            _ => match (a, b) {
                (Decimal(a), Decimal(b)) => a.cmp(b),
                (Decimal(d), other) | (other, Decimal(d)) => {
                    let order = match (integer(other), float(other)) {
                        (Some(n), _) => d.cmp(&BigDecimal::from(n)),
                        (_, Some(f)) => match decimal::from_f64(f) {
                            Some(f) => d.cmp(&f),
                            None => double(0.0, f),
                        },
                        _ => return None,
                    };
                    if matches!(a, Decimal(_)) { order } else { order.reverse() }
                }
                _ => return None,
            },
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn doubles_order_like_java() {
        assert_eq!(double(-0.0, 0.0), Ordering::Less);
        assert_eq!(double(f64::NAN, f64::NAN), Ordering::Equal);
        assert_eq!(double(-f64::NAN, f64::INFINITY), Ordering::Greater);
        assert_eq!(long_with_double(9007199254740993, 9007199254740992.0), Ordering::Greater);
        assert_eq!(long_with_double(i64::MAX, f64::INFINITY), Ordering::Less);
    }

    #[test]
    fn texts_order_by_utf16() {
        assert_eq!(text("\u{ff5e}", "😀"), Ordering::Greater);
        assert_eq!(text("a", "ä"), Ordering::Less);
    }

    #[test]
    fn values_of_different_types() {
        let text = |t: &str| Value::String(t.to_owned());
        assert_eq!(values(&Value::Int(2), &Value::Double(2.0)), Some(Ordering::Equal));
        assert_eq!(values(&Value::Int(2), &text("10")), Some(Ordering::Less));
        assert_eq!(values(&text("x"), &Value::Int(2)), None);
        assert_eq!(values(&Value::Null, &Value::Int(2)), None);
        assert_eq!(values(&Value::BigDecimal("1.50".parse().unwrap()), &Value::Double(1.5)), Some(Ordering::Equal));
        assert_eq!(
            values(&Value::Double(f64::INFINITY), &Value::BigDecimal("1".parse().unwrap())),
            Some(Ordering::Greater)
        );
        assert_eq!(values(&Value::Bytes(vec![0xff]), &text("FF")), Some(Ordering::Equal));
    }
}
