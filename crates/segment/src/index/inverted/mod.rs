//! Inverted index: the docs of each dict id.
//!
//! Useful for equality and IN on values with few docs, and for counts by intersection. Not useful on columns with a
//! handful of values: there it is larger than the ids and a scan is as fast.

pub mod config;
pub(crate) mod creator;
mod reader;

pub use reader::InvertedReader;
