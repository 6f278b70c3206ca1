//! Data types as a schema names them, as a response names them, and as Arrow holds them.

use std::{fmt, str::FromStr, sync::Arc};

use arrow_schema::{DataType as ArrowType, Field};
use serde::{Deserialize, Serialize};

/// A column's data type without its multi-value flag.
///
/// `Unknown` is the type of a NULL literal and `Object` that of an opaque intermediate value; neither can be
/// declared in a schema.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum DataType {
    Int,
    Long,
    Float,
    Double,
    BigDecimal,
    Boolean,
    Timestamp,
    String,
    Json,
    Bytes,
    Map,
    List,
    Struct,
    Unknown,
    Object,
}

impl DataType {
    /// The upper-case name used in schemas and responses, e.g. `BIG_DECIMAL`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Int => "INT",
            Self::Long => "LONG",
            Self::Float => "FLOAT",
            Self::Double => "DOUBLE",
            Self::BigDecimal => "BIG_DECIMAL",
            Self::Boolean => "BOOLEAN",
            Self::Timestamp => "TIMESTAMP",
            Self::String => "STRING",
            Self::Json => "JSON",
            Self::Bytes => "BYTES",
            Self::Map => "MAP",
            Self::List => "LIST",
            Self::Struct => "STRUCT",
            Self::Unknown => "UNKNOWN",
            Self::Object => "OBJECT",
        }
    }

    /// INT, LONG, FLOAT, DOUBLE and BIG_DECIMAL. BOOLEAN and TIMESTAMP are stored as numbers but are not numeric.
    pub const fn is_numeric(self) -> bool {
        matches!(self, Self::Int | Self::Long | Self::Float | Self::Double | Self::BigDecimal)
    }

    /// The type in which values are stored: BOOLEAN as INT, TIMESTAMP as LONG, JSON as STRING, MAP as STRING (JSON text).
    pub const fn stored(self) -> Self {
        match self {
            Self::Boolean => Self::Int,
            Self::Timestamp => Self::Long,
            Self::Json | Self::Map | Self::List | Self::Struct => Self::String,
            other => other,
        }
    }

    /// The Arrow type of one single value of this type, everywhere in the engine:
    ///
    /// | type | Arrow |
    /// |---|---|
    /// | INT | Int32 |
    /// | LONG, TIMESTAMP (epoch millis) | Int64 |
    /// | FLOAT, DOUBLE | Float32, Float64 |
    /// | BOOLEAN | Boolean |
    /// | BIG_DECIMAL | Utf8, plain notation without exponent |
    /// | STRING, JSON | Utf8 |
    /// | MAP, LIST, STRUCT | Utf8, JSON text |
    /// | BYTES, OBJECT | Binary |
    /// | UNKNOWN | Null |
    pub fn arrow(self) -> ArrowType {
        match self {
            Self::Int => ArrowType::Int32,
            Self::Long | Self::Timestamp => ArrowType::Int64,
            Self::Float => ArrowType::Float32,
            Self::Double => ArrowType::Float64,
            Self::Boolean => ArrowType::Boolean,
            Self::BigDecimal | Self::String | Self::Json | Self::Map | Self::List | Self::Struct => ArrowType::Utf8,
            Self::Bytes | Self::Object => ArrowType::Binary,
            Self::Unknown => ArrowType::Null,
        }
    }

    /// A single-value column of this type.
    pub const fn sv(self) -> ColumnType {
        ColumnType { data_type: self, multi_value: false }
    }

    /// A multi-value column of this type.
    pub const fn mv(self) -> ColumnType {
        ColumnType { data_type: self, multi_value: true }
    }
}

impl fmt::Display for DataType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A text that names no data type.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "unknown data type '{0}', expected one of INT, LONG, FLOAT, DOUBLE, BIG_DECIMAL, BOOLEAN, TIMESTAMP, STRING, JSON, BYTES, MAP, LIST, STRUCT"
)]
pub struct UnknownDataType(pub String);

impl FromStr for DataType {
    type Err = UnknownDataType;

    /// Reads a schema's type name in any case. `UNKNOWN` and `OBJECT` are not accepted.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(match text.to_ascii_uppercase().as_str() {
            "INT" => Self::Int,
            "LONG" => Self::Long,
            "FLOAT" => Self::Float,
            "DOUBLE" => Self::Double,
            "BIG_DECIMAL" => Self::BigDecimal,
            "BOOLEAN" => Self::Boolean,
            "TIMESTAMP" => Self::Timestamp,
            "STRING" => Self::String,
            "JSON" => Self::Json,
            "BYTES" => Self::Bytes,
            "MAP" => Self::Map,
            "LIST" => Self::List,
            "STRUCT" => Self::Struct,
            _ => return Err(UnknownDataType(text.to_owned())),
        })
    }
}

/// A data type with its multi-value flag: the full type of a column, an argument or a result.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ColumnType {
    pub data_type: DataType,
    pub multi_value: bool,
}

impl ColumnType {
    pub const UNKNOWN: Self = DataType::Unknown.sv();

    /// The Arrow type: [`DataType::arrow`], in a `List` (item field named `item`, nullable) when multi-value.
    pub fn arrow(self) -> ArrowType {
        let item = self.data_type.arrow();
        if self.multi_value { ArrowType::List(Arc::new(Field::new("item", item, true))) } else { item }
    }

    /// The name in `columnDataTypes`, e.g. `LONG` or `LONG_ARRAY`.
    pub fn response_name(self) -> &'static str {
        if !self.multi_value {
            return self.data_type.name();
        }
        match self.data_type {
            DataType::Int => "INT_ARRAY",
            DataType::Long => "LONG_ARRAY",
            DataType::Float => "FLOAT_ARRAY",
            DataType::Double => "DOUBLE_ARRAY",
            DataType::BigDecimal => "BIG_DECIMAL_ARRAY",
            DataType::Boolean => "BOOLEAN_ARRAY",
            DataType::Timestamp => "TIMESTAMP_ARRAY",
            DataType::Bytes => "BYTES_ARRAY",
            _ => "STRING_ARRAY",
        }
    }
}

impl fmt::Display for ColumnType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.response_name())
    }
}

/// Which list of the schema a column stands in. It decides the default null value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum FieldRole {
    Dimension,
    Metric,
    Time,
    DateTime,
    Complex,
}
