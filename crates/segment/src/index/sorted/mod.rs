//! Sorted index: the docs of each dict id as one run. It is the forward index of a single-value column whose values
//! ascend in doc order.
//!
//! Useful for every predicate on that column, and for grouping by it. There is at most as much of it as the data's own
//! order gives; nothing is reordered.

pub mod config;
pub(crate) mod creator;
mod reader;

pub use reader::Runs;
