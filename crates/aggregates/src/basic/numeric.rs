//! Aggregations of one number that keep a small fixed state: SUM, MIN, MAX, AVG, MINMAXRANGE and, elsewhere, moments.

use std::{fmt::Debug, marker::PhantomData, sync::Arc};

use arrow::{
    array::{Array, ArrayRef},
    buffer::NullBuffer,
    datatypes::DataType as ArrowType,
};
use model::{ColumnType, DataType};

use crate::{
    columns::{Number, Scan, check_groups, column, float_column, floats, for_rows, long_column, longs, scan_numbers},
    registry::{Accumulator, AggregateFunction, Call, Error, Fused, Groups},
};

/// The arithmetic of one such aggregation. All results are DOUBLE.
pub(crate) trait Kernel: Send + Sync + Debug + 'static {
    type State: Copy + Send + Sync;
    const EMPTY: Self::State;
    const FUSED: Fused = Fused::None;

    fn add(state: &mut Self::State, value: f64);

    /// Adds a run without nulls; for kernels that can do better than one by one.
    fn add_all<T: Number>(state: &mut Self::State, values: &[T]) {
        values.iter().for_each(|value| Self::add(state, value.f64()));
    }

    fn state_types() -> Vec<ArrowType>;
    fn write(states: &[Self::State], null_handling: bool) -> Vec<ArrayRef>;
    /// Adds row `row` of the columns that [`write`](Self::write) makes.
    fn merge(states: &mut [Self::State], columns: &[ArrayRef], groups: Groups<'_>) -> Result<(), String>;
    /// `None` when no value was seen.
    fn finish(state: &Self::State) -> Option<f64>;
    /// The result for no value without null handling.
    const DEFAULT: f64;
}

/// Binds a kernel to a numeric argument.
pub(crate) fn bind<K: Kernel>(call: &Call<'_>) -> Result<Arc<dyn AggregateFunction>, Error> {
    let [arg] = call.arguments::<1>()?;
    match arg.data_type {
        DataType::Bytes | DataType::Object | DataType::Map | DataType::Json | DataType::String => {
            let base = call.name.strip_suffix("mv").unwrap_or(call.name);
            Err(call.invalid(format!("Cannot compute {base} for non-numeric type: {}", arg.data_type)))
        }
        _ => Ok(Arc::new(Numeric::<K> {
            name: call.name.to_owned(),
            null_handling: call.null_handling,
            kernel: PhantomData,
        })),
    }
}

pub fn sum(call: &Call<'_>) -> Result<Arc<dyn AggregateFunction>, Error> {
    bind::<Sum>(call)
}

pub fn min(call: &Call<'_>) -> Result<Arc<dyn AggregateFunction>, Error> {
    bind::<Min>(call)
}

pub fn max(call: &Call<'_>) -> Result<Arc<dyn AggregateFunction>, Error> {
    bind::<Max>(call)
}

pub fn avg(call: &Call<'_>) -> Result<Arc<dyn AggregateFunction>, Error> {
    bind::<Avg>(call)
}

pub fn min_max_range(call: &Call<'_>) -> Result<Arc<dyn AggregateFunction>, Error> {
    bind::<MinMaxRange>(call)
}

#[derive(Debug)]
struct Numeric<K: Kernel> {
    name: String,
    null_handling: bool,
    kernel: PhantomData<K>,
}

impl<K: Kernel> AggregateFunction for Numeric<K> {
    fn name(&self) -> &str {
        &self.name
    }

    fn result_type(&self) -> ColumnType {
        DataType::Double.sv()
    }

    fn state_types(&self) -> Vec<ArrowType> {
        K::state_types()
    }

    fn fused(&self) -> Fused {
        K::FUSED
    }

    fn accumulator(&self) -> Box<dyn Accumulator> {
        Box::new(States::<K> { name: self.name.clone(), null_handling: self.null_handling, states: Vec::new() })
    }
}

struct States<K: Kernel> {
    name: String,
    null_handling: bool,
    states: Vec<K::State>,
}

struct Update<'a, K: Kernel> {
    states: &'a mut [K::State],
    groups: Groups<'a>,
}

