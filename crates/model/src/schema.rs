//! A table's columns.

use std::collections::HashMap;

use crate::{ColumnType, DataType, FieldRole, Value};

/// One column.
#[derive(Clone, Debug, PartialEq)]
pub struct FieldSpec {
    pub name: String,
    pub data_type: DataType,
    pub role: FieldRole,
    pub multi_value: bool,
    pub not_null: bool,
    /// What is stored where a row has no value; for a multi-value column the one element of the array.
    pub default_null_value: Value,
    /// Characters for STRING and JSON, bytes for BYTES.
    pub max_length: Option<u32>,
    /// `format` and `granularity` of a date-time column, as written.
    pub format: Option<String>,
    pub granularity: Option<String>,
    /// The field's JSON object as it came, unknown keys included.
    pub raw: serde_json::Map<String, serde_json::Value>,
}

impl FieldSpec {
    pub fn column_type(&self) -> ColumnType {
        ColumnType { data_type: self.data_type, multi_value: self.multi_value }
    }
}

/// A schema: columns in the order written (dimensions, metrics, date-times, complex), looked up by name.
#[derive(Clone, Debug, PartialEq)]
pub struct Schema {
    pub name: String,
    pub column_based_null_handling: bool,
    pub fields: Vec<FieldSpec>,
    pub primary_key_columns: Vec<String>,
    pub(crate) by_name: HashMap<String, usize>,
}

impl Schema {
    pub fn new(name: impl Into<String>, fields: Vec<FieldSpec>) -> Self {
        let by_name = fields.iter().enumerate().map(|(i, f)| (f.name.clone(), i)).collect();
        Self { name: name.into(), column_based_null_handling: false, fields, primary_key_columns: Vec::new(), by_name }
    }

    /// The column of exactly this name.
    pub fn field(&self, name: &str) -> Option<&FieldSpec> {
        self.by_name.get(name).map(|&i| &self.fields[i])
    }
}
