//! MODE: the most frequent number.

use std::{collections::HashMap, sync::Arc};

use arrow::array::AsArray;
use arrow::{
    array::{Array, ArrayRef, Float64Array, Int64Array},
    buffer::NullBuffer,
    datatypes::{DataType as ArrowType, Float64Type, Int64Type},
};
use model::{ColumnType, DataType, order::compare_doubles};
use rustc_hash::FxBuildHasher;

use crate::{
    columns::{
        Number, Scan, check_groups, column, flatten, float_column, for_rows, list_column, list_type, lists,
        scan_numbers,
    },
    literals,
    registry::{Accumulator, AggregateFunction, Call, Error, Groups},
};

#[derive(Clone, Copy, Debug)]
enum Tie {
    Min,
    Max,
    Avg,
}

/// `mode(x[, 'MIN' | 'MAX' | 'AVG'])`: what is done with several most frequent values, the least by default.
pub fn bind(call: &Call<'_>) -> Result<Arc<dyn AggregateFunction>, Error> {
    let [arg] = call.arguments::<1>()?;
    if matches!(arg.data_type.arrow(), ArrowType::Binary | ArrowType::Utf8) && arg.data_type != DataType::BigDecimal {
        return Err(call.invalid(format!("Cannot compute mode for non-numeric type: {}", arg.data_type)));
    }
    let name = call.literals.first().map(|l| literals::text(l).unwrap_or_default().to_ascii_uppercase());
    let tie = match name.as_deref() {
        None | Some("MIN") => Tie::Min,
        Some("MAX") => Tie::Max,
        Some("AVG") => Tie::Avg,
        Some(_) => return Err(call.invalid("the second parameter must be 'MIN', 'MAX' or 'AVG'")),
    };
    Ok(Arc::new(Mode { name: call.name.to_owned(), tie, null_handling: call.null_handling }))
}

#[derive(Debug)]
struct Mode {
    name: String,
    tie: Tie,
    null_handling: bool,
}

impl AggregateFunction for Mode {
    fn name(&self) -> &str {
        &self.name
    }

    fn result_type(&self) -> ColumnType {
        DataType::Double.sv()
    }

    fn state_types(&self) -> Vec<ArrowType> {
        vec![list_type(ArrowType::Float64), list_type(ArrowType::Int64)]
    }

    fn accumulator(&self) -> Box<dyn Accumulator> {
        Box::new(Counts {
            name: self.name.clone(),
            tie: self.tie,
            null_handling: self.null_handling,
            groups: 0,
            counts: HashMap::default(),
        })
    }
}

struct Counts {
    name: String,
    tie: Tie,
    null_handling: bool,
    groups: usize,
    /// By group and bits of the value.
    counts: HashMap<(u32, u64), i64, FxBuildHasher>,
}

struct Count<'a> {
    counts: &'a mut HashMap<(u32, u64), i64, FxBuildHasher>,
    groups: Groups<'a>,
}

impl Scan for Count<'_> {
    fn scan<T: Number>(&mut self, values: &[T], nulls: Option<&NullBuffer>) {
        for_rows(values.len(), nulls, self.groups, |row, group| {
            let value = values[row].f64();
            let bits = if value.is_nan() { f64::NAN } else { value }.to_bits();
            *self.counts.entry((group as u32, bits)).or_insert(0) += 1;
        });
    }
}

impl Counts {
    fn invalid(&self, reason: String) -> Error {
        Error::Invalid { function: self.name.clone(), reason }
    }

    /// `(value, count)` of each group, by value.
    fn by_group(&self) -> Vec<Vec<(f64, i64)>> {
        let mut groups = vec![Vec::new(); self.groups];
        for ((group, bits), count) in &self.counts {
            groups[*group as usize].push((f64::from_bits(*bits), *count));
        }
        groups.iter_mut().for_each(|g| g.sort_by(|a: &(f64, i64), b| compare_doubles(a.0, b.0)));
        groups
    }
}

