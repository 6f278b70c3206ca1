//! One query's shape over its segments: plans them, hands them to workers, combines what those gathered.

use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch};
use functions::{Context, Expr};
use model::ColumnType;
use query::{Aggregate, AggregateCall, BoundQuery, Distinct, ExecutionStats, Filter, OrderBy, PredicateOp, Selection};
use segment::reader::SegmentReader;

use crate::{
    columns::Segment,
    context::{Control, ExecuteContext},
    engine::EngineConfig,
    error::Result,
    filter::{Node, Planner},
    group::{
        dense::{self, Dense, Presence},
        finish::{Finished, Wanted},
        fused::Fused,
        general::{Gathered, GroupQuery},
        global::IdMapCache,
        radix::{self, Spread, Spreader},
        single::Single,
    },
    options::Options,
    output,
    pool::Pool,
    selection::{SelectQuery, Selected},
};

/// One query on its way through the engine.
pub(crate) struct Run<'r> {
    pub(crate) query: &'r BoundQuery,
    pub(crate) options: &'r Options,
    pub(crate) context: Context,
    pub(crate) execute: &'r ExecuteContext,
    pub(crate) control: &'r Control,
    pub(crate) columns: &'r [(String, ColumnType)],
    pub(crate) pool: &'r Pool,
    pub(crate) config: &'r EngineConfig,
    pub(crate) id_maps: &'r IdMapCache,
}

