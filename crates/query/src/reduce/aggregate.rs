//! Aggregations with and without GROUP BY.

use std::sync::Arc;

use aggregates::{AggregateFunction, Groups};
use ahash::RandomState;
use arrow::{
    array::{Array, ArrayRef, AsArray},
    compute,
    datatypes::DataType as ArrowType,
    record_batch::RecordBatch,
    row::{RowConverter, SortField},
};
use functions::Expr;
use hashbrown::HashTable;
use model::ColumnType;

use super::{
    Outputs,
    batches::{self, arrow_error, checked_rows, concat, conform},
    sort::sorted_rows,
};
use crate::{
    error::Error,
    ir::{Aggregate, BoundQuery},
    response::ResultTable,
};

pub(super) fn reduce(
    query: &BoundQuery,
    aggregate: &Aggregate,
    batches: Vec<RecordBatch>,
    final_values: bool,
) -> Result<ResultTable, Error> {
    let functions = aggregate
        .aggregates
        .iter()
        .map(|call| {
            let types: Vec<ColumnType> = call.args.iter().map(Expr::ty).collect();
            aggregates::resolve(&call.function, &types, &call.literals, query.null_handling).map_err(Error::from)
        })
        .collect::<Result<Vec<Arc<dyn AggregateFunction>>, Error>>()?;
    // A multi-value key is exploded.
    let key_types: Vec<ColumnType> = aggregate.group_by.iter().map(|key| key.ty().data_type.sv()).collect();
    let mut arrow: Vec<ArrowType> = key_types.iter().map(|ty| ty.arrow()).collect();
    for function in &functions {
        if final_values {
            arrow.push(function.result_type().arrow());
        } else {
            arrow.extend(function.state_types());
        }
    }
    let batches = conform(batches, &arrow)?;
    let (arrays, groups) = merge(&functions, &batches, &arrow, key_types.len(), final_values)?;
    let types: Vec<ColumnType> = key_types.into_iter().chain(functions.iter().map(|f| f.result_type())).collect();
    finish(query, aggregate, arrays, &types, groups)
}

/// Keys and final values, one row a group.
fn merge(
    functions: &[Arc<dyn AggregateFunction>],
    batches: &[Vec<ArrayRef>],
    arrow: &[ArrowType],
    keys: usize,
    final_values: bool,
) -> Result<(Vec<ArrayRef>, usize), Error> {
    if final_values {
        if keys == 0 && batches.len() > 1 {
            return Err(Error::Merge(
                "servers returned final values of one group, which cannot be merged; unset serverReturnFinalResult"
                    .to_owned(),
            ));
        }
        let arrays =
            (0..arrow.len()).map(|i| concat(batches, i, &arrow[i])).collect::<Result<Vec<ArrayRef>, Error>>()?;
        let groups = arrays.first().map_or(0, |a| a.len());
        if keys > 0 || groups > 0 {
            return Ok((arrays, groups));
        }
        return finished(functions, 1, &[], &[], 0).map(|values| (values, 1));
    }
    if keys == 0 {
        let ids: Vec<Vec<u32>> = batches.iter().map(|columns| vec![0; rows_of(columns)]).collect();
        return finished(functions, 1, batches, &ids, 0).map(|values| (values, 1));
    }
    let (ids, first) = group_ids(batches, keys)?;
    let groups = first.len();
    let mut arrays = Vec::with_capacity(keys + functions.len());
    for key in 0..keys {
        arrays.push(match batches {
            [] => arrow::array::new_empty_array(&arrow[key]),
            [only] => only[key].clone(),
            _ => {
                let parts: Vec<&dyn Array> = batches.iter().map(|columns| columns[key].as_ref()).collect();
                compute::interleave(&parts, &first).map_err(arrow_error)?
            }
        });
    }
    arrays.extend(finished(functions, groups, batches, &ids, keys)?);
    Ok((arrays, groups))
}

fn rows_of(columns: &[ArrayRef]) -> usize {
    columns.first().map_or(0, |c| c.len())
}

/// Merges the states and finishes them.
fn finished(
    functions: &[Arc<dyn AggregateFunction>],
    groups: usize,
    batches: &[Vec<ArrayRef>],
    ids: &[Vec<u32>],
    keys: usize,
) -> Result<Vec<ArrayRef>, Error> {
    let mut column = keys;
    let mut values = Vec::with_capacity(functions.len());
    for function in functions {
        let width = function.state_types().len();
        let mut accumulator = function.accumulator();
        accumulator.resize(groups);
        for (columns, ids) in batches.iter().zip(ids) {
            accumulator.merge(&columns[column..column + width], Groups::PerRow(ids)).map_err(Error::from)?;
        }
        values.push(accumulator.finish().map_err(Error::from)?);
        column += width;
    }
    Ok(values)
}

