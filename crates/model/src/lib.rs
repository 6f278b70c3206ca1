//! The vocabulary of every other crate: schemas, table configs, names, data types, values, error codes.
//!
//! Pure values: no I/O, no async, nothing of ours below it. The JSON of schemas and table configs is
//! Apache Pinot's, read and written back with unknown keys kept.

pub mod data_type;
pub mod schema;
pub mod value;

pub use data_type::{ColumnType, DataType, FieldRole};
pub use schema::{FieldSpec, Schema};
pub use value::Value;
