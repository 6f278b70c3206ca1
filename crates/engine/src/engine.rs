//! Executes a bound query over segments: prune, plan, run on the pool, combine.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
};

use arrow::array::RecordBatch;
use functions::Context;
use model::ColumnType;
use query::{Aggregate, BoundQuery, Distinct, ExecutionStats, Filter, PartialResult, QueryException, Selection, Shape};
use segment::reader::SegmentReader;

use crate::{
    columns::{Segment, collect_columns},
    context::{Control, ExecuteContext},
    error::{Error, Result},
    explain,
    filter::Planner,
    group::{
        finish::{Finished, Wanted},
        general::{Gathered, GroupQuery},
    },
    options::Options,
    output,
    pool::{Pool, panic_text},
    prune,
    selection::{SelectQuery, Selected},
};

/// How much of the machine queries may take.
#[derive(Clone, Debug)]
pub struct EngineConfig {
    /// Threads that work on one query at the same time, the caller's included; 0 takes the number of processors.
    pub threads: usize,
    /// Bytes that one query may hold beyond the segments themselves; 0 sets no limit.
    pub query_memory_limit_bytes: usize,
    /// Docs below which a query runs on the caller's thread alone.
    pub parallel_from_docs: u64,
}

impl Default for EngineConfig {
    fn default() -> Self {
        Self { threads: 0, query_memory_limit_bytes: 4 << 30, parallel_from_docs: 200_000 }
    }
}

/// The executor of one server. Shared by all queries; holds the pool's threads.
pub struct Engine {
    config: EngineConfig,
    pool: Pool,
}

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
}

impl Engine {
    pub fn new(mut config: EngineConfig) -> Self {
        if config.threads == 0 {
            config.threads = std::thread::available_parallelism().map_or(1, |n| n.get());
        }
        if config.query_memory_limit_bytes == 0 {
            config.query_memory_limit_bytes = usize::MAX;
        }
        let pool = Pool::new(config.threads - 1);
        Self { config, pool }
    }

    /// Runs to the end on this thread and, for larger queries, on the pool's. Blocks; call it where blocking is
    /// allowed. Failures are exceptions in the result, never panics.
    pub fn execute(
        &self,
        query: &BoundQuery,
        segments: &[Arc<dyn SegmentReader>],
        execute: &ExecuteContext,
    ) -> PartialResult {
        let mut stats = ExecutionStats {
            num_segments_queried: segments.len() as u64,
            total_docs: segments.iter().map(|s| u64::from(s.num_docs())).sum(),
            num_consuming_segments_queried: segments.iter().filter(|s| s.is_mutable()).count() as u64,
            ..ExecutionStats::default()
        };
        let mut explained = Vec::new();
        let outcome =
            catch_unwind(AssertUnwindSafe(|| self.execute_inner(query, segments, execute, &mut stats, &mut explained)))
                .unwrap_or_else(|payload| Err(Error::Panic(panic_text(payload.as_ref()))));
        match outcome {
            Ok(batch) => PartialResult {
                batch,
                final_values: execute.final_values,
                stats,
                exceptions: Vec::new(),
                explain: explained,
            },
            Err(error) => {
                if let Error::Panic(_) = error {
                    tracing::error!(table = %query.table, %error, "query failed");
                }
                PartialResult {
                    batch: None,
                    final_values: execute.final_values,
                    stats,
                    exceptions: vec![QueryException { error_code: error.code(), message: error.to_string() }],
                    explain: Vec::new(),
                }
            }
        }
    }

    fn execute_inner(
        &self,
        query: &BoundQuery,
        segments: &[Arc<dyn SegmentReader>],
        execute: &ExecuteContext,
        stats: &mut ExecutionStats,
        explained: &mut Vec<(String, i32, i32)>,
    ) -> Result<Option<RecordBatch>> {
        let control = Control::new(execute, self.config.query_memory_limit_bytes, segments.len());
        control.admit()?;
        let options = Options::parse(&query.options)?;
        let context = Context { now_ms: query.now_ms, null_handling: query.null_handling };
        let columns = query_columns(query);
        let run = Run {
            query,
            options: &options,
            context,
            execute,
            control: &control,
            columns: &columns,
            pool: &self.pool,
            config: &self.config,
        };
        let kept = prune::prune(query, &options, segments, stats);
        if query.explain {
            *explained = explain::rows(&run, &kept)?;
            return Ok(None);
        }
        stats.num_segments_processed = kept.len() as u64;
        stats.num_consuming_segments_processed = kept.iter().filter(|s| s.is_mutable()).count() as u64;
        let (batch, more) = match &query.shape {
            Shape::Selection(selection) => run.selection(selection, &kept)?,
            Shape::Distinct(distinct) => run.distinct(distinct, &kept)?,
            Shape::Aggregate(aggregate) => run.aggregate(aggregate, &kept)?,
        };
        crate::stats::add(stats, &more);
        Ok(Some(batch))
    }
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

    fn docs(segments: &[&dyn SegmentReader]) -> u64 {
        segments.iter().map(|s| u64::from(s.num_docs())).sum()
    }

