//! The time column: its default, and the check of its values.

use arrow::{
    array::{Array, ArrayRef, BooleanArray},
    compute::nullif,
};
use model::{DataType, DateTimeFormat, Schema, Value, date_time::is_valid_time};

use crate::convert::field_of_vector;
use connectors::format::Field;

/// The table's time column with its format.
pub(super) struct TimeColumn {
    name: String,
    format: DateTimeFormat,
    data_type: DataType,
    check: bool,
}

impl TimeColumn {
    /// `None` when the schema has no such column or its format does not parse.
    pub fn new(schema: &Schema, name: &str, check: bool) -> Option<Self> {
        let field = schema.field(name)?;
        let format = field.date_time_format()?;
        Some(Self { name: name.to_owned(), format, data_type: field.data_type, check })
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    /// The schema with a default of this column that is a valid time: where the declared one is not, the ingestion
    /// time.
    pub fn with_default(&self, schema: &Schema, now_ms: i64) -> Schema {
        let mut schema = schema.clone();
        if let Some(field) = schema.fields.iter_mut().find(|f| f.name == self.name) {
            let declared = self.format.to_millis(&field.default_null_value);
            if !declared.is_ok_and(is_valid_time) {
                let now = self.format.from_millis(now_ms);
                field.default_null_value = cast(now, self.data_type);
            }
        }
        schema
    }

    /// Epoch milliseconds of a stored value.
    fn millis(&self, field: &Field) -> Option<i64> {
        let value = match field {
            Field::Int(n) => Value::Int(*n),
            Field::Long(n) => Value::Long(*n),
            Field::Timestamp(n) => Value::Timestamp(*n),
            Field::Float(x) => Value::Float(*x),
            Field::Double(x) => Value::Double(*x),
            Field::Text(text) => Value::String(text.clone()),
            _ => return None,
        };
        self.format.to_millis(&value).ok()
    }

    /// With `rowTimeValueCheck`: invalid times are faults and, when `to_null`, null.
    pub fn check(&self, array: ArrayRef, to_null: bool, fault: &mut dyn FnMut(usize, String)) -> ArrayRef {
        if !self.check {
            return array;
        }
        let ty = self.data_type.sv();
        let mut invalid = vec![false; array.len()];
        for (row, bad) in invalid.iter_mut().enumerate() {
            let field = field_of_vector(&array, ty, row);
            if field.is_null() || self.millis(&field).is_some_and(is_valid_time) {
                continue;
            }
            *bad = true;
            fault(row, format!("Time value: {} is not in valid range: 1971-01-01 to 2071-01-01", field.to_json()));
        }
        if !to_null || !invalid.contains(&true) {
            return array;
        }
        nullif(&array, &BooleanArray::from(invalid)).unwrap_or(array)
    }
}

/// The time in the column's own type.
fn cast(value: Value, to: DataType) -> Value {
    match (&value, to) {
        (Value::Long(n) | Value::Timestamp(n), DataType::Int) => Value::Int(i32::try_from(*n).unwrap_or(i32::MAX)),
        (Value::Long(n) | Value::Timestamp(n), DataType::Long) => Value::Long(*n),
        (Value::Long(n) | Value::Timestamp(n), DataType::Timestamp) => Value::Timestamp(*n),
        (_, DataType::String) => Value::String(model::render::to_text(&value)),
        (Value::String(text), to) => model::parse_value(text, to).unwrap_or(value),
        _ => value,
    }
}
