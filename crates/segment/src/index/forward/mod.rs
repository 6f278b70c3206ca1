//! Forward index: the values, or dict ids, in doc order.
//!
//! Useful for scans, projections and aggregation. Every column has one, or is sorted.

mod chunks;
pub mod config;
pub(crate) mod creator;
mod reader;

pub(crate) use chunks::{ChunkReader, ChunkWriter};
pub(crate) use reader::{ForwardStore, IdStore, RawValues, gather_var};
