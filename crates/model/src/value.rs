//! One value: a literal of a query, a default null value, a cell of a result.

use bigdecimal::BigDecimal;
use serde::{Deserialize, Serialize};

use crate::{ColumnType, DataType};

/// A typed value. `Json` and `Map` hold JSON text; `Timestamp` holds epoch milliseconds; `BigDecimal` is exact.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Value {
    Null,
    Int(i32),
    Long(i64),
    Float(f32),
    Double(f64),
    BigDecimal(BigDecimal),
    Boolean(bool),
    Timestamp(i64),
    String(String),
    Json(String),
    Bytes(Vec<u8>),
    Map(String),
    /// A multi-value cell: the elements' type, then the elements.
    Array(DataType, Vec<Value>),
}

impl Value {
    pub fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }

    pub fn column_type(&self) -> ColumnType {
        match self {
            Self::Null => DataType::Unknown,
            Self::Int(_) => DataType::Int,
            Self::Long(_) => DataType::Long,
            Self::Float(_) => DataType::Float,
            Self::Double(_) => DataType::Double,
            Self::BigDecimal(_) => DataType::BigDecimal,
            Self::Boolean(_) => DataType::Boolean,
            Self::Timestamp(_) => DataType::Timestamp,
            Self::String(_) => DataType::String,
            Self::Json(_) => DataType::Json,
            Self::Bytes(_) => DataType::Bytes,
            Self::Map(_) => DataType::Map,
            Self::Array(element, _) => return element.mv(),
        }
        .sv()
    }
}
