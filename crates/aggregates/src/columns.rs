//! Reading argument and state columns, walking rows with their groups, building state columns.

use std::sync::Arc;

use arrow::{
    array::{Array, ArrayRef, AsArray, BinaryArray, Float64Array, Int64Array, ListArray},
    buffer::NullBuffer,
    datatypes::{DataType as ArrowType, Field, Float32Type, Float64Type, Int32Type, Int64Type},
};

use crate::Groups;

/// A number that aggregations read as a double.
pub(crate) trait Number: Copy {
    fn f64(self) -> f64;
}

macro_rules! number {
    ($($native:ty),*) => {$(
        impl Number for $native {
            #[inline(always)]
            fn f64(self) -> f64 {
                self as f64
            }
        }
    )*};
}
number!(i32, i64, f32, f64, u8);

/// What is done with a block of numbers of one type.
pub(crate) trait Scan {
    fn scan<T: Number>(&mut self, values: &[T], nulls: Option<&NullBuffer>);
}

/// Hands the numbers of `array` to `scan`: numeric and boolean columns as they are, texts (BIG_DECIMAL) parsed.
pub(crate) fn scan_numbers(array: &dyn Array, scan: &mut impl Scan) -> Result<(), String> {
    let nulls = array.nulls().filter(|n| n.null_count() > 0);
    match array.data_type() {
        ArrowType::Int32 => scan.scan(array.as_primitive::<Int32Type>().values(), nulls),
        ArrowType::Int64 => scan.scan(array.as_primitive::<Int64Type>().values(), nulls),
        ArrowType::Float32 => scan.scan(array.as_primitive::<Float32Type>().values(), nulls),
        ArrowType::Float64 => scan.scan(array.as_primitive::<Float64Type>().values(), nulls),
        ArrowType::Boolean => {
            let values: Vec<u8> = array.as_boolean().values().iter().map(u8::from).collect();
            scan.scan(&values, nulls);
        }
        ArrowType::Utf8 => {
            let mut values = Vec::with_capacity(array.len());
            for text in array.as_string::<i32>() {
                values.push(match text {
                    None => 0.0,
                    Some(text) => parse_double(text)?,
                });
            }
            scan.scan(&values, nulls);
        }
        ArrowType::Null => {}
        other => return Err(format!("cannot read {other} as numbers")),
    }
    Ok(())
}

fn parse_double(text: &str) -> Result<f64, String> {
    let shown = || text.chars().take(100).collect::<String>();
    text.trim().parse().map_err(|_| format!("For input string: \"{}\"", shown()))
}

/// The group of a row.
#[inline(always)]
pub(crate) fn group_of(groups: Groups<'_>, row: usize) -> usize {
    match groups {
        Groups::One(group) => group as usize,
        Groups::PerRow(ids) => ids[row] as usize,
    }
}

/// Calls `f(row, group)` for each row that is not null in `nulls`.
pub(crate) fn for_rows(rows: usize, nulls: Option<&NullBuffer>, groups: Groups<'_>, mut f: impl FnMut(usize, usize)) {
    match nulls.filter(|n| n.null_count() > 0) {
        None => (0..rows).for_each(|row| f(row, group_of(groups, row))),
        Some(nulls) => nulls.valid_indices().for_each(|row| f(row, group_of(groups, row))),
    }
}

/// The same for work that can fail.
pub(crate) fn try_for_rows(
    rows: usize,
    nulls: Option<&NullBuffer>,
    groups: Groups<'_>,
    mut f: impl FnMut(usize, usize) -> Result<(), String>,
) -> Result<(), String> {
    for row in 0..rows {
        if nulls.is_none_or(|n| n.is_valid(row)) {
            f(row, group_of(groups, row))?;
        }
    }
    Ok(())
}

/// An argument or state column by position.
pub(crate) fn column(columns: &[ArrayRef], at: usize) -> Result<&ArrayRef, String> {
    columns.get(at).ok_or_else(|| format!("column {} of {} is missing", at + 1, columns.len()))
}

fn mismatch(at: usize, array: &ArrayRef, wanted: &str) -> String {
    format!("state column {} is {} instead of {wanted}", at + 1, array.data_type())
}