    fn selection(
        &self,
        selection: &Selection,
        segments: &[&dyn SegmentReader],
    ) -> Result<(RecordBatch, ExecutionStats)> {
        let select = SelectQuery::new(self.query, selection, self.context);
        if self.query.limit == 0 {
            let batch = output::empty(select.exprs.iter().map(|expr| expr.ty().arrow()))?;
            return Ok((batch, ExecutionStats::default()));
        }
        let workers = self.pool.run(
            self.control,
            segments.len(),
            self.workers(Self::docs(segments)),
            &Selected::default,
            &|selected, task| {
                self.control.check()?;
                let segment = self.segment(segments[task]);
                let planner = Planner { segment: &segment, options: self.options, context: self.context };
                let plan = planner.plan(&self.query.filter)?;
                selected.segment(&select, task, &segment, &plan, self.control)
            },
        )?;
        Selected::finish(&select, workers)
    }

    fn distinct(&self, distinct: &Distinct, segments: &[&dyn SegmentReader]) -> Result<(RecordBatch, ExecutionStats)> {
        let keys = distinct.projections.iter().map(|p| &p.expr).collect();
        let mut group = GroupQuery::new(keys, &[], self.options, self.context)?;
        group.limited = false;
        group.enough_groups = distinct.order_by.is_empty().then_some(self.query.limit);
        let (gathered, mut stats) = self.gather(&group, segments)?;
        let wanted = Wanted {
            order_by: &distinct.order_by,
            having: None,
            limit: self.query.limit,
            final_values: true,
            options: self.options,
            context: self.context,
        };
        let batch = finished(&group, &[], gathered)?.into_batch(&wanted, &mut stats)?;
        Ok((batch, stats))
    }

    fn aggregate(
        &self,
        aggregate: &Aggregate,
        segments: &[&dyn SegmentReader],
    ) -> Result<(RecordBatch, ExecutionStats)> {
        let keys = aggregate.group_by.iter().collect();
        let group = GroupQuery::new(keys, &aggregate.aggregates, self.options, self.context)?;
        let (gathered, mut stats) = self.gather(&group, segments)?;
        let wanted = Wanted {
            order_by: &aggregate.order_by,
            having: aggregate.having.as_ref(),
            limit: self.query.limit,
            final_values: self.execute.final_values,
            options: self.options,
            context: self.context,
        };
        let groups = gathered.table.len();
        stats.num_groups_warning_limit_reached |=
            !group.keys.is_empty() && groups >= self.options.num_groups_warning_limit;
        let batch = finished(&group, &aggregate.aggregates, gathered)?.into_batch(&wanted, &mut stats)?;
        Ok((batch, stats))
    }

    fn gather(&self, group: &GroupQuery<'_>, segments: &[&dyn SegmentReader]) -> Result<(Gathered, ExecutionStats)> {
        let workers = self.pool.run(
            self.control,
            segments.len(),
            self.workers(Self::docs(segments)),
            &|| Gathered::new(group),
            &|gathered, task| {
                self.control.check()?;
                let segment = self.segment(segments[task]);
                let planner = Planner { segment: &segment, options: self.options, context: self.context };
                let plan = planner.plan(&self.query.filter)?;
                gathered.segment(group, &segment, &plan, self.control)
            },
        )?;
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

/// The groups as columns.
fn finished<'q>(
    group: &GroupQuery<'_>,
    calls: &'q [query::AggregateCall],
    mut gathered: Gathered,
) -> Result<Finished<'q>> {
    let rows = if group.keys.is_empty() { 1 } else { gathered.table.len() };
    let keys = gathered.interners.iter().enumerate().map(|(i, interner)| interner.take(&gathered.table.key_ids(i)));
    let keys = keys.collect();
    let mut states = Vec::with_capacity(gathered.accumulators.len());
    for accumulator in &mut gathered.accumulators {
        accumulator.resize(rows);
        states.push(accumulator.state()?);
    }
    Ok(Finished {
        keys,
        key_types: group.keys.iter().map(|key| key.ty().data_type.sv()).collect(),
        calls,
        functions: group.aggregates.iter().map(|a| Arc::clone(&a.function)).collect(),
        states,
        rows,
    })
}

/// Every column that the query mentions, with its type.
fn query_columns(query: &BoundQuery) -> Vec<(String, ColumnType)> {
    let mut columns = Vec::new();
    filter_columns(&query.filter, &mut columns);
    match &query.shape {
        Shape::Selection(selection) => {
            selection.projections.iter().for_each(|p| collect_columns(&p.expr, &mut columns));
            selection.order_by.iter().for_each(|by| collect_columns(&by.expr, &mut columns));
        }
        Shape::Distinct(distinct) => distinct.projections.iter().for_each(|p| collect_columns(&p.expr, &mut columns)),
        Shape::Aggregate(aggregate) => {
            aggregate.group_by.iter().for_each(|key| collect_columns(key, &mut columns));
            for call in &aggregate.aggregates {
                call.args.iter().for_each(|arg| collect_columns(arg, &mut columns));
                call.filter.iter().for_each(|filter| filter_columns(filter, &mut columns));
            }
        }
    }
    columns
}

fn filter_columns(filter: &Filter, columns: &mut Vec<(String, ColumnType)>) {
    match filter {
        Filter::All | Filter::Nothing => {}
        Filter::Not(child) => filter_columns(child, columns),
        Filter::And(children) | Filter::Or(children) => {
            children.iter().for_each(|child| filter_columns(child, columns));
        }
        Filter::Predicate(predicate) => collect_columns(&predicate.lhs, columns),
    }
}