impl Run<'_> {
    pub(crate) fn segment<'a>(&self, reader: &'a dyn SegmentReader) -> Segment<'a> {
        Segment::new(reader, self.columns, &self.execute.host_name, self.query.null_handling)
    }

    /// Workers that are worth waking for so many docs.
    pub(crate) fn workers(&self, docs: u64) -> usize {
        if docs < self.config.parallel_from_docs {
            return 1;
        }
        self.config.threads.min(self.options.max_threads.filter(|&n| n > 0).unwrap_or(usize::MAX))
    }

    /// Segments with their plans. Cheap filters are planned here, so that a query which indexes answer never wakes
    /// another thread; others are planned by the workers.
    fn prepare<'p>(&'p self, segments: &'p [Segment<'p>]) -> Result<Prepared<'p>> {
        let docs: u64 = segments.iter().map(|s| u64::from(s.num_docs)).sum();
        let mut prepared = Prepared { plans: Vec::new(), workers: self.workers(docs), docs };
        if !is_cheap(&self.query.filter) {
            return Ok(prepared);
        }
        prepared.docs = 0;
        for segment in segments {
            let plan = self.plan(segment)?;
            prepared.docs += plan.estimate(segment.num_docs);
            prepared.plans.push(plan);
        }
        prepared.workers = self.workers(prepared.docs);
        Ok(prepared)
    }

    fn plan<'p>(&'p self, segment: &'p Segment<'p>) -> Result<Node<'p>> {
        Planner { segment, options: self.options, context: self.context }.plan(&self.query.filter)
    }

    /// Runs `step` for every segment, spread over the workers.
    fn each_segment<W: Send>(
        &self,
        segments: &[Segment<'_>],
        prepared: &Prepared<'_>,
        init: &(dyn Fn() -> W + Sync),
        step: &(dyn Fn(&mut W, usize, &Segment<'_>, &Node<'_>) -> Result<()> + Sync),
    ) -> Result<Vec<W>> {
        self.pool.run(self.control, segments.len(), prepared.workers, init, &|state, task| {
            self.control.check()?;
            let segment = &segments[task];
            match prepared.plans.get(task) {
                Some(plan) => step(state, task, segment, plan),
                None => step(state, task, segment, &self.plan(segment)?),
            }
        })
    }

    pub(crate) fn selection(
        &self,
        selection: &Selection,
        segments: &[Segment<'_>],
    ) -> Result<(RecordBatch, ExecutionStats)> {
        let select = SelectQuery::new(self.query, selection, self.context);
        if self.query.limit == 0 {
            let batch = output::empty(select.exprs.iter().map(|expr| expr.ty().arrow()))?;
            return Ok((batch, ExecutionStats::default()));
        }
        let prepared = self.prepare(segments)?;
        let workers =
            self.each_segment(segments, &prepared, &Selected::default, &|selected, task, segment, plan| {
                selected.segment(&select, task, segment, plan, self.control)
            })?;
        Selected::finish(&select, workers)
    }

    pub(crate) fn distinct(
        &self,
        distinct: &Distinct,
        segments: &[Segment<'_>],
    ) -> Result<(RecordBatch, ExecutionStats)> {
        let keys = distinct.projections.iter().map(|p| &p.expr).collect();
        let mut group = GroupQuery::new(keys, &[], self.options, self.context)?;
        group.limited = false;
        group.enough_groups = distinct.order_by.is_empty().then_some(self.query.limit);
        let prepared = self.prepare(segments)?;
        let wanted = Wanted {
            order_by: &distinct.order_by,
            having: None,
            limit: self.query.limit,
            final_values: true,
            options: self.options,
            context: self.context,
        };
        let by_dictionary = dictionaries_tell(self.query, &group, segments);
        // Without an order the general path stops as soon as it has enough.
        if !by_dictionary
            && !distinct.order_by.is_empty()
            && let Some((finished, mut stats)) = self.fused(&group, &[], segments, &prepared, &wanted)?
        {
            let batch = finished.into_batch(&wanted, &mut stats)?;
            return Ok((batch, stats));
        }
        let (gathered, mut stats) = if by_dictionary {
            let mut gathered = Gathered::new(&group);
            let keep = in_key_order(distinct).map(|ascending| (ascending, self.query.limit));
            for segment in segments {
                gathered.dictionary(&group, segment, keep)?;
            }
            let stats = std::mem::take(&mut gathered.stats);
            (gathered, stats)
        } else {
            self.gather(&group, segments, &prepared)?
        };
        let batch = finished(&group, &[], gathered)?.into_batch(&wanted, &mut stats)?;
        Ok((batch, stats))
    }

    pub(crate) fn aggregate(
        &self,
        aggregate: &Aggregate,
        segments: &[Segment<'_>],
    ) -> Result<(RecordBatch, ExecutionStats)> {
        let keys: Vec<_> = aggregate.group_by.iter().collect();
        let group = GroupQuery::new(keys, &aggregate.aggregates, self.options, self.context)?;
        let calls = &aggregate.aggregates;
        let wanted = Wanted {
            order_by: &aggregate.order_by,
            having: aggregate.having.as_ref(),
            limit: self.query.limit,
            final_values: self.execute.final_values,
            options: self.options,
            context: self.context,
        };
        let prepared = self.prepare(segments)?;
        if group.keys.is_empty() {
            let single = Single::new(group, calls, segments, prepared.docs, self.id_maps)?;
            let workers =
                self.each_segment(segments, &prepared, &|| single.worker(), &|worker, task, segment, plan| {
                    single.segment(worker, segment, task, plan, self.control)
                })?;
            let (finished, mut stats) = single.finish(segments, workers, self.execute.final_values)?;
            let batch = finished.into_batch(&wanted, &mut stats)?;
            return Ok((batch, stats));
        }
        if let Some((finished, mut stats)) = self.fused(&group, calls, segments, &prepared, &wanted)? {
            let batch = finished.into_batch(&wanted, &mut stats)?;
            return Ok((batch, stats));
        }
        let (gathered, mut stats) = self.gather(&group, segments, &prepared)?;
        let groups = gathered.table.len();
        stats.num_groups_warning_limit_reached |= groups >= self.options.num_groups_warning_limit;
        let batch = finished(&group, calls, gathered)?.into_batch(&wanted, &mut stats)?;
        Ok((batch, stats))
    }

    /// The path over dictionary ids, where every segment allows it.
    fn fused<'c>(
        &self,
        group: &GroupQuery<'c>,
        calls: &'c [AggregateCall],
        segments: &[Segment<'_>],
        prepared: &Prepared<'_>,
        wanted: &Wanted<'_>,
    ) -> Result<Option<(Finished<'c>, ExecutionStats)>> {
        let Some(fused) = Fused::new(group, segments, prepared.docs, self.id_maps)? else { return Ok(None) };
        let everything = wanted.without_order();
        // Groups that still have to be folded cannot be judged yet.
        let trim = if fused.distinct.is_some() { &everything } else { wanted };
        let (mut groups, mut stats) = if fused.space <= dense::MAX_GROUPS {
            let presence = Presence::of(&fused, self.query.filter == Filter::All);
            let workers = self.each_segment(
                segments,
                prepared,
                &|| Dense::new(&fused, presence),
                &|worker, task, segment, plan| {
                    worker.segment(&fused, group, presence, segment, task, plan, self.control)
                },
            )?;
            let mut workers = workers.into_iter();
            let mut all = workers.next().unwrap_or_else(|| Dense::new(&fused, presence));
            workers.for_each(|worker| all.absorb(worker, &fused));
            let stats = std::mem::take(&mut all.stats);
            (all.groups(&fused, presence), stats)
        } else {
            let spread = Spread::of(fused.space, prepared.docs);
            let workers = self.each_segment(
                segments,
                prepared,
                &|| Spreader::new(spread, fused.space),
                &|worker, task, segment, plan| worker.segment(&fused, group, segment, task, plan, self.control),
            )?;
            radix::aggregate(&fused, workers, trim, self.pool, prepared.workers, self.control)?
        };
        let distinct = fused.fold_distinct(&mut groups);
        let found = groups.total.max(groups.ids.len());
        // More groups than one segment may have: only counting them row by row tells which of them to keep.
        if group.limited && found > self.options.num_groups_limit {
            return Ok(None);
        }
        stats.num_groups_warning_limit_reached |= found >= self.options.num_groups_warning_limit;
        let finished = fused.finish(group, calls, segments, groups, distinct, wanted, &mut stats)?;
        Ok(Some((finished, stats)))
    }

    fn gather(
        &self,
        group: &GroupQuery<'_>,
        segments: &[Segment<'_>],
        prepared: &Prepared<'_>,
    ) -> Result<(Gathered, ExecutionStats)> {
        let workers =
            self.each_segment(segments, prepared, &|| Gathered::new(group), &|gathered, _, segment, plan| {
                gathered.segment(group, segment, plan, self.control)
            })?;
        let mut workers = workers.into_iter();
        let mut all = workers.next().unwrap_or_else(|| Gathered::new(group));
        for worker in workers {
            self.control.check()?;
            all.absorb(worker, !group.keys.is_empty())?;
        }
        let stats = std::mem::take(&mut all.stats);
        Ok((all, stats))
    }
}

/// Whether the distinct values of the only key are those of its dictionaries.
fn dictionaries_tell(query: &BoundQuery, group: &GroupQuery<'_>, segments: &[Segment<'_>]) -> bool {
    let [Expr::Column { name, .. }] = group.keys.as_slice() else { return false };
    query.filter == Filter::All
        && segments.iter().all(|segment| {
            let column = segment.column(name);
            column.is_some_and(|column| {
                let without_nulls = !query.null_handling || column.nulls().is_none_or(|nulls| nulls.is_empty());
                column.dictionary().is_some() && without_nulls && !segment.reader.is_mutable()
            })
        })
}

/// From which end of a sorted dictionary a DISTINCT over one column takes its values: `Some(true)` from the lower.
fn in_key_order(distinct: &Distinct) -> Option<bool> {
    match distinct.order_by.as_slice() {
        [] => Some(true),
        [OrderBy { expr: Expr::Input { index: 0, .. }, ascending, .. }] => Some(*ascending),
        _ => None,
    }
}

/// Plans that were made before the workers began, and how many workers the query is worth.
struct Prepared<'p> {
    /// One a segment, or none at all.
    plans: Vec<Node<'p>>,
    workers: usize,
    /// At most so many docs match.
    docs: u64,
}

/// Whether planning the filter costs no more than a few dictionary look-ups a segment.
fn is_cheap(filter: &Filter) -> bool {
    match filter {
        Filter::All | Filter::Nothing => true,
        Filter::Not(child) => is_cheap(child),
        Filter::And(children) | Filter::Or(children) => children.iter().all(is_cheap),
        Filter::Predicate(predicate) => {
            matches!(predicate.lhs, Expr::Column { .. })
                && match &predicate.op {
                    PredicateOp::In(values) | PredicateOp::NotIn(values) => values.len() <= 1_000,
                    PredicateOp::RegexpLike { .. } => false,
                    _ => true,
                }
        }
    }
}

/// The groups as columns.
fn finished<'q>(
    group: &GroupQuery<'_>,
    calls: &'q [query::AggregateCall],
    mut gathered: Gathered,
) -> Result<Finished<'q>> {
    let rows = if group.keys.is_empty() { 1 } else { gathered.table.len() };
    let keys = gathered.interners.iter().enumerate().map(|(i, interner)| interner.take(&gathered.table.key_ids(i)));
    let mut keys: Vec<ArrayRef> = keys.collect();
    let mut states = Vec::with_capacity(gathered.accumulators.len());
    for accumulator in &mut gathered.accumulators {
        accumulator.resize(rows);
        states.push(accumulator.state()?);
    }
    let kept = gathered.kept_groups(group);
    if let Some(kept) = &kept {
        keys = output::take_all(&keys, kept)?;
        for state in &mut states {
            *state = output::take_all(state, kept)?;
        }
    }
    let rows = kept.map_or(rows, |kept| kept.len());
    Ok(Finished {
        keys,
        key_types: group.keys.iter().map(|key| key.ty().data_type.sv()).collect(),
        calls,
        functions: group.aggregates.iter().map(|a| Arc::clone(&a.function)).collect(),
        states,
        finals: Vec::new(),
        rows,
    })
}