impl Accumulator for Counts {
    fn resize(&mut self, groups: usize) {
        self.groups = groups.max(self.groups);
    }

    fn update(&mut self, args: &[ArrayRef], rows: usize, groups: Groups<'_>) -> Result<(), Error> {
        check_groups(groups, rows, self.groups).map_err(|e| self.invalid(e))?;
        let array = column(args, 0).map_err(|e| self.invalid(e))?.clone();
        let mut count = Count { counts: &mut self.counts, groups };
        scan_numbers(array.as_ref(), &mut count).map_err(|e| self.invalid(e))
    }

    fn merge(&mut self, state: &[ArrayRef], groups: Groups<'_>) -> Result<(), Error> {
        let (values, counts) =
            (lists(state, 0).map_err(|e| self.invalid(e))?, lists(state, 1).map_err(|e| self.invalid(e))?);
        check_groups(groups, values.len().max(counts.len()), self.groups).map_err(|e| self.invalid(e))?;
        let ((values, ids), (counts, other_ids)) = (flatten(values, groups), flatten(counts, groups));
        let columns = (values.as_primitive_opt::<Float64Type>(), counts.as_primitive_opt::<Int64Type>());
        let ((Some(values), Some(counts)), true) = (columns, ids == other_ids) else {
            return Err(self.invalid("the state is not a list of values with a list of counts".to_owned()));
        };
        for (row, group) in ids.iter().enumerate() {
            let held = self.counts.entry((*group, values.value(row).to_bits())).or_insert(0);
            *held = held.wrapping_add(counts.value(row));
        }
        Ok(())
    }

    fn state(&mut self) -> Result<Vec<ArrayRef>, Error> {
        let groups = self.by_group();
        let values = Float64Array::from_iter_values(groups.iter().flatten().map(|(value, _)| *value));
        let counts = Int64Array::from_iter_values(groups.iter().flatten().map(|(_, count)| *count));
        let list = |items: ArrayRef| list_column(items, groups.iter().map(Vec::len)).map_err(|e| self.invalid(e));
        Ok(vec![list(Arc::new(values))?, list(Arc::new(counts))?])
    }

    fn finish(&mut self) -> Result<ArrayRef, Error> {
        let empty = (!self.null_handling).then_some(f64::NEG_INFINITY);
        let mode = |values: &Vec<(f64, i64)>| {
            let most = values.iter().map(|(_, count)| *count).max()?;
            let tied: Vec<f64> = values.iter().filter(|(_, count)| *count == most).map(|(value, _)| *value).collect();
            match self.tie {
                Tie::Min => tied.first().copied(),
                Tie::Max => tied.last().copied(),
                Tie::Avg => Some(tied.iter().sum::<f64>() / tied.len() as f64),
            }
        };
        Ok(float_column(self.by_group().iter().map(|values| mode(values).or(empty))))
    }

    fn memory_bytes(&self) -> usize {
        size_of::<Self>() + self.counts.capacity() * (size_of::<((u32, u64), i64)>() + 1)
    }
}

#[cfg(test)]
mod tests {
    use model::Value;

    use super::*;
    use crate::testing::{check, finish, int_column};

    #[test]
    fn most_frequent() {
        let ty = [DataType::Int.sv()];
        let column = [int_column(&[Some(1), Some(2), Some(2), Some(4), Some(4), None])];
        check("mode", &ty, &[], &column, ("2.0", "2.0"));
        for (tie, expected) in [("MAX", "4.0"), ("avg", "3.0"), ("MIN", "2.0")] {
            assert_eq!(finish("mode", &ty, &[Value::String(tie.into())], &column, None), expected);
        }
        check("mode", &ty, &[], &[int_column(&[None])], ("-inf", "null"));
        assert!(crate::resolve("mode", &ty, &[Value::String("MEDIAN".into())], false).is_err());
    }
}
