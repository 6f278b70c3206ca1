//! A predicate's positive form, compiled for one data type: does a value match?

use std::ops::Bound;

use ahash::AHashSet;
use arrow::array::{Array, AsArray};
use arrow::datatypes::{Float32Type, Float64Type, Int32Type, Int64Type};
use bigdecimal::BigDecimal;
use functions::pattern::Pattern;
use model::{DataType, Value};
use query::PredicateOp;

use crate::error::{Error, Result};

/// The four value operators without their negations; the rest is answered elsewhere.
pub(crate) enum Matcher {
    I32(Numbers<i32>),
    I64(Numbers<i64>),
    F32(Numbers<f32>),
    F64(Numbers<f64>),
    Bool {
        on_true: bool,
        on_false: bool,
    },
    /// STRING, JSON, MAP and BYTES, by their bytes.
    Bytes(BytesMatch),
    Decimal {
        lower: Bound<BigDecimal>,
        upper: Bound<BigDecimal>,
        set: Option<Vec<BigDecimal>>,
    },
    Nothing,
}

/// Numbers that match.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Numbers<T> {
    /// Both ends included; empty when the first exceeds the second.
    Range(T, T),
    /// Ascending.
    Set(Vec<T>),
}

pub(crate) enum BytesMatch {
    Range(Bound<Vec<u8>>, Bound<Vec<u8>>),
    Set(AHashSet<Vec<u8>>),
    Pattern(Pattern),
}

/// What a primitive number needs to be matched.
pub(crate) trait Number: Copy + PartialOrd + Send + Sync + 'static {
    const MIN: Self;
    const MAX: Self;
    /// A pair that no value lies between.
    const EMPTY: (Self, Self);
    fn of(value: &Value) -> Option<Self>;
    /// The next larger number, if there is one.
    fn next_up(self) -> Option<Self>;
    fn next_down(self) -> Option<Self>;
}

macro_rules! whole_number {
    ($type:ty, $of:expr) => {
        impl Number for $type {
            const MIN: Self = <$type>::MIN;
            const MAX: Self = <$type>::MAX;
            const EMPTY: (Self, Self) = (1, 0);
            fn of(value: &Value) -> Option<Self> {
                $of(value)
            }
            fn next_up(self) -> Option<Self> {
                self.checked_add(1)
            }
            fn next_down(self) -> Option<Self> {
                self.checked_sub(1)
            }
        }
    };
}

macro_rules! real_number {
    ($type:ty, $of:expr) => {
        impl Number for $type {
            const MIN: Self = <$type>::NEG_INFINITY;
            const MAX: Self = <$type>::INFINITY;
            const EMPTY: (Self, Self) = (1.0, 0.0);
            fn of(value: &Value) -> Option<Self> {
                $of(value)
            }
            fn next_up(self) -> Option<Self> {
                if self == <$type>::INFINITY || self.is_nan() { None } else { Some(<$type>::next_up(self)) }
            }
            fn next_down(self) -> Option<Self> {
                if self == <$type>::NEG_INFINITY || self.is_nan() { None } else { Some(<$type>::next_down(self)) }
            }
        }
    };
}

whole_number!(i32, |value: &Value| match value {
    Value::Int(v) => Some(*v),
    Value::Boolean(v) => Some(i32::from(*v)),
    Value::Long(v) => i32::try_from(*v).ok(),
    _ => None,
});
whole_number!(i64, |value: &Value| match value {
    Value::Long(v) | Value::Timestamp(v) => Some(*v),
    Value::Int(v) => Some(i64::from(*v)),
    _ => None,
});
real_number!(f32, |value: &Value| match value {
    Value::Float(v) => Some(*v),
    Value::Int(v) => Some(*v as f32),
    Value::Long(v) => Some(*v as f32),
    Value::Double(v) => Some(*v as f32),
    _ => None,
});
real_number!(f64, |value: &Value| match value {
    Value::Double(v) => Some(*v),
    Value::Float(v) => Some(f64::from(*v)),
    Value::Int(v) => Some(f64::from(*v)),
    Value::Long(v) => Some(*v as f64),
    _ => None,
});

