//! Plain rows: the first that match, or the first in an order.

use std::{
    ops::ControlFlow,
    sync::atomic::{AtomicUsize, Ordering},
};

use arrow::array::{ArrayRef, RecordBatch};
use functions::{Context, Expr};
use model::ColumnType;
use query::{BoundQuery, ExecutionStats, OrderBy, Selection};

use crate::{
    columns::{Segment, collect_columns},
    context::Control,
    error::Result,
    filter::{Node, run::Runner},
    mask::Docs,
    output,
    sort::{Direction, Order},
    topk::{Best, OrderReader},
    values,
};

/// Columns of the answer: the projections, then order-by expressions that are no projection.
pub(crate) fn output_exprs(selection: &Selection) -> Vec<&Expr> {
    let mut exprs: Vec<&Expr> = selection.projections.iter().map(|p| &p.expr).collect();
    for by in &selection.order_by {
        if !exprs.contains(&&by.expr) {
            exprs.push(&by.expr);
        }
    }
    exprs
}

/// Rows of one segment, with the values they are ordered by.
struct Rows {
    segment: usize,
    rows: usize,
    columns: Vec<ArrayRef>,
    order: Vec<ArrayRef>,
}

/// What one worker has selected.
#[derive(Default)]
pub(crate) struct Selected {
    chunks: Vec<Rows>,
    pub(crate) stats: ExecutionStats,
    held_bytes: usize,
}

/// A selection, the same for all segments.
pub(crate) struct SelectQuery<'q> {
    pub(crate) exprs: Vec<&'q Expr>,
    pub(crate) order_by: &'q [OrderBy],
    /// Rows that may be needed: limit, and offset where it counts.
    pub(crate) wanted: usize,
    pub(crate) context: Context,
    /// Rows found by all workers; without an order no more than `wanted` are looked for.
    found: AtomicUsize,
    order_columns: u64,
    other_columns: u64,
}

fn distinct_columns<'e>(exprs: impl Iterator<Item = &'e Expr>) -> Vec<(String, ColumnType)> {
    let mut columns = Vec::new();
    exprs.for_each(|expr| collect_columns(expr, &mut columns));
    columns
}

impl<'q> SelectQuery<'q> {
    pub(crate) fn new(query: &'q BoundQuery, selection: &'q Selection, context: Context) -> Self {
        let exprs = output_exprs(selection);
        // With LIMIT 0 the order has nothing to order.
        let order_by: &[OrderBy] = if query.limit == 0 { &[] } else { &selection.order_by };
        let wanted = if order_by.is_empty() { query.limit } else { query.limit.saturating_add(query.offset) };
        let order_columns = distinct_columns(order_by.iter().map(|by| &by.expr)).len() as u64;
        let all = distinct_columns(exprs.iter().copied()).len() as u64;
        Self {
            exprs,
            order_by,
            wanted,
            context,
            found: AtomicUsize::new(0),
            order_columns,
            other_columns: all - order_columns.min(all),
        }
    }

    fn order(&self, columns: &[ArrayRef]) -> Order {
        let columns: Vec<_> = self
            .order_by
            .iter()
            .zip(columns)
            .map(|(by, array)| {
                let direction = Direction { ascending: by.ascending, nulls_first: by.nulls_first };
                (array.clone(), by.expr.ty(), direction)
            })
            .collect();
        Order::new(&columns)
    }

    /// Whether the docs of a segment lie in the order asked for by the first key.
    fn leads_sorted(&self, segment: &Segment<'_>) -> bool {
        let Some(by) = self.order_by.first().filter(|by| by.ascending) else { return false };
        let Expr::Column { name, .. } = &by.expr else { return false };
        segment.column(name).is_some_and(|column| {
            column.is_sorted() && (!segment.null_handling || column.nulls().is_none_or(|nulls| nulls.is_empty()))
        })
    }
}

impl Selected {
    pub(crate) fn segment(
        &mut self,
        query: &SelectQuery<'_>,
        ordinal: usize,
        segment: &Segment<'_>,
        plan: &Node<'_>,
        control: &Control,
    ) -> Result<()> {
        if query.order_by.is_empty() {
            self.any(query, ordinal, segment, plan, control)
        } else {
            self.ordered(query, ordinal, segment, plan, control)
        }
    }

    fn push(&mut self, control: &Control, rows: Rows) -> Result<()> {
        let bytes: usize = rows.columns.iter().chain(&rows.order).map(|c| c.get_array_memory_size()).sum();
        let total = self.held_bytes + bytes;
        control.book(&mut self.held_bytes, total)?;
        self.chunks.push(rows);
        Ok(())
    }

