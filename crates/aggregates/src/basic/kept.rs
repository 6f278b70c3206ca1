//! Aggregations that keep one value of the input: ANYVALUE, MINSTRING, MAXSTRING, FIRSTWITHTIME, LASTWITHTIME.

use std::sync::Arc;

use arrow::{
    array::{Array, ArrayRef},
    datatypes::DataType as ArrowType,
};
use model::{ColumnType, DataType};

use crate::{
    cells::{Cell, build},
    columns::{check_groups, column, for_rows, long_column, longs},
    literals,
    registry::{Accumulator, AggregateFunction, Call, Error, Groups},
};

#[derive(Clone, Copy, Debug, PartialEq)]
enum Keep {
    Any,
    Least,
    Greatest,
    First,
    Last,
}

/// `anyvalue(x)`: the first value seen, of the argument's type.
pub fn any_value(call: &Call<'_>) -> Result<Arc<dyn AggregateFunction>, Error> {
    let [arg] = call.arguments::<1>()?;
    Ok(Kept::bind(call, arg, Keep::Any))
}

pub fn min_string(call: &Call<'_>) -> Result<Arc<dyn AggregateFunction>, Error> {
    string(call, Keep::Least)
}

pub fn max_string(call: &Call<'_>) -> Result<Arc<dyn AggregateFunction>, Error> {
    string(call, Keep::Greatest)
}

fn string(call: &Call<'_>, keep: Keep) -> Result<Arc<dyn AggregateFunction>, Error> {
    let [arg] = call.arguments::<1>()?;
    if arg.data_type.arrow() != ArrowType::Utf8 {
        return Err(call.invalid(format!("Cannot compute {} for non-string type: {}", call.name, arg.data_type)));
    }
    Ok(Kept::bind(call, DataType::String.sv(), keep))
}

/// `firstwithtime(x, time, 'TYPE')`; of equal times the row seen first.
pub fn first_with_time(call: &Call<'_>) -> Result<Arc<dyn AggregateFunction>, Error> {
    with_time(call, Keep::First)
}

/// `lastwithtime(x, time, 'TYPE')`; of equal times the row seen last.
pub fn last_with_time(call: &Call<'_>) -> Result<Arc<dyn AggregateFunction>, Error> {
    with_time(call, Keep::Last)
}

fn with_time(call: &Call<'_>, keep: Keep) -> Result<Arc<dyn AggregateFunction>, Error> {
    let [_, time] = call.arguments::<2>()?;
    if matches!(time.data_type.arrow(), ArrowType::Utf8 | ArrowType::Binary) {
        return Err(call.invalid(format!("the time must be a number, not {}", time.data_type)));
    }
    let name = call.literals.first().and_then(literals::text).map(str::to_ascii_uppercase);
    let ty = match name.as_deref() {
        Some("BOOLEAN") => DataType::Boolean,
        Some("INT" | "INTEGER") => DataType::Int,
        Some("LONG" | "BIGINT") => DataType::Long,
        Some("FLOAT") => DataType::Float,
        Some("DOUBLE") => DataType::Double,
        Some("STRING" | "VARCHAR") => DataType::String,
        _ => return Err(call.invalid("expects a type BOOLEAN, INT, LONG, FLOAT, DOUBLE or STRING after the columns")),
    };
    Ok(Kept::bind(call, ty.sv(), keep))
}

#[derive(Debug)]
struct Kept {
    name: String,
    ty: ColumnType,
    keep: Keep,
    null_handling: bool,
}

impl Kept {
    fn bind(call: &Call<'_>, ty: ColumnType, keep: Keep) -> Arc<dyn AggregateFunction> {
        Arc::new(Self { name: call.name.to_owned(), ty, keep, null_handling: call.null_handling })
    }
}

impl AggregateFunction for Kept {
    fn name(&self) -> &str {
        &self.name
    }

    fn result_type(&self) -> ColumnType {
        self.ty
    }

    fn state_types(&self) -> Vec<ArrowType> {
        match self.keep {
            Keep::First | Keep::Last => vec![self.ty.arrow(), ArrowType::Int64],
            _ => vec![self.ty.arrow()],
        }
    }

    fn accumulator(&self) -> Box<dyn Accumulator> {
        Box::new(Values {
            name: self.name.clone(),
            ty: self.ty,
            keep: self.keep,
            null_handling: self.null_handling,
            values: Vec::new(),
            times: Vec::new(),
            outside: 0,
        })
    }
}

struct Values {
    name: String,
    ty: ColumnType,
    keep: Keep,
    null_handling: bool,
    values: Vec<Option<Cell>>,
    times: Vec<i64>,
    /// Bytes that the values hold outside of themselves.
    outside: usize,
}

impl Values {
    fn invalid(&self, reason: String) -> Error {
        Error::Invalid { function: self.name.clone(), reason }
    }

    fn add(&mut self, array: &dyn Array, times: Option<&[i64]>, groups: Groups<'_>) {
        let nulls = array.logical_nulls();
        let (values, held_times, keep, outside) = (&mut self.values, &mut self.times, self.keep, &mut self.outside);
        for_rows(array.len(), nulls.as_ref(), groups, |row, group| {
            let held = &mut values[group];
            let time = times.map_or(0, |t| t[row]);
            let wins = match (&held, keep) {
                (None, _) => true,
                (Some(_), Keep::Any) => false,
                (Some(_), Keep::First) => time < held_times[group],
                (Some(_), Keep::Last) => time >= held_times[group],
                (Some(held), Keep::Least) => Cell::read(array, row).is_some_and(|c| c.compare(held).is_lt()),
                (Some(held), Keep::Greatest) => Cell::read(array, row).is_some_and(|c| c.compare(held).is_gt()),
            };
            if wins {
                *outside -= held.as_ref().map_or(0, Cell::outside_bytes);
                *held = Cell::read(array, row);
                *outside += held.as_ref().map_or(0, Cell::outside_bytes);
                held_times[group] = time;
            }
        });
    }

