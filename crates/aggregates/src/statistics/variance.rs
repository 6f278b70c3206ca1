//! VARPOP, VARSAMP, STDDEVPOP, STDDEVSAMP.

use std::sync::Arc;

use arrow::{
    array::{Array, ArrayRef},
    datatypes::DataType as ArrowType,
};

use crate::{
    basic::numeric::{Kernel, bind},
    columns::{float_column, floats, for_rows, long_column, longs},
    registry::{AggregateFunction, Call, Error, Groups},
};

pub fn var_pop(call: &Call<'_>) -> Result<Arc<dyn AggregateFunction>, Error> {
    bind::<Variance<false, false>>(call)
}

pub fn var_samp(call: &Call<'_>) -> Result<Arc<dyn AggregateFunction>, Error> {
    bind::<Variance<true, false>>(call)
}

pub fn stddev_pop(call: &Call<'_>) -> Result<Arc<dyn AggregateFunction>, Error> {
    bind::<Variance<false, true>>(call)
}

pub fn stddev_samp(call: &Call<'_>) -> Result<Arc<dyn AggregateFunction>, Error> {
    bind::<Variance<true, true>>(call)
}

/// Of a sample or of the whole; the variance or its root.
#[derive(Debug)]
struct Variance<const SAMPLE: bool, const ROOT: bool>;

/// Count, sum, and sum of squared differences from the mean.
type State = (i64, f64, f64);

fn join(a: &mut State, b: State) {
    let (n, m) = (a.0 as f64, b.0 as f64);
    if b.0 <= 0 {
        return;
    }
    if a.0 <= 0 {
        *a = b;
        return;
    }
    let difference = b.1 / m - a.1 / n;
    *a = (a.0.wrapping_add(b.0), a.1 + b.1, a.2 + b.2 + difference * difference * n * m / (n + m));
}

impl<const SAMPLE: bool, const ROOT: bool> Kernel for Variance<SAMPLE, ROOT> {
    type State = State;
    const EMPTY: State = (0, 0.0, 0.0);
    const DEFAULT: f64 = f64::NEG_INFINITY;

    fn add(state: &mut State, value: f64) {
        state.0 += 1;
        state.1 += value;
        if state.0 > 1 {
            let n = state.0 as f64;
            let difference = n * value - state.1;
            state.2 += difference * difference / (n * (n - 1.0));
        }
    }

    fn state_types() -> Vec<ArrowType> {
        vec![ArrowType::Int64, ArrowType::Float64, ArrowType::Float64]
    }

    fn write(states: &[State], _null_handling: bool) -> Vec<ArrayRef> {
        vec![
            long_column(states.iter().map(|s| Some(s.0))),
            float_column(states.iter().map(|s| Some(s.1))),
            float_column(states.iter().map(|s| Some(s.2))),
        ]
    }

    fn merge(states: &mut [State], columns: &[ArrayRef], groups: Groups<'_>) -> Result<(), String> {
        let (counts, sums, squares) = (longs(columns, 0)?, floats(columns, 1)?, floats(columns, 2)?);
        if sums.len() != counts.len() || squares.len() != counts.len() {
            return Err("the state columns differ in length".to_owned());
        }
        for_rows(counts.len(), counts.nulls(), groups, |row, group| {
            join(&mut states[group], (counts.value(row), sums.value(row), squares.value(row)));
        });
        Ok(())
    }

    fn finish(state: &State) -> Option<f64> {
        let divisor = state.0 - i64::from(SAMPLE);
        (state.0 > 0 && divisor > 0).then(|| {
            let variance = state.2 / divisor as f64;
            if ROOT { variance.sqrt() } else { variance }
        })
    }
}

#[cfg(test)]
mod tests {
    use model::DataType;

    use crate::testing::{check, int_column};

    #[test]
    fn spread() {
        let ty = [DataType::Int.sv()];
        let column = [int_column(&[Some(2), Some(4), Some(4), Some(4), Some(5), Some(5), Some(7), Some(9), None])];
        check("var_pop", &ty, &[], &column, ("4.0", "4.0"));
        check("stddevpop", &ty, &[], &column, ("2.0", "2.0"));
        check("varsamp", &ty, &[], &[int_column(&[Some(1), Some(3)])], ("2.0", "2.0"));
        check("stddev_samp", &ty, &[], &[int_column(&[Some(1)])], ("-inf", "null"));
        check("varpop", &ty, &[], &[int_column(&[])], ("-inf", "null"));
    }
}
