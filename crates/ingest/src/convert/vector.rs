//! Values of typed arrays, such as results of functions, as raw values.

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::datatypes::{DataType as ArrowType, Float32Type, Float64Type, Int32Type, Int64Type};
use connectors::format::Field;
use model::{ColumnType, DataType, Value, parse};

/// The value at `row` of an array of a logical type.
pub fn field_of_vector(array: &ArrayRef, ty: ColumnType, row: usize) -> Field {
    if array.is_null(row) {
        return Field::Null;
    }
    if let ArrowType::List(_) = array.data_type() {
        let items = array.as_list::<i32>().value(row);
        let element = ty.data_type.sv();
        return Field::List((0..items.len()).map(|i| field_of_vector(&items, element, i)).collect());
    }
    match array.data_type() {
        ArrowType::Int32 => Field::Int(array.as_primitive::<Int32Type>().value(row)),
        ArrowType::Int64 => {
            let n = array.as_primitive::<Int64Type>().value(row);
            if ty.data_type == DataType::Timestamp { Field::Timestamp(n) } else { Field::Long(n) }
        }
        ArrowType::Float32 => Field::Float(array.as_primitive::<Float32Type>().value(row)),
        ArrowType::Float64 => Field::Double(array.as_primitive::<Float64Type>().value(row)),
        ArrowType::Boolean => Field::Bool(array.as_boolean().value(row)),
        ArrowType::Utf8 => {
            let text = array.as_string::<i32>().value(row);
            if ty.data_type == DataType::BigDecimal
                && let Ok(decimal) = parse::parse_big_decimal(text)
            {
                return Field::decimal(decimal);
            }
            Field::Text(text.to_owned())
        }
        ArrowType::Binary => Field::Bytes(array.as_binary::<i32>().value(row).to_vec()),
        _ => Field::Null,
    }
}

/// A constant as a raw value.
pub fn field_of_value(value: &Value) -> Field {
    match value {
        Value::Null => Field::Null,
        Value::Int(n) => Field::Int(*n),
        Value::Long(n) => Field::Long(*n),
        Value::Float(x) => Field::Float(*x),
        Value::Double(x) => Field::Double(*x),
        Value::BigDecimal(d) => Field::decimal(d.clone()),
        Value::Boolean(b) => Field::Bool(*b),
        Value::Timestamp(n) => Field::Timestamp(*n),
        Value::String(t) | Value::Json(t) | Value::Map(t) => Field::Text(t.clone()),
        Value::Bytes(b) => Field::Bytes(b.clone()),
        Value::Array(_, items) => Field::List(items.iter().map(field_of_value).collect()),
    }
}
