//! Conversions between types: CAST, and the implicit ones before a call.
//!
//! Integers wrap and doubles truncate and saturate as in Java; a text that is no number is an error that quotes it.

use std::sync::Arc;

use arrow::{
    array::{
        Array, ArrayRef, AsArray, BinaryBuilder, BooleanArray, BooleanBuilder, Int32Array, Int64Array, PrimitiveArray,
        PrimitiveBuilder, StringArray, StringBuilder,
    },
    datatypes::{ArrowPrimitiveType, Float32Type, Float64Type, Int32Type, Int64Type},
};
use model::{ColumnType, DataType, Value};

use crate::{
    arrays, decimal, text,
    vector::{Data, Vector},
};

/// Whether a value of `from` may be given where `to` is wanted. Texts are checked when they are read.
pub fn is_convertible(from: ColumnType, to: ColumnType) -> bool {
    if from.data_type == DataType::Unknown {
        return true;
    }
    from.multi_value == to.multi_value && {
        let (from, to) = (from.data_type, to.data_type);
        let bytes = |t| matches!(t, DataType::Bytes | DataType::Object);
        let textual = |t| matches!(t, DataType::String | DataType::Json | DataType::Map | DataType::BigDecimal);
        from == to || if bytes(from) { bytes(to) || textual(to) } else { !bytes(to) || textual(from) }
    }
}

/// The type that holds values of both: numbers widen INT < LONG < FLOAT < DOUBLE < BIG_DECIMAL, an unknown gives way,
/// anything else meets at STRING.
pub fn common_type(a: DataType, b: DataType) -> DataType {
    fn rank(t: DataType) -> Option<u8> {
        Some(match t {
            DataType::Int => 0,
            DataType::Long => 1,
            DataType::Float => 2,
            DataType::Double => 3,
            DataType::BigDecimal => 4,
            _ => return None,
        })
    }
    match (a, b) {
        (DataType::Unknown, other) | (other, DataType::Unknown) => other,
        (a, b) if a == b => a,
        (DataType::Timestamp, DataType::Long) | (DataType::Long, DataType::Timestamp) => DataType::Long,
        (a, b) => match (rank(a), rank(b)) {
            (Some(x), Some(y)) => {
                if x >= y {
                    a
                } else {
                    b
                }
            }
            _ => DataType::String,
        },
    }
}

/// The type that a cast's target names, e.g. `INTEGER`, `VARCHAR`, `STRING_ARRAY`.
pub fn target_type(name: &str) -> Option<ColumnType> {
    let upper = name.trim().to_ascii_uppercase();
    let (base, multi_value) = match upper.strip_suffix("_ARRAY") {
        Some(base) => (base, true),
        None => (upper.as_str(), false),
    };
    let data_type = match base {
        "INT" | "INTEGER" => DataType::Int,
        "LONG" | "BIGINT" => DataType::Long,
        "FLOAT" | "REAL" => DataType::Float,
        "DOUBLE" => DataType::Double,
        "DECIMAL" | "BIGDECIMAL" | "BIG_DECIMAL" => DataType::BigDecimal,
        "BOOL" | "BOOLEAN" => DataType::Boolean,
        "TIMESTAMP" => DataType::Timestamp,
        "STRING" | "VARCHAR" | "CHAR" => DataType::String,
        "JSON" => DataType::Json,
        "BYTES" | "VARBINARY" => DataType::Bytes,
        "MAP" => DataType::Map,
        _ => return None,
    };
    Some(ColumnType { data_type, multi_value })
}

fn not_a_number(text: &str) -> String {
    format!("For input string: \"{}\"", clip(text))
}

fn no_conversion(from: DataType, to: DataType) -> String {
    format!("Cannot convert value of type: {from} to type: {to}")
}

/// At most 100 characters of a text, for an error message.
pub(crate) fn clip(text: &str) -> String {
    if text.chars().count() <= 100 { text.to_owned() } else { text.chars().take(100).chain("…".chars()).collect() }
}

/// One value as another type. NULL stays NULL.
pub fn value(value: &Value, to: ColumnType) -> Result<Value, String> {
    if value.is_null() || value.column_type() == to {
        return Ok(value.clone());
    }
    if let Value::Array(_, elements) = value {
        if !to.multi_value {
            return Err(format!("Cannot convert a multi-value to type: {to}"));
        }
        let elements = elements.iter().map(|e| self::value(e, to.data_type.sv())).collect::<Result<_, _>>()?;
        return Ok(Value::Array(to.data_type, elements));
    }
    if to.multi_value {
        return Ok(Value::Array(to.data_type, vec![self::value(value, to.data_type.sv())?]));
    }
    single_value(value, to.data_type)
}

