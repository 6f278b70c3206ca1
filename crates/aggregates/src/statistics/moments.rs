//! SKEWNESS and KURTOSIS from the first four moments.

use std::sync::Arc;

use arrow::{
    array::{Array, ArrayRef},
    datatypes::DataType as ArrowType,
};

use crate::{
    basic::numeric::{Kernel, bind},
    columns::{float_column, floats, for_rows},
    registry::{AggregateFunction, Call, Error, Groups},
};

pub fn skewness(call: &Call<'_>) -> Result<Arc<dyn AggregateFunction>, Error> {
    bind::<Moments<false>>(call)
}

pub fn kurtosis(call: &Call<'_>) -> Result<Arc<dyn AggregateFunction>, Error> {
    bind::<Moments<true>>(call)
}

#[derive(Debug)]
struct Moments<const FOURTH: bool>;

/// Count, mean, and sums of the second to fourth power of the differences from the mean.
type State = [f64; 5];

fn join(a: &mut State, b: &State) {
    if b[0] == 0.0 {
        return;
    }
    if a[0] == 0.0 {
        *a = *b;
        return;
    }
    let ([na, ma, a2, a3, a4], [nb, mb, b2, b3, b4]) = (*a, *b);
    let n = na + nb;
    let d = mb - ma;
    let (d2, n2) = (d * d, n * n);
    let m2 = a2 + b2 + d2 * na * nb / n;
    let m3 = a3 + b3 + d * d2 * na * nb * (na - nb) / n2 + 3.0 * d * (na * b2 - nb * a2) / n;
    let m4 = a4
        + b4
        + d2 * d2 * na * nb * (na * na - na * nb + nb * nb) / (n2 * n)
        + 6.0 * d2 * (na * na * b2 + nb * nb * a2) / n2
        + 4.0 * d * (na * b3 - nb * a3) / n;
    *a = [n, ma + d * nb / n, m2, m3, m4];
}

impl<const FOURTH: bool> Kernel for Moments<FOURTH> {
    type State = State;
    const EMPTY: State = [0.0; 5];
    const DEFAULT: f64 = f64::NAN;

    fn add(state: &mut State, value: f64) {
        join(state, &[1.0, value, 0.0, 0.0, 0.0]);
    }

    fn state_types() -> Vec<ArrowType> {
        vec![ArrowType::Float64; 5]
    }

    fn write(states: &[State], _null_handling: bool) -> Vec<ArrayRef> {
        (0..5).map(|part| float_column(states.iter().map(|s| Some(s[part])))).collect()
    }

    fn merge(states: &mut [State], columns: &[ArrayRef], groups: Groups<'_>) -> Result<(), String> {
        let parts = (0..5).map(|at| floats(columns, at)).collect::<Result<Vec<_>, _>>()?;
        let rows = parts[0].len();
        if parts.iter().any(|p| p.len() != rows) {
            return Err("the state columns differ in length".to_owned());
        }
        for_rows(rows, parts[0].nulls(), groups, |row, group| {
            let state: State = std::array::from_fn(|part| parts[part].value(row));
            join(&mut states[group], &state);
        });
        Ok(())
    }

    fn finish(state: &State) -> Option<f64> {
        const FLAT: f64 = 1e-19;
        let [n, _, m2, m3, m4] = *state;
        let variance = m2 / (n - 1.0);
        if n == 0.0 {
            return None;
        }
        Some(if FOURTH {
            match n {
                n if n <= 3.0 => f64::NAN,
                _ if variance < FLAT => 0.0,
                n => {
                    let numerator = n * (n + 1.0) * m4 - 3.0 * m2 * m2 * (n - 1.0);
                    numerator / ((n - 1.0) * (n - 2.0) * (n - 3.0) * variance * variance)
                }
            }
        } else {
            match n {
                n if n < 3.0 => f64::NAN,
                _ if variance < FLAT => 0.0,
                n => n * m3 / ((n - 1.0) * (n - 2.0) * variance.sqrt() * variance),
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use model::DataType;

    use crate::testing::{check, finish, int_column};

    #[test]
    fn shapes() {
        let ty = [DataType::Int.sv()];
        let column = [int_column(&[Some(1), Some(2), Some(3), Some(4), Some(10)])];
        let near = |name: &str, expected: f64| {
            let got: f64 = finish(name, &ty, &[], &column, None).parse().unwrap();
            assert!((got - expected).abs() < 1e-9, "{name}: {got}");
        };
        near("skewness", 1.697_056_274_847_714);
        near("kurtosis", 3.152_000_000_000_002);
        check("skewness", &ty, &[], &[int_column(&[])], ("NaN", "null"));
        check("kurtosis", &ty, &[], &[int_column(&[Some(1), Some(1), Some(1), Some(1)])], ("0.0", "0.0"));
    }
}
