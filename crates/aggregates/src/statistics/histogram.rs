//! HISTOGRAM: counts of numbers in bins.

use std::sync::Arc;

use arrow::{
    array::{Array, ArrayRef, AsArray, Float64Array},
    buffer::NullBuffer,
    datatypes::{DataType as ArrowType, Float64Type},
};
use model::{ColumnType, DataType, Value};

use crate::{
    columns::{
        Number, Scan, check_groups, column, for_rows, list_column, list_type, lists, scan_numbers, try_for_rows,
    },
    literals,
    registry::{Accumulator, AggregateFunction, Call, Error, Groups},
};

const MAX_BINS: i64 = 100_000;

/// `histogram(x, ARRAY[e0, …, en])` or `histogram(x, lower, upper, bins)`. Bins are closed below and open above, the
/// last one closed; values outside are left out.
pub fn bind(call: &Call<'_>) -> Result<Arc<dyn AggregateFunction>, Error> {
    let [arg] = call.arguments::<1>()?;
    if matches!(arg.data_type.arrow(), ArrowType::Binary | ArrowType::Utf8) && arg.data_type != DataType::BigDecimal {
        return Err(call.invalid(format!("Cannot compute histogram for non-numeric type: {}", arg.data_type)));
    }
    let edges: Vec<f64> = match call.literals {
        [Value::Array(_, edges)] => {
            let edges: Option<Vec<f64>> = edges.iter().map(literals::number).collect();
            edges.ok_or_else(|| call.invalid("the bin edges must be numbers"))?
        }
        [lower, upper, bins] => {
            let numbers = (literals::number(lower), literals::number(upper), literals::integer(bins));
            let (Some(lower), Some(upper), Some(bins)) = numbers else {
                return Err(call.invalid("the lower end, upper end and number of bins must be numbers"));
            };
            if !(1..=MAX_BINS).contains(&bins) {
                return Err(call.invalid(format!("the number of bins must be from 1 to {MAX_BINS}")));
            }
            (0..=bins)
                .map(|at| if at == bins { upper } else { lower + (upper - lower) * at as f64 / bins as f64 })
                .collect()
        }
        _ => return Err(call.invalid("expects an array of bin edges, or lower end, upper end and number of bins")),
    };
    if edges.len() < 2 || edges.len() as i64 > MAX_BINS + 1 || !edges.windows(2).all(|pair| pair[0] < pair[1]) {
        return Err(call.invalid("the bin edges must be at least two, in strictly ascending order"));
    }
    Ok(Arc::new(Histogram { name: call.name.to_owned(), edges: edges.into() }))
}

#[derive(Debug)]
struct Histogram {
    name: String,
    edges: Arc<[f64]>,
}

impl AggregateFunction for Histogram {
    fn name(&self) -> &str {
        &self.name
    }

    fn result_type(&self) -> ColumnType {
        DataType::Double.mv()
    }

    fn state_types(&self) -> Vec<ArrowType> {
        vec![list_type(ArrowType::Float64)]
    }

    fn accumulator(&self) -> Box<dyn Accumulator> {
        Box::new(Bins { name: self.name.clone(), edges: self.edges.clone(), groups: 0, counts: Vec::new() })
    }
}

struct Bins {
    name: String,
    edges: Arc<[f64]>,
    groups: usize,
    /// All bins of a group, then those of the next.
    counts: Vec<f64>,
}

struct Fill<'a> {
    edges: &'a [f64],
    counts: &'a mut [f64],
    groups: Groups<'a>,
}

impl Scan for Fill<'_> {
    fn scan<T: Number>(&mut self, values: &[T], nulls: Option<&NullBuffer>) {
        let bins = self.edges.len() - 1;
        for_rows(values.len(), nulls, self.groups, |row, group| {
            let value = values[row].f64();
            // Also refuses NaN.
            if value >= self.edges[0] && value <= self.edges[bins] {
                let bin = (self.edges.partition_point(|edge| *edge <= value) - 1).min(bins - 1);
                self.counts[group * bins + bin] += 1.0;
            }
        });
    }
}

impl Bins {
    fn bins(&self) -> usize {
        self.edges.len() - 1
    }

    fn invalid(&self, reason: String) -> Error {
        Error::Invalid { function: self.name.clone(), reason }
    }
}

impl Accumulator for Bins {
    fn resize(&mut self, groups: usize) {
        self.groups = groups.max(self.groups);
        self.counts.resize(self.groups * self.bins(), 0.0);
    }

    fn update(&mut self, args: &[ArrayRef], rows: usize, groups: Groups<'_>) -> Result<(), Error> {
        check_groups(groups, rows, self.groups).map_err(|e| self.invalid(e))?;
        let array = column(args, 0).map_err(|e| self.invalid(e))?.clone();
        let mut fill = Fill { edges: &self.edges, counts: &mut self.counts, groups };
        scan_numbers(array.as_ref(), &mut fill).map_err(|e| self.invalid(e))
    }

    fn merge(&mut self, state: &[ArrayRef], groups: Groups<'_>) -> Result<(), Error> {
        let list = lists(state, 0).map_err(|e| self.invalid(e))?.clone();
        check_groups(groups, list.len(), self.groups).map_err(|e| self.invalid(e))?;
        let bins = self.bins();
        let counts = &mut self.counts;
        try_for_rows(list.len(), list.nulls(), groups, |row, group| {
            let state = list.value(row);
            match state.as_primitive_opt::<Float64Type>() {
                Some(state) if state.len() == bins => {
                    let held = &mut counts[group * bins..(group + 1) * bins];
                    held.iter_mut().zip(state.values()).for_each(|(held, more)| *held += more);
                    Ok(())
                }
                _ => Err(format!("the state is not a list of {bins} counts")),
            }
        })
        .map_err(|e| self.invalid(e))
    }

    fn state(&mut self) -> Result<Vec<ArrayRef>, Error> {
        Ok(vec![self.finish()?])
    }

    fn finish(&mut self) -> Result<ArrayRef, Error> {
        let items = Arc::new(Float64Array::from(self.counts.clone()));
        list_column(items, std::iter::repeat_n(self.bins(), self.groups)).map_err(|e| self.invalid(e))
    }

    fn memory_bytes(&self) -> usize {
        size_of::<Self>() + self.counts.capacity() * size_of::<f64>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{check, finish, int_column};

    #[test]
    fn bins() {
        let ty = [DataType::Int.sv()];
        let column = [int_column(&[Some(-1), Some(0), Some(5), Some(9), Some(10), Some(11), None])];
        let equal = [Value::Int(0), Value::Int(10), Value::Int(2)];
        check("histogram", &ty, &equal, &column, ("[1.0, 3.0]", "[1.0, 3.0]"));
        let edges = Value::Array(DataType::Int, vec![Value::Int(0), Value::Int(1), Value::Int(100)]);
        assert_eq!(finish("histogram", &ty, &[edges], &column, None), "[1.0, 4.0]");
        for bad in [
            vec![],
            vec![Value::Int(0), Value::Int(0), Value::Int(2)],
            vec![Value::Int(0), Value::Int(1), Value::Int(0)],
        ] {
            assert!(crate::resolve("histogram", &ty, &bad, false).is_err());
        }
    }
}
