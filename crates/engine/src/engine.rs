//! Executes a bound query over segments: prune, plan, run on the pool, combine.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
};

use arrow::array::RecordBatch;
use functions::Context;
use model::ColumnType;
use query::{BoundQuery, ExecutionStats, Filter, PartialResult, QueryException, Shape};
use segment::reader::SegmentReader;

use crate::{
    columns::{Segment, collect_columns},
    combine::Run,
    context::{Control, ExecuteContext},
    error::{Error, Result},
    explain,
    group::global::IdMapCache,
    options::Options,
    pool::{Pool, panic_text},
    prune,
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
    id_maps: IdMapCache,
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
        Self { config, pool, id_maps: IdMapCache::default() }
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
            id_maps: &self.id_maps,
        };
        let kept = prune::prune(query, segments, stats);
        if query.explain {
            *explained = explain::rows(&run, &kept)?;
            return Ok(None);
        }
        stats.num_segments_processed = kept.len() as u64;
        stats.num_consuming_segments_processed = kept.iter().filter(|s| s.is_mutable()).count() as u64;
        let segments: Vec<Segment<'_>> = kept.iter().map(|reader| run.segment(*reader)).collect();
        let (batch, more) = match &query.shape {
            Shape::Selection(selection) => run.selection(selection, &segments)?,
            Shape::Distinct(distinct) => run.distinct(distinct, &segments)?,
            Shape::Aggregate(aggregate) => run.aggregate(aggregate, &segments)?,
        };
        stats.add(&more);
        Ok(Some(batch))
    }
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
