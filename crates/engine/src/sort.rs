//! Orders rows of Arrow columns by Pinot's rules: numbers by value with NaN greatest and -0.0 below 0.0, texts and
//! bytes by their bytes, decimals by value, NULLs where the query wants them.

use std::cmp::Ordering;

use arrow::array::{Array, ArrayRef, AsArray, BinaryArray, BooleanArray, StringArray};
use arrow::datatypes::{Float32Type, Float64Type, Int32Type, Int64Type};
use bigdecimal::BigDecimal;
use model::{ColumnType, DataType};

/// How one column is ordered.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Direction {
    pub(crate) ascending: bool,
    pub(crate) nulls_first: bool,
}

/// Columns of equal length, ready to be compared row against row.
pub(crate) struct Order {
    columns: Vec<(Values, Option<arrow::buffer::NullBuffer>, Direction)>,
}

enum Values {
    Int(Vec<i64>),
    /// Numbers mapped so that their integer order is [`f64::total_cmp`]'s.
    Real(Vec<i64>),
    Bool(BooleanArray),
    Text(StringArray),
    Bytes(BinaryArray),
    Decimal(Vec<BigDecimal>),
    /// Nothing to order by: all rows are equal.
    Nothing,
}

impl Order {
    pub(crate) fn new(columns: &[(ArrayRef, ColumnType, Direction)]) -> Self {
        let columns = columns
            .iter()
            .map(|(array, ty, direction)| (values(array, *ty), array.logical_nulls(), *direction))
            .collect();
        Self { columns }
    }

    pub(crate) fn compare(&self, a: usize, b: usize) -> Ordering {
        for (values, nulls, direction) in &self.columns {
            if let Some(nulls) = nulls {
                let order = match (nulls.is_null(a), nulls.is_null(b)) {
                    (true, true) => continue,
                    (true, false) => Ordering::Less,
                    (false, true) => Ordering::Greater,
                    (false, false) => Ordering::Equal,
                };
                if order != Ordering::Equal {
                    return if direction.nulls_first { order } else { order.reverse() };
                }
            }
            let order = match values {
                Values::Int(v) | Values::Real(v) => v[a].cmp(&v[b]),
                Values::Bool(v) => v.value(a).cmp(&v.value(b)),
                Values::Text(v) => v.value(a).as_bytes().cmp(v.value(b).as_bytes()),
                Values::Bytes(v) => v.value(a).cmp(v.value(b)),
                Values::Decimal(v) => v[a].cmp(&v[b]),
                Values::Nothing => Ordering::Equal,
            };
            if order != Ordering::Equal {
                return if direction.ascending { order } else { order.reverse() };
            }
        }
        Ordering::Equal
    }

    /// The first `limit` of `rows` rows in order; rows that tie keep their order.
    pub(crate) fn top(&self, rows: usize, limit: usize) -> Vec<u32> {
        let mut picks: Vec<u32> = (0..rows as u32).collect();
        let compare = |a: &u32, b: &u32| self.compare(*a as usize, *b as usize).then(a.cmp(b));
        if limit < picks.len() {
            if limit == 0 {
                return Vec::new();
            }
            picks.select_nth_unstable_by(limit - 1, compare);
            picks.truncate(limit);
        }
        picks.sort_unstable_by(compare);
        picks
    }
}

/// Maps a double to an integer of the same order.
pub(crate) fn real_key(value: f64) -> i64 {
    let bits = if value.is_nan() { f64::NAN.to_bits() } else { value.to_bits() } as i64;
    bits ^ (((bits >> 63) as u64) >> 1) as i64
}

fn values(array: &ArrayRef, ty: ColumnType) -> Values {
    if let Some(v) = array.as_primitive_opt::<Int32Type>() {
        return Values::Int(v.values().iter().map(|&v| i64::from(v)).collect());
    }
    if let Some(v) = array.as_primitive_opt::<Int64Type>() {
        return Values::Int(v.values().to_vec());
    }
    if let Some(v) = array.as_primitive_opt::<Float64Type>() {
        return Values::Real(v.values().iter().map(|&v| real_key(v)).collect());
    }
    if let Some(v) = array.as_primitive_opt::<Float32Type>() {
        return Values::Real(v.values().iter().map(|&v| real_key(f64::from(v))).collect());
    }
    if let Some(v) = array.as_boolean_opt() {
        return Values::Bool(v.clone());
    }
    if let Some(v) = array.as_string_opt::<i32>() {
        if ty.data_type == DataType::BigDecimal {
            return Values::Decimal((0..v.len()).map(|i| v.value(i).parse().unwrap_or_default()).collect());
        }
        return Values::Text(v.clone());
    }
    if let Some(v) = array.as_binary_opt::<i32>() {
        return Values::Bytes(v.clone());
    }
    Values::Nothing
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{Float64Array, Int32Array};

    use super::*;

    fn top(array: ArrayRef, ty: DataType, ascending: bool, nulls_first: bool, limit: usize) -> Vec<u32> {
        let rows = array.len();
        Order::new(&[(array, ty.sv(), Direction { ascending, nulls_first })]).top(rows, limit)
    }

    #[test]
    fn nan_is_greatest_and_nulls_go_where_asked() {
        let reals: ArrayRef = Arc::new(Float64Array::from(vec![1.0, f64::NAN, -0.0, 0.0, f64::NEG_INFINITY]));
        assert_eq!(top(reals.clone(), DataType::Double, true, false, 9), [4, 2, 3, 0, 1]);
        assert_eq!(top(reals, DataType::Double, false, false, 2), [1, 0]);
        let ints: ArrayRef = Arc::new(Int32Array::from(vec![Some(2), None, Some(1)]));
        assert_eq!(top(ints.clone(), DataType::Int, true, false, 9), [2, 0, 1]);
        assert_eq!(top(ints.clone(), DataType::Int, true, true, 9), [1, 2, 0]);
        assert_eq!(top(ints, DataType::Int, false, true, 1), [1]);
        let decimals: ArrayRef = Arc::new(StringArray::from(vec!["10", "9.5", "-1"]));
        assert_eq!(top(decimals, DataType::BigDecimal, true, false, 9), [2, 1, 0]);
    }
}
