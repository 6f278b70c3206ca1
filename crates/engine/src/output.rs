//! Puts result columns into one record batch.

use std::sync::Arc;

use arrow::{
    array::{Array, ArrayRef, RecordBatch, RecordBatchOptions, UInt32Array, new_empty_array},
    datatypes::{DataType as ArrowType, Field, Schema},
};

use crate::error::Result;

/// Columns are named by position: their meaning is fixed by the query's shape.
pub(crate) fn batch(columns: Vec<ArrayRef>, rows: usize) -> Result<RecordBatch> {
    let fields: Vec<Field> = columns
        .iter()
        .enumerate()
        .map(|(i, column)| Field::new(format!("c{i}"), column.data_type().clone(), true))
        .collect();
    let options = RecordBatchOptions::new().with_row_count(Some(rows));
    Ok(RecordBatch::try_new_with_options(Arc::new(Schema::new(fields)), columns, &options)?)
}

pub(crate) fn empty(types: impl Iterator<Item = ArrowType>) -> Result<RecordBatch> {
    batch(types.map(|ty| new_empty_array(&ty)).collect(), 0)
}

pub(crate) fn take_all(columns: &[ArrayRef], rows: &[u32]) -> Result<Vec<ArrayRef>> {
    let rows = UInt32Array::from(rows.to_vec());
    Ok(columns.iter().map(|c| arrow::compute::take(c.as_ref(), &rows, None)).collect::<Result<_, _>>()?)
}

/// Several chunks of the same column as one array.
pub(crate) fn concat(chunks: &[ArrayRef], ty: &ArrowType) -> Result<ArrayRef> {
    match chunks {
        [] => Ok(new_empty_array(ty)),
        [one] => Ok(Arc::clone(one)),
        many => {
            let many: Vec<&dyn Array> = many.iter().map(AsRef::as_ref).collect();
            Ok(arrow::compute::concat(&many)?)
        }
    }
}
