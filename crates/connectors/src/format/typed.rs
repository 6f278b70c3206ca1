//! Arrays of formats that have types of their own (Parquet, ORC, Arrow) to raw columns.

use std::sync::Arc;

use arrow::{
    array::{Array, ArrayRef, AsArray, BooleanArray, RecordBatch, StringArray},
    compute::cast,
    datatypes::{
        DataType, Decimal128Type, Decimal256Type, Float32Type, Float64Type, Int32Type, Int64Type, TimeUnit, UInt64Type,
    },
};
use bigdecimal::{BigDecimal, num_bigint::BigInt};

use super::{Field, RawBatch, RawColumn, RowLines, avro};

/// Rows of a piece.
pub(super) const BATCH_ROWS: usize = 8192;

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Dates {
    /// Days since 1970 as INT.
    Days,
    /// Days since 1970 as LONG.
    LongDays,
    /// `yyyy-MM-dd`.
    Iso,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Times {
    /// Timestamps and times of day are the number that is stored.
    Stored,
    /// Timestamps are milliseconds as LONG.
    Millis,
    /// Timestamps are points in time, times of day ISO texts.
    Logical,
}

/// How one column's values are read.
#[derive(Clone, Copy, Debug)]
pub(super) struct Conversion {
    pub dates: Dates,
    pub times: Times,
    /// Booleans become the texts `true` and `false`.
    pub boolean_texts: bool,
    /// Decimals become texts without trailing zeros.
    pub decimal_texts: bool,
    /// Bytes that are UTF-8 are text.
    pub byte_texts: bool,
    /// Lists lose their nulls, and without elements are null.
    pub drop_nulls: bool,
}

/// The rows of a batch; `conversion` is asked for each column.
pub(super) fn raw_batch(batch: &RecordBatch, conversion: impl Fn(&str) -> Conversion) -> Result<RawBatch, String> {
    let schema = batch.schema();
    let mut columns = Vec::with_capacity(batch.num_columns());
    for (field, array) in schema.fields().iter().zip(batch.columns()) {
        let column = conversion(field.name()).column(array).map_err(|e| format!("column {}: {e}", field.name()))?;
        columns.push((field.name().as_str().into(), column));
    }
    Ok(RawBatch {
        rows: batch.num_rows(),
        columns,
        row_lines: RowLines::Consecutive,
        line_count: batch.num_rows() as u64,
        rejected: Vec::new(),
    })
}

impl Conversion {
    /// Flat columns of common types stay arrays, everything else becomes values.
    pub fn column(&self, array: &ArrayRef) -> Result<RawColumn, String> {
        let to = |ty: DataType| cast(array, &ty).map_err(|e| e.to_string());
        Ok(match array.data_type() {
            DataType::Int32 | DataType::Int64 | DataType::Float32 | DataType::Float64 | DataType::Utf8 => {
                RawColumn::Array(array.clone())
            }
            DataType::Int8 | DataType::Int16 | DataType::UInt8 | DataType::UInt16 => {
                RawColumn::Array(to(DataType::Int32)?)
            }
            DataType::UInt32 => RawColumn::Array(to(DataType::Int64)?),
            DataType::LargeUtf8 | DataType::Utf8View => RawColumn::Array(to(DataType::Utf8)?),
            // One pass over a dictionary's values is all that texts in it will cost later.
            DataType::Dictionary(_, _) if is_text_dictionary(array) => RawColumn::Array(array.clone()),
            DataType::Dictionary(_, value) => {
                // Values repeat, so that they are made flat first: a conversion of its own for each is no gain.
                let flat = to(value.as_ref().clone())?;
                return self.column(&flat);
            }
            DataType::Boolean if self.boolean_texts => RawColumn::Array(bool_texts(array.as_boolean())),
            DataType::Boolean => RawColumn::Array(array.clone()),
            DataType::Date32 if self.dates == Dates::Days => RawColumn::Array(to(DataType::Int32)?),
            DataType::Date32 if self.dates == Dates::LongDays => {
                RawColumn::Array(cast(&to(DataType::Int32)?, &DataType::Int64).map_err(|e| e.to_string())?)
            }
            DataType::Timestamp(_, _) if self.times == Times::Stored => RawColumn::Array(to(DataType::Int64)?),
            DataType::Timestamp(TimeUnit::Millisecond, _) if self.times == Times::Millis => {
                RawColumn::Array(to(DataType::Int64)?)
            }
            DataType::Binary if !self.byte_texts => RawColumn::Array(array.clone()),
            _ => {
                let values: Result<Vec<Field>, String> = (0..array.len()).map(|i| self.value(array, i)).collect();
                RawColumn::Fields(values?)
            }
        })
    }

    /// The value at `i`, which is below the array's length.
    pub fn value(&self, array: &dyn Array, i: usize) -> Result<Field, String> {
        if array.is_null(i) {
            return Ok(Field::Null);
        }
        let small = || cast_one(array, i, &DataType::Int64);
        Ok(match array.data_type() {
            DataType::Null => Field::Null,
            DataType::Boolean if self.boolean_texts => Field::Text(array.as_boolean().value(i).to_string()),
            DataType::Boolean => Field::Bool(array.as_boolean().value(i)),
            DataType::Int8 | DataType::Int16 | DataType::UInt8 | DataType::UInt16 | DataType::Int32 => {
                Field::Int(small()?.as_primitive::<Int64Type>().value(0) as i32)
            }
            DataType::Int64 | DataType::UInt32 => Field::Long(small()?.as_primitive::<Int64Type>().value(0)),
            DataType::UInt64 => {
                let n = array.as_primitive::<UInt64Type>().value(i);
                i64::try_from(n).map_or_else(|_| Field::Number(n.to_string()), Field::Long)
            }
            DataType::Float16 => {
                let wide = cast_one(array, i, &DataType::Float32)?;
                Field::Float(wide.as_primitive::<Float32Type>().value(0))
            }
            DataType::Float32 => Field::Float(array.as_primitive::<Float32Type>().value(i)),
            DataType::Float64 => Field::Double(array.as_primitive::<Float64Type>().value(i)),
            DataType::Utf8 => Field::Text(array.as_string::<i32>().value(i).to_owned()),
            DataType::LargeUtf8 => Field::Text(array.as_string::<i64>().value(i).to_owned()),
            DataType::Utf8View => Field::Text(array.as_string_view().value(i).to_owned()),
            DataType::Binary => self.bytes(array.as_binary::<i32>().value(i)),
            DataType::LargeBinary => self.bytes(array.as_binary::<i64>().value(i)),
            DataType::BinaryView => self.bytes(array.as_binary_view().value(i)),
            DataType::FixedSizeBinary(_) => self.bytes(array.as_fixed_size_binary().value(i)),
            DataType::Decimal32(_, scale) | DataType::Decimal64(_, scale) | DataType::Decimal128(_, scale) => {
                let wide = cast_one(array, i, &DataType::Decimal128(38, *scale))?;
                self.decimal(BigInt::from(wide.as_primitive::<Decimal128Type>().value(0)), *scale)
            }
            DataType::Decimal256(_, scale) => {
                let unscaled = array.as_primitive::<Decimal256Type>().value(i);
                self.decimal(BigInt::from_signed_bytes_le(&unscaled.to_le_bytes()), *scale)
            }
            DataType::Date32 => {
                let days = cast_one(array, i, &DataType::Int32)?.as_primitive::<Int32Type>().value(0);
                match self.dates {
                    Dates::Days => Field::Int(days),
                    Dates::LongDays => Field::Long(days.into()),
                    Dates::Iso => Field::Text(avro::iso_date(days.into())),
                }
            }
            DataType::Date64 => Field::Timestamp(small()?.as_primitive::<Int64Type>().value(0)),
            DataType::Timestamp(unit, _) => self.timestamp(small()?.as_primitive::<Int64Type>().value(0), *unit),
            DataType::Time32(unit) => {
                let stored = cast_one(array, i, &DataType::Int32)?.as_primitive::<Int32Type>().value(0);
                match self.times {
                    Times::Logical => Field::Text(avro::iso_time(nanos(stored.into(), *unit))),
                    _ => Field::Int(stored),
                }
            }
            DataType::Time64(unit) => {
                let stored = small()?.as_primitive::<Int64Type>().value(0);
                match self.times {
                    Times::Logical => Field::Text(avro::iso_time(nanos(stored, *unit))),
                    _ => Field::Long(stored),
                }
            }
            DataType::Duration(_) => Field::Long(small()?.as_primitive::<Int64Type>().value(0)),
            DataType::List(_) => self.list(&array.as_list::<i32>().value(i))?,
            DataType::LargeList(_) => self.list(&array.as_list::<i64>().value(i))?,
            DataType::FixedSizeList(_, _) => self.list(&array.as_fixed_size_list().value(i))?,
            DataType::Struct(fields) => {
                let parts = fields.iter().zip(array.as_struct().columns());
                let entries = parts.map(|(f, a)| Ok((f.name().clone(), self.value(a, i)?)));
                Field::Map(entries.collect::<Result<_, String>>()?)
            }
            DataType::Map(_, _) => {
                let entries = array.as_map().value(i);
                let (keys, values) = (entries.column(0), entries.column(1));
                let pairs = (0..entries.len()).map(|e| {
                    let key = match self.value(keys, e)? {
                        Field::Text(text) => text,
                        other => other.to_json(),
                    };
                    Ok((key, self.value(values, e)?))
                });
                Field::Map(pairs.collect::<Result<_, String>>()?)
            }
            DataType::Dictionary(_, _) => {
                let dictionary = array.as_any_dictionary();
                match dictionary.normalized_keys().get(i) {
                    Some(&key) if key < dictionary.values().len() => self.value(dictionary.values(), key)?,
                    _ => return Err("a dictionary key has no value".to_owned()),
                }
            }
            other => return Err(format!("type {other} is not supported")),
        })
    }

    fn bytes(&self, bytes: &[u8]) -> Field {
        match std::str::from_utf8(bytes) {
            Ok(text) if self.byte_texts => Field::Text(text.to_owned()),
            _ => Field::Bytes(bytes.to_vec()),
        }
    }

    fn decimal(&self, unscaled: BigInt, scale: i8) -> Field {
        let decimal = BigDecimal::new(unscaled, scale.into());
        if self.decimal_texts { Field::Text(decimal.normalized().to_plain_string()) } else { Field::decimal(decimal) }
    }

    fn timestamp(&self, stored: i64, unit: TimeUnit) -> Field {
        let millis = match unit {
            TimeUnit::Second => stored.saturating_mul(1000),
            TimeUnit::Millisecond => stored,
            TimeUnit::Microsecond => stored.div_euclid(1000),
            TimeUnit::Nanosecond => stored.div_euclid(1_000_000),
        };
        match self.times {
            Times::Stored => Field::Long(stored),
            Times::Millis => Field::Long(millis),
            Times::Logical => Field::Timestamp(millis),
        }
    }

    fn list(&self, items: &ArrayRef) -> Result<Field, String> {
        let mut values: Vec<Field> = (0..items.len()).map(|i| self.value(items, i)).collect::<Result<_, String>>()?;
        if self.drop_nulls {
            values.retain(|v| !v.is_null());
            if values.is_empty() {
                return Ok(Field::Null);
            }
        }
        Ok(Field::List(values))
    }
}

/// Whether an array holds texts as 32-bit references to values that are all there.
fn is_text_dictionary(array: &ArrayRef) -> bool {
    let texts = array.as_dictionary_opt::<Int32Type>().map(|dictionary| dictionary.values());
    texts.is_some_and(|values| values.data_type() == &DataType::Utf8 && values.null_count() == 0)
}

fn nanos(stored: i64, unit: TimeUnit) -> i64 {
    stored.saturating_mul(match unit {
        TimeUnit::Second => 1_000_000_000,
        TimeUnit::Millisecond => 1_000_000,
        TimeUnit::Microsecond => 1000,
        TimeUnit::Nanosecond => 1,
    })
}

fn cast_one(array: &dyn Array, i: usize, ty: &DataType) -> Result<ArrayRef, String> {
    cast(&array.slice(i, 1), ty).map_err(|e| e.to_string())
}

fn bool_texts(values: &BooleanArray) -> ArrayRef {
    let texts = values.iter().map(|v| v.map(|b| if b { "true" } else { "false" }));
    Arc::new(texts.collect::<StringArray>())
}
