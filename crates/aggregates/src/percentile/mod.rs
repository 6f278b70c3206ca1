//! Percentiles: exact, by quantile digest, by t-digest.

use model::Value;

use crate::{
    literals,
    registry::{Call, Error},
};

pub mod digest;
pub mod estimate;
pub mod exact;
pub mod quantile_digest;
pub mod t_digest;

/// The percentile of a call, 0 to 100: its first literal.
fn percentile(call: &Call<'_>) -> Result<f64, Error> {
    let literal = call.literals.first().unwrap_or(&Value::Null);
    match literals::number(literal) {
        Some(p) if (0.0..=100.0).contains(&p) => Ok(p),
        _ => Err(call.invalid("expects a percentile from 0 to 100 after the column")),
    }
}
