//! ORDER BY over columns: order-preserving row keys, top rows first.

use std::{cmp::Ordering, sync::Arc};

use arrow::{
    array::{Array, ArrayRef, AsArray, UInt32Array},
    compute::SortOptions,
    row::{RowConverter, Rows, SortField},
};
use bigdecimal::BigDecimal;
use model::{ColumnType, DataType};

use super::batches::arrow_error;
use crate::{error::Error, ir::OrderBy};

/// The first `keep` rows in order. Rows that tie stay in the order they came in.
pub(super) fn sorted_rows(
    columns: &[ArrayRef],
    types: &[ColumnType],
    order_by: &[OrderBy],
    rows: u32,
    keep: usize,
) -> Result<Vec<u32>, Error> {
    let mut indices: Vec<u32> = (0..rows).collect();
    let keys = sort_keys(columns, types, order_by)?;
    let compare = |a: &u32, b: &u32| -> Ordering { keys.row(*a as usize).cmp(&keys.row(*b as usize)).then(a.cmp(b)) };
    if keep < indices.len() / 4 {
        if keep == 0 {
            return Ok(Vec::new());
        }
        indices.select_nth_unstable_by(keep - 1, compare);
        indices.truncate(keep);
        indices.sort_unstable_by(compare);
    } else {
        // Servers' sorted batches are runs, which the stable sort finds.
        indices.sort_by(compare);
        indices.truncate(keep);
    }
    Ok(indices)
}

fn sort_keys(columns: &[ArrayRef], types: &[ColumnType], order_by: &[OrderBy]) -> Result<Rows, Error> {
    let columns: Vec<ArrayRef> =
        columns.iter().zip(types).map(|(array, ty)| comparable(array, *ty)).collect::<Result<_, _>>()?;
    let fields = columns
        .iter()
        .zip(order_by)
        .map(|(array, order)| {
            let options = SortOptions { descending: !order.ascending, nulls_first: order.nulls_first };
            SortField::new_with_options(array.data_type().clone(), options)
        })
        .collect();
    let converter = RowConverter::new(fields).map_err(arrow_error)?;
    converter.convert_columns(&columns).map_err(arrow_error)
}

/// BIG_DECIMAL travels as text: its rows are replaced by their rank.
fn comparable(array: &ArrayRef, ty: ColumnType) -> Result<ArrayRef, Error> {
    let Some(texts) = (ty == DataType::BigDecimal.sv()).then(|| array.as_string_opt::<i32>()).flatten() else {
        return Ok(array.clone());
    };
    let numbers: Vec<Option<BigDecimal>> =
        texts.iter().map(|text| text.and_then(|t| t.parse::<BigDecimal>().ok())).collect();
    let mut order: Vec<usize> = (0..numbers.len()).collect();
    order.sort_by(|&a, &b| numbers[a].cmp(&numbers[b]));
    let mut ranks = vec![0u32; numbers.len()];
    let mut rank = 0;
    for (position, &row) in order.iter().enumerate() {
        if position > 0 && numbers[order[position - 1]] != numbers[row] {
            rank += 1;
        }
        ranks[row] = rank;
    }
    Ok(Arc::new(UInt32Array::new(ranks.into(), texts.nulls().cloned())))
}
