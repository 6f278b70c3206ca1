//! Servers' batches in the column types that the query expects.

use arrow::{
    array::{ArrayRef, new_empty_array},
    compute,
    datatypes::DataType as ArrowType,
    record_batch::RecordBatch,
};

use crate::error::Error;

/// Checks each batch's columns against `types` and converts those that differ (a server with an older schema).
pub(super) fn conform(batches: Vec<RecordBatch>, types: &[ArrowType]) -> Result<Vec<Vec<ArrayRef>>, Error> {
    batches
        .into_iter()
        .map(|batch| {
            if batch.num_columns() != types.len() {
                return Err(Error::Merge(format!(
                    "a server answered with {} columns instead of {}",
                    batch.num_columns(),
                    types.len()
                )));
            }
            batch.columns().iter().zip(types).map(|(array, ty)| conform_array(array, ty)).collect()
        })
        .collect()
}

fn conform_array(array: &ArrayRef, ty: &ArrowType) -> Result<ArrayRef, Error> {
    if array.data_type() == ty {
        return Ok(array.clone());
    }
    compute::cast(array, ty)
        .map_err(|e| Error::Merge(format!("a server answered with {} where {ty} is expected: {e}", array.data_type())))
}

/// Column `index` of all batches, one after the other.
pub(super) fn concat(batches: &[Vec<ArrayRef>], index: usize, ty: &ArrowType) -> Result<ArrayRef, Error> {
    let arrays: Vec<&dyn arrow::array::Array> = batches.iter().map(|columns| columns[index].as_ref()).collect();
    match arrays.as_slice() {
        [] => Ok(new_empty_array(ty)),
        [_] => Ok(batches[0][index].clone()),
        _ => compute::concat(&arrays).map_err(arrow_error),
    }
}

pub(super) fn take(array: &ArrayRef, rows: &[u32]) -> Result<ArrayRef, Error> {
    let indices = arrow::array::UInt32Array::from(rows.to_vec());
    compute::take(array.as_ref(), &indices, None).map_err(arrow_error)
}

pub(super) fn arrow_error(error: arrow::error::ArrowError) -> Error {
    Error::Merge(error.to_string())
}

/// Row numbers are u32; a merge of more rows is refused instead of cut.
pub(super) fn checked_rows(rows: usize) -> Result<u32, Error> {
    u32::try_from(rows).map_err(|_| Error::Merge(format!("{rows} rows to merge are more than this broker can hold")))
}
