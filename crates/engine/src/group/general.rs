//! The path that takes every key and every aggregation: keys are interned, rows get group numbers, accumulators do
//! the rest. The faster paths answer the common cases; this one answers all.

use std::{ops::ControlFlow, sync::Arc};

use aggregates::{Accumulator, AggregateFunction, Fused, Groups};
use arrow::array::{ArrayRef, UInt32Array};
use functions::Expr;
use query::{AggregateCall, ExecutionStats, Filter};

use crate::{
    columns::{Segment, collect_columns},
    context::Control,
    error::Result,
    filter::{Node, Planner, run::Runner},
    group::{
        interner::Interner,
        keys::{KeyReader, explode},
        table::{GroupTable, NO_GROUP},
    },
    mask::Docs,
    options::Options,
    values,
};

/// Blocks between two looks at the memory held.
const MEMORY_CHECK_BLOCKS: u32 = 16;

/// One aggregate of the query, bound to its implementation.
pub(crate) struct BoundAggregate<'q> {
    pub(crate) call: &'q AggregateCall,
    pub(crate) function: Arc<dyn AggregateFunction>,
    /// Which of [`GroupQuery::filters`] restricts it.
    pub(crate) filter: Option<usize>,
    /// Columns that it reads.
    pub(crate) columns: Vec<String>,
}

/// A grouping query, the same for all segments.
pub(crate) struct GroupQuery<'q> {
    pub(crate) keys: Vec<&'q Expr>,
    pub(crate) aggregates: Vec<BoundAggregate<'q>>,
    /// Distinct FILTER clauses.
    pub(crate) filters: Vec<&'q Filter>,
    pub(crate) key_columns: Vec<String>,
    pub(crate) options: &'q Options,
    pub(crate) context: functions::Context,
    /// DISTINCT without ORDER BY: enough after so many groups.
    pub(crate) enough_groups: Option<usize>,
    /// Whether numGroupsLimit applies.
    pub(crate) limited: bool,
}

fn column_names<'e>(exprs: impl Iterator<Item = &'e Expr>) -> Vec<String> {
    let mut columns = Vec::new();
    exprs.for_each(|expr| collect_columns(expr, &mut columns));
    columns.into_iter().map(|(name, _)| name).collect()
}

impl<'q> GroupQuery<'q> {
    pub(crate) fn new(
        keys: Vec<&'q Expr>,
        calls: &'q [AggregateCall],
        options: &'q Options,
        context: functions::Context,
    ) -> Result<Self> {
        Self::of_calls(keys, &calls.iter().collect::<Vec<_>>(), options, context)
    }

