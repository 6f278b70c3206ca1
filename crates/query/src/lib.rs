//! SQL text to bound query, the query's options, the response and the reduce.
//!
//! Used by the broker (parse, bind, split, reduce), by servers (the bound query and its partial results) and by
//! ingestion (transform expressions). Not here: segments, networks, planning by DataFusion.

pub mod ast;
mod bind;
pub mod cache;
pub mod catalog;
pub mod codec;
pub mod error;
pub mod ir;
pub mod like;
pub mod options;
pub mod parser;
pub mod partial;
mod reduce;
pub mod response;
pub mod text;

pub use bind::{BindContext, Bound, bind, bind_expression};
pub use cache::StatementCache;
pub use catalog::{Catalog, TableInfo, TableQueryConfig};
pub use error::Error;
pub use ir::*;
pub use options::QueryOptions;
pub use parser::{Statement, StatementKind, fingerprint, parse, parse_expression};
pub use partial::{ExecutionStats, PartialResult, QueryException};
pub use reduce::{Reduced, reduce};
pub use response::{BrokerResponse, ResultTable};

#[cfg(test)]
mod tests;
