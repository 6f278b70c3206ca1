//! Indexes, one folder each, with the same file names in each: `config.rs` (what users set), `creator.rs` (builds the
//! section), `reader.rs` (answers queries), `mod.rs` (what the index is and is not useful for).
//!
//! A new index is a folder here, a [`crate::format::Kind`], a line in [`Plan`] and one in [`derived::build`].

pub mod bloom;
pub(crate) mod column_scan;
pub(crate) mod derived;
pub mod dictionary;
pub mod forward;
pub mod inverted;
pub mod null;
mod plan;
pub mod range;
pub(crate) mod scan;
pub mod sorted;

pub use plan::Plan;
