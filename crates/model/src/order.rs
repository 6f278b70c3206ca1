//! Total order, equality and hashing of values, as Java has them: NaN is greatest and equal to itself, −0.0 is below
//! 0.0, texts sort by UTF-16 code units, NULL sorts first.

use std::{
    cmp::Ordering,
    hash::{Hash, Hasher},
};

use bigdecimal::{BigDecimal, FromPrimitive};

use crate::Value;

/// Compares two values. Numbers of different types compare by value; other pairs of different types by type.
pub fn compare(a: &Value, b: &Value) -> Ordering {
    match (a, b) {
        (Value::Int(a), Value::Int(b)) => a.cmp(b),
        (Value::Long(a) | Value::Timestamp(a), Value::Long(b) | Value::Timestamp(b)) => a.cmp(b),
        (Value::Float(a), Value::Float(b)) => compare_floats(*a, *b),
        (Value::Double(a), Value::Double(b)) => compare_doubles(*a, *b),
        (Value::BigDecimal(a), Value::BigDecimal(b)) => a.cmp(b),
        (Value::Boolean(a), Value::Boolean(b)) => a.cmp(b),
        (Value::String(a) | Value::Json(a), Value::String(b) | Value::Json(b)) | (Value::Map(a), Value::Map(b)) => {
            compare_strings(a, b)
        }
        (Value::Bytes(a), Value::Bytes(b)) => a.cmp(b),
        (Value::Array(_, a), Value::Array(_, b)) => a
            .iter()
            .zip(b)
            .map(|(a, b)| compare(a, b))
            .find(|order| order.is_ne())
            .unwrap_or_else(|| a.len().cmp(&b.len())),
        _ => compare_mixed(a, b),
    }
}

fn compare_mixed(a: &Value, b: &Value) -> Ordering {
    match (rank(a), rank(b)) {
        (1, 1) => match (whole(a), whole(b)) {
            (Some(a), Some(b)) => a.cmp(&b),
            _ => compare_numbers(a, b),
        },
        (a, b) => a.cmp(&b),
    }
}

fn compare_numbers(a: &Value, b: &Value) -> Ordering {
    match (exact(a), exact(b)) {
        (Some(a), Some(b)) => a.cmp(&b),
        // NaN and infinities lie beyond every decimal.
        _ => compare_doubles(approximate(a), approximate(b)),
    }
}

fn rank(value: &Value) -> u8 {
    match value {
        Value::Null => 0,
        Value::Int(_)
        | Value::Long(_)
        | Value::Float(_)
        | Value::Double(_)
        | Value::BigDecimal(_)
        | Value::Boolean(_)
        | Value::Timestamp(_) => 1,
        Value::String(_) | Value::Json(_) => 2,
        Value::Bytes(_) => 3,
        Value::Map(_) => 4,
        Value::Array(..) => 5,
    }
}

fn whole(value: &Value) -> Option<i64> {
    match value {
        Value::Int(v) => Some(i64::from(*v)),
        Value::Long(v) | Value::Timestamp(v) => Some(*v),
        Value::Boolean(v) => Some(i64::from(*v)),
        _ => None,
    }
}

fn exact(value: &Value) -> Option<BigDecimal> {
    match value {
        Value::BigDecimal(v) => Some(v.clone()),
        Value::Double(v) => BigDecimal::from_f64(*v),
        Value::Float(v) => BigDecimal::from_f32(*v),
        other => whole(other).map(BigDecimal::from),
    }
}

fn approximate(value: &Value) -> f64 {
    match value {
        Value::Double(v) => *v,
        Value::Float(v) => f64::from(*v),
        // Only its place among NaN and infinities counts.
        _ => 0.0,
    }
}

/// Java's order of doubles: −Infinity … −0.0, 0.0 … Infinity, NaN.
#[inline]
pub fn compare_doubles(a: f64, b: f64) -> Ordering {
    match (a.is_nan(), b.is_nan()) {
        (false, false) => a.total_cmp(&b),
        (a, b) => a.cmp(&b),
    }
}

/// Java's order of floats.
#[inline]
pub fn compare_floats(a: f32, b: f32) -> Ordering {
    match (a.is_nan(), b.is_nan()) {
        (false, false) => a.total_cmp(&b),
        (a, b) => a.cmp(&b),
    }
}

/// Order by UTF-16 code units. It differs from byte order only where a character above U+FFFF (surrogates
/// U+D800–U+DFFF) meets one of U+E000–U+FFFF.
#[inline]
pub fn compare_strings(a: &str, b: &str) -> Ordering {
    match a.as_bytes().iter().zip(b.as_bytes()).find(|(a, b)| a != b) {
        None => a.len().cmp(&b.len()),
        // Lead bytes: EE and EF open U+E000–U+FFFF, F0 and above open what UTF-16 writes as surrogates.
        Some((0xEE | 0xEF, 0xF0..)) => Ordering::Greater,
        Some((0xF0.., 0xEE | 0xEF)) => Ordering::Less,
        Some((a, b)) => a.cmp(b),
    }
}