impl<T: Number> Numbers<T> {
    fn compile(op: &PredicateOp) -> Option<Self> {
        Some(match op {
            PredicateOp::Eq(value) => {
                let value = T::of(value)?;
                Self::Range(value, value)
            }
            PredicateOp::In(values) => {
                let mut set: Vec<T> = values.iter().map(T::of).collect::<Option<_>>()?;
                set.sort_by(|a, b| a.partial_cmp(b).unwrap_or(std::cmp::Ordering::Equal));
                set.dedup_by(|a, b| a == b);
                Self::Set(set)
            }
            PredicateOp::Range { lower, upper } => {
                let low = match lower {
                    Bound::Unbounded => Some(T::MIN),
                    Bound::Included(value) => Some(T::of(value)?),
                    Bound::Excluded(value) => T::of(value)?.next_up(),
                };
                let high = match upper {
                    Bound::Unbounded => Some(T::MAX),
                    Bound::Included(value) => Some(T::of(value)?),
                    Bound::Excluded(value) => T::of(value)?.next_down(),
                };
                match (low, high) {
                    (Some(low), Some(high)) => Self::Range(low, high),
                    _ => Self::Range(T::EMPTY.0, T::EMPTY.1),
                }
            }
            _ => return None,
        })
    }

    #[inline]
    pub(crate) fn matches(&self, value: T) -> bool {
        match self {
            Self::Range(low, high) => value >= *low && value <= *high,
            Self::Set(set) if set.len() <= 8 => set.contains(&value),
            Self::Set(set) => {
                let at = set.partition_point(|v| *v < value);
                set.get(at).is_some_and(|v| *v == value)
            }
        }
    }
}

impl Matcher {
    /// `op` is one of `Eq`, `In`, `Range`, `RegexpLike`, `IsTrue`; `what` names the left side in errors.
    pub(crate) fn compile(op: &PredicateOp, ty: DataType, what: &str) -> Result<Self> {
        let mismatch = || Error::Comparison {
            column: what.to_owned(),
            ty: ty.name().to_owned(),
            what: format!("a value of another type: {op:?}"),
        };
        if let PredicateOp::IsTrue = op {
            return match ty {
                DataType::Boolean => Ok(Self::Bool { on_true: true, on_false: false }),
                DataType::Int => Ok(Self::I32(Numbers::Range(1, i32::MAX))),
                DataType::Long => Ok(Self::I64(Numbers::Range(1, i64::MAX))),
                DataType::Double => Ok(Self::F64(Numbers::Range(f64::MIN_POSITIVE, f64::INFINITY))),
                DataType::Unknown => Ok(Self::Nothing),
                _ => Err(mismatch()),
            };
        }
        if let PredicateOp::RegexpLike { pattern, case_insensitive, .. } = op {
            return match ty {
                DataType::Unknown => Ok(Self::Nothing),
                _ => Ok(Self::Bytes(BytesMatch::Pattern(compile_pattern(pattern, *case_insensitive)?))),
            };
        }
        Ok(match ty {
            DataType::Int => Self::I32(Numbers::compile(op).ok_or_else(mismatch)?),
            DataType::Long | DataType::Timestamp => Self::I64(Numbers::compile(op).ok_or_else(mismatch)?),
            DataType::Float => Self::F32(Numbers::compile(op).ok_or_else(mismatch)?),
            DataType::Double => Self::F64(Numbers::compile(op).ok_or_else(mismatch)?),
            DataType::Boolean => {
                let numbers: Numbers<i32> = Numbers::compile(op).ok_or_else(mismatch)?;
                Self::Bool { on_true: numbers.matches(1), on_false: numbers.matches(0) }
            }
            DataType::BigDecimal => decimal(op).ok_or_else(mismatch)?,
            DataType::Unknown => Self::Nothing,
            _ => Self::Bytes(bytes(op).ok_or_else(mismatch)?),
        })
    }

