//! SQL text to bound query, the query's options, the response and the reduce.
//!
//! Used by the broker (parse, bind, split, reduce), by servers (the bound query and its partial results) and by
//! ingestion (transform expressions). Not here: segments, networks, planning by DataFusion.

pub mod ir;
pub mod partial;

pub use ir::*;
