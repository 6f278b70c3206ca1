//! Columns of delimited files: the hot path of a load.
//!
//! Whole columns at a time, from the bytes of the file straight into the arrays of the target type.

use std::sync::Arc;

use arrow::{
    array::{ArrayRef, Int32Array, Int64Array, PrimitiveArray, StringArray},
    buffer::{Buffer, NullBuffer, OffsetBuffer, ScalarBuffer},
    datatypes::{ArrowPrimitiveType, Float32Type, Float64Type},
    error::ArrowError,
};
use connectors::format::{Field, TextColumn};
use model::{DataType, parse};

use super::{ColumnRules, ColumnWriter, Fault, scalar, writer};

/// A converted column, what could not be converted, and how many texts were cut.
pub struct Converted {
    pub array: ArrayRef,
    pub faults: Vec<Fault>,
    pub sanitized: u64,
}

/// Converts the first `rows` cells. Rows for which `skip` is true have no value and no fault.
pub fn text_column(
    column: &TextColumn,
    rows: usize,
    rules: &ColumnRules,
    skip: Option<&[bool]>,
) -> Result<Converted, ArrowError> {
    // A cell that splits makes several values of one column; those and rare types take the general way.
    if skip.is_none() && !rules.multi_value && column.multi_value_delimiter().is_none() {
        let mut faults = Vec::new();
        let array: Option<ArrayRef> = match rules.data_type {
            DataType::Int => {
                Some(Arc::new(Int32Array::try_new_parts(whole_numbers(column, rows, &mut faults, parse_int))?))
            }
            DataType::Long => {
                Some(Arc::new(Int64Array::try_new_parts(whole_numbers(column, rows, &mut faults, parse_long))?))
            }
            DataType::Double => Some(doubles::<Float64Type>(column, rows, &mut faults, DataType::Double, |t| {
                Some(writer::special_double(parse::parse_java_double(t)?, &rules.default))
            })?),
            DataType::Float => Some(doubles::<Float32Type>(column, rows, &mut faults, DataType::Float, |t| {
                Some(writer::special_float(parse::parse_java_float(t)?, &rules.default))
            })?),
            DataType::String if !column.may_hold_nul() => strings(column, rows, rules)?,
            _ => None,
        };
        if let Some(array) = array {
            return Ok(Converted { array, faults, sanitized: 0 });
        }
    }
    general(column, rows, rules, skip)
}

fn general(
    column: &TextColumn,
    rows: usize,
    rules: &ColumnRules,
    skip: Option<&[bool]>,
) -> Result<Converted, ArrowError> {
    let mut out = ColumnWriter::new(rules, rows);
    let mut faults = Vec::new();
    for row in 0..rows {
        if skip.is_some_and(|s| s[row]) {
            out.push_null();
            continue;
        }
        if let Err(reason) = out.push(&column.field(row)) {
            faults.push(Fault { row, reason });
        }
    }
    let sanitized = out.sanitized();
    Ok(Converted { array: out.finish()?, faults, sanitized })
}

type Parts<T> = (Vec<T>, Option<NullBuffer>);

trait FromParts: Sized {
    type Native;
    fn try_new_parts(parts: Parts<Self::Native>) -> Result<Self, ArrowError>;
}

impl<T: ArrowPrimitiveType> FromParts for PrimitiveArray<T> {
    type Native = T::Native;
    fn try_new_parts((values, nulls): Parts<T::Native>) -> Result<Self, ArrowError> {
        Self::try_new(ScalarBuffer::from(values), nulls)
    }
}

/// Rows without value, noted only once there is one.
#[derive(Default)]
struct Missing {
    valid: Vec<bool>,
}

impl Missing {
    #[cold]
    fn note(&mut self, row: usize, rows: usize) {
        if self.valid.is_empty() {
            self.valid.resize(rows, true);
        }
        self.valid[row] = false;
    }

    fn finish(self) -> Option<NullBuffer> {
        (!self.valid.is_empty()).then(|| NullBuffer::from(self.valid))
    }
}

fn whole_numbers<T: Default + Copy>(
    column: &TextColumn,
    rows: usize,
    faults: &mut Vec<Fault>,
    parse: impl Fn(&[u8]) -> Result<T, DataType>,
) -> Parts<T> {
    let mut values = Vec::with_capacity(rows);
    let mut missing = Missing::default();
    for row in 0..rows {
        let value = match column.bytes(row) {
            None => None,
            Some(bytes) => match parse(bytes) {
                Ok(value) => Some(value),
                Err(to) => {
                    faults.push(fault(column, row, to));
                    None
                }
            },
        };
        if value.is_none() {
            missing.note(row, rows);
        }
        values.push(value.unwrap_or_default());
    }
    (values, missing.finish())
}

#[cold]
fn fault(column: &TextColumn, row: usize, to: DataType) -> Fault {
    let text = column.text(row).unwrap_or_default().to_owned();
    Fault { row, reason: scalar::refuse(&Field::Text(text), to) }
}

fn parse_int(bytes: &[u8]) -> Result<i32, DataType> {
    digits(bytes).and_then(|n| i32::try_from(n).ok()).ok_or(DataType::Int)
}

fn parse_long(bytes: &[u8]) -> Result<i64, DataType> {
    digits(bytes).ok_or(DataType::Long)
}

/// A whole number with optional sign and white space around it.
#[inline]
fn digits(bytes: &[u8]) -> Option<i64> {
    let (negative, rest) = match bytes {
        [b'-', rest @ ..] => (true, rest),
        rest => (false, rest),
    };
    // 18 digits cannot overflow.
    if rest.is_empty() || rest.len() > 18 {
        return slow_digits(bytes);
    }
    let mut value = 0i64;
    for &b in rest {
        let digit = b.wrapping_sub(b'0');
        if digit > 9 {
            return slow_digits(bytes);
        }
        value = value * 10 + i64::from(digit);
    }
    Some(if negative { -value } else { value })
}

#[cold]
fn slow_digits(bytes: &[u8]) -> Option<i64> {
    std::str::from_utf8(bytes).ok()?.trim().parse().ok()
}

fn doubles<T: ArrowPrimitiveType>(
    column: &TextColumn,
    rows: usize,
    faults: &mut Vec<Fault>,
    to: DataType,
    parse: impl Fn(&str) -> Option<T::Native>,
) -> Result<ArrayRef, ArrowError> {
    let parts = whole_numbers(column, rows, faults, |bytes| std::str::from_utf8(bytes).ok().and_then(&parse).ok_or(to));
    Ok(Arc::new(PrimitiveArray::<T>::try_new_parts(parts)?))
}

/// `None` when a text is longer than the column may hold.
fn strings(column: &TextColumn, rows: usize, rules: &ColumnRules) -> Result<Option<ArrayRef>, ArrowError> {
    let mut offsets = Vec::with_capacity(rows + 1);
    offsets.push(0i32);
    let mut data = Vec::with_capacity(rows * 8);
    let mut missing = Missing::default();
    for row in 0..rows {
        match column.bytes(row) {
            Some(bytes) if bytes.len() > rules.max_length => return Ok(None),
            Some(bytes) => data.extend_from_slice(bytes),
            None => missing.note(row, rows),
        }
        offsets.push(data.len() as i32);
    }
    let offsets = OffsetBuffer::new(ScalarBuffer::from(offsets));
    Ok(Some(Arc::new(StringArray::try_new(offsets, Buffer::from_vec(data), missing.finish())?)))
}
