//! Columns of delimited files: the hot path of a load.
//!
//! Whole columns at a time, from the bytes of the file straight into the arrays of the target type.

use std::sync::Arc;

use arrow::{
    array::{ArrayRef, PrimitiveArray, StringArray},
    buffer::{Buffer, NullBuffer, OffsetBuffer, ScalarBuffer},
    datatypes::{ArrowPrimitiveType, Float32Type, Float64Type, Int32Type, Int64Type},
    error::ArrowError,
};
use connectors::format::TextColumn;
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
    // Rare types, and pieces with texts that have to be cut, take the general way.
    if skip.is_none() && !rules.multi_value {
        let mut faults = Vec::new();
        let array: Option<ArrayRef> = match rules.data_type {
            DataType::Int => Some(numbers::<Int32Type>(column, rows, rules, &mut faults, parse_int)?),
            DataType::Long => Some(numbers::<Int64Type>(column, rows, rules, &mut faults, digits)?),
            DataType::Double => Some(numbers::<Float64Type>(column, rows, rules, &mut faults, |bytes| {
                let x = parse::parse_java_double(std::str::from_utf8(bytes).ok()?)?;
                Some(writer::special_double(x, &rules.default))
            })?),
            DataType::Float => Some(numbers::<Float32Type>(column, rows, rules, &mut faults, |bytes| {
                let x = parse::parse_java_float(std::str::from_utf8(bytes).ok()?)?;
                Some(writer::special_float(x, &rules.default))
            })?),
            DataType::String if !column.may_hold_nul() => strings(column, rows, rules, &mut faults)?,
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

fn numbers<T: ArrowPrimitiveType>(
    column: &TextColumn,
    rows: usize,
    rules: &ColumnRules,
    faults: &mut Vec<Fault>,
    parse: impl Fn(&[u8]) -> Option<T::Native>,
) -> Result<ArrayRef, ArrowError> {
    let mut values = Vec::with_capacity(rows);
    let mut missing = Missing::default();
    for row in 0..rows {
        let value = match column.bytes(row) {
            None => None,
            Some(bytes) => parse(bytes).or_else(|| {
                faults.push(fault(column, row, rules));
                None
            }),
        };
        if value.is_none() {
            missing.note(row, rows);
        }
        values.push(value.unwrap_or_default());
    }
    Ok(Arc::new(PrimitiveArray::<T>::try_new(ScalarBuffer::from(values), missing.finish())?))
}

/// Why a cell cannot be stored: found by storing it the general way.
#[cold]
fn fault(column: &TextColumn, row: usize, rules: &ColumnRules) -> Fault {
    let reason = ColumnWriter::new(rules, 1).push(&column.field(row)).err();
    Fault { row, reason: reason.unwrap_or_else(|| scalar::refuse(&column.field(row), rules.data_type)) }
}

fn parse_int(bytes: &[u8]) -> Option<i32> {
    digits(bytes).and_then(|n| i32::try_from(n).ok())
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

/// `None` when a text is longer than the column may hold.
fn strings(
    column: &TextColumn,
    rows: usize,
    rules: &ColumnRules,
    faults: &mut Vec<Fault>,
) -> Result<Option<ArrayRef>, ArrowError> {
    let splits = column.multi_value_delimiter().is_some();
    let mut offsets = Vec::with_capacity(rows + 1);
    offsets.push(0i32);
    let mut data = Vec::with_capacity(rows * 8);
    let mut missing = Missing::default();
    for row in 0..rows {
        match column.bytes(row) {
            Some(bytes) if bytes.len() > rules.max_length => return Ok(None),
            Some(_) if splits && column.text(row).is_some_and(|t| column.parts(t).is_some()) => {
                faults.push(fault(column, row, rules));
                missing.note(row, rows);
            }
            Some(bytes) => data.extend_from_slice(bytes),
            None => missing.note(row, rows),
        }
        offsets.push(data.len() as i32);
    }
    let offsets = OffsetBuffer::new(ScalarBuffer::from(offsets));
    Ok(Some(Arc::new(StringArray::try_new(offsets, Buffer::from_vec(data), missing.finish())?)))
}
