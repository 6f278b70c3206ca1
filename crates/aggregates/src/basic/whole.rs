//! Exact aggregations of whole numbers and booleans: MINLONG, MAXLONG, SUMINT, SUMLONG, BOOLAND, BOOLOR.

use std::sync::Arc;

use arrow::{
    array::{Array, ArrayRef, AsArray, BooleanArray, Int64Array},
    datatypes::{DataType as ArrowType, Int32Type},
};
use model::{ColumnType, DataType};

use crate::{
    columns::{check_groups, column, for_rows, long_column},
    registry::{Accumulator, AggregateFunction, Call, Error, Groups},
};

fn bind(
    call: &Call<'_>,
    ty: DataType,
    accepts: &[DataType],
    join: fn(i64, i64) -> i64,
    empty: i64,
) -> Result<Arc<dyn AggregateFunction>, Error> {
    let [arg] = call.arguments::<1>()?;
    if !accepts.contains(&arg.data_type) && arg.data_type != DataType::Unknown {
        return Err(call.invalid(format!("Cannot compute {} for type: {}", call.name, arg.data_type)));
    }
    Ok(Arc::new(Whole { name: call.name.to_owned(), ty, join, empty, null_handling: call.null_handling }))
}

const LONGS: &[DataType] = &[DataType::Int, DataType::Long, DataType::Timestamp, DataType::Boolean];
const BOOLEANS: &[DataType] = &[DataType::Boolean, DataType::Int];

pub fn min_long(call: &Call<'_>) -> Result<Arc<dyn AggregateFunction>, Error> {
    bind(call, DataType::Long, LONGS, i64::min, i64::MAX)
}

pub fn max_long(call: &Call<'_>) -> Result<Arc<dyn AggregateFunction>, Error> {
    bind(call, DataType::Long, LONGS, i64::max, i64::MIN)
}

/// Wraps around at 64 bits.
pub fn sum_long(call: &Call<'_>) -> Result<Arc<dyn AggregateFunction>, Error> {
    bind(call, DataType::Long, LONGS, i64::wrapping_add, 0)
}

pub fn bool_and(call: &Call<'_>) -> Result<Arc<dyn AggregateFunction>, Error> {
    bind(call, DataType::Boolean, BOOLEANS, |a, b| i64::from(a != 0 && b != 0), 1)
}

pub fn bool_or(call: &Call<'_>) -> Result<Arc<dyn AggregateFunction>, Error> {
    bind(call, DataType::Boolean, BOOLEANS, |a, b| i64::from(a != 0 || b != 0), 0)
}

#[derive(Debug)]
struct Whole {
    name: String,
    ty: DataType,
    join: fn(i64, i64) -> i64,
    /// Neutral for `join`, and the result for no value without null handling.
    empty: i64,
    null_handling: bool,
}

impl AggregateFunction for Whole {
    fn name(&self) -> &str {
        &self.name
    }

    fn result_type(&self) -> ColumnType {
        self.ty.sv()
    }

    fn state_types(&self) -> Vec<ArrowType> {
        vec![ArrowType::Int64]
    }

    fn accumulator(&self) -> Box<dyn Accumulator> {
        Box::new(States {
            name: self.name.clone(),
            ty: self.ty,
            join: self.join,
            empty: self.empty,
            null_handling: self.null_handling,
            values: Vec::new(),
            seen: Vec::new(),
        })
    }
}

struct States {
    name: String,
    ty: DataType,
    join: fn(i64, i64) -> i64,
    empty: i64,
    null_handling: bool,
    values: Vec<i64>,
    seen: Vec<bool>,
}

