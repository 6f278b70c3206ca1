//! What a function takes and gives: a column of values or one constant, with Pinot's logical type.

use arrow::array::ArrayRef;
use model::{ColumnType, Value};

/// A typed argument or result. An array has the block's row count; its Arrow type is `ty.arrow()`.
#[derive(Clone, Debug)]
pub struct Vector {
    pub ty: ColumnType,
    pub data: Data,
}

#[derive(Clone, Debug)]
pub enum Data {
    Array(ArrayRef),
    /// The same value in every row.
    Constant(Value),
}

impl Vector {
    pub fn array(ty: ColumnType, array: ArrayRef) -> Self {
        Self { ty, data: Data::Array(array) }
    }

    pub fn constant(value: Value) -> Self {
        Self { ty: value.column_type(), data: Data::Constant(value) }
    }
}