    /// Calls `hit` with every row of a single-value array that matches; NULLs never do.
    pub(crate) fn for_each_match(&self, array: &dyn Array, hit: &mut dyn FnMut(usize)) -> Result<()> {
        let valid = |row: usize| array.is_valid(row);
        macro_rules! numbers {
            ($type:ty, $set:expr) => {{
                let Some(values) = array.as_primitive_opt::<$type>() else { return Err(self.wrong_array(array)) };
                for (row, &value) in values.values().iter().enumerate() {
                    if $set.matches(value) && valid(row) {
                        hit(row);
                    }
                }
            }};
        }
        match self {
            Self::Nothing => {}
            Self::I32(set) => match array.as_boolean_opt() {
                Some(values) => (0..values.len())
                    .filter(|&row| valid(row) && set.matches(i32::from(values.value(row))))
                    .for_each(hit),
                None => numbers!(Int32Type, set),
            },
            Self::I64(set) => numbers!(Int64Type, set),
            Self::F32(set) => numbers!(Float32Type, set),
            Self::F64(set) => numbers!(Float64Type, set),
            Self::Bool { on_true, on_false } => {
                if let Some(values) = array.as_primitive_opt::<Int32Type>() {
                    for (row, &value) in values.values().iter().enumerate() {
                        if valid(row) && (if value != 0 { *on_true } else { *on_false }) {
                            hit(row);
                        }
                    }
                    return Ok(());
                }
                let Some(values) = array.as_boolean_opt() else { return Err(self.wrong_array(array)) };
                for row in 0..values.len() {
                    if valid(row) && (if values.value(row) { *on_true } else { *on_false }) {
                        hit(row);
                    }
                }
            }
            Self::Bytes(matching) => {
                if let Some(values) = array.as_string_opt::<i32>() {
                    (0..values.len())
                        .filter(|&row| valid(row) && matching.matches(values.value(row).as_bytes()))
                        .for_each(hit);
                } else if let Some(values) = array.as_binary_opt::<i32>() {
                    (0..values.len()).filter(|&row| valid(row) && matching.matches(values.value(row))).for_each(hit);
                } else {
                    // A pattern over numbers is matched against their text.
                    let values = arrow::compute::cast(array, &arrow::datatypes::DataType::Utf8)?;
                    let values = values.as_string::<i32>();
                    (0..values.len())
                        .filter(|&row| values.is_valid(row) && matching.matches(values.value(row).as_bytes()))
                        .for_each(hit);
                }
            }
            Self::Decimal { lower, upper, set } => {
                let Some(values) = array.as_string_opt::<i32>() else { return Err(self.wrong_array(array)) };
                for row in 0..values.len() {
                    let Ok(value) = values.value(row).parse::<BigDecimal>() else { continue };
                    let inside = match set {
                        Some(set) => set.contains(&value),
                        None => std::ops::RangeBounds::contains(&(lower.clone(), upper.clone()), &value),
                    };
                    if inside && valid(row) {
                        hit(row);
                    }
                }
            }
        }
        Ok(())
    }

    fn wrong_array(&self, array: &dyn Array) -> Error {
        Error::Comparison {
            column: "an expression".to_owned(),
            ty: array.data_type().to_string(),
            what: "constants of another type".to_owned(),
        }
    }
}

impl BytesMatch {
    #[inline]
    pub(crate) fn matches(&self, value: &[u8]) -> bool {
        match self {
            Self::Range(lower, upper) => {
                let above = match lower {
                    Bound::Unbounded => true,
                    Bound::Included(low) => value >= low.as_slice(),
                    Bound::Excluded(low) => value > low.as_slice(),
                };
                above
                    && match upper {
                        Bound::Unbounded => true,
                        Bound::Included(high) => value <= high.as_slice(),
                        Bound::Excluded(high) => value < high.as_slice(),
                    }
            }
            Self::Set(set) => set.contains(value),
            // A search that gives up (too much backtracking) has not found anything.
            Self::Pattern(pattern) => std::str::from_utf8(value).is_ok_and(|text| pattern.find(text).unwrap_or(false)),
        }
    }
}

/// A Java pattern, searched for anywhere in the text.
pub(crate) fn compile_pattern(pattern: &str, case_insensitive: bool) -> Result<Pattern> {
    Pattern::new(pattern, case_insensitive).map_err(|reason| Error::Pattern { pattern: pattern.to_owned(), reason })
}

