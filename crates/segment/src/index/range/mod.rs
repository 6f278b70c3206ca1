//! Range index: docs in up to 64 buckets of about equal size, by dict id or by raw number. Buckets inside a range match
//! as a whole; of the one or two at its ends the docs have to be checked.
//!
//! Useful for ranges that match few docs. Not useful on sorted columns, whose runs answer alone.

pub mod config;
pub(crate) mod creator;
mod reader;

pub use reader::RangeReader;