pub(crate) fn floats(columns: &[ArrayRef], at: usize) -> Result<&Float64Array, String> {
    let array = column(columns, at)?;
    array.as_primitive_opt().ok_or_else(|| mismatch(at, array, "Float64"))
}

pub(crate) fn longs(columns: &[ArrayRef], at: usize) -> Result<&Int64Array, String> {
    let array = column(columns, at)?;
    array.as_primitive_opt().ok_or_else(|| mismatch(at, array, "Int64"))
}

pub(crate) fn binaries(columns: &[ArrayRef], at: usize) -> Result<&BinaryArray, String> {
    let array = column(columns, at)?;
    array.as_binary_opt().ok_or_else(|| mismatch(at, array, "Binary"))
}

pub(crate) fn lists(columns: &[ArrayRef], at: usize) -> Result<&ListArray, String> {
    let array = column(columns, at)?;
    array.as_list_opt().ok_or_else(|| mismatch(at, array, "List"))
}

pub(crate) fn float_column(values: impl Iterator<Item = Option<f64>>) -> ArrayRef {
    Arc::new(values.collect::<Float64Array>())
}

pub(crate) fn long_column(values: impl Iterator<Item = Option<i64>>) -> ArrayRef {
    Arc::new(values.collect::<Int64Array>())
}

/// The list type that states and multi-value results have.
pub(crate) fn list_type(item: ArrowType) -> ArrowType {
    ArrowType::List(Arc::new(Field::new("item", item, true)))
}

/// A list column from one length a row and all items in row order.
pub(crate) fn list_column(items: ArrayRef, lengths: impl IntoIterator<Item = usize>) -> Result<ArrayRef, String> {
    let mut offsets = vec![0i32];
    let mut end = 0usize;
    for length in lengths {
        end += length;
        offsets.push(i32::try_from(end).map_err(|_| "a state of more than 2^31 values cannot be sent".to_owned())?);
    }
    let field = Arc::new(Field::new("item", items.data_type().clone(), true));
    let offsets = arrow::buffer::OffsetBuffer::new(offsets.into());
    ListArray::try_new(field, offsets, items, None).map(|a| Arc::new(a) as ArrayRef).map_err(|e| e.to_string())
}

/// Refuses group ids beyond the groups that the accumulator holds, so that no loop after it can run out of bounds.
pub(crate) fn check_groups(groups: Groups<'_>, rows: usize, held: usize) -> Result<(), String> {
    let beyond = match groups {
        Groups::One(group) => group as usize >= held,
        Groups::PerRow(ids) => {
            if ids.len() < rows {
                return Err(format!("{} group ids for {rows} rows", ids.len()));
            }
            ids[..rows].iter().copied().max().is_some_and(|max| max as usize >= held)
        }
    };
    if beyond && rows > 0 { Err(format!("a group id is beyond the {held} groups")) } else { Ok(()) }
}

/// The elements of a list column with the group of each; null rows give none.
pub(crate) fn flatten(list: &ListArray, groups: Groups<'_>) -> (ArrayRef, Vec<u32>) {
    let offsets = list.value_offsets();
    let (start, end) = (offsets[0] as usize, offsets[list.len()] as usize);
    let mut ids = Vec::with_capacity(end - start);
    if list.null_count() == 0 {
        for row in 0..list.len() {
            let length = (offsets[row + 1] - offsets[row]) as usize;
            ids.extend(std::iter::repeat_n(group_of(groups, row) as u32, length));
        }
        return (list.values().slice(start, end - start), ids);
    }
    // A null row may still span elements.
    let mut taken = Vec::with_capacity(end - start);
    for row in (0..list.len()).filter(|row| list.is_valid(*row)) {
        taken.extend((offsets[row]..offsets[row + 1]).map(|at| at as u32));
        ids.extend(std::iter::repeat_n(group_of(groups, row) as u32, (offsets[row + 1] - offsets[row]) as usize));
    }
    let taken = arrow::array::UInt32Array::from(taken);
    match arrow::compute::take(list.values(), &taken, None) {
        Ok(values) => (values, ids),
        // Cannot happen: the positions are the list's own.
        Err(_) => (list.values().slice(0, 0), Vec::new()),
    }
}