fn single_value(value: &Value, to: DataType) -> Result<Value, String> {
    let fail = || no_conversion(value.column_type().data_type, to);
    Ok(match to {
        DataType::Int => Value::Int(match value {
            Value::Int(v) => *v,
            Value::Long(v) | Value::Timestamp(v) => *v as i32,
            Value::Float(v) => *v as i32,
            Value::Double(v) => *v as i32,
            Value::BigDecimal(v) => decimal::to_i64(v) as i32,
            Value::Boolean(v) => i32::from(*v),
            Value::String(t) | Value::Json(t) => text::parse_int(t.trim()).ok_or_else(|| not_a_number(t))?,
            _ => return Err(fail()),
        }),
        DataType::Long | DataType::Timestamp => {
            let long = match value {
                Value::Int(v) => i64::from(*v),
                Value::Long(v) | Value::Timestamp(v) => *v,
                Value::Float(v) => *v as i64,
                Value::Double(v) => *v as i64,
                Value::BigDecimal(v) => decimal::to_i64(v),
                Value::Boolean(v) => i64::from(*v),
                Value::String(t) | Value::Json(t) if to == DataType::Long => {
                    text::parse_long(t.trim()).ok_or_else(|| not_a_number(t))?
                }
                Value::String(t) | Value::Json(t) => text::parse_timestamp(t).ok_or_else(|| no_timestamp(t))?,
                _ => return Err(fail()),
            };
            if to == DataType::Long { Value::Long(long) } else { Value::Timestamp(long) }
        }
        DataType::Float => Value::Float(match value {
            Value::Double(v) => *v as f32,
            Value::Float(v) => *v,
            Value::Int(v) => *v as f32,
            Value::Long(v) | Value::Timestamp(v) => *v as f32,
            Value::String(t) | Value::Json(t) => model::parse::parse_java_float(t).ok_or_else(|| not_a_number(t))?,
            other => to_f64(other).ok_or_else(fail)? as f32,
        }),
        DataType::Double => Value::Double(match value {
            Value::String(t) | Value::Json(t) => text::parse_double(t).ok_or_else(|| not_a_number(t))?,
            other => to_f64(other).ok_or_else(fail)?,
        }),
        DataType::BigDecimal => Value::BigDecimal(match value {
            Value::Int(v) => (*v).into(),
            Value::Long(v) | Value::Timestamp(v) => (*v).into(),
            Value::Boolean(v) => i32::from(*v).into(),
            Value::Float(v) => {
                decimal::parse(&text::float_to_string(*v)).ok_or_else(|| not_a_number(&v.to_string()))?
            }
            Value::Double(v) => decimal::from_f64(*v).ok_or_else(|| not_a_number(&v.to_string()))?,
            Value::BigDecimal(v) => v.clone(),
            Value::String(t) | Value::Json(t) => decimal::parse(t).ok_or_else(|| not_a_number(t))?,
            Value::Bytes(b) => decimal::from_bytes(b).ok_or_else(fail)?,
            _ => return Err(fail()),
        }),
        DataType::Boolean => Value::Boolean(match value {
            Value::Boolean(v) => *v,
            Value::Int(v) => *v != 0,
            Value::Long(v) | Value::Timestamp(v) => *v != 0,
            Value::Float(v) => *v != 0.0,
            Value::Double(v) => *v != 0.0,
            Value::BigDecimal(v) => bigdecimal::Zero::is_zero(v).eq(&false),
            Value::String(t) | Value::Json(t) => text::parse_boolean(t.trim()),
            _ => return Err(fail()),
        }),
        DataType::String => Value::String(to_text(value)?),
        DataType::Json => Value::Json(to_text(value)?),
        DataType::Map | DataType::List | DataType::Struct => Value::Map(to_text(value)?),
        DataType::Bytes | DataType::Object => Value::Bytes(match value {
            Value::Bytes(b) => b.clone(),
            Value::String(t) | Value::Json(t) => hex::decode(t.trim()).map_err(|_| no_hex(t))?,
            Value::BigDecimal(v) => decimal::to_bytes(v),
            _ => return Err(fail()),
        }),
        DataType::Unknown => Value::Null,
    })
}

fn no_timestamp(text: &str) -> String {
    format!("Invalid timestamp: '{}'", clip(text))
}