impl<K: Kernel> Scan for Update<'_, K> {
    fn scan<T: Number>(&mut self, values: &[T], nulls: Option<&NullBuffer>) {
        match (self.groups, nulls) {
            (Groups::One(group), None) => K::add_all(&mut self.states[group as usize], values),
            (Groups::One(group), Some(nulls)) => {
                let mut state = self.states[group as usize];
                nulls.valid_slices().for_each(|(start, end)| K::add_all(&mut state, &values[start..end]));
                self.states[group as usize] = state;
            }
            (Groups::PerRow(ids), None) => {
                values.iter().zip(ids).for_each(|(value, id)| K::add(&mut self.states[*id as usize], value.f64()));
            }
            (Groups::PerRow(ids), Some(nulls)) => {
                nulls.valid_indices().for_each(|row| K::add(&mut self.states[ids[row] as usize], values[row].f64()));
            }
        }
    }
}

impl<K: Kernel> States<K> {
    fn invalid(&self, reason: String) -> Error {
        Error::Invalid { function: self.name.clone(), reason }
    }
}

impl<K: Kernel> Accumulator for States<K> {
    fn resize(&mut self, groups: usize) {
        self.states.resize(groups.max(self.states.len()), K::EMPTY);
    }

    fn update(&mut self, args: &[ArrayRef], rows: usize, groups: Groups<'_>) -> Result<(), Error> {
        check_groups(groups, rows, self.states.len()).map_err(|e| self.invalid(e))?;
        let array = column(args, 0).map_err(|e| self.invalid(e))?.clone();
        let mut update = Update::<K> { states: &mut self.states, groups };
        scan_numbers(array.as_ref(), &mut update).map_err(|e| self.invalid(e))
    }

    fn merge(&mut self, state: &[ArrayRef], groups: Groups<'_>) -> Result<(), Error> {
        let rows = state.first().map_or(0, |column| column.len());
        check_groups(groups, rows, self.states.len()).map_err(|e| self.invalid(e))?;
        K::merge(&mut self.states, state, groups).map_err(|e| self.invalid(e))
    }

    fn state(&mut self) -> Result<Vec<ArrayRef>, Error> {
        Ok(K::write(&self.states, self.null_handling))
    }

    fn finish(&mut self) -> Result<ArrayRef, Error> {
        let empty = (!self.null_handling).then_some(K::DEFAULT);
        Ok(float_column(self.states.iter().map(|state| K::finish(state).or(empty))))
    }

    fn memory_bytes(&self) -> usize {
        size_of::<Self>() + self.states.capacity() * size_of::<K::State>()
    }
}

#[derive(Debug)]
struct Sum;

impl Kernel for Sum {
    /// The sum and whether any value was seen.
    type State = (f64, bool);
    const EMPTY: Self::State = (0.0, false);
    const FUSED: Fused = Fused::Sum;
    const DEFAULT: f64 = 0.0;

    #[inline(always)]
    fn add(state: &mut Self::State, value: f64) {
        state.0 += value;
        state.1 = true;
    }

    fn add_all<T: Number>(state: &mut Self::State, values: &[T]) {
        // Eight sums side by side, since one addition waits for the one before it.
        let mut lanes = [0.0; 8];
        let mut chunks = values.chunks_exact(8);
        for chunk in &mut chunks {
            for (lane, value) in lanes.iter_mut().zip(chunk) {
                *lane += value.f64();
            }
        }
        let rest: f64 = chunks.remainder().iter().map(|v| v.f64()).sum();
        state.0 += lanes.iter().sum::<f64>() + rest;
        state.1 |= !values.is_empty();
    }

    fn state_types() -> Vec<ArrowType> {
        vec![ArrowType::Float64]
    }

    fn write(states: &[Self::State], null_handling: bool) -> Vec<ArrayRef> {
        vec![float_column(states.iter().map(|(sum, seen)| (*seen || !null_handling).then_some(*sum)))]
    }

    fn merge(states: &mut [Self::State], columns: &[ArrayRef], groups: Groups<'_>) -> Result<(), String> {
        let sums = floats(columns, 0)?;
        for_rows(sums.len(), sums.nulls(), groups, |row, group| Self::add(&mut states[group], sums.value(row)));
        Ok(())
    }

    fn finish(state: &Self::State) -> Option<f64> {
        state.1.then_some(state.0)
    }
}