    fn default(&self) -> Option<Cell> {
        if self.null_handling || !matches!(self.keep, Keep::First | Keep::Last) {
            return None;
        }
        Some(match self.ty.data_type {
            DataType::Boolean => Cell::Long(0),
            DataType::Int => Cell::Long(i64::from(i32::MIN)),
            DataType::Long => Cell::Long(i64::MIN),
            DataType::Float | DataType::Double => Cell::Double(f64::NAN),
            _ => Cell::Text(String::new()),
        })
    }
}

impl Accumulator for Values {
    fn resize(&mut self, groups: usize) {
        let groups = groups.max(self.values.len());
        self.values.resize(groups, None);
        self.times.resize(groups, 0);
    }

    fn update(&mut self, args: &[ArrayRef], rows: usize, groups: Groups<'_>) -> Result<(), Error> {
        check_groups(groups, rows, self.values.len()).map_err(|e| self.invalid(e))?;
        let array = column(args, 0).map_err(|e| self.invalid(e))?.clone();
        if !matches!(self.keep, Keep::First | Keep::Last) {
            self.add(array.as_ref(), None, groups);
            return Ok(());
        }
        let times = column(args, 1).map_err(|e| self.invalid(e))?;
        let times: Vec<i64> = (0..times.len())
            .map(|row| match Cell::read(times.as_ref(), row) {
                Some(Cell::Long(v)) => v,
                Some(Cell::Double(v)) => v as i64,
                _ => i64::MIN,
            })
            .collect();
        if times.len() < array.len() {
            return Err(self.invalid("the columns differ in length".to_owned()));
        }
        self.add(array.as_ref(), Some(&times), groups);
        Ok(())
    }

    fn merge(&mut self, state: &[ArrayRef], groups: Groups<'_>) -> Result<(), Error> {
        let array = column(state, 0).map_err(|e| self.invalid(e))?.clone();
        check_groups(groups, array.len(), self.values.len()).map_err(|e| self.invalid(e))?;
        if array.data_type() != &self.ty.arrow() {
            return Err(self.invalid(format!("the state is {} instead of {}", array.data_type(), self.ty.arrow())));
        }
        if !matches!(self.keep, Keep::First | Keep::Last) {
            self.add(array.as_ref(), None, groups);
            return Ok(());
        }
        let times = longs(state, 1).map_err(|e| self.invalid(e))?;
        if times.len() != array.len() {
            return Err(self.invalid("the state columns differ in length".to_owned()));
        }
        self.add(array.as_ref(), Some(times.values()), groups);
        Ok(())
    }

    fn state(&mut self) -> Result<Vec<ArrayRef>, Error> {
        let mut state = vec![build(&self.ty.arrow(), self.values.iter().cloned())];
        if matches!(self.keep, Keep::First | Keep::Last) {
            state.push(long_column(self.times.iter().map(|t| Some(*t))));
        }
        Ok(state)
    }

    fn finish(&mut self) -> Result<ArrayRef, Error> {
        let default = self.default();
        Ok(build(&self.ty.arrow(), self.values.iter().map(|value| value.clone().or_else(|| default.clone()))))
    }

    fn memory_bytes(&self) -> usize {
        size_of::<Self>() + self.values.capacity() * size_of::<(Option<Cell>, i64)>() + self.outside
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{ArrayRef, Int64Array, StringArray};
    use model::{DataType, Value};

    use crate::testing::{check, finish, int_column};

    #[test]
    fn kept_values() {
        let texts: ArrayRef = Arc::new(StringArray::from(vec![None, Some("b"), Some("a"), Some("c")]));
        let ty = [DataType::String.sv()];
        check("any_value", &ty, &[], std::slice::from_ref(&texts), ("b", "b"));
        check("minstring", &ty, &[], std::slice::from_ref(&texts), ("a", "a"));
        check("maxstring", &ty, &[], std::slice::from_ref(&texts), ("c", "c"));
        assert_eq!(finish("anyvalue", &ty, &[], &[texts], Some(&[0, 0, 1, 1])), "b,a");
        check("anyvalue", &[DataType::Int.sv()], &[], &[int_column(&[])], ("null", "null"));
    }

    #[test]
    fn by_time() {
        let values = int_column(&[Some(1), Some(2), Some(3), None]);
        let times: ArrayRef = Arc::new(Int64Array::from(vec![5, 5, 1, 9]));
        let ty = [DataType::Int.sv(), DataType::Long.sv()];
        let long = [Value::String("LONG".into())];
        let columns = [values, times];
        check("lastwithtime", &ty, &long, &columns, ("2", "2"));
        check("FIRST_WITH_TIME", &ty, &long, &columns, ("3", "3"));
        let double = [Value::String("DOUBLE".into())];
        check("lastwithtime", &ty, &double, &columns, ("2.0", "2.0"));
        let none = [int_column(&[]), Arc::new(Int64Array::from(Vec::<i64>::new())) as ArrayRef];
        check("firstwithtime", &ty, &long, &none, ("-9223372036854775808", "null"));
        assert!(crate::resolve("lastwithtime", &ty, &[], false).is_err());
    }
}
