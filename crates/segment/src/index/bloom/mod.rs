//! Bloom filter: may the segment hold a value? A split-block filter over xxHash64.
//!
//! Useful to skip segments for equality and IN on columns of many values, before the data is touched. Not useful for
//! ranges, and hardly on columns of few values, whose dictionary answers as fast.

pub mod config;
pub(crate) mod creator;
mod reader;

pub(crate) use model::bloom::{hash_bytes, hash_key, hash_value};
pub use reader::BloomReader;