macro_rules! extreme {
    ($name:ident, $fused:expr, $empty:expr, $better:tt) => {
        #[derive(Debug)]
        struct $name;

        impl Kernel for $name {
            type State = (f64, bool);
            const EMPTY: Self::State = ($empty, false);
            const FUSED: Fused = $fused;
            const DEFAULT: f64 = $empty;

            #[inline(always)]
            fn add(state: &mut Self::State, value: f64) {
                state.0 = if value $better state.0 { value } else { state.0 };
                state.1 = true;
            }

            fn add_all<T: Number>(state: &mut Self::State, values: &[T]) {
                let mut lanes = [$empty; 8];
                let mut chunks = values.chunks_exact(8);
                for chunk in &mut chunks {
                    for (lane, value) in lanes.iter_mut().zip(chunk) {
                        let value = value.f64();
                        *lane = if value $better *lane { value } else { *lane };
                    }
                }
                chunks.remainder().iter().for_each(|value| Self::add(state, value.f64()));
                lanes.iter().for_each(|lane| state.0 = if *lane $better state.0 { *lane } else { state.0 });
                state.1 |= !values.is_empty();
            }

            fn state_types() -> Vec<ArrowType> {
                vec![ArrowType::Float64]
            }

            fn write(states: &[Self::State], _null_handling: bool) -> Vec<ArrayRef> {
                vec![float_column(states.iter().map(|(value, seen)| seen.then_some(*value)))]
            }

            fn merge(states: &mut [Self::State], columns: &[ArrayRef], groups: Groups<'_>) -> Result<(), String> {
                let values = floats(columns, 0)?;
                for_rows(values.len(), values.nulls(), groups, |row, group| {
                    Self::add(&mut states[group], values.value(row));
                });
                Ok(())
            }

            fn finish(state: &Self::State) -> Option<f64> {
                state.1.then_some(state.0)
            }
        }
    };
}

extreme!(Min, Fused::Min, f64::INFINITY, <);
extreme!(Max, Fused::Max, f64::NEG_INFINITY, >);

#[derive(Debug)]
struct Avg;

impl Kernel for Avg {
    type State = (f64, i64);
    const EMPTY: Self::State = (0.0, 0);
    const FUSED: Fused = Fused::Avg;
    const DEFAULT: f64 = f64::NEG_INFINITY;

    #[inline(always)]
    fn add(state: &mut Self::State, value: f64) {
        state.0 += value;
        state.1 += 1;
    }

    fn add_all<T: Number>(state: &mut Self::State, values: &[T]) {
        let mut sum = (0.0, false);
        Sum::add_all(&mut sum, values);
        state.0 += sum.0;
        state.1 += values.len() as i64;
    }

    fn state_types() -> Vec<ArrowType> {
        vec![ArrowType::Float64, ArrowType::Int64]
    }

    fn write(states: &[Self::State], _null_handling: bool) -> Vec<ArrayRef> {
        vec![float_column(states.iter().map(|s| Some(s.0))), long_column(states.iter().map(|s| Some(s.1)))]
    }

    fn merge(states: &mut [Self::State], columns: &[ArrayRef], groups: Groups<'_>) -> Result<(), String> {
        let (sums, counts) = (floats(columns, 0)?, longs(columns, 1)?);
        if sums.len() != counts.len() {
            return Err("the state columns differ in length".to_owned());
        }
        let nulls = NullBuffer::union(sums.nulls(), counts.nulls());
        for_rows(sums.len(), nulls.as_ref(), groups, |row, group| {
            states[group].0 += sums.value(row);
            states[group].1 = states[group].1.wrapping_add(counts.value(row));
        });
        Ok(())
    }

    fn finish(state: &Self::State) -> Option<f64> {
        (state.1 != 0).then(|| state.0 / state.1 as f64)
    }
}

#[derive(Debug)]
struct MinMaxRange;

impl Kernel for MinMaxRange {
    type State = (f64, f64);
    const EMPTY: Self::State = (f64::INFINITY, f64::NEG_INFINITY);
    const FUSED: Fused = Fused::MinMaxRange;
    const DEFAULT: f64 = f64::NEG_INFINITY;

    #[inline(always)]
    fn add(state: &mut Self::State, value: f64) {
        state.0 = if value < state.0 { value } else { state.0 };
        state.1 = if value > state.1 { value } else { state.1 };
    }

    fn state_types() -> Vec<ArrowType> {
        vec![ArrowType::Float64, ArrowType::Float64]
    }

