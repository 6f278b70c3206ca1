//! Null vector: the docs whose value was null on ingestion, as one roaring bitmap. The default null value stands in
//! the forward index.
//!
//! Useful for IS NULL, IS NOT NULL and null-aware functions. Columns without nulls keep none.

pub mod config;
pub(crate) mod creator;
pub(crate) mod reader;
