//! Counts, sums, extremes, averages.

pub mod count;
pub mod kept;
pub mod mode;
pub mod numeric;
pub mod precision;
pub mod whole;