    fn write(states: &[Self::State], _null_handling: bool) -> Vec<ArrayRef> {
        let seen = |s: &(f64, f64)| s.0 <= s.1;
        vec![
            float_column(states.iter().map(|s| seen(s).then_some(s.0))),
            float_column(states.iter().map(|s| seen(s).then_some(s.1))),
        ]
    }

    fn merge(states: &mut [Self::State], columns: &[ArrayRef], groups: Groups<'_>) -> Result<(), String> {
        let (mins, maxs) = (floats(columns, 0)?, floats(columns, 1)?);
        if mins.len() != maxs.len() {
            return Err("the state columns differ in length".to_owned());
        }
        let nulls = NullBuffer::union(mins.nulls(), maxs.nulls());
        for_rows(mins.len(), nulls.as_ref(), groups, |row, group| {
            Self::add(&mut states[group], mins.value(row));
            Self::add(&mut states[group], maxs.value(row));
        });
        Ok(())
    }

    fn finish(state: &Self::State) -> Option<f64> {
        (state.0 <= state.1).then_some(state.1 - state.0)
    }
}

#[cfg(test)]
mod tests {
    use arrow::array::{Float64Array, Int32Array, StringArray};
    use model::DataType;

    use crate::testing::{check, finish, int_column};

    #[test]
    fn over_some_values() {
        let column = int_column(&[Some(3), None, Some(-1), Some(10)]);
        for (name, off, on) in [
            ("sum", "12.0", "12.0"),
            ("min", "-1.0", "-1.0"),
            ("max", "10.0", "10.0"),
            ("avg", "4.0", "4.0"),
            ("minmaxrange", "11.0", "11.0"),
        ] {
            check(name, &[DataType::Int.sv()], &[], std::slice::from_ref(&column), (off, on));
        }
    }

    #[test]
    fn over_nothing() {
        for (name, off) in
            [("sum", "0.0"), ("min", "inf"), ("max", "-inf"), ("avg", "-inf"), ("minmaxrange", "-inf"), ("count", "0")]
        {
            let on = if name == "count" { "0" } else { "null" };
            check(name, &[DataType::Int.sv()], &[], &[int_column(&[])], (off, on));
            check(
                name,
                &[DataType::Int.sv()],
                &[],
                &[int_column(&[None])],
                (if name == "count" { "1" } else { off }, on),
            );
        }
    }

    #[test]
    fn groups_and_long_runs() {
        use std::sync::Arc;
        let values: Vec<f64> = (0..1000).map(f64::from).collect();
        let column: arrow::array::ArrayRef = Arc::new(Float64Array::from(values));
        assert_eq!(finish("sum", &[DataType::Double.sv()], &[], std::slice::from_ref(&column), None), "499500.0");
        let groups: Vec<u32> = (0..1000).map(|i| i % 2).collect();
        assert_eq!(
            finish("sum", &[DataType::Double.sv()], &[], std::slice::from_ref(&column), Some(&groups)),
            "249500.0,250000.0"
        );
        assert_eq!(
            finish("max", &[DataType::Double.sv()], &[], std::slice::from_ref(&column), Some(&groups)),
            "998.0,999.0"
        );
        assert_eq!(finish("count", &[], &[], &[column], Some(&groups)), "500,500");
    }

    #[test]
    fn refusals() {
        let error = crate::resolve("sum", &[DataType::String.sv()], &[], false).unwrap_err();
        assert_eq!(error.to_string(), "sum: Cannot compute sum for non-numeric type: STRING");
        let sum = crate::resolve("sum", &[DataType::Double.sv()], &[], false).unwrap();
        let mut accumulator = sum.accumulator();
        accumulator.resize(1);
        let bad: arrow::array::ArrayRef = std::sync::Arc::new(StringArray::from(vec!["x"]));
        assert!(accumulator.merge(std::slice::from_ref(&bad), crate::Groups::One(0)).is_err());
        assert!(accumulator.merge(&[], crate::Groups::One(0)).is_err());
        assert!(accumulator.update(&[bad], 1, crate::Groups::One(0)).is_err());
        let ints: arrow::array::ArrayRef = std::sync::Arc::new(Int32Array::from(vec![1]));
        assert!(accumulator.update(&[ints], 1, crate::Groups::PerRow(&[7])).is_err());
    }
}