/// A value as a key of maps and sets: equal where [`compare`] says so for values of one type. NaN equals NaN,
/// −0.0 differs from 0.0, decimals are equal by value whatever their scale.
#[derive(Clone, Debug)]
pub struct ValueKey(pub Value);

impl PartialEq for ValueKey {
    fn eq(&self, other: &Self) -> bool {
        std::mem::discriminant(&self.0) == std::mem::discriminant(&other.0) && compare(&self.0, &other.0).is_eq()
    }
}

impl Eq for ValueKey {}

impl PartialOrd for ValueKey {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for ValueKey {
    fn cmp(&self, other: &Self) -> Ordering {
        compare(&self.0, &other.0).then_with(|| kind(&self.0).cmp(&kind(&other.0)))
    }
}

fn kind(value: &Value) -> u8 {
    match value {
        Value::Null => 0,
        Value::Int(_) => 1,
        Value::Long(_) => 2,
        Value::Float(_) => 3,
        Value::Double(_) => 4,
        Value::BigDecimal(_) => 5,
        Value::Boolean(_) => 6,
        Value::Timestamp(_) => 7,
        Value::String(_) => 8,
        Value::Json(_) => 9,
        Value::Bytes(_) => 10,
        Value::Map(_) => 11,
        Value::Array(..) => 12,
    }
}

impl Hash for ValueKey {
    fn hash<H: Hasher>(&self, state: &mut H) {
        hash_value(&self.0, state);
    }
}

fn hash_value<H: Hasher>(value: &Value, state: &mut H) {
    kind(value).hash(state);
    match value {
        Value::Null => {}
        Value::Int(v) => v.hash(state),
        Value::Long(v) | Value::Timestamp(v) => v.hash(state),
        Value::Float(v) => if v.is_nan() { f32::NAN.to_bits() } else { v.to_bits() }.hash(state),
        Value::Double(v) => if v.is_nan() { f64::NAN.to_bits() } else { v.to_bits() }.hash(state),
        Value::BigDecimal(v) => v.normalized().hash(state),
        Value::Boolean(v) => v.hash(state),
        Value::String(v) | Value::Json(v) | Value::Map(v) => v.hash(state),
        Value::Bytes(v) => v.hash(state),
        Value::Array(_, elements) => elements.iter().for_each(|element| hash_value(element, state)),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn java_order_of_floats() {
        let sorted = [f64::NEG_INFINITY, -1.0, -0.0, 0.0, 1.0, f64::INFINITY, f64::NAN];
        for (i, a) in sorted.iter().enumerate() {
            for (j, b) in sorted.iter().enumerate() {
                assert_eq!(compare(&Value::Double(*a), &Value::Double(*b)), i.cmp(&j), "{a} {b}");
                assert_eq!(compare_floats(*a as f32, *b as f32), i.cmp(&j), "{a} {b}");
            }
        }
        assert_eq!(compare_doubles(-f64::NAN, f64::INFINITY), Ordering::Greater);
    }

    #[test]
    fn strings_in_utf16_order() {
        let texts = [
            "",
            "a",
            "ab",
            "b",
            "é",
            "\u{D7FF}",
            "\u{E000}",
            "\u{FFFF}",
            "\u{10000}",
            "\u{10FFFF}",
            "a\u{FFFF}",
            "a\u{1F600}",
        ];
        for a in texts {
            for b in texts {
                let expected = a.encode_utf16().cmp(b.encode_utf16());
                assert_eq!(compare_strings(a, b), expected, "{a:?} {b:?}");
            }
        }
    }

    #[test]
    fn numbers_across_types() {
        let less = |a: Value, b: Value| {
            assert_eq!(compare(&a, &b), Ordering::Less, "{a:?} {b:?}");
            assert_eq!(compare(&b, &a), Ordering::Greater, "{b:?} {a:?}");
        };
        less(Value::Null, Value::Int(i32::MIN));
        less(Value::Long(i64::MAX - 1), Value::Double(i64::MAX as f64));
        less(Value::Int(1), Value::BigDecimal("1.5".parse().unwrap()));
        less(Value::Long(1), Value::Double(f64::INFINITY));
        less(Value::BigDecimal(1.into()), Value::Double(f64::NAN));
        less(Value::Int(5), Value::String("1".into()));
    }

    #[test]
    fn keys() {
        let mut set = HashSet::new();
        assert!(set.insert(ValueKey(Value::Double(f64::NAN))));
        assert!(!set.insert(ValueKey(Value::Double(-f64::NAN))));
        assert!(set.insert(ValueKey(Value::Double(0.0))));
        assert!(set.insert(ValueKey(Value::Double(-0.0))));
        assert!(set.insert(ValueKey(Value::BigDecimal("1.0".parse().unwrap()))));
        assert!(!set.insert(ValueKey(Value::BigDecimal("1.00".parse().unwrap()))));
        assert!(set.insert(ValueKey(Value::Int(1))));
        assert!(set.insert(ValueKey(Value::Long(1))));
    }
}
