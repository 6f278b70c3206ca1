//! COVARPOP and COVARSAMP of two columns.

use std::sync::Arc;

use arrow::{
    array::{Array, ArrayRef, Int64Array},
    buffer::NullBuffer,
    datatypes::DataType as ArrowType,
};
use model::{ColumnType, DataType};

use crate::{
    columns::{Number, Scan, check_groups, column, float_column, floats, for_rows, longs, scan_numbers},
    registry::{Accumulator, AggregateFunction, Call, Error, Groups},
};

pub fn pop(call: &Call<'_>) -> Result<Arc<dyn AggregateFunction>, Error> {
    bind(call, false)
}

pub fn samp(call: &Call<'_>) -> Result<Arc<dyn AggregateFunction>, Error> {
    bind(call, true)
}

fn bind(call: &Call<'_>, sample: bool) -> Result<Arc<dyn AggregateFunction>, Error> {
    for arg in call.arguments::<2>()? {
        if !(arg.data_type.is_numeric()
            || matches!(arg.data_type, DataType::Timestamp | DataType::Boolean | DataType::Unknown))
        {
            return Err(call.invalid(format!("Cannot compute {} for non-numeric type: {}", call.name, arg.data_type)));
        }
    }
    Ok(Arc::new(Covariance { name: call.name.to_owned(), sample, null_handling: call.null_handling }))
}

#[derive(Debug)]
struct Covariance {
    name: String,
    sample: bool,
    null_handling: bool,
}

impl AggregateFunction for Covariance {
    fn name(&self) -> &str {
        &self.name
    }

    fn result_type(&self) -> ColumnType {
        DataType::Double.sv()
    }

    fn state_types(&self) -> Vec<ArrowType> {
        vec![ArrowType::Int64, ArrowType::Float64, ArrowType::Float64, ArrowType::Float64]
    }

    fn accumulator(&self) -> Box<dyn Accumulator> {
        Box::new(Sums {
            name: self.name.clone(),
            sample: self.sample,
            null_handling: self.null_handling,
            counts: Vec::new(),
            sums: Vec::new(),
        })
    }
}

struct Sums {
    name: String,
    sample: bool,
    null_handling: bool,
    counts: Vec<i64>,
    /// Sums of x, y and x·y.
    sums: Vec<[f64; 3]>,
}

struct Doubles(Vec<f64>);

impl Scan for Doubles {
    fn scan<T: Number>(&mut self, values: &[T], _nulls: Option<&NullBuffer>) {
        self.0 = values.iter().map(|v| v.f64()).collect();
    }
}

fn doubles(array: &ArrayRef) -> Result<Vec<f64>, String> {
    let mut doubles = Doubles(vec![0.0; array.len()]);
    scan_numbers(array.as_ref(), &mut doubles)?;
    Ok(doubles.0)
}

impl Sums {
    fn invalid(&self, reason: String) -> Error {
        Error::Invalid { function: self.name.clone(), reason }
    }
}

impl Accumulator for Sums {
    fn resize(&mut self, groups: usize) {
        let groups = groups.max(self.counts.len());
        self.counts.resize(groups, 0);
        self.sums.resize(groups, [0.0; 3]);
    }

    fn update(&mut self, args: &[ArrayRef], rows: usize, groups: Groups<'_>) -> Result<(), Error> {
        check_groups(groups, rows, self.counts.len()).map_err(|e| self.invalid(e))?;
        let (x, y) = (column(args, 0).map_err(|e| self.invalid(e))?, column(args, 1).map_err(|e| self.invalid(e))?);
        let nulls = NullBuffer::union(x.logical_nulls().as_ref(), y.logical_nulls().as_ref());
        let (x, y) = (doubles(x).map_err(|e| self.invalid(e))?, doubles(y).map_err(|e| self.invalid(e))?);
        if x.len() < rows || y.len() < rows {
            return Err(self.invalid("the columns differ in length".to_owned()));
        }
        for_rows(rows, nulls.as_ref(), groups, |row, group| {
            self.counts[group] += 1;
            let sums = &mut self.sums[group];
            sums[0] += x[row];
            sums[1] += y[row];
            sums[2] += x[row] * y[row];
        });
        Ok(())
    }

    fn merge(&mut self, state: &[ArrayRef], groups: Groups<'_>) -> Result<(), Error> {
        let counts = longs(state, 0).map_err(|e| self.invalid(e))?;
        let parts = (1..4).map(|at| floats(state, at)).collect::<Result<Vec<_>, _>>().map_err(|e| self.invalid(e))?;
        check_groups(groups, counts.len(), self.counts.len()).map_err(|e| self.invalid(e))?;
        if parts.iter().any(|p| p.len() != counts.len()) {
            return Err(self.invalid("the state columns differ in length".to_owned()));
        }
        for_rows(counts.len(), counts.nulls(), groups, |row, group| {
            self.counts[group] = self.counts[group].wrapping_add(counts.value(row));
            self.sums[group].iter_mut().zip(&parts).for_each(|(sum, part)| *sum += part.value(row));
        });
        Ok(())
    }

    fn state(&mut self) -> Result<Vec<ArrayRef>, Error> {
        let part = |at: usize| float_column(self.sums.iter().map(|s| Some(s[at])));
        Ok(vec![Arc::new(Int64Array::from(self.counts.clone())), part(0), part(1), part(2)])
    }

    fn finish(&mut self) -> Result<ArrayRef, Error> {
        let empty = (!self.null_handling).then_some(f64::NEG_INFINITY);
        let result = |(count, [x, y, xy]): (&i64, &[f64; 3])| {
            let n = *count as f64;
            let divisor = n - f64::from(u8::from(self.sample));
            if *count <= 0 || divisor <= 0.0 { empty } else { Some(xy / divisor - x * y / (n * divisor)) }
        };
        Ok(float_column(self.counts.iter().zip(&self.sums).map(result)))
    }

    fn memory_bytes(&self) -> usize {
        size_of::<Self>() + self.counts.capacity() * size_of::<(i64, [f64; 3])>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{check, int_column};

    #[test]
    fn two_columns() {
        let ty = [DataType::Int.sv(), DataType::Int.sv()];
        let columns =
            [int_column(&[Some(1), Some(2), Some(3), None]), int_column(&[Some(2), Some(4), Some(6), Some(9)])];
        check("covar_samp", &ty, &[], &columns, ("2.0", "2.0"));
        check("covarpop", &ty, &[], &[int_column(&[]), int_column(&[])], ("-inf", "null"));
        assert!(crate::resolve("covarpop", &[DataType::Int.sv()], &[], false).is_err());
    }
}