fn no_hex(text: &str) -> String {
    format!("'{}' is not an even number of hexadecimal digits", clip(text))
}

/// A number or boolean as a double; `None` for other types.
pub fn to_f64(value: &Value) -> Option<f64> {
    Some(match value {
        Value::Int(v) => f64::from(*v),
        Value::Long(v) | Value::Timestamp(v) => *v as f64,
        Value::Float(v) => f64::from(*v),
        Value::Double(v) => *v,
        Value::BigDecimal(v) => decimal::to_f64(v),
        Value::Boolean(v) => f64::from(u8::from(*v)),
        _ => return None,
    })
}

/// A value as `CAST(… AS STRING)` writes it.
pub fn to_text(value: &Value) -> Result<String, String> {
    Ok(match value {
        Value::Null => "null".to_owned(),
        Value::Int(v) => v.to_string(),
        Value::Long(v) => v.to_string(),
        Value::Float(v) => text::float_to_string(*v),
        Value::Double(v) => text::double_to_string(*v),
        Value::BigDecimal(v) => decimal::to_text(v),
        Value::Boolean(v) => v.to_string(),
        Value::Timestamp(v) => text::timestamp_to_string(*v),
        Value::String(t) | Value::Json(t) | Value::Map(t) => t.clone(),
        Value::Bytes(b) => hex::encode(b),
        Value::Array(..) => return Err("Cannot convert a multi-value to type: STRING".to_owned()),
    })
}

/// The vector as type `to`; constants stay constants.
pub fn cast(vector: &Vector, to: ColumnType) -> Result<Vector, String> {
    if vector.ty == to {
        return Ok(vector.clone());
    }
    match &vector.data {
        Data::Constant(constant) => {
            let data = Data::Constant(match constant {
                Value::Null => Value::Null,
                constant => value(constant, to)?,
            });
            Ok(Vector { ty: to, data })
        }
        Data::Array(array) => Ok(Vector::array(to, cast_array(array, vector.ty, to)?)),
    }
}

/// An array of type `from` as one of type `to`, nulls kept.
pub fn cast_array(array: &ArrayRef, from: ColumnType, to: ColumnType) -> Result<ArrayRef, String> {
    if from == to
        || (from.multi_value == to.multi_value
            && from.data_type.arrow() == to.data_type.arrow()
            && same_text(from.data_type, to.data_type))
    {
        return Ok(array.clone());
    }
    if from.data_type == DataType::Unknown || array.null_count() == array.len() {
        return Ok(arrays::nulls(to, array.len()));
    }
    match (from.multi_value, to.multi_value) {
        (false, false) => cast_single(array, from.data_type, to.data_type),
        (true, true) => {
            let list = array.as_list_opt::<i32>().ok_or("a multi-value column is not a list")?;
            let items = cast_single(list.values(), from.data_type, to.data_type)?;
            arrays::list_array(to.data_type, items, list.offsets().clone(), list.nulls().cloned())
        }
        (false, true) => {
            let values: Vec<Value> = (0..array.len()).map(|row| arrays::value_at(array.as_ref(), from, row)).collect();
            arrays::from_values(to, &values)
        }
        (true, false) => Err(format!("Cannot convert a multi-value to type: {to}")),
    }
}

/// Types whose text is already right for the other, or that share numbers.
fn same_text(from: DataType, to: DataType) -> bool {
    match to {
        DataType::BigDecimal => false,
        _ => from.arrow() == to.arrow(),
    }
}

fn cast_single(array: &ArrayRef, from: DataType, to: DataType) -> Result<ArrayRef, String> {
    if from == to || (from.arrow() == to.arrow() && same_text(from, to)) {
        return Ok(array.clone());
    }
    match from {
        DataType::Int => numbers::<Int32Type>(array, from, to, |v| v, i64::from, |v| v as f32, f64::from),
        DataType::Long | DataType::Timestamp => {
            numbers::<Int64Type>(array, from, to, |v| v as i32, |v| v, |v| v as f32, |v| v as f64)
        }
        DataType::Float => numbers::<Float32Type>(array, from, to, |v| v as i32, |v| v as i64, |v| v, f64::from),
        DataType::Double => numbers::<Float64Type>(array, from, to, |v| v as i32, |v| v as i64, |v| v as f32, |v| v),
        DataType::Boolean if matches!(to, DataType::Int | DataType::Long | DataType::Double) => {
            let ints: Int32Array = booleans(array)?.iter().map(|v| v.map(i32::from)).collect();
            let ints: ArrayRef = Arc::new(ints);
            cast_single(&ints, DataType::Int, to)
        }
        DataType::String | DataType::Json | DataType::BigDecimal => texts(array, from, to),
        _ => by_value(array, from, to),
    }
}

