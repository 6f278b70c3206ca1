//! Counts, sums, extremes, averages.

pub mod count;
pub mod numeric;
