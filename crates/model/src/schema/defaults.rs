//! Default null values.

use bigdecimal::BigDecimal;

use crate::{DataType, FieldRole, Value};

impl DataType {
    /// What is stored where a row has no value and the schema names nothing else. Metrics default to zero,
    /// everything else to the type's lowest or a telling value.
    pub fn default_null_value(self, role: FieldRole) -> Value {
        let metric = role == FieldRole::Metric;
        match self {
            Self::Int => Value::Int(if metric { 0 } else { i32::MIN }),
            Self::Long => Value::Long(if metric { 0 } else { i64::MIN }),
            Self::Float => Value::Float(if metric { 0.0 } else { f32::NEG_INFINITY }),
            Self::Double => Value::Double(if metric { 0.0 } else { f64::NEG_INFINITY }),
            Self::BigDecimal => Value::BigDecimal(BigDecimal::from(0)),
            Self::Boolean => Value::Boolean(false),
            Self::Timestamp => Value::Timestamp(0),
            Self::String => Value::String("null".to_owned()),
            Self::Json => Value::Json("null".to_owned()),
            Self::Bytes | Self::Object => Value::Bytes(Vec::new()),
            Self::Map | Self::Struct => Value::Map("{}".to_owned()),
            Self::List => Value::Map("[]".to_owned()),
            Self::Unknown => Value::Null,
        }
    }
}