fn booleans(array: &ArrayRef) -> Result<&BooleanArray, String> {
    array.as_boolean_opt().ok_or_else(|| "a BOOLEAN column is not boolean".to_owned())
}

fn numbers<T: ArrowPrimitiveType>(
    array: &ArrayRef,
    from: DataType,
    to: DataType,
    int: fn(T::Native) -> i32,
    long: fn(T::Native) -> i64,
    float: fn(T::Native) -> f32,
    double: fn(T::Native) -> f64,
) -> Result<ArrayRef, String> {
    let numbers: &PrimitiveArray<T> =
        array.as_primitive_opt().ok_or_else(|| format!("a {from} column holds other values"))?;
    Ok(match to {
        DataType::Int => Arc::new(numbers.unary::<_, Int32Type>(int)),
        DataType::Long | DataType::Timestamp => Arc::new(numbers.unary::<_, Int64Type>(long)),
        DataType::Float => Arc::new(numbers.unary::<_, Float32Type>(float)),
        DataType::Double => Arc::new(numbers.unary::<_, Float64Type>(double)),
        _ => return by_value(array, from, to),
    })
}

fn texts(array: &ArrayRef, from: DataType, to: DataType) -> Result<ArrayRef, String> {
    fn parsed<T: ArrowPrimitiveType>(
        strings: &StringArray,
        parse: impl Fn(&str) -> Option<T::Native>,
    ) -> Result<ArrayRef, String> {
        let mut builder = PrimitiveBuilder::<T>::with_capacity(strings.len());
        for text in strings {
            match text {
                None => builder.append_null(),
                Some(text) => builder.append_value(parse(text).ok_or_else(|| not_a_number(text))?),
            }
        }
        Ok(Arc::new(builder.finish()))
    }
    let strings = array.as_string_opt::<i32>().ok_or_else(|| format!("a {from} column holds other values"))?;
    match to {
        DataType::Double => parsed::<Float64Type>(strings, text::parse_double),
        DataType::Int if from != DataType::BigDecimal => parsed::<Int32Type>(strings, |t| text::parse_int(t.trim())),
        DataType::Long if from != DataType::BigDecimal => parsed::<Int64Type>(strings, |t| text::parse_long(t.trim())),
        DataType::Boolean if from != DataType::BigDecimal => {
            let mut builder = BooleanBuilder::with_capacity(strings.len());
            strings.iter().for_each(|t| builder.append_option(t.map(|t| text::parse_boolean(t.trim()))));
            Ok(Arc::new(builder.finish()))
        }
        DataType::Bytes if from != DataType::BigDecimal => {
            let mut builder = BinaryBuilder::new();
            for text in strings {
                match text {
                    None => builder.append_null(),
                    Some(text) => builder.append_value(hex::decode(text.trim()).map_err(|_| no_hex(text))?),
                }
            }
            Ok(Arc::new(builder.finish()))
        }
        DataType::BigDecimal => {
            let mut builder = StringBuilder::new();
            for text in strings {
                match text {
                    None => builder.append_null(),
                    Some(text) => {
                        builder.append_value(decimal::to_text(&decimal::parse(text).ok_or_else(|| not_a_number(text))?))
                    }
                }
            }
            Ok(Arc::new(builder.finish()))
        }
        _ => by_value(array, from, to),
    }
}

fn by_value(array: &ArrayRef, from: DataType, to: DataType) -> Result<ArrayRef, String> {
    let mut values = Vec::with_capacity(array.len());
    for row in 0..array.len() {
        values.push(match arrays::value_at(array.as_ref(), from.sv(), row) {
            Value::Null => Value::Null,
            found => single_value(&found, to)?,
        });
    }
    arrays::from_values(to.sv(), &values)
}

/// The vector as an array of type `to`: `rows` entries, or one for a constant.
pub(crate) fn to_column(vector: &Vector, to: ColumnType) -> Result<ArrayRef, String> {
    match &vector.data {
        Data::Array(array) => cast_array(array, vector.ty, to),
        Data::Constant(Value::Null) => Ok(arrays::nulls(to, 1)),
        Data::Constant(constant) => arrays::from_values(to, &[value(constant, to)?]),
    }
}

