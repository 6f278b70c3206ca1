//! Helpers for checking aggregations from tests.

use std::sync::Arc;

use arrow::{
    array::{Array, ArrayRef, Int32Array},
    util::display::{ArrayFormatter, FormatOptions},
};
use model::{ColumnType, Value};

use crate::{Groups, resolve};

pub(crate) fn int_column(values: &[Option<i32>]) -> ArrayRef {
    Arc::new(Int32Array::from(values.to_vec()))
}

pub(crate) fn render(array: &dyn Array) -> String {
    let options = FormatOptions::new().with_null("null");
    let formatter = ArrayFormatter::try_new(array, &options).unwrap();
    (0..array.len()).map(|row| formatter.value(row).to_string()).collect::<Vec<_>>().join(",")
}

/// The results for all groups as text, through state and merge as well; both must agree.
#[track_caller]
pub(crate) fn finish_with(
    name: &str,
    args: &[ColumnType],
    literals: &[Value],
    columns: &[ArrayRef],
    groups: Option<&[u32]>,
    null_handling: bool,
) -> String {
    let function = resolve(name, args, literals, null_handling).unwrap();
    let rows = columns.first().map_or(0, |c| c.len());
    let count = groups.map_or(1, |g| g.iter().max().map_or(0, |m| *m as usize + 1));
    let ids = groups.map_or(Groups::One(0), Groups::PerRow);
    let mut direct = function.accumulator();
    direct.resize(count);
    direct.update(columns, rows, ids).unwrap();
    let state = direct.state().unwrap();
    let types: Vec<_> = state.iter().map(|c| c.data_type().clone()).collect();
    assert_eq!(types, function.state_types(), "{name}: state types");
    assert!(state.iter().all(|c| c.len() == count), "{name}: state rows");
    let mut merged = function.accumulator();
    merged.resize(count);
    let all: Vec<u32> = (0..count as u32).collect();
    merged.merge(&state, Groups::PerRow(&all)).unwrap();
    let (direct, merged) = (direct.finish().unwrap(), merged.finish().unwrap());
    assert_eq!(direct.data_type(), &function.result_type().arrow(), "{name}: result type");
    assert_eq!(render(direct.as_ref()), render(merged.as_ref()), "{name}: after merge");
    render(direct.as_ref())
}

#[track_caller]
pub(crate) fn finish(
    name: &str,
    args: &[ColumnType],
    literals: &[Value],
    columns: &[ArrayRef],
    groups: Option<&[u32]>,
) -> String {
    finish_with(name, args, literals, columns, groups, false)
}

/// One group; the result without and with null handling.
#[track_caller]
pub(crate) fn check(name: &str, args: &[ColumnType], literals: &[Value], columns: &[ArrayRef], expected: (&str, &str)) {
    assert_eq!(finish_with(name, args, literals, columns, None, false), expected.0, "{name}, null handling off");
    assert_eq!(finish_with(name, args, literals, columns, None, true), expected.1, "{name}, null handling on");
}
