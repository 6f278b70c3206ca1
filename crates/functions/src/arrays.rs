//! Between Arrow cells and [`Value`]s.
//!
//! Row-at-a-time access is for edges (constants, results, rare functions); loops over blocks downcast once instead.

use std::sync::Arc;

use arrow::{
    array::{
        Array, ArrayRef, AsArray, BinaryArray, BinaryBuilder, BooleanBuilder, ListArray, NullArray, PrimitiveBuilder,
        StringBuilder,
    },
    buffer::{NullBuffer, OffsetBuffer},
    datatypes::{ArrowPrimitiveType, Field, Float32Type, Float64Type, Int32Type, Int64Type},
};
use model::{ColumnType, DataType, Value};

use crate::{convert, decimal, vector::Data, vector::Vector};

/// The value in `row` of an array of Arrow type `ty.arrow()`; `Null` for a null, for a row out of range and for an
/// array of another type.
pub fn value_at(array: &dyn Array, ty: ColumnType, row: usize) -> Value {
    if row >= array.len() || array.is_null(row) {
        return Value::Null;
    }
    if ty.multi_value {
        let Some(list) = array.as_list_opt::<i32>() else { return Value::Null };
        let items = list.value(row);
        let values = (0..items.len()).map(|i| single_value(items.as_ref(), ty.data_type, i)).collect();
        return Value::Array(ty.data_type, values);
    }
    single_value(array, ty.data_type, row)
}

fn single_value(array: &dyn Array, ty: DataType, row: usize) -> Value {
    if array.is_null(row) {
        return Value::Null;
    }
    let text = || array.as_string_opt::<i32>().map(|a| a.value(row).to_owned());
    let value = match ty {
        DataType::Int => array.as_primitive_opt::<Int32Type>().map(|a| Value::Int(a.value(row))),
        DataType::Long => array.as_primitive_opt::<Int64Type>().map(|a| Value::Long(a.value(row))),
        DataType::Timestamp => array.as_primitive_opt::<Int64Type>().map(|a| Value::Timestamp(a.value(row))),
        DataType::Float => array.as_primitive_opt::<Float32Type>().map(|a| Value::Float(a.value(row))),
        DataType::Double => array.as_primitive_opt::<Float64Type>().map(|a| Value::Double(a.value(row))),
        DataType::Boolean => array.as_boolean_opt().map(|a| Value::Boolean(a.value(row))),
        DataType::BigDecimal => text().and_then(|t| decimal::parse(&t)).map(Value::BigDecimal),
        DataType::String => text().map(Value::String),
        DataType::Json => text().map(Value::Json),
        DataType::Map | DataType::List | DataType::Struct => text().map(Value::Map),
        DataType::Bytes | DataType::Object => array.as_binary_opt::<i32>().map(|a| Value::Bytes(a.value(row).to_vec())),
        DataType::Unknown => None,
    };
    value.unwrap_or(Value::Null)
}

/// An array of Arrow type `ty.arrow()`. A value of another type is converted by the rules of [`convert`]; one that
/// cannot be converted is an error.
pub fn from_values(ty: ColumnType, values: &[Value]) -> Result<ArrayRef, String> {
    if !ty.multi_value {
        return single_from_values(ty.data_type, values.iter());
    }
    let mut offsets = Vec::with_capacity(values.len() + 1);
    offsets.push(0i32);
    let mut valid = Vec::with_capacity(values.len());
    let mut items: Vec<&Value> = Vec::new();
    for value in values {
        match value {
            Value::Array(_, elements) => items.extend(elements),
            Value::Null => {}
            single => items.push(single),
        }
        valid.push(!value.is_null());
        offsets.push(i32::try_from(items.len()).map_err(|_| "too many elements for one block".to_owned())?);
    }
    let items = single_from_values(ty.data_type, items.into_iter())?;
    let nulls = valid.iter().any(|v| !v).then(|| NullBuffer::from(valid));
    list_array(ty.data_type, items, OffsetBuffer::new(offsets.into()), nulls)
}

/// A list array with the field name and nullability that every multi-value column has.
pub fn list_array(
    element: DataType,
    items: ArrayRef,
    offsets: OffsetBuffer<i32>,
    nulls: Option<NullBuffer>,
) -> Result<ArrayRef, String> {
    let field = Arc::new(Field::new("item", element.arrow(), true));
    ListArray::try_new(field, offsets, items, nulls).map(|a| Arc::new(a) as ArrayRef).map_err(|e| e.to_string())
}

