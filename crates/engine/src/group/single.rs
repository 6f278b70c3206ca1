//! Aggregation without GROUP BY: metadata where it knows the answer, sums over blocks, sets of dict ids for distinct
//! counts, accumulators for everything else.

use std::{ops::ControlFlow, sync::Arc};

use aggregates::Fused as Kind;
use arrow::{
    array::{Array, ArrayRef, ListArray},
    buffer::OffsetBuffer,
    datatypes::Field,
};
use functions::Expr;
use query::AggregateCall;

use crate::{
    columns::{Segment, read_ids, repeat},
    context::Control,
    error::Result,
    filter::{Node, run::Runner},
    group::{
        finish::Finished,
        general::{Gathered, GroupQuery},
        global::{GlobalKey, IdMapCache, key_column},
        slots::{BlockValues, Layout, Slot, add_all},
    },
    mask::Docs,
};

/// A query without keys, prepared for all its segments.
pub(crate) struct Single<'q> {
    query: GroupQuery<'q>,
    calls: &'q [AggregateCall],
    /// How each aggregate is computed.
    ways: Vec<Way>,
    /// The aggregates that are doubles.
    layout: Layout<'q>,
    distinct: Vec<(&'q Expr, GlobalKey)>,
    /// The aggregates left to accumulators, as a query of their own.
    general: Option<GroupQuery<'q>>,
}

#[derive(Clone, Copy)]
enum Way {
    /// Place among the layout's states.
    Slots(usize),
    /// Place among the distinct keys.
    Distinct(usize),
    /// Place among the general aggregates.
    General(usize),
}

/// What one worker has gathered.
pub(crate) struct Worker {
    slots: Vec<f64>,
    /// Rows that reached the slots.
    rows: u64,
    /// Which global ids were seen, a set a distinct key.
    seen: Vec<Vec<u8>>,
    pub(crate) general: Gathered,
    held_bytes: usize,
}

