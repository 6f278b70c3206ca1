//! From gathered groups to the rows that leave the server: final values or states, trimmed to what may still matter.

use std::sync::Arc;

use aggregates::{AggregateFunction, Groups};
use arrow::array::{ArrayRef, AsArray, RecordBatch};
use functions::{Columns, Context, Expr, Vector, evaluate_array};
use model::ColumnType;
use query::{AggregateCall, ExecutionStats, OrderBy};

use crate::{
    error::Result,
    options::{NO_TRIM_THRESHOLD, Options},
    output,
    sort::{Direction, Order},
    values::true_rows,
};

/// What the reduce will do with the groups, as far as it decides which of them a server has to send.
#[derive(Clone, Copy)]
pub(crate) struct Wanted<'q> {
    pub(crate) order_by: &'q [OrderBy],
    pub(crate) having: Option<&'q Expr>,
    pub(crate) limit: usize,
    pub(crate) final_values: bool,
    pub(crate) options: &'q Options,
    pub(crate) context: Context,
}

/// Groups in columns: keys, then for each aggregate what can make its state and its final value.
pub(crate) struct Finished<'q> {
    pub(crate) keys: Vec<ArrayRef>,
    pub(crate) key_types: Vec<ColumnType>,
    pub(crate) calls: &'q [AggregateCall],
    pub(crate) functions: Vec<Arc<dyn AggregateFunction>>,
    /// State columns of each aggregate.
    pub(crate) states: Vec<Vec<ArrayRef>>,
    /// Final values that are known already, by aggregate; may be shorter than the list of aggregates.
    pub(crate) finals: Vec<Option<ArrayRef>>,
    pub(crate) rows: usize,
}

impl<'q> Wanted<'q> {
    /// All groups, in no order.
    pub(crate) fn without_order(&self) -> Wanted<'q> {
        Wanted { order_by: &[], having: None, limit: usize::MAX, final_values: true, ..*self }
    }

    /// How many groups matter, when not all do; `keys` is the number of group keys.
    pub(crate) fn keep(&self, keys: usize) -> Option<usize> {
        if keys == 0 {
            return None;
        }
        if self.final_values {
            return self.having.is_none().then_some(self.limit);
        }
        let options = self.options;
        if options.group_trim_threshold >= NO_TRIM_THRESHOLD {
            return None;
        }
        if self.having.is_none() && self.ordered_by_keys_only(keys) && !self.order_by.is_empty() {
            // Every server sends its first groups in the same order, so none that matters is missing.
            return Some(self.limit);
        }
        let floor = usize::try_from(options.min_server_group_trim_size).ok().filter(|&size| size > 0)?;
        let enough = self.limit.saturating_mul(5).max(floor);
        Some(if self.having.is_some() { enough.max(options.group_trim_threshold) } else { enough })
    }

    /// Whether a group that was left out here might have made it into the answer.
    pub(crate) fn is_unsafe(&self, keys: usize) -> bool {
        !(self.final_values || self.order_by.is_empty() || self.ordered_by_keys_only(keys) && self.having.is_none())
    }

    fn ordered_by_keys_only(&self, keys: usize) -> bool {
        self.order_by.iter().all(|by| inputs_below(&by.expr, keys))
    }
}

/// Keys and final values, as `Expr::Input` slots.
struct Slots<'f> {
    columns: &'f [(ColumnType, ArrayRef)],
}

impl Columns for Slots<'_> {
    fn column(&self, _name: &str) -> Option<Vector> {
        None
    }

    fn input(&self, index: usize) -> Option<Vector> {
        self.columns.get(index).map(|(ty, array)| Vector::array(*ty, Arc::clone(array)))
    }
}

