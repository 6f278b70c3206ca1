//! A table's columns.
//!
//! [`Schema::from_json`] reads Pinot's JSON, [`Schema::to_json`] writes it as `GET /schemas/{name}` does,
//! [`Schema::validate`] and [`Schema::check_update`] are what create and update ask.

mod defaults;
mod json;
#[cfg(test)]
mod tests;
mod validate;

pub(crate) use json::{kind as json_kind, pointer as json_pointer};

use std::collections::{BTreeMap, HashMap};

use serde::{Deserialize, Serialize};

use crate::{ColumnType, DataType, FieldRole, Value, date_time::DateTimeFormat};

/// A schema that cannot be read, is not valid, or may not replace another.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SchemaError {
    /// The text is no schema JSON. `text` is the document, cut to 1,000 characters.
    #[error("Invalid schema config json string: {text}. Reason: {reason}")]
    Json { text: String, reason: String },
    #[error("Invalid schema. Reason: 'schemaName' should not be null or empty")]
    NoName,
    #[error("'schemaName' cannot contain double underscore ('__')")]
    DoubleUnderscore,
    #[error("Invalid schema: {schema}. Reason: {reason}")]
    Invalid { schema: String, reason: String },
    #[error("{details}")]
    Incompatible { schema: String, details: String },
}

/// What to do with a value longer than `maxLength`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum MaxLengthExceedStrategy {
    TrimLength,
    Error,
    SubstituteDefaultValue,
    NoAction,
}

/// Characters (STRING, JSON) or bytes (BYTES) kept where a field names no `maxLength`.
pub const DEFAULT_MAX_LENGTH: u32 = 512;

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
    pub max_length_exceed_strategy: Option<MaxLengthExceedStrategy>,
    /// BIG_DECIMAL keeps its trailing zeros.
    pub allow_trailing_zeros: bool,
    /// A transform written in the schema, the older place for it.
    pub transform_function: Option<String>,
    /// `format` and `granularity` of a date-time column, as written (derived for a legacy time column).
    pub format: Option<String>,
    pub granularity: Option<String>,
    /// The field's JSON object as it came, unknown keys included. Empty for a field made by code.
    pub raw: serde_json::Map<String, serde_json::Value>,
}

impl FieldSpec {
    /// A single-value field with the type's defaults.
    pub fn new(name: impl Into<String>, data_type: DataType, role: FieldRole) -> Self {
        Self {
            name: name.into(),
            data_type,
            role,
            multi_value: false,
            not_null: false,
            default_null_value: data_type.default_null_value(role),
            max_length: None,
            max_length_exceed_strategy: None,
            allow_trailing_zeros: false,
            transform_function: None,
            format: None,
            granularity: None,
            raw: serde_json::Map::new(),
        }
    }

    pub fn dimension(name: impl Into<String>, data_type: DataType) -> Self {
        Self::new(name, data_type, FieldRole::Dimension)
    }

    pub fn metric(name: impl Into<String>, data_type: DataType) -> Self {
        Self::new(name, data_type, FieldRole::Metric)
    }

    pub fn date_time(
        name: impl Into<String>,
        data_type: DataType,
        format: impl Into<String>,
        granularity: impl Into<String>,
    ) -> Self {
        let mut field = Self::new(name, data_type, FieldRole::DateTime);
        field.format = Some(format.into());
        field.granularity = Some(granularity.into());
        field
    }

    /// The same field as a multi-value one.
    pub fn multi(mut self) -> Self {
        self.multi_value = true;
        self
    }

    pub fn column_type(&self) -> ColumnType {
        ColumnType { data_type: self.data_type, multi_value: self.multi_value }
    }

    /// The cell stored where a row has no value: the default, in an array for a multi-value column.
    pub fn default_cell(&self) -> Value {
        if self.multi_value {
            Value::Array(self.data_type, vec![self.default_null_value.clone()])
        } else {
            self.default_null_value.clone()
        }
    }

    /// The limit in force: [`DEFAULT_MAX_LENGTH`] where none is written; `None` for types that have none.
    pub fn effective_max_length(&self) -> Option<u32> {
        matches!(self.data_type, DataType::String | DataType::Json | DataType::Bytes)
            .then(|| self.max_length.unwrap_or(DEFAULT_MAX_LENGTH))
    }

    /// What happens beyond the limit: trimming, for JSON nothing, unless written otherwise.
    pub fn effective_exceed_strategy(&self) -> MaxLengthExceedStrategy {
        self.max_length_exceed_strategy.unwrap_or(match self.data_type {
            DataType::Json => MaxLengthExceedStrategy::NoAction,
            _ => MaxLengthExceedStrategy::TrimLength,
        })
    }

    /// The parsed `format` of a date-time or time column; `None` for others and for formats that do not parse.
    pub fn date_time_format(&self) -> Option<DateTimeFormat> {
        self.format.as_deref().and_then(|format| DateTimeFormat::parse(format).ok())
    }

    /// Names that start with `$` are not stored.
    pub fn is_virtual(&self) -> bool {
        self.name.starts_with('$')
    }
}

/// A schema: columns in the order written (dimensions, metrics, time, date-times, complex), looked up by name.
///
/// Change `fields` only through a new [`Schema::new`], since names are indexed.
#[derive(Clone, Debug, PartialEq)]
pub struct Schema {
    pub name: String,
    pub column_based_null_handling: bool,
    pub fields: Vec<FieldSpec>,
    pub primary_key_columns: Vec<String>,
    /// Keys that mean nothing to us, by JSON pointer: what `unrecognizedProperties` lists.
    pub unrecognized: BTreeMap<String, serde_json::Value>,
    pub(crate) by_name: HashMap<String, usize>,
}

impl Schema {
    pub fn new(name: impl Into<String>, fields: Vec<FieldSpec>) -> Self {
        let by_name = fields.iter().enumerate().map(|(i, f)| (f.name.clone(), i)).collect();
        Self {
            name: name.into(),
            column_based_null_handling: false,
            fields,
            primary_key_columns: Vec::new(),
            unrecognized: BTreeMap::new(),
            by_name,
        }
    }

    /// The column of exactly this name.
    pub fn field(&self, name: &str) -> Option<&FieldSpec> {
        self.by_name.get(name).map(|&i| &self.fields[i])
    }

    /// The position in `fields` of the column of exactly this name.
    pub fn index_of(&self, name: &str) -> Option<usize> {
        self.by_name.get(name).copied()
    }

    /// The column of this name, in any case where no column has exactly this one.
    pub fn field_ignore_case(&self, name: &str) -> Option<&FieldSpec> {
        self.field(name).or_else(|| self.fields.iter().find(|field| field.name.eq_ignore_ascii_case(name)))
    }

    pub fn fields_of(&self, role: FieldRole) -> impl Iterator<Item = &FieldSpec> {
        self.fields.iter().filter(move |field| field.role == role)
    }

    /// The date-time or legacy time column of this name.
    pub fn date_time_field(&self, name: &str) -> Option<&FieldSpec> {
        self.field(name).filter(|field| matches!(field.role, FieldRole::DateTime | FieldRole::Time))
    }

    /// Whether a column of this schema keeps nulls: per column where the schema says so, else as the table's
    /// `nullHandlingEnabled` says.
    pub fn is_nullable(&self, field: &FieldSpec, table_null_handling: bool) -> bool {
        if self.column_based_null_handling { !field.not_null } else { table_null_handling }
    }
}