/// The group of each row of each batch, and where each group was seen first (batch, row).
#[expect(clippy::type_complexity, reason = "two parallel results of one pass")]
fn group_ids(batches: &[Vec<ArrayRef>], keys: usize) -> Result<(Vec<Vec<u32>>, Vec<(usize, usize)>), Error> {
    if let [only] = batches {
        let rows = checked_rows(rows_of(only))?;
        return Ok((vec![(0..rows).collect()], (0..rows as usize).map(|row| (0, row)).collect()));
    }
    let Some(sample) = batches.first() else { return Ok((Vec::new(), Vec::new())) };
    let fields = sample[..keys].iter().map(|c| SortField::new(c.data_type().clone())).collect();
    let converter = RowConverter::new(fields).map_err(arrow_error)?;
    let encoded = batches
        .iter()
        .map(|columns| converter.convert_columns(&columns[..keys]).map_err(arrow_error))
        .collect::<Result<Vec<_>, _>>()?;
    let total: usize = encoded.iter().map(|rows| rows.num_rows()).sum();
    checked_rows(total)?;
    let state = RandomState::new();
    let mut table: HashTable<u32> = HashTable::with_capacity(total / batches.len());
    let mut first: Vec<(usize, usize)> = Vec::with_capacity(total / batches.len());
    let mut ids = Vec::with_capacity(batches.len());
    for (batch, rows) in encoded.iter().enumerate() {
        let mut of_batch = Vec::with_capacity(rows.num_rows());
        for row in 0..rows.num_rows() {
            let key = rows.row(row);
            let hash = state.hash_one(key.as_ref());
            let known = table.find(hash, |&group| {
                let (other_batch, other_row) = first[group as usize];
                encoded[other_batch].row(other_row) == key
            });
            let group = match known {
                Some(&group) => group,
                None => {
                    let group = first.len() as u32;
                    first.push((batch, row));
                    table.insert_unique(hash, group, |&other| {
                        let (other_batch, other_row) = first[other as usize];
                        state.hash_one(encoded[other_batch].row(other_row).as_ref())
                    });
                    group
                }
            };
            of_batch.push(group);
        }
        ids.push(of_batch);
    }
    Ok((ids, first))
}

/// HAVING, ORDER BY, LIMIT and the select list over the groups.
fn finish(
    query: &BoundQuery,
    aggregate: &Aggregate,
    mut arrays: Vec<ArrayRef>,
    types: &[ColumnType],
    mut groups: usize,
) -> Result<ResultTable, Error> {
    let context = query.context();
    if let Some(having) = &aggregate.having {
        let kept = Outputs { arrays: &arrays, types }.evaluate(having, groups, &context)?;
        let kept = kept
            .as_boolean_opt()
            .ok_or_else(|| Error::Execution("the HAVING clause does not give true or false".to_owned()))?;
        arrays = arrays.iter().map(|a| compute::filter(a, kept).map_err(arrow_error)).collect::<Result<Vec<_>, _>>()?;
        groups = (0..kept.len()).filter(|&row| kept.is_valid(row) && kept.value(row)).count();
    }
    if aggregate.order_by.is_empty() {
        if groups > query.limit {
            arrays = arrays.iter().map(|a| a.slice(0, query.limit)).collect();
            groups = query.limit;
        }
    } else {
        let outputs = Outputs { arrays: &arrays, types };
        let keys = aggregate
            .order_by
            .iter()
            .map(|order| outputs.evaluate(&order.expr, groups, &context))
            .collect::<Result<Vec<_>, _>>()?;
        let key_types: Vec<ColumnType> = aggregate.order_by.iter().map(|order| order.expr.ty()).collect();
        let rows = sorted_rows(&keys, &key_types, &aggregate.order_by, checked_rows(groups)?, query.limit)?;
        arrays = arrays.iter().map(|a| batches::take(a, &rows)).collect::<Result<Vec<_>, _>>()?;
        groups = rows.len();
    }
    let outputs = Outputs { arrays: &arrays, types };
    let columns = aggregate
        .projections
        .iter()
        .map(|projection| outputs.evaluate(&projection.expr, groups, &context))
        .collect::<Result<Vec<_>, _>>()?;
    let (names, types) = query.result_schema();
    Ok(ResultTable { names, types, columns, num_rows: groups })
}
