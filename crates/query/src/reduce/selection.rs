//! Selections and DISTINCT.

use ahash::RandomState;
use arrow::{
    array::ArrayRef,
    datatypes::DataType as ArrowType,
    record_batch::RecordBatch,
    row::{RowConverter, SortField},
};
use functions::Expr;
use hashbrown::HashTable;
use model::ColumnType;

use super::{
    batches::{self, arrow_error, checked_rows, concat, conform},
    sort::sorted_rows,
};
use crate::{
    error::Error,
    ir::{BoundQuery, Distinct, Selection},
    response::ResultTable,
};

pub(super) fn selection(
    query: &BoundQuery,
    selection: &Selection,
    batches: Vec<RecordBatch>,
) -> Result<ResultTable, Error> {
    let (names, types) = query.result_schema();
    let columns = selection_columns(selection);
    let column_types: Vec<ColumnType> = columns.iter().map(|expr| expr.ty()).collect();
    let arrow: Vec<ArrowType> = column_types.iter().map(|ty| ty.arrow()).collect();
    let mut batches = conform(batches, &arrow)?;
    if selection.order_by.is_empty() {
        // Later servers' rows are not wanted once there are enough.
        let mut rows = 0;
        batches.retain(|columns| {
            let wanted = rows < query.limit;
            rows += columns.first().map_or(0, |c| c.len());
            wanted
        });
    }
    let several = batches.len() > 1;
    let total: usize = batches.iter().filter_map(|columns| columns.first()).map(|c| c.len()).sum();
    let merged = |index: usize| concat(&batches, index, &arrow[index]);
    if selection.order_by.is_empty() || !several {
        let offset = if selection.order_by.is_empty() { 0 } else { query.offset.min(total) };
        let rows = query.limit.min(total - offset);
        let columns =
            (0..types.len()).map(|i| Ok(merged(i)?.slice(offset, rows))).collect::<Result<Vec<_>, Error>>()?;
        return Ok(ResultTable { names, types, columns, num_rows: rows });
    }
    let keys: Vec<usize> = selection
        .order_by
        .iter()
        .filter_map(|order| columns.iter().position(|column| **column == order.expr))
        .collect();
    let key_arrays = keys.iter().map(|&i| merged(i)).collect::<Result<Vec<_>, _>>()?;
    let key_types: Vec<ColumnType> = keys.iter().map(|&i| column_types[i]).collect();
    let keep = query.offset.saturating_add(query.limit);
    let mut rows = sorted_rows(&key_arrays, &key_types, &selection.order_by, checked_rows(total)?, keep)?;
    rows.drain(..query.offset.min(rows.len()));
    let columns = (0..types.len()).map(|i| batches::take(&merged(i)?, &rows)).collect::<Result<Vec<_>, Error>>()?;
    Ok(ResultTable { names, types, columns, num_rows: rows.len() })
}

/// A server's columns: the projections, then the order-by expressions that are no projection.
fn selection_columns(selection: &Selection) -> Vec<&Expr> {
    let mut columns: Vec<&Expr> = selection.projections.iter().map(|p| &p.expr).collect();
    for order in &selection.order_by {
        if !columns.contains(&&order.expr) {
            columns.push(&order.expr);
        }
    }
    columns
}

pub(super) fn distinct(
    query: &BoundQuery,
    distinct: &Distinct,
    batches: Vec<RecordBatch>,
) -> Result<ResultTable, Error> {
    let (names, types) = query.result_schema();
    let arrow: Vec<ArrowType> = types.iter().map(|ty| ty.arrow()).collect();
    let batches = conform(batches, &arrow)?;
    let several = batches.len() > 1;
    let columns = (0..types.len()).map(|i| concat(&batches, i, &arrow[i])).collect::<Result<Vec<ArrayRef>, Error>>()?;
    let total = checked_rows(columns.first().map_or(0, |c| c.len()))?;
    let mut rows: Vec<u32> = if several { first_of_each(&columns, total)? } else { (0..total).collect() };
    if !distinct.order_by.is_empty() {
        let (keys, key_types): (Vec<ArrayRef>, Vec<ColumnType>) = distinct
            .order_by
            .iter()
            .filter_map(|order| match order.expr {
                Expr::Input { index, .. } => Some((columns.get(index)?.clone(), types[index])),
                _ => None,
            })
            .unzip();
        let keys = keys.iter().map(|key| batches::take(key, &rows)).collect::<Result<Vec<_>, _>>()?;
        let order = sorted_rows(&keys, &key_types, &distinct.order_by, checked_rows(rows.len())?, query.limit)?;
        rows = order.into_iter().map(|i| rows[i as usize]).collect();
    }
    rows.truncate(query.limit);
    let columns = columns.iter().map(|column| batches::take(column, &rows)).collect::<Result<Vec<_>, _>>()?;
    Ok(ResultTable { names, types, columns, num_rows: rows.len() })
}

/// The first row of each combination of values.
fn first_of_each(columns: &[ArrayRef], total: u32) -> Result<Vec<u32>, Error> {
    let fields = columns.iter().map(|c| SortField::new(c.data_type().clone())).collect();
    let converter = RowConverter::new(fields).map_err(arrow_error)?;
    let keys = converter.convert_columns(columns).map_err(arrow_error)?;
    let state = RandomState::new();
    let mut seen: HashTable<u32> = HashTable::with_capacity(total as usize / 2);
    let mut first = Vec::new();
    for row in 0..total {
        let key = keys.row(row as usize);
        let hash = state.hash_one(key.as_ref());
        let entry = seen.entry(
            hash,
            |&other| keys.row(other as usize) == key,
            |&other| state.hash_one(keys.row(other as usize).as_ref()),
        );
        if let hashbrown::hash_table::Entry::Vacant(vacant) = entry {
            vacant.insert(row);
            first.push(row);
        }
    }
    Ok(first)
}