fn single_from_values<'a>(ty: DataType, values: impl ExactSizeIterator<Item = &'a Value>) -> Result<ArrayRef, String> {
    fn primitive<'a, T: ArrowPrimitiveType>(
        values: impl ExactSizeIterator<Item = &'a Value>,
        ty: DataType,
        get: impl Fn(&Value) -> Option<T::Native>,
    ) -> Result<ArrayRef, String> {
        let mut builder = PrimitiveBuilder::<T>::with_capacity(values.len());
        for value in values {
            if value.is_null() {
                builder.append_null();
            } else {
                builder.append_option(get(&convert::value(value, ty.sv())?));
            }
        }
        Ok(Arc::new(builder.finish()))
    }
    match ty {
        DataType::Int => primitive::<Int32Type>(values, ty, |v| if let Value::Int(v) = v { Some(*v) } else { None }),
        DataType::Long => primitive::<Int64Type>(values, ty, |v| if let Value::Long(v) = v { Some(*v) } else { None }),
        DataType::Timestamp => {
            primitive::<Int64Type>(values, ty, |v| if let Value::Timestamp(v) = v { Some(*v) } else { None })
        }
        DataType::Float => {
            primitive::<Float32Type>(values, ty, |v| if let Value::Float(v) = v { Some(*v) } else { None })
        }
        DataType::Double => {
            primitive::<Float64Type>(values, ty, |v| if let Value::Double(v) = v { Some(*v) } else { None })
        }
        DataType::Boolean => {
            let mut builder = BooleanBuilder::with_capacity(values.len());
            for value in values {
                match convert::value(value, ty.sv())? {
                    Value::Boolean(v) => builder.append_value(v),
                    _ => builder.append_null(),
                }
            }
            Ok(Arc::new(builder.finish()))
        }
        DataType::BigDecimal
        | DataType::String
        | DataType::Json
        | DataType::Map
        | DataType::List
        | DataType::Struct => {
            let mut builder = StringBuilder::new();
            for value in values {
                match convert::value(value, ty.sv())? {
                    Value::String(t) | Value::Json(t) | Value::Map(t) => builder.append_value(t),
                    Value::BigDecimal(d) => builder.append_value(decimal::to_text(&d)),
                    _ => builder.append_null(),
                }
            }
            Ok(Arc::new(builder.finish()))
        }
        DataType::Bytes | DataType::Object => {
            let mut builder = BinaryBuilder::new();
            for value in values {
                match convert::value(value, DataType::Bytes.sv())? {
                    Value::Bytes(b) => builder.append_value(b),
                    _ => builder.append_null(),
                }
            }
            Ok(Arc::new(builder.finish()))
        }
        DataType::Unknown => Ok(Arc::new(NullArray::new(values.len()))),
    }
}

/// `rows` nulls of type `ty`.
pub fn nulls(ty: ColumnType, rows: usize) -> ArrayRef {
    arrow::array::new_null_array(&ty.arrow(), rows)
}

/// The vector as an array of `rows` entries of its own type; a constant is repeated.
pub fn expand(vector: &Vector, rows: usize) -> Result<ArrayRef, String> {
    match &vector.data {
        Data::Array(array) => Ok(array.clone()),
        Data::Constant(Value::Null) => Ok(nulls(vector.ty, rows)),
        Data::Constant(value) => repeat(&from_values(vector.ty, std::slice::from_ref(value))?, rows),
    }
}

/// The single entry of `array`, `rows` times.
pub(crate) fn repeat(array: &ArrayRef, rows: usize) -> Result<ArrayRef, String> {
    if rows == array.len() && rows == 1 {
        return Ok(array.clone());
    }
    if let Some(binary) = array.as_any().downcast_ref::<BinaryArray>()
        && binary.is_valid(0)
    {
        return Ok(Arc::new(BinaryArray::from_iter_values(std::iter::repeat_n(binary.value(0), rows))));
    }
    let indices = arrow::array::UInt32Array::from(vec![0u32; rows]);
    arrow::compute::take(array.as_ref(), &indices, None).map_err(|e| e.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_survive_the_round_trip() {
        let cases = [
            (DataType::Int.sv(), vec![Value::Int(-1), Value::Null, Value::Int(i32::MAX)]),
            (DataType::Long.sv(), vec![Value::Long(i64::MIN), Value::Null]),
            (DataType::Timestamp.sv(), vec![Value::Timestamp(1)]),
            (DataType::Float.sv(), vec![Value::Float(1.5)]),
            (DataType::Double.sv(), vec![Value::Double(f64::INFINITY)]),
            (DataType::Boolean.sv(), vec![Value::Boolean(true), Value::Null]),
            (DataType::String.sv(), vec![Value::String("ü".into()), Value::Null, Value::String(String::new())]),
            (DataType::Json.sv(), vec![Value::Json("{}".into())]),
            (DataType::Bytes.sv(), vec![Value::Bytes(vec![0, 255])]),
            (DataType::Int.mv(), vec![Value::Array(DataType::Int, vec![Value::Int(1), Value::Int(2)]), Value::Null]),
            (DataType::String.mv(), vec![Value::Array(DataType::String, vec![])]),
        ];
        for (ty, values) in cases {
            let array = from_values(ty, &values).unwrap();
            assert_eq!(array.data_type(), &ty.arrow());
            let back: Vec<Value> = (0..array.len()).map(|row| value_at(array.as_ref(), ty, row)).collect();
            assert_eq!(back, values);
        }
    }

    #[test]
    fn a_constant_is_repeated() {
        let three = expand(&Vector::constant(Value::String("x".into())), 3).unwrap();
        assert_eq!(three.len(), 3);
        assert_eq!(value_at(three.as_ref(), DataType::String.sv(), 2), Value::String("x".into()));
        assert_eq!(expand(&Vector::constant(Value::Null), 2).unwrap().null_count(), 0);
    }
}