impl Finished<'_> {
    pub(crate) fn into_batch(mut self, wanted: &Wanted<'_>, stats: &mut ExecutionStats) -> Result<RecordBatch> {
        if wanted.final_values {
            return self.final_batch(wanted);
        }
        if let Some(keep) = wanted.keep(self.keys.len()).filter(|&keep| keep < self.rows) {
            let picks = if wanted.order_by.is_empty() {
                self.key_order().top(self.rows, keep)
            } else {
                let finals = if wanted.ordered_by_keys_only(self.keys.len()) { Vec::new() } else { self.finals()? };
                let slots = self.slots(finals);
                order(wanted, &slots, self.rows)?.top(self.rows, keep)
            };
            stats.groups_trimmed |= wanted.is_unsafe(self.keys.len());
            self.keep(&picks)?;
        }
        let mut columns = self.keys;
        columns.extend(self.states.into_iter().flatten());
        output::batch(columns, self.rows)
    }

    fn final_batch(mut self, wanted: &Wanted<'_>) -> Result<RecordBatch> {
        let finals = self.finals()?;
        let mut slots = self.slots(finals);
        let mut rows = self.rows;
        if let Some(having) = wanted.having {
            let passed = evaluate_array(having, &Slots { columns: &slots }, rows, &wanted.context)?;
            let picks = passed.as_boolean_opt().map(true_rows).unwrap_or_default();
            slots = take(&slots, &picks)?;
            rows = picks.len();
        }
        if !self.keys.is_empty() && (!wanted.order_by.is_empty() || rows > wanted.limit) {
            let picks = if wanted.order_by.is_empty() {
                (0..wanted.limit as u32).collect()
            } else {
                order(wanted, &slots, rows)?.top(rows, wanted.limit)
            };
            slots = take(&slots, &picks)?;
            rows = picks.len();
        }
        self.keys.clear();
        output::batch(slots.into_iter().map(|(_, array)| array).collect(), rows)
    }

    /// The final value of every aggregate in every group.
    fn finals(&self) -> Result<Vec<ArrayRef>> {
        let mut out = Vec::with_capacity(self.states.len());
        let identity: Vec<u32> = (0..self.rows as u32).collect();
        for (i, (function, state)) in self.functions.iter().zip(&self.states).enumerate() {
            if let Some(Some(known)) = self.finals.get(i) {
                out.push(Arc::clone(known));
                continue;
            }
            let mut accumulator = function.accumulator();
            accumulator.resize(self.rows);
            accumulator.merge(state, Groups::PerRow(&identity))?;
            out.push(accumulator.finish()?);
        }
        Ok(out)
    }

    fn slots(&self, finals: Vec<ArrayRef>) -> Vec<(ColumnType, ArrayRef)> {
        let keys = self.key_types.iter().copied().zip(self.keys.iter().cloned());
        keys.chain(self.calls.iter().map(|call| call.result_type).zip(finals)).collect()
    }

    fn key_order(&self) -> Order {
        let direction = Direction { ascending: true, nulls_first: false };
        let columns: Vec<_> =
            self.keys.iter().zip(&self.key_types).map(|(key, ty)| (Arc::clone(key), *ty, direction)).collect();
        Order::new(&columns)
    }

    fn keep(&mut self, picks: &[u32]) -> Result<()> {
        self.keys = output::take_all(&self.keys, picks)?;
        for state in &mut self.states {
            *state = output::take_all(state, picks)?;
        }
        self.rows = picks.len();
        Ok(())
    }
}

fn take(slots: &[(ColumnType, ArrayRef)], picks: &[u32]) -> Result<Vec<(ColumnType, ArrayRef)>> {
    let arrays: Vec<ArrayRef> = slots.iter().map(|(_, array)| Arc::clone(array)).collect();
    Ok(slots.iter().map(|(ty, _)| *ty).zip(output::take_all(&arrays, picks)?).collect())
}

fn order(wanted: &Wanted<'_>, slots: &[(ColumnType, ArrayRef)], rows: usize) -> Result<Order> {
    let columns = wanted
        .order_by
        .iter()
        .map(|by| {
            let array = evaluate_array(&by.expr, &Slots { columns: slots }, rows, &wanted.context)?;
            Ok((array, by.expr.ty(), Direction { ascending: by.ascending, nulls_first: by.nulls_first }))
        })
        .collect::<Result<Vec<_>>>()?;
    Ok(Order::new(&columns))
}

/// Whether an expression reads only slots below `limit`.
fn inputs_below(expr: &Expr, limit: usize) -> bool {
    match expr {
        Expr::Input { index, .. } => *index < limit,
        Expr::Call { args, .. } => args.iter().all(|arg| inputs_below(arg, limit)),
        Expr::Literal(_) => true,
        Expr::Column { .. } => false,
    }
}
