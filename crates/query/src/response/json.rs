//! Rows as JSON, straight from Arrow arrays.

use arrow::{
    array::{
        Array, ArrayRef, AsArray, BinaryArray, BooleanArray, Float32Array, Float64Array, GenericListArray, Int32Array,
        Int64Array, StringArray,
    },
    datatypes::{Float32Type, Float64Type, Int32Type, Int64Type},
};
use model::{ColumnType, DataType, render};

use super::ResultTable;

/// One column, ready to be written cell by cell.
enum Cells<'a> {
    Int(&'a Int32Array),
    Long(&'a Int64Array),
    Float(&'a Float32Array),
    Double(&'a Float64Array),
    Boolean(&'a BooleanArray),
    Timestamp(&'a Int64Array),
    Text(&'a StringArray),
    Map(&'a StringArray),
    Bytes(&'a BinaryArray),
    List(&'a GenericListArray<i32>, Box<Cells<'a>>),
    /// An array that does not have its column's type.
    Null,
}

impl<'a> Cells<'a> {
    fn new(array: &'a ArrayRef, ty: ColumnType) -> Self {
        if ty.multi_value {
            return match array.as_list_opt::<i32>() {
                Some(list) => Self::List(list, Box::new(Self::single(list.values(), ty.data_type))),
                None => Self::Null,
            };
        }
        Self::single(array, ty.data_type)
    }

    fn single(array: &'a ArrayRef, ty: DataType) -> Self {
        let cells = match ty {
            DataType::Int => array.as_primitive_opt::<Int32Type>().map(Self::Int),
            DataType::Long => array.as_primitive_opt::<Int64Type>().map(Self::Long),
            DataType::Float => array.as_primitive_opt::<Float32Type>().map(Self::Float),
            DataType::Double => array.as_primitive_opt::<Float64Type>().map(Self::Double),
            DataType::Boolean => array.as_boolean_opt().map(Self::Boolean),
            DataType::Timestamp => array.as_primitive_opt::<Int64Type>().map(Self::Timestamp),
            DataType::String | DataType::Json | DataType::BigDecimal => array.as_string_opt::<i32>().map(Self::Text),
            DataType::Map | DataType::List | DataType::Struct => array.as_string_opt::<i32>().map(Self::Map),
            DataType::Bytes | DataType::Object => array.as_binary_opt::<i32>().map(Self::Bytes),
            DataType::Unknown => None,
        };
        cells.unwrap_or(Self::Null)
    }

    fn push(&self, out: &mut String, row: usize) {
        match self {
            Self::Int(a) if a.is_valid(row) => render::push_i64(out, i64::from(a.value(row))),
            Self::Long(a) if a.is_valid(row) => render::push_i64(out, a.value(row)),
            Self::Float(a) if a.is_valid(row) => render::push_float_json(out, a.value(row)),
            Self::Double(a) if a.is_valid(row) => render::push_double_json(out, a.value(row)),
            Self::Boolean(a) if a.is_valid(row) => out.push_str(if a.value(row) { "true" } else { "false" }),
            Self::Timestamp(a) if a.is_valid(row) => render::push_timestamp_json(out, a.value(row)),
            Self::Text(a) if a.is_valid(row) => render::push_json_string(out, a.value(row)),
            Self::Map(a) if a.is_valid(row) => render::push_map_json(out, a.value(row)),
            Self::Bytes(a) if a.is_valid(row) => render::push_bytes_json(out, a.value(row)),
            Self::List(list, items) if list.is_valid(row) => {
                let (start, end) = (list.value_offsets()[row] as usize, list.value_offsets()[row + 1] as usize);
                out.push('[');
                for item in start..end {
                    if item > start {
                        out.push(',');
                    }
                    items.push(out, item);
                }
                out.push(']');
            }
            _ => out.push_str("null"),
        }
    }
}

/// `{"dataSchema":{"columnNames":[…],"columnDataTypes":[…]},"rows":[[…],…]}`
pub(super) fn push_table(out: &mut String, table: &ResultTable) {
    out.push_str("{\"dataSchema\":");
    push_schema(out, table);
    out.push_str(",\"rows\":[");
    push_rows(out, table, |_| {});
    out.push_str("]}");
}

/// `{"columnNames":[…],"columnDataTypes":[…]}`
pub(super) fn push_schema(out: &mut String, table: &ResultTable) {
    out.push_str("{\"columnNames\":[");
    for (i, name) in table.names.iter().enumerate() {
        if i > 0 {
            out.push(',');
        }
        render::push_json_string(out, name);
    }
    out.push_str("],\"columnDataTypes\":[");
    for (i, ty) in table.types.iter().enumerate() {
        if i > 0 {
            out.push(',');
        }
        out.push('"');
        out.push_str(ty.response_name());
        out.push('"');
    }
    out.push_str("]}");
}

/// `[…],[…]`. `ended` is told the length of the text behind each row.
pub(super) fn push_rows(out: &mut String, table: &ResultTable, mut ended: impl FnMut(usize)) {
    let columns: Vec<Cells<'_>> =
        table.columns.iter().zip(&table.types).map(|(array, &ty)| Cells::new(array, ty)).collect();
    out.reserve(table.num_rows * (columns.len() * 8 + 2));
    for row in 0..table.num_rows {
        if row > 0 {
            out.push(',');
        }
        out.push('[');
        for (i, column) in columns.iter().enumerate() {
            if i > 0 {
                out.push(',');
            }
            column.push(out, row);
        }
        out.push(']');
        ended(out.len());
    }
}
