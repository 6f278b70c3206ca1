//! Partial results of all servers to one answer: merge, HAVING, ORDER BY, LIMIT, post-aggregation.

mod aggregate;
mod batches;
mod explain;
mod selection;
mod sort;

use functions::{Columns, Context, Expr, Vector};
use model::ColumnType;

use crate::{
    error::Error,
    ir::{BoundQuery, Filter, Shape},
    partial::{ExecutionStats, PartialResult, QueryException},
    response::ResultTable,
};
use arrow::array::ArrayRef;

/// What the broker makes of the servers' answers.
#[derive(Clone, Debug, Default)]
pub struct Reduced {
    /// `None` when no server could compute anything.
    pub table: Option<ResultTable>,
    pub stats: ExecutionStats,
    pub exceptions: Vec<QueryException>,
}

/// Merges the partial results. Without any (all segments pruned, always-false filter) it is the empty answer: no rows,
/// or the default row of an aggregation without GROUP BY. A failing merge is one more exception.
pub fn reduce(query: &BoundQuery, partials: Vec<PartialResult>) -> Reduced {
    let mut reduced = Reduced::default();
    for partial in &partials {
        reduced.stats.add(&partial.stats);
        reduced.exceptions.extend(partial.exceptions.iter().cloned());
    }
    let answered = partials.iter().any(|p| p.batch.is_some());
    let result = if query.explain {
        Some(explain::table(query, &partials))
    } else if !answered && !reduced.exceptions.is_empty() {
        None
    } else {
        Some(reduce_batches(query, partials))
    };
    match result {
        Some(Ok(table)) => reduced.table = Some(table),
        Some(Err(e)) => reduced.exceptions.push(QueryException::from(&e)),
        None => {}
    }
    reduced
}

fn reduce_batches(query: &BoundQuery, partials: Vec<PartialResult>) -> Result<ResultTable, Error> {
    let final_values = partials.iter().any(|p| p.final_values && p.batch.is_some());
    let batches = partials.into_iter().filter_map(|p| p.batch).filter(|b| b.num_rows() > 0).collect();
    match &query.shape {
        Shape::Selection(selection) => selection::selection(query, selection, batches),
        Shape::Distinct(distinct) => selection::distinct(query, distinct, batches),
        Shape::Aggregate(aggregate) => aggregate::reduce(query, aggregate, batches, final_values),
    }
}

impl BoundQuery {
    /// Whether the filter can match no row: the broker answers with [`reduce`] of nothing.
    pub fn is_always_false(&self) -> bool {
        self.filter == Filter::Nothing
    }

    /// Headers and types of the answer.
    pub fn result_schema(&self) -> (Vec<String>, Vec<ColumnType>) {
        let (projections, exploded) = match &self.shape {
            Shape::Selection(selection) => (&selection.projections, false),
            Shape::Distinct(distinct) => (&distinct.projections, true),
            Shape::Aggregate(aggregate) => (&aggregate.projections, false),
        };
        projections
            .iter()
            .map(|p| {
                let ty = p.expr.ty();
                (p.header.clone(), if exploded { ty.data_type.sv() } else { ty })
            })
            .unzip()
    }

    fn context(&self) -> Context {
        Context { now_ms: self.now_ms, null_handling: self.null_handling }
    }
}

/// The output of the aggregation (keys, then final values) as what later expressions read.
struct Outputs<'a> {
    arrays: &'a [ArrayRef],
    types: &'a [ColumnType],
}

impl Columns for Outputs<'_> {
    fn column(&self, _name: &str) -> Option<Vector> {
        None
    }

    fn input(&self, index: usize) -> Option<Vector> {
        Some(Vector::array(*self.types.get(index)?, self.arrays.get(index)?.clone()))
    }
}

impl Outputs<'_> {
    fn evaluate(&self, expr: &Expr, rows: usize, context: &Context) -> Result<ArrayRef, Error> {
        if let Expr::Input { index, .. } = expr
            && let Some(array) = self.arrays.get(*index)
        {
            return Ok(array.clone());
        }
        functions::evaluate_array(expr, self, rows, context).map_err(|e| Error::Execution(e.to_string()))
    }
}
