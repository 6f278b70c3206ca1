//! One bound query over many segments.
//!
//! [`Engine::execute`] takes a bound query and the segments that a server holds for it and answers with rows or
//! partial states ([`query::PartialResult`]). It prunes segments, turns the filter into index answers and scans per
//! segment, reads in blocks of 4,096 rows, and spreads segments over a bounded pool of threads.
//!
//! Not here: SQL text and the reduce over servers (`query`), bytes of segments (`segment`), values of functions and
//! aggregations (`functions`, `aggregates`), networks and async code. The calling thread works and blocks.

mod columns;
mod combine;
mod context;
mod engine;
mod error;
mod explain;
mod filter;
mod group;
mod mask;
mod numeric;
mod options;
mod output;
mod pool;
mod prune;
mod selection;
mod simd;
mod sort;
mod topk;
mod values;

pub use context::{CancelToken, ExecuteContext};
pub use engine::{Engine, EngineConfig};
pub use error::Error;
