//! SQL text to bound query, the query's options, the response and the reduce.
//!
//! Used by the broker (parse, bind, split, reduce), by servers (the bound query and its partial results) and by
//! ingestion (transform expressions). Not here: segments, networks, planning by DataFusion.

pub mod ast;
pub mod error;
pub mod ir;
pub mod options;
pub mod parser;
pub mod partial;
mod text;

pub use error::Error;
pub use ir::*;
pub use options::QueryOptions;
pub use parser::{Statement, StatementKind, parse, parse_expression};
pub use partial::{ExecutionStats, PartialResult, QueryException};