    pub(crate) fn of_calls(
        keys: Vec<&'q Expr>,
        calls: &[&'q AggregateCall],
        options: &'q Options,
        context: functions::Context,
    ) -> Result<Self> {
        let mut filters: Vec<&'q Filter> = Vec::new();
        let mut aggregates = Vec::with_capacity(calls.len());
        for &call in calls {
            let types: Vec<_> = call.args.iter().map(Expr::ty).collect();
            let function = aggregates::resolve(&call.function, &types, &call.literals, context.null_handling)?;
            let filter = call.filter.as_ref().map(|filter| {
                filters.iter().position(|known| *known == filter).unwrap_or_else(|| {
                    filters.push(filter);
                    filters.len() - 1
                })
            });
            let counts_rows = function.fused() == Fused::Count && !context.null_handling;
            let columns = if counts_rows { Vec::new() } else { column_names(call.args.iter()) };
            aggregates.push(BoundAggregate { call, function, filter, columns });
        }
        let key_columns = column_names(keys.iter().copied());
        let limited = !keys.is_empty();
        Ok(Self { keys, aggregates, filters, key_columns, options, context, enough_groups: None, limited })
    }

    /// Whether groups that no FILTER clause let a row into are left out: asked for, and every aggregate has a clause.
    fn drops_empty_groups(&self) -> bool {
        self.options.skip_empty_groups
            && !self.keys.is_empty()
            && !self.aggregates.is_empty()
            && self.aggregates.iter().all(|aggregate| aggregate.filter.is_some())
    }

    /// Counts a scan of one segment without FILTER clauses.
    pub(crate) fn count(&self, stats: &mut ExecutionStats, docs_matched: u64, entries_scanned: u64) {
        stats.num_docs_scanned += docs_matched;
        stats.num_entries_scanned_in_filter += entries_scanned;
        stats.num_entries_scanned_post_filter += docs_matched * self.branch_columns(None);
        stats.num_segments_matched += u64::from(docs_matched > 0);
    }

    /// Columns read for rows that pass the main filter and the FILTER clause `filter`.
    pub(crate) fn branch_columns(&self, filter: Option<usize>) -> u64 {
        let mut columns: Vec<&str> = self.key_columns.iter().map(String::as_str).collect();
        for aggregate in self.aggregates.iter().filter(|a| a.filter == filter) {
            columns.extend(aggregate.columns.iter().map(String::as_str));
        }
        columns.sort_unstable();
        columns.dedup();
        columns.len() as u64
    }
}

/// What one worker has gathered over its segments.
pub(crate) struct Gathered {
    pub(crate) interners: Vec<Interner>,
    pub(crate) table: GroupTable,
    pub(crate) accumulators: Vec<Box<dyn Accumulator>>,
    pub(crate) stats: ExecutionStats,
    /// Groups for which some FILTER clause let a row through; kept only when the others are to be dropped.
    filtered_groups: Vec<bool>,
    held_bytes: usize,
}

impl Gathered {
    pub(crate) fn new(query: &GroupQuery<'_>) -> Self {
        Self {
            interners: query.keys.iter().map(|key| Interner::new(key.ty().data_type)).collect(),
            table: GroupTable::new(query.keys.len()),
            accumulators: query.aggregates.iter().map(|a| a.function.accumulator()).collect(),
            stats: ExecutionStats::default(),
            filtered_groups: Vec::new(),
            held_bytes: 0,
        }
    }

    fn memory_bytes(&self) -> usize {
        self.table.memory_bytes()
            + self.interners.iter().map(Interner::memory_bytes).sum::<usize>()
            + self.accumulators.iter().map(|a| a.memory_bytes()).sum::<usize>()
    }

