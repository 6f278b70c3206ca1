//! Every scalar function, once, vectorised over Arrow arrays.
//!
//! Used by ingestion (transforms), by the engine (per block, or once per dictionary entry), by the broker
//! (constant folding) and, wrapped, by the multi-stage engine. A function is one entry in one family file and one
//! line in [`registry`].
//!
//! Not here: aggregations (`aggregates`), SQL text (`query`), anything that reads a segment.

pub mod arrays;
pub mod call;
pub mod comparable;
pub mod convert;
pub mod decimal;
pub mod eval;
pub mod expr;
pub mod families;
pub mod json;
pub mod pattern;
pub mod registry;
#[cfg(test)]
mod testing;
pub mod text;
mod utf16;
pub mod vector;

pub use eval::{Columns, NoColumns, evaluate, evaluate_array, evaluate_constant, fold};
pub use expr::Expr;
pub use registry::{Argument, Context, Error, ScalarFunction, lookup};
pub use vector::{Data, Vector};
