//! Dictionary: the distinct values of a column in ascending order; a value's place is its dict id.
//!
//! Useful for everything that can be done once per distinct value: predicates, functions, group keys, distinct counts.
//! Not useful where nearly every doc has its own value: then it only adds an indirection.

pub mod config;
pub(crate) mod creator;
mod reader;

pub use reader::DictionaryReader;
pub(crate) use reader::var_array;