    /// Adds the rows of one segment.
    pub(crate) fn segment(
        &mut self,
        query: &GroupQuery<'_>,
        segment: &Segment<'_>,
        plan: &Node<'_>,
        control: &Control,
    ) -> Result<()> {
        let planner = Planner { segment, options: query.options, context: query.context };
        let filters = query.filters.iter().map(|filter| planner.plan(filter)).collect::<Result<Vec<_>>>()?;
        let mut readers: Vec<KeyReader<'_>> = query.keys.iter().map(|key| KeyReader::new(segment, key)).collect();
        self.table.next_segment();
        let limit = (query.limited
            && (u64::from(segment.num_docs) > query.options.num_groups_limit as u64 || has_multi_value(query)))
        .then_some(query.options.num_groups_limit);
        let mut runner = Runner::new(segment, query.context, control, plan);
        let mut filter_runners: Vec<Runner<'_, '_>> =
            filters.iter().map(|filter| Runner::new(segment, query.context, control, filter)).collect();
        let mut branches = vec![0u64; filters.len()];
        let mut docs_matched = 0u64;
        let mut blocks = 0u32;
        runner.for_each(&mut |docs| {
            docs_matched += docs.len() as u64;
            self.block(query, segment, docs, &mut readers, &mut filter_runners, &mut branches, limit)?;
            // Measuring may cost as much as there are groups, so not every block pays for it.
            if blocks.is_multiple_of(MEMORY_CHECK_BLOCKS) {
                let bytes = self.memory_bytes();
                control.book(&mut self.held_bytes, bytes)?;
            }
            blocks += 1;
            let enough = query.enough_groups.is_some_and(|enough| self.table.len() >= enough);
            Ok(if enough { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
        })?;
        let scanned = runner.entries_scanned + filter_runners.iter().map(|r| r.entries_scanned).sum::<u64>();
        self.stats.num_entries_scanned_in_filter += scanned;
        self.count_branches(query, docs_matched, &branches);
        Ok(())
    }

    /// The values of a dictionary as groups of the only key; with `keep` only so many from its lower (true) or upper
    /// end, where it is sorted.
    pub(crate) fn dictionary(
        &mut self,
        query: &GroupQuery<'_>,
        segment: &Segment<'_>,
        keep: Option<(bool, usize)>,
    ) -> Result<()> {
        let [Expr::Column { name, .. }] = query.keys.as_slice() else { return Ok(()) };
        let Some(dictionary) = segment.column(name).and_then(|column| column.dictionary()) else { return Ok(()) };
        let len = dictionary.len();
        let ids = match keep.filter(|_| dictionary.is_sorted()) {
            Some((true, keep)) => 0..len.min(keep as u32),
            Some((false, keep)) => len.saturating_sub(keep.min(len as usize) as u32)..len,
            None => 0..len,
        };
        let column = ids.map(|id| self.interners[0].dictionary_entry(dictionary, id)).collect::<Vec<u32>>();
        let rows = column.len();
        self.table.assign(&[column], rows, None, &mut Vec::new());
        self.stats.num_docs_scanned += u64::from(len);
        self.stats.num_entries_scanned_post_filter += u64::from(len);
        self.stats.num_segments_matched += 1;
        Ok(())
    }

    /// Each FILTER clause counts its docs and columns as a scan of its own.
    fn count_branches(&mut self, query: &GroupQuery<'_>, docs_matched: u64, branches: &[u64]) {
        let stats = &mut self.stats;
        let mut scanned = 0;
        if query.filters.is_empty() || query.aggregates.iter().any(|a| a.filter.is_none()) {
            scanned += docs_matched;
            stats.num_entries_scanned_post_filter += docs_matched * query.branch_columns(None);
        }
        for (filter, &docs) in branches.iter().enumerate() {
            scanned += docs;
            stats.num_entries_scanned_post_filter += docs * query.branch_columns(Some(filter));
        }
        stats.num_docs_scanned += scanned;
        stats.num_segments_matched += u64::from(scanned > 0);
    }

    #[expect(clippy::too_many_arguments, reason = "the state of one segment's loop")]
    fn block(
        &mut self,
        query: &GroupQuery<'_>,
        segment: &Segment<'_>,
        docs: &Docs<'_>,
        readers: &mut [KeyReader<'_>],
        filters: &mut [Runner<'_, '_>],
        branches: &mut [u64],
        limit: Option<usize>,
    ) -> Result<()> {
        let rows = docs.len();
        let mut picks: Option<Vec<u32>> = None;
        let mut groups: Vec<u32> = Vec::new();
        let grouped = !query.keys.is_empty();
        if grouped {
            let mut blocks = Vec::with_capacity(readers.len());
            for (reader, interner) in readers.iter_mut().zip(&mut self.interners) {
                blocks.push(reader.read(segment, docs, query.context, interner)?);
            }
            let (exploded, columns) = explode(blocks, rows);
            picks = exploded;
            let rows = columns.first().map_or(0, Vec::len);
            groups.reserve(rows);
            if self.table.assign(&columns, rows, limit, &mut groups) {
                self.stats.num_groups_limit_reached = true;
                let kept: Vec<usize> = (0..groups.len()).filter(|&i| groups[i] != NO_GROUP).collect();
                picks = Some(kept.iter().map(|&i| picks.as_ref().map_or(i as u32, |p| p[i])).collect());
                groups = kept.iter().map(|&i| groups[i]).collect();
            }
            for (reader, column) in readers.iter_mut().zip(columns) {
                reader.recycle(column);
            }
        }
        let passing = passing_rows(filters, docs)?;
        for (count, pass) in branches.iter_mut().zip(&passing) {
            *count += pass.iter().filter(|&&p| p).count() as u64;
        }
        let total_groups = if grouped { self.table.len() } else { 1 };
        if query.drops_empty_groups() {
            self.filtered_groups.resize(total_groups, false);
            for (row, &group) in groups.iter().enumerate() {
                let source = picks.as_ref().map_or(row, |picks| picks[row] as usize);
                self.filtered_groups[group as usize] |= passing.iter().any(|pass| pass[source]);
            }
        }
        let mut made: Vec<(&Expr, ArrayRef)> = Vec::new();
        for (aggregate, accumulator) in query.aggregates.iter().zip(&mut self.accumulators) {
            accumulator.resize(total_groups);
            let takes_args = !(aggregate.columns.is_empty() && aggregate.function.fused() == Fused::Count);
            let mut args = Vec::with_capacity(aggregate.call.args.len());
            for expr in aggregate.call.args.iter().filter(|_| takes_args) {
                let known = made.iter().find(|(e, _)| *e == expr).map(|(_, array)| Arc::clone(array));
                let array = match known {
                    Some(array) => array,
                    None => {
                        let array = values::evaluate(segment, expr, docs, query.context)?;
                        made.push((expr, Arc::clone(&array)));
                        array
                    }
                };
                args.push(array);
            }
            let pass = aggregate.filter.map(|filter| &passing[filter]);
            update(accumulator.as_mut(), &args, rows, picks.as_deref(), grouped.then_some(&groups), pass)?;
        }
        Ok(())
    }

    /// Adds what another worker has gathered.
    pub(crate) fn absorb(&mut self, mut other: Self, grouped: bool) -> Result<()> {
        self.stats.add(&other.stats);
        let maps: Vec<Vec<u32>> =
            self.interners.iter_mut().zip(&other.interners).map(|(mine, theirs)| mine.absorb(theirs)).collect();
        let groups = self.table.absorb(&other.table, &maps);
        if !other.filtered_groups.is_empty() {
            self.filtered_groups.resize(self.table.len(), false);
            for (&mine, theirs) in groups.iter().zip(&other.filtered_groups) {
                self.filtered_groups[mine as usize] |= theirs;
            }
        }
        let total = if grouped { self.table.len() } else { 1 };
        for (mine, theirs) in self.accumulators.iter_mut().zip(&mut other.accumulators) {
            mine.resize(total);
            let others = if grouped { other.table.len() } else { 1 };
            theirs.resize(others);
            let state = theirs.state()?;
            mine.merge(&state, if grouped { Groups::PerRow(&groups) } else { Groups::One(0) })?;
        }
        Ok(())
    }
}

impl Gathered {
    /// Groups that stay, when those without filtered rows are dropped.
    pub(crate) fn kept_groups(&self, query: &GroupQuery<'_>) -> Option<Vec<u32>> {
        query.drops_empty_groups().then(|| {
            (0..self.table.len() as u32)
                .filter(|&group| self.filtered_groups.get(group as usize).copied().unwrap_or(false))
                .collect()
        })
    }
}

fn has_multi_value(query: &GroupQuery<'_>) -> bool {
    query.keys.iter().any(|key| key.ty().multi_value)
}

/// Which rows of the block each FILTER clause lets through.
fn passing_rows(filters: &mut [Runner<'_, '_>], docs: &Docs<'_>) -> Result<Vec<Vec<bool>>> {
    let mut buffer = Vec::new();
    filters.iter_mut().map(|runner| runner.passing(docs.list(&mut buffer))).collect()
}

/// Hands an accumulator the rows that concern it.
fn update(
    accumulator: &mut dyn Accumulator,
    args: &[ArrayRef],
    rows: usize,
    picks: Option<&[u32]>,
    groups: Option<&Vec<u32>>,
    pass: Option<&Vec<bool>>,
) -> Result<()> {
    if picks.is_none() && pass.is_none() {
        let groups = groups.map_or(Groups::One(0), |groups| Groups::PerRow(groups));
        return Ok(accumulator.update(args, rows, groups)?);
    }
    let source = |i: usize| picks.map_or(i, |picks| picks[i] as usize);
    let len = picks.map_or(rows, <[u32]>::len);
    let kept: Vec<usize> = (0..len).filter(|&i| pass.is_none_or(|pass| pass[source(i)])).collect();
    if kept.is_empty() {
        return Ok(());
    }
    let rows = UInt32Array::from_iter_values(kept.iter().map(|&i| source(i) as u32));
    let args =
        args.iter().map(|array| arrow::compute::take(array.as_ref(), &rows, None)).collect::<Result<Vec<_>, _>>()?;
    match groups {
        None => accumulator.update(&args, kept.len(), Groups::One(0))?,
        Some(groups) => {
            let groups: Vec<u32> = kept.iter().map(|&i| groups[i]).collect();
            accumulator.update(&args, kept.len(), Groups::PerRow(&groups))?;
        }
    }
    Ok(())
}
