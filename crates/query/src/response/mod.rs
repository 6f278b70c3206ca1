//! The answer to a query, as clients read it.

mod table;

pub use table::ResultTable;