impl<'q> Single<'q> {
    pub(crate) fn new(
        query: GroupQuery<'q>,
        calls: &'q [AggregateCall],
        segments: &[Segment<'_>],
        docs: u64,
        cache: &IdMapCache,
    ) -> Result<Self> {
        let mut layout = Layout::default();
        let mut distinct: Vec<(&'q Expr, GlobalKey)> = Vec::new();
        let mut ways = Vec::with_capacity(query.aggregates.len());
        let mut rest: Vec<&'q AggregateCall> = Vec::new();
        for aggregate in &query.aggregates {
            let call = aggregate.call;
            if aggregate.filter.is_none() {
                if let Some(state) = layout.try_state(aggregate, query.context.null_handling, segments) {
                    layout.states.push(state);
                    ways.push(Way::Slots(layout.states.len() - 1));
                    continue;
                }
                if aggregate.function.fused() == Kind::DistinctCount
                    && let [expr] = call.args.as_slice()
                {
                    if let Some(at) = distinct.iter().position(|(known, _)| *known == expr) {
                        ways.push(Way::Distinct(at));
                        continue;
                    }
                    if let Some(key) = GlobalKey::new(segments, expr, query.context, docs, cache)? {
                        distinct.push((expr, key));
                        ways.push(Way::Distinct(distinct.len() - 1));
                        continue;
                    }
                }
            }
            ways.push(Way::General(rest.len()));
            rest.push(call);
        }
        let general = if rest.is_empty() {
            None
        } else {
            Some(GroupQuery::of_calls(Vec::new(), &rest, query.options, query.context)?)
        };
        Ok(Self { query, calls, ways, layout, distinct, general })
    }

    pub(crate) fn worker(&self) -> Worker {
        Worker {
            slots: self.layout.start(),
            rows: 0,
            seen: self.distinct.iter().map(|(_, key)| vec![0; key.cardinality as usize]).collect(),
            general: Gathered::new(self.general.as_ref().unwrap_or(&self.query)),
            held_bytes: 0,
        }
    }

    /// Adds one segment.
    pub(crate) fn segment(
        &self,
        worker: &mut Worker,
        segment: &Segment<'_>,
        ordinal: usize,
        plan: &Node<'_>,
        control: &Control,
    ) -> Result<()> {
        if let Some(general) = &self.general {
            let before = worker.general.stats.num_entries_scanned_post_filter;
            self.with_general(general, worker, segment, ordinal, plan, control)?;
            if is_answered_without_rows(self.calls, plan, segment) {
                worker.general.stats.num_entries_scanned_post_filter = before;
            }
            return Ok(());
        }
        let num_docs = u64::from(segment.num_docs);
        let whole = plan.is_all(segment.num_docs);
        let mut runner = Runner::new(segment, self.query.context, control, plan);
        let mut slots_done = self.layout.slots.is_empty();
        if whole && !segment.reader.is_mutable() && self.layout.add_statistics(segment, &mut worker.slots) {
            worker.rows += num_docs;
            slots_done = true;
        }
        let mut open: Vec<usize> = Vec::new();
        for (at, (expr, key)) in self.distinct.iter().enumerate() {
            let full = whole && key.null.is_none() && !segment.reader.is_mutable();
            if full {
                mark_all(key, segment, expr, ordinal, &mut worker.seen[at]);
            } else {
                open.push(at);
            }
        }
        let matched = if slots_done && open.is_empty() && whole {
            num_docs
        } else if self.layout.slots == [Slot::Count] && open.is_empty() {
            let matched = runner.count()?;
            worker.slots[0] += matched as f64;
            worker.rows += matched;
            matched
        } else {
            self.scan(worker, segment, ordinal, &mut runner, slots_done, &open)?
        };
        let scanned = runner.entries_scanned;
        let stats = &mut worker.general.stats;
        if is_answered_without_rows(self.calls, plan, segment) {
            stats.num_docs_scanned += matched;
            stats.num_segments_matched += u64::from(matched > 0);
        } else {
            self.query.count(stats, matched, scanned);
        }
        let bytes = worker.seen.iter().map(Vec::len).sum();
        control.book(&mut worker.held_bytes, bytes)
    }

    fn scan(
        &self,
        worker: &mut Worker,
        segment: &Segment<'_>,
        ordinal: usize,
        runner: &mut Runner<'_, '_>,
        slots_done: bool,
        open: &[usize],
    ) -> Result<u64> {
        let sources = if slots_done { Vec::new() } else { self.layout.compile(segment).unwrap_or_default() };
        let mut values = BlockValues::new(sources);
        let mut locals: Vec<DistinctScan<'_>> = Vec::with_capacity(open.len());
        for &at in open {
            let (expr, key) = &self.distinct[at];
            locals.extend(DistinctScan::new(segment, expr, key, at));
        }
        let mut matched = 0u64;
        let slots = &self.layout.slots;
        runner.for_each(&mut |docs| {
            matched += docs.len() as u64;
            if !slots_done {
                add_all(slots, &mut values, docs, &mut worker.slots);
                worker.rows += docs.len() as u64;
            }
            locals.iter_mut().for_each(|local| local.read(docs));
            Ok(ControlFlow::Continue(()))
        })?;
        for local in locals {
            let at = local.at;
            local.finish(&self.distinct[at].1, ordinal, &mut worker.seen[at]);
        }
        Ok(matched)
    }

    /// Some aggregates need accumulators: those do their own scan and all the counting, the others a second one.
    fn with_general(
        &self,
        general: &GroupQuery<'q>,
        worker: &mut Worker,
        segment: &Segment<'_>,
        ordinal: usize,
        plan: &Node<'_>,
        control: &Control,
    ) -> Result<()> {
        let before = worker.general.stats.clone();
        worker.general.segment(general, segment, plan, control)?;
        if self.layout.slots.is_empty() && self.distinct.is_empty() {
            return Ok(());
        }
        let mut runner = Runner::new(segment, self.query.context, control, plan);
        let open: Vec<usize> = (0..self.distinct.len()).collect();
        let matched = self.scan(worker, segment, ordinal, &mut runner, self.layout.slots.is_empty(), &open)?;
        let stats = &mut worker.general.stats;
        // Counted as the one scan that a reader of the counters expects.
        let filtered = !general.filters.is_empty();
        let docs = stats.num_docs_scanned - before.num_docs_scanned;
        let had_main = general.aggregates.iter().any(|a| a.filter.is_none());
        if filtered && !had_main {
            stats.num_docs_scanned += matched;
            stats.num_segments_matched = before.num_segments_matched + u64::from(docs + matched > 0);
        }
        let mine = self.query.branch_columns(None);
        let theirs = if had_main { general.branch_columns(None) } else { 0 };
        stats.num_entries_scanned_post_filter += matched * (mine - theirs.min(mine));
        Ok(())
    }

    /// The one row of the answer, as states.
    pub(crate) fn finish(
        self,
        segments: &[Segment<'_>],
        workers: Vec<Worker>,
        final_values: bool,
    ) -> Result<(Finished<'q>, query::ExecutionStats)> {
        let mut workers = workers.into_iter();
        let mut all = workers.next().unwrap_or_else(|| self.worker());
        for worker in workers {
            for ((slot, into), from) in self.layout.slots.iter().zip(&mut all.slots).zip(worker.slots) {
                slot.merge(into, from);
            }
            all.rows += worker.rows;
            for (into, from) in all.seen.iter_mut().zip(worker.seen) {
                into.iter_mut().zip(from).for_each(|(a, b)| *a |= b);
            }
            all.general.absorb(worker.general, false)?;
        }
        let null_handling = self.query.context.null_handling;
        let slot_states = self.layout.states(&all.slots, 1, all.rows > 0, null_handling);
        let mut general_states = Vec::new();
        if self.general.is_some() {
            for accumulator in &mut all.general.accumulators {
                accumulator.resize(1);
                general_states.push(accumulator.state()?);
            }
        }
        let mut states = Vec::with_capacity(self.ways.len());
        let mut finals: Vec<Option<ArrayRef>> = vec![None; self.ways.len()];
        for (i, way) in self.ways.iter().enumerate() {
            states.push(match *way {
                Way::Slots(at) => slot_states[at].clone(),
                Way::General(at) => general_states[at].clone(),
                Way::Distinct(at) => {
                    let (expr, key) = &self.distinct[at];
                    let function = &self.query.aggregates[i].function;
                    let ids = (0..key.cardinality).filter(|&id| all.seen[at][id as usize] != 0);
                    let ids: Vec<u32> = ids.filter(|&id| Some(id) != key.null).collect();
                    let ids = if key.ordered { ids } else { without_null(key, segments, expr, ids)? };
                    if final_values {
                        let ty = function.result_type();
                        let count = match ty.data_type {
                            model::DataType::Int => model::Value::Int(ids.len() as i32),
                            _ => model::Value::Long(ids.len() as i64),
                        };
                        finals[i] = Some(repeat(&count, ty, 1));
                        Vec::new()
                    } else {
                        let items = key.take(segments, expr, &ids)?;
                        let field = Arc::new(Field::new("item", items.data_type().clone(), true));
                        let offsets = OffsetBuffer::from_lengths([items.len()]);
                        vec![Arc::new(ListArray::try_new(field, offsets, items, None)?) as ArrayRef]
                    }
                }
            });
        }
        let stats = std::mem::take(&mut all.general.stats);
        let functions = self.query.aggregates.iter().map(|a| Arc::clone(&a.function)).collect();
        let calls = self.calls;
        Ok((Finished { keys: Vec::new(), key_types: Vec::new(), calls, functions, states, finals, rows: 1 }, stats))
    }
}

/// Whether dictionaries and statistics alone answer, so that the counters say that no row was read.
pub(crate) fn is_answered_without_rows(calls: &[AggregateCall], plan: &Node<'_>, segment: &Segment<'_>) -> bool {
    plan.is_all(segment.num_docs)
        && !segment.null_handling
        && calls.iter().all(|call| {
            let on_dictionaries = || {
                call.args.iter().all(|arg| {
                    matches!(arg, Expr::Column { name, .. }
                        if segment.column(name).is_some_and(|c| c.dictionary().is_some()))
                })
            };
            call.filter.is_none()
                && match call.function.strip_suffix("mv").unwrap_or(&call.function) {
                    "count" => call.function == "count",
                    "min" | "max" | "minmaxrange" | "distinctcount" => on_dictionaries(),
                    _ => false,
                }
        })
}

/// An expression may be NULL for some entries; those count as no value.
fn without_null(key: &GlobalKey, segments: &[Segment<'_>], expr: &Expr, ids: Vec<u32>) -> Result<Vec<u32>> {
    let values = key.take(segments, expr, &ids)?;
    Ok(ids.into_iter().enumerate().filter(|(row, _)| values.is_valid(*row)).map(|(_, id)| id).collect())
}

/// Every entry of the segment's dictionary occurs.
fn mark_all(key: &GlobalKey, segment: &Segment<'_>, expr: &Expr, ordinal: usize, seen: &mut [u8]) {
    match &key.maps[ordinal] {
        Some(map) => map.iter().for_each(|&id| seen[id as usize] = 1),
        None => {
            let dictionary = key_column(expr).and_then(|name| segment.column(&name)?.dictionary());
            let len = dictionary.map_or(0, |d| d.len() as usize).min(seen.len());
            seen[..len].fill(1);
        }
    }
}

/// Collects the dict ids of one key in one segment.
struct DistinctScan<'s> {
    at: usize,
    column: &'s dyn segment::reader::ColumnReader,
    nulls: Option<&'s roaring::RoaringBitmap>,
    seen: Vec<u8>,
    ids: Vec<u32>,
}

impl<'s> DistinctScan<'s> {
    fn new(segment: &'s Segment<'s>, expr: &Expr, key: &GlobalKey, at: usize) -> Option<Self> {
        let column = segment.column(&key_column(expr)?)?;
        let seen = vec![0; column.dictionary()?.len() as usize];
        let nulls = key.null.and(column.nulls());
        Some(Self { at, column, nulls, seen, ids: Vec::new() })
    }

    fn read(&mut self, docs: &Docs<'_>) {
        read_ids(self.column.forward(), docs, &mut self.ids);
        let Some(nulls) = self.nulls else {
            return self.ids.iter().for_each(|&id| self.seen[id as usize] = 1);
        };
        for (row, &id) in self.ids.iter().enumerate() {
            if !nulls.contains(docs.get(row)) {
                self.seen[id as usize] = 1;
            }
        }
    }

    fn finish(self, key: &GlobalKey, ordinal: usize, seen: &mut [u8]) {
        match &key.maps[ordinal] {
            Some(map) => self.seen.iter().zip(map.iter()).for_each(|(&own, &id)| seen[id as usize] |= own),
            None => self.seen.iter().zip(seen).for_each(|(&own, seen)| *seen |= own),
        }
    }
}
