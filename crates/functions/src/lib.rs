//! Every scalar function, once, vectorised over Arrow arrays.
//!
//! Used by ingestion (transforms), by the engine (per block, or once per dictionary entry), by the broker
//! (constant folding) and, wrapped, by the multi-stage engine. A function is one entry in one family file and one
//! line in [`registry`].
//!
//! Not here: aggregations (`aggregates`), SQL text (`query`), anything that reads a segment.

pub mod expr;
pub mod registry;
pub mod vector;

pub use expr::Expr;
pub use registry::{ScalarFunction, lookup};
pub use vector::{Data, Vector};