/// A vector's numbers as 64-bit integers, when every one of them is such by type; used for exact comparison.
pub(crate) fn integers(vector: &Vector) -> Option<Int64Array> {
    matches!(vector.ty.data_type, DataType::Int | DataType::Long | DataType::Timestamp | DataType::Boolean)
        .then(|| to_column(vector, DataType::Long.sv()).ok())
        .flatten()
        .and_then(|a| a.as_primitive_opt::<Int64Type>().cloned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(from: Value, to: &str, expected: Result<Value, &str>) {
        let ty = target_type(to).unwrap();
        let got = value(&from, ty);
        match (&got, &expected) {
            (Ok(Value::Double(a)), Ok(Value::Double(b))) if a.is_nan() && b.is_nan() => return,
            _ => assert_eq!(got.as_ref().map_err(String::as_str), expected.as_ref().map_err(|e| *e)),
        }
        // The same through arrays.
        let array = arrays::from_values(from.column_type(), &[from.clone(), Value::Null]).unwrap();
        let cast = cast(&Vector::array(from.column_type(), array), ty);
        match (cast, expected) {
            (Ok(vector), Ok(expected)) => {
                let Data::Array(array) = vector.data else { panic!("constant") };
                assert_eq!(array.data_type(), &ty.arrow());
                assert_eq!(arrays::value_at(array.as_ref(), ty, 0), expected);
                assert_eq!(arrays::value_at(array.as_ref(), ty, 1), Value::Null);
            }
            (Err(error), Err(expected)) => assert_eq!(error, expected),
            (got, expected) => panic!("{got:?} instead of {expected:?}"),
        }
    }

    #[test]
    fn casts() {
        let text = |t: &str| Value::String(t.to_owned());
        check(text("12"), "INT", Ok(Value::Int(12)));
        check(text("12.9"), "INTEGER", Ok(Value::Int(12)));
        check(text("Golf"), "INT", Err("For input string: \"Golf\""));
        check(text("1970-01-01 00:00:01"), "LONG", Ok(Value::Long(1000)));
        check(text("2024-02-29"), "TIMESTAMP", Ok(Value::Timestamp(1709164800000)));
        check(text("TRUE"), "BOOLEAN", Ok(Value::Boolean(true)));
        check(text("yes"), "BOOL", Ok(Value::Boolean(false)));
        check(text("00ff"), "BYTES", Ok(Value::Bytes(vec![0, 255])));
        check(text("0"), "BYTES", Err("'0' is not an even number of hexadecimal digits"));
        check(text("1.50"), "DECIMAL", Ok(Value::BigDecimal("1.50".parse().unwrap())));
        check(Value::Double(2.25), "LONG", Ok(Value::Long(2)));
        check(Value::Double(1e300), "LONG", Ok(Value::Long(i64::MAX)));
        check(Value::Double(f64::NAN), "INT", Ok(Value::Int(0)));
        check(Value::Long(1 << 40), "INT", Ok(Value::Int(0)));
        check(Value::Int(5), "STRING", Ok(text("5")));
        check(Value::Double(1e10), "VARCHAR", Ok(text("1.0E10")));
        check(Value::Boolean(true), "STRING", Ok(text("true")));
        check(Value::Boolean(true), "INT", Ok(Value::Int(1)));
        check(Value::Double(0.5), "BOOLEAN", Ok(Value::Boolean(true)));
        check(Value::Timestamp(1709210096789), "LONG", Ok(Value::Long(1709210096789)));
        check(Value::Timestamp(0), "STRING", Ok(text("1970-01-01 00:00:00.0")));
        check(Value::Long(0), "TIMESTAMP", Ok(Value::Timestamp(0)));
        check(Value::Bytes(vec![1, 171]), "STRING", Ok(text("01ab")));
        check(Value::Double(1.0), "BIG_DECIMAL", Ok(Value::BigDecimal("1.0".parse().unwrap())));
        check(Value::BigDecimal("12.9".parse().unwrap()), "INT", Ok(Value::Int(12)));
        assert!(target_type("FROB").is_none());
    }

    #[test]
    fn common_types() {
        use DataType::*;
        for (a, b, common) in [
            (Int, Long, Long),
            (Double, Long, Double),
            (Double, BigDecimal, BigDecimal),
            (Unknown, String, String),
            (Int, String, String),
            (Boolean, Int, String),
        ] {
            assert_eq!(common_type(a, b), common);
            assert_eq!(common_type(b, a), common);
        }
    }
}