fn raw_bytes(value: &Value) -> Option<Vec<u8>> {
    match value {
        Value::String(text) | Value::Json(text) | Value::Map(text) => Some(text.clone().into_bytes()),
        Value::Bytes(bytes) => Some(bytes.clone()),
        _ => None,
    }
}

fn bound<T>(bound: &Bound<Value>, of: impl Fn(&Value) -> Option<T>) -> Option<Bound<T>> {
    Some(match bound {
        Bound::Unbounded => Bound::Unbounded,
        Bound::Included(value) => Bound::Included(of(value)?),
        Bound::Excluded(value) => Bound::Excluded(of(value)?),
    })
}

fn bytes(op: &PredicateOp) -> Option<BytesMatch> {
    Some(match op {
        PredicateOp::Eq(value) => BytesMatch::Set([raw_bytes(value)?].into_iter().collect()),
        PredicateOp::In(values) => BytesMatch::Set(values.iter().map(raw_bytes).collect::<Option<_>>()?),
        PredicateOp::Range { lower, upper } => BytesMatch::Range(bound(lower, raw_bytes)?, bound(upper, raw_bytes)?),
        _ => return None,
    })
}

fn decimal(op: &PredicateOp) -> Option<Matcher> {
    let of = |value: &Value| match value {
        Value::BigDecimal(v) => Some(v.clone()),
        Value::Int(v) => Some((*v).into()),
        Value::Long(v) => Some((*v).into()),
        Value::Double(v) => BigDecimal::try_from(*v).ok(),
        Value::String(v) => v.parse().ok(),
        _ => None,
    };
    let any = || (Bound::Unbounded, Bound::Unbounded);
    let ((lower, upper), set) = match op {
        PredicateOp::Eq(value) => (any(), Some(vec![of(value)?])),
        PredicateOp::In(values) => (any(), Some(values.iter().map(of).collect::<Option<_>>()?)),
        PredicateOp::Range { lower, upper } => ((bound(lower, of)?, bound(upper, of)?), None),
        _ => return None,
    };
    Some(Matcher::Decimal { lower, upper, set })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{ArrayRef, Float64Array, Int32Array, StringArray};

    use super::*;

    fn hits(op: PredicateOp, ty: DataType, array: ArrayRef) -> Vec<usize> {
        let mut rows = Vec::new();
        Matcher::compile(&op, ty, "c").unwrap().for_each_match(array.as_ref(), &mut |row| rows.push(row)).unwrap();
        rows
    }

    #[test]
    fn ranges_exclude_their_open_ends_and_nulls() {
        let ints: ArrayRef = Arc::new(Int32Array::from(vec![Some(1), Some(2), None, Some(i32::MAX)]));
        let range = |lower, upper| PredicateOp::Range { lower, upper };
        let above = range(Bound::Excluded(Value::Int(1)), Bound::Unbounded);
        assert_eq!(hits(above, DataType::Int, ints.clone()), [1, 3]);
        let beyond = range(Bound::Excluded(Value::Int(i32::MAX)), Bound::Unbounded);
        assert_eq!(hits(beyond, DataType::Int, ints), [0; 0]);
        let reals: ArrayRef = Arc::new(Float64Array::from(vec![1.0, f64::NAN, f64::INFINITY, 0.5]));
        let above = range(Bound::Excluded(Value::Double(0.5)), Bound::Unbounded);
        assert_eq!(hits(above, DataType::Double, reals), [0, 2]);
    }

    #[test]
    fn texts_match_by_set_and_pattern() {
        let texts: ArrayRef = Arc::new(StringArray::from(vec!["ab", "b", "AB"]));
        let set = PredicateOp::In(vec![Value::String("b".into()), Value::String("x".into())]);
        assert_eq!(hits(set, DataType::String, texts.clone()), [1]);
        let like = |case_insensitive| PredicateOp::RegexpLike { pattern: "^a".into(), case_insensitive, like: None };
        assert_eq!(hits(like(false), DataType::String, texts.clone()), [0]);
        assert_eq!(hits(like(true), DataType::String, texts), [0, 2]);
        assert!(Matcher::compile(&PredicateOp::Eq(Value::Int(1)), DataType::String, "c").is_err());
    }
}