    /// The first rows found.
    fn any(
        &mut self,
        query: &SelectQuery<'_>,
        ordinal: usize,
        segment: &Segment<'_>,
        plan: &Node<'_>,
        control: &Control,
    ) -> Result<()> {
        let mut runner = Runner::new(segment, query.context, control, plan);
        let mut matched = 0u64;
        if query.found.load(Ordering::Relaxed) < query.wanted {
            runner.for_each(&mut |docs| {
                let before = query.found.fetch_add(docs.len(), Ordering::Relaxed);
                let room = query.wanted.saturating_sub(before);
                let head = docs.head(room);
                let rows = head.len();
                if rows > 0 {
                    matched += rows as u64;
                    let columns = evaluate_all(segment, &query.exprs, &head, query.context)?;
                    self.push(control, Rows { segment: ordinal, rows, columns, order: Vec::new() })?;
                }
                Ok(if room <= docs.len() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
            })?;
        }
        self.stats.num_docs_scanned += matched;
        self.stats.num_entries_scanned_in_filter += runner.entries_scanned;
        self.stats.num_entries_scanned_post_filter += matched * (query.order_columns + query.other_columns);
        self.stats.num_segments_matched += u64::from(matched > 0);
        Ok(())
    }

    /// The segment's first rows in the order asked for; only those are materialised.
    fn ordered(
        &mut self,
        query: &SelectQuery<'_>,
        ordinal: usize,
        segment: &Segment<'_>,
        plan: &Node<'_>,
        control: &Control,
    ) -> Result<()> {
        let mut runner = Runner::new(segment, query.context, control, plan);
        let order_exprs: Vec<&Expr> = query.order_by.iter().map(|by| &by.expr).collect();
        let sorted = query.leads_sorted(segment);
        if let Some(reader) = OrderReader::new(segment, query.order_by) {
            return self.by_integers(query, ordinal, segment, runner, reader, sorted);
        }
        let stop_at = if sorted && query.order_by.len() == 1 { Some(query.wanted) } else { None };
        let mut best = Candidates { docs: Vec::new(), order: vec![Vec::new(); order_exprs.len()] };
        let mut matched = 0u64;
        let mut held = 0;
        runner.for_each(&mut |docs| {
            let room = stop_at.map_or(docs.len(), |stop| stop - best.docs.len());
            let head = docs.head(room);
            matched += head.len() as u64;
            let order = evaluate_all(segment, &order_exprs, &head, query.context)?;
            best.add(&head, order);
            if stop_at.is_some_and(|stop| best.docs.len() >= stop) {
                return Ok(ControlFlow::Break(()));
            }
            if best.docs.len() > query.wanted.saturating_mul(2).saturating_add(16_384) {
                best.shrink(query)?;
            }
            let bytes = best.memory_bytes();
            control.book(&mut held, bytes)?;
            Ok(ControlFlow::Continue(()))
        })?;
        best.shrink(query)?;
        control.book(&mut held, 0)?;
        let rows = best.docs.len();
        self.count(query, matched, rows, sorted, runner.entries_scanned);
        if rows == 0 {
            return Ok(());
        }
        let columns = evaluate_all(segment, &query.exprs, &Docs::List(&best.docs), query.context)?;
        let order = best.order.into_iter().flatten().collect();
        self.push(control, Rows { segment: ordinal, rows, columns, order })
    }

    /// As [`Selected::ordered`], where every order-by expression has integers that sort like it.
    fn by_integers(
        &mut self,
        query: &SelectQuery<'_>,
        ordinal: usize,
        segment: &Segment<'_>,
        mut runner: Runner<'_, '_>,
        mut reader: OrderReader<'_>,
        sorted: bool,
    ) -> Result<()> {
        let control = runner.control;
        let mut best = Best::new(query.wanted);
        let mut keys = Vec::new();
        let mut matched = 0u64;
        let mut held = 0;
        let shift = reader.bits_after_first();
        runner.for_each(&mut |docs| {
            // In a segment that is sorted by the only key the first docs are the answer.
            let room = if sorted && shift == 0 { query.wanted - matched as usize } else { docs.len() };
            let docs = docs.head(room);
            matched += docs.len() as u64;
            reader.read(&docs, &mut keys);
            best.add(&docs, &keys);
            control.book(&mut held, best.memory_bytes())?;
            let done = sorted
                && (shift == 0 && matched as usize >= query.wanted
                    || keys.last().is_some_and(|&last| best.excludes(last, shift)));
            Ok(if done { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
        })?;
        control.book(&mut held, 0)?;
        let docs = best.finish();
        let rows = docs.len();
        self.count(query, matched, rows, sorted, runner.entries_scanned);
        if rows == 0 {
            return Ok(());
        }
        let docs = Docs::List(&docs);
        let columns = evaluate_all(segment, &query.exprs, &docs, query.context)?;
        let order_exprs: Vec<&Expr> = query.order_by.iter().map(|by| &by.expr).collect();
        let order = evaluate_all(segment, &order_exprs, &docs, query.context)?;
        self.push(control, Rows { segment: ordinal, rows, columns, order })
    }

    /// Counts an ordered segment: order-by columns of every row, the others only of rows that are kept.
    fn count(&mut self, query: &SelectQuery<'_>, matched: u64, rows: usize, sorted: bool, entries_scanned: u64) {
        let kept = if sorted { matched } else { rows as u64 };
        self.stats.num_docs_scanned += matched;
        self.stats.num_entries_scanned_in_filter += entries_scanned;
        self.stats.num_entries_scanned_post_filter += matched * query.order_columns + kept * query.other_columns;
        self.stats.num_segments_matched += u64::from(matched > 0);
    }

    /// All workers' rows, in order and cut to what is wanted.
    pub(crate) fn finish(query: &SelectQuery<'_>, workers: Vec<Self>) -> Result<(RecordBatch, ExecutionStats)> {
        let mut stats = ExecutionStats::default();
        let mut chunks = Vec::new();
        for worker in workers {
            stats.add(&worker.stats);
            chunks.extend(worker.chunks);
        }
        chunks.sort_by_key(|chunk| chunk.segment);
        let rows: usize = chunks.iter().map(|chunk| chunk.rows).sum();
        let mut columns = Vec::with_capacity(query.exprs.len());
        for (i, expr) in query.exprs.iter().enumerate() {
            let parts: Vec<ArrayRef> = chunks.iter().map(|chunk| chunk.columns[i].clone()).collect();
            columns.push(output::concat(&parts, &expr.ty().arrow())?);
        }
        if query.order_by.is_empty() {
            return Ok((output::batch(columns, rows)?, stats));
        }
        let mut order = Vec::with_capacity(query.order_by.len());
        for (i, by) in query.order_by.iter().enumerate() {
            let parts: Vec<ArrayRef> = chunks.iter().map(|chunk| chunk.order[i].clone()).collect();
            order.push(output::concat(&parts, &by.expr.ty().arrow())?);
        }
        let picks = query.order(&order).top(rows, query.wanted);
        let columns = output::take_all(&columns, &picks)?;
        Ok((output::batch(columns, picks.len())?, stats))
    }
}

/// Docs that may be among the first, with the values they are ordered by.
struct Candidates {
    docs: Vec<u32>,
    /// Chunks of each order-by column.
    order: Vec<Vec<ArrayRef>>,
}

impl Candidates {
    fn add(&mut self, docs: &Docs<'_>, order: Vec<ArrayRef>) {
        self.docs.extend((0..docs.len()).map(|row| docs.get(row)));
        for (chunks, chunk) in self.order.iter_mut().zip(order) {
            chunks.push(chunk);
        }
    }

    fn shrink(&mut self, query: &SelectQuery<'_>) -> Result<()> {
        let mut columns = Vec::with_capacity(self.order.len());
        for (chunks, by) in self.order.iter().zip(query.order_by) {
            columns.push(output::concat(chunks, &by.expr.ty().arrow())?);
        }
        let picks = query.order(&columns).top(self.docs.len(), query.wanted);
        self.docs = picks.iter().map(|&pick| self.docs[pick as usize]).collect();
        self.order = output::take_all(&columns, &picks)?.into_iter().map(|column| vec![column]).collect();
        Ok(())
    }

    fn memory_bytes(&self) -> usize {
        self.docs.capacity() * 4 + self.order.iter().flatten().map(|c| c.get_array_memory_size()).sum::<usize>()
    }
}

fn evaluate_all(segment: &Segment<'_>, exprs: &[&Expr], docs: &Docs<'_>, context: Context) -> Result<Vec<ArrayRef>> {
    exprs.iter().map(|expr| values::evaluate(segment, expr, docs, context)).collect()
}