impl States {
    fn add(&mut self, array: &ArrayRef, groups: Groups<'_>) -> Result<(), Error> {
        let invalid = |reason: String| Error::Invalid { function: self.name.clone(), reason };
        check_groups(groups, array.len(), self.values.len()).map_err(invalid)?;
        let longs: Int64Array = match array.data_type() {
            ArrowType::Int64 => array.as_primitive().clone(),
            ArrowType::Int32 => array.as_primitive::<Int32Type>().unary(i64::from),
            ArrowType::Boolean => array.as_boolean().iter().map(|v| v.map(i64::from)).collect(),
            ArrowType::Null => Int64Array::new_null(array.len()),
            other => return Err(invalid(format!("cannot read {other} as whole numbers"))),
        };
        let (values, seen, join) = (&mut self.values, &mut self.seen, self.join);
        for_rows(longs.len(), longs.nulls(), groups, |row, group| {
            values[group] = join(values[group], longs.value(row));
            seen[group] = true;
        });
        Ok(())
    }
}

impl Accumulator for States {
    fn resize(&mut self, groups: usize) {
        let groups = groups.max(self.values.len());
        self.values.resize(groups, self.empty);
        self.seen.resize(groups, false);
    }

    fn update(&mut self, args: &[ArrayRef], _rows: usize, groups: Groups<'_>) -> Result<(), Error> {
        let array = column(args, 0).map_err(|reason| Error::Invalid { function: self.name.clone(), reason })?;
        self.add(array, groups)
    }

    fn merge(&mut self, state: &[ArrayRef], groups: Groups<'_>) -> Result<(), Error> {
        let array = column(state, 0).map_err(|reason| Error::Invalid { function: self.name.clone(), reason })?;
        self.add(array, groups)
    }

    fn state(&mut self) -> Result<Vec<ArrayRef>, Error> {
        Ok(vec![long_column(self.values.iter().zip(&self.seen).map(|(value, seen)| seen.then_some(*value)))])
    }

    fn finish(&mut self) -> Result<ArrayRef, Error> {
        let shown = |(value, seen): (&i64, &bool)| (*seen || !self.null_handling).then_some(*value);
        let values = self.values.iter().zip(&self.seen).map(shown);
        Ok(match self.ty {
            DataType::Boolean => Arc::new(values.map(|v| v.map(|v| v != 0)).collect::<BooleanArray>()),
            _ => long_column(values),
        })
    }

    fn memory_bytes(&self) -> usize {
        size_of::<Self>() + self.values.capacity() * size_of::<i64>() + self.seen.capacity()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{ArrayRef, BooleanArray, Int64Array};
    use model::DataType;

    use crate::testing::{check, int_column};

    #[test]
    fn whole_numbers() {
        let longs: ArrayRef = Arc::new(Int64Array::from(vec![Some(i64::MAX), None, Some(1)]));
        let ty = [DataType::Long.sv()];
        check("minlong", &ty, &[], std::slice::from_ref(&longs), ("1", "1"));
        check("maxlong", &ty, &[], std::slice::from_ref(&longs), ("9223372036854775807", "9223372036854775807"));
        check("sumlong", &ty, &[], &[longs], ("-9223372036854775808", "-9223372036854775808"));
        check("sumint", &[DataType::Int.sv()], &[], &[int_column(&[Some(2), Some(3)])], ("5", "5"));
        check("minlong", &[DataType::Int.sv()], &[], &[int_column(&[])], ("9223372036854775807", "null"));
        assert!(crate::resolve("minlong", &[DataType::Double.sv()], &[], false).is_err());
    }

    #[test]
    fn booleans() {
        let values: ArrayRef = Arc::new(BooleanArray::from(vec![Some(true), None, Some(false)]));
        let ty = [DataType::Boolean.sv()];
        check("bool_and", &ty, &[], std::slice::from_ref(&values), ("false", "false"));
        check("boolor", &ty, &[], &[values], ("true", "true"));
        let none: ArrayRef = Arc::new(BooleanArray::from(Vec::<bool>::new()));
        check("booland", &ty, &[], std::slice::from_ref(&none), ("true", "null"));
        check("boolor", &ty, &[], &[none], ("false", "null"));
    }
}
