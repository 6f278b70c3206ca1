//! Indexes, one folder each, with the same file names in each: `config.rs` (what users set), `creator.rs` (builds the
//! section), `reader.rs` (answers queries), `mod.rs` (what the index is and is not useful for).
//!
//! A new index is a folder here, a [`crate::format::Kind`], and a line in [`attached::ATTACHED`], or, where it is built
//! while rows are appended, in [`Plan`] and [`derived`].

pub(crate) mod attached;
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
