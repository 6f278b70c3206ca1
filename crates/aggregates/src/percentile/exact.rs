//! PERCENTILE: the value at a rank of the sorted values, never between two.

use std::sync::Arc;

use arrow::{
    array::{Array, ArrayRef, Float64Array},
    buffer::NullBuffer,
    datatypes::DataType as ArrowType,
};
use model::{ColumnType, DataType, order::compare_doubles};

use crate::{
    columns::{Number, Scan, check_groups, column, flatten, float_column, list_column, list_type, lists, scan_numbers},
    registry::{Accumulator, AggregateFunction, Call, Error, Groups},
};

/// `percentile(x, p)`. Parameters after `p`, which tune approximations of the same value, are accepted.
pub fn bind(call: &Call<'_>) -> Result<Arc<dyn AggregateFunction>, Error> {
    let [arg] = call.arguments::<1>()?;
    if arg.data_type.arrow() == ArrowType::Binary || matches!(arg.data_type, DataType::Json | DataType::Map) {
        return Err(call.invalid(format!("Cannot compute {} for non-numeric type: {}", call.name, arg.data_type)));
    }
    Ok(Arc::new(Percentile {
        name: call.name.to_owned(),
        percentile: super::percentile(call)?,
        null_handling: call.null_handling,
    }))
}

#[derive(Debug)]
struct Percentile {
    name: String,
    percentile: f64,
    null_handling: bool,
}

impl AggregateFunction for Percentile {
    fn name(&self) -> &str {
        &self.name
    }

    fn result_type(&self) -> ColumnType {
        DataType::Double.sv()
    }

    fn state_types(&self) -> Vec<ArrowType> {
        vec![list_type(ArrowType::Float64)]
    }

    fn accumulator(&self) -> Box<dyn Accumulator> {
        Box::new(Values {
            name: self.name.clone(),
            percentile: self.percentile,
            null_handling: self.null_handling,
            values: Vec::new(),
            held: 0,
        })
    }
}

struct Values {
    name: String,
    percentile: f64,
    null_handling: bool,
    values: Vec<Vec<f64>>,
    /// Numbers held by all groups.
    held: usize,
}

/// Collects numbers by group; shared with whatever needs all of them.
pub(crate) struct Collect<'a> {
    pub values: &'a mut [Vec<f64>],
    pub groups: Groups<'a>,
}

impl Scan for Collect<'_> {
    fn scan<T: Number>(&mut self, values: &[T], nulls: Option<&NullBuffer>) {
        match (self.groups, nulls) {
            (Groups::One(group), None) => self.values[group as usize].extend(values.iter().map(|v| v.f64())),
            (groups, nulls) => crate::columns::for_rows(values.len(), nulls, groups, |row, group| {
                self.values[group].push(values[row].f64());
            }),
        }
    }
}

impl Values {
    fn invalid(&self, reason: String) -> Error {
        Error::Invalid { function: self.name.clone(), reason }
    }

    fn add(&mut self, array: &dyn Array, groups: Groups<'_>) -> Result<(), Error> {
        self.held += array.len() - array.null_count();
        let mut collect = Collect { values: &mut self.values, groups };
        scan_numbers(array, &mut collect).map_err(|e| self.invalid(e))
    }
}

/// The value at rank `⌊n·p/100⌋`, the last for 100. The order of `values` is lost.
fn select(values: &mut [f64], percentile: f64) -> Option<f64> {
    let last = values.len().checked_sub(1)?;
    let rank = if percentile == 100.0 { last } else { ((values.len() as f64 * percentile / 100.0) as usize).min(last) };
    Some(*values.select_nth_unstable_by(rank, |a, b| compare_doubles(*a, *b)).1)
}

impl Accumulator for Values {
    fn resize(&mut self, groups: usize) {
        self.values.resize_with(groups.max(self.values.len()), Vec::new);
    }

    fn update(&mut self, args: &[ArrayRef], rows: usize, groups: Groups<'_>) -> Result<(), Error> {
        check_groups(groups, rows, self.values.len()).map_err(|e| self.invalid(e))?;
        let array = column(args, 0).map_err(|e| self.invalid(e))?.clone();
        self.add(array.as_ref(), groups)
    }

    fn merge(&mut self, state: &[ArrayRef], groups: Groups<'_>) -> Result<(), Error> {
        let list = lists(state, 0).map_err(|e| self.invalid(e))?;
        check_groups(groups, list.len(), self.values.len()).map_err(|e| self.invalid(e))?;
        if list.value_type() != ArrowType::Float64 {
            return Err(self.invalid(format!("state lists hold {} instead of Float64", list.value_type())));
        }
        let (values, ids) = flatten(list, groups);
        self.add(values.as_ref(), Groups::PerRow(&ids))
    }

    fn state(&mut self) -> Result<Vec<ArrayRef>, Error> {
        let items = Float64Array::from_iter_values(self.values.iter().flatten().copied());
        let lengths = self.values.iter().map(Vec::len);
        Ok(vec![list_column(Arc::new(items), lengths).map_err(|e| self.invalid(e))?])
    }

    fn finish(&mut self) -> Result<ArrayRef, Error> {
        let empty = (!self.null_handling).then_some(f64::NEG_INFINITY);
        Ok(float_column(self.values.iter_mut().map(|values| select(values, self.percentile).or(empty))))
    }

    fn memory_bytes(&self) -> usize {
        // Vectors grow by doubling.
        size_of::<Self>() + self.values.capacity() * size_of::<Vec<f64>>() + self.held * size_of::<f64>() * 3 / 2
    }
}

#[cfg(test)]
mod tests {
    use model::Value;

    use super::*;
    use crate::testing::{check, finish, int_column};

    #[test]
    fn ranks() {
        let ty = [DataType::Int.sv()];
        let column = [int_column(&(1..=10).rev().map(Some).collect::<Vec<_>>())];
        for (p, expected) in
            [(0.0, "1.0"), (50.0, "6.0"), (95.0, "10.0"), (90.0, "10.0"), (89.9, "9.0"), (100.0, "10.0")]
        {
            assert_eq!(finish("percentile", &ty, &[Value::Double(p)], &column, None), expected, "{p}");
        }
        assert_eq!(finish("percentile50", &ty, &[], &column, None), "6.0");
        assert_eq!(finish("PERCENTILE_95", &ty, &[], &column, None), "10.0");
        assert_eq!(
            finish("percentile", &ty, &[Value::Int(50)], &column, Some(&[0, 0, 0, 0, 0, 1, 1, 1, 1, 1])),
            "8.0,3.0"
        );
        check("percentile", &ty, &[Value::Int(50)], &[int_column(&[None])], ("-inf", "null"));
        assert!(crate::resolve("percentile", &ty, &[], false).is_err());
        assert!(crate::resolve("percentile", &ty, &[Value::Int(101)], false).is_err());
        assert!(crate::resolve("percentile101", &ty, &[], false).is_err());
        assert_eq!(crate::canonical_name("Percentile95MV").as_deref(), Some("percentile95mv"));
    }
}
