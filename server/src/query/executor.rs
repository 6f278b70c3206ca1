//! One request of a broker: decode, admit, pin, execute, encode.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use async_trait::async_trait;
use engine::{Engine, ExecuteContext};
use model::ErrorCode;
use proto::{QueryClient, QueryError, v1};
use query::{
    BoundQuery,
    partial::{PartialResult, QueryException},
};
use segment::SegmentReader;

use super::{
    admission::{Admission, Refused},
    running::{Running, RunningQuery},
};
use crate::segments::Tables;

/// Queries over at most this many documents run on the thread that received them: a change of threads would cost more
/// than most of them take.
const INLINE_DOCS: u64 = 50_000;
/// Names listed in an error.
const NAMED_SEGMENTS: usize = 10;

/// Bounds on the queries of one server.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Queries that run at a time.
    pub running: usize,
    /// Queries that wait at a time; further ones are refused.
    pub waiting: usize,
    /// For a request that names no time-out.
    pub default_timeout: Duration,
}

/// Runs queries over the segments of this server. Also the form in which a broker of the same process calls it.
pub struct Executor {
    instance_id: String,
    host: String,
    tables: Arc<Tables>,
    engine: Arc<Engine>,
    admission: Admission,
    running: Running,
    default_timeout: Duration,
}

/// One table's part of a request, ready to run.
struct Work {
    table: String,
    query: Result<BoundQuery, String>,
    segments: Vec<Arc<dyn SegmentReader>>,
    exceptions: Vec<QueryException>,
    docs: u64,
}

impl Executor {
    pub fn new(instance_id: String, host: String, tables: Arc<Tables>, engine: Arc<Engine>, limits: Limits) -> Self {
        Self {
            instance_id,
            host,
            tables,
            engine,
            admission: Admission::new(limits.running, limits.waiting),
            running: Running::default(),
            default_timeout: limits.default_timeout,
        }
    }

    pub fn running(&self) -> &Running {
        &self.running
    }

    /// Answers one request. Everything that goes wrong is in the answer.
    pub async fn run(&self, request: v1::ExecuteRequest) -> v1::ExecuteResponse {
        let arrived = Instant::now();
        let timeout = match request.timeout_ms {
            0 => self.default_timeout,
            timeout_ms => Duration::from_millis(timeout_ms),
        };
        let deadline = arrived + timeout.min(Duration::from_secs(24 * 3600));
        let running = self.running.add(request.request_id);
        let permit = match self.admission.admit(deadline).await {
            Ok(permit) => permit,
            Err(refused) => return self.refuse(&request, refused, arrived.elapsed(), timeout),
        };
        let work: Vec<Work> = request.tables.iter().map(|table| self.prepare(table)).collect();
        let docs: u64 = work.iter().map(|work| work.docs).sum();
        let context = ExecuteContext {
            deadline: Some(deadline),
            cancel: running.cancel_token(),
            final_values: request.final_values,
            host_name: self.host.clone(),
            memory_limit_bytes: 0,
        };
        let response = if docs <= INLINE_DOCS {
            execute_all(&self.engine, work, &context)
        } else {
            self.execute_apart(work, context, &request).await
        };
        drop(permit);
        drop::<RunningQuery>(running);
        response
    }

    /// Runs on a thread that may block. When this future is dropped, the running query's guard stops the work.
    async fn execute_apart(
        &self,
        work: Vec<Work>,
        context: ExecuteContext,
        request: &v1::ExecuteRequest,
    ) -> v1::ExecuteResponse {
        let engine = Arc::clone(&self.engine);
        match tokio::task::spawn_blocking(move || execute_all(&engine, work, &context)).await {
            Ok(response) => response,
            Err(error) => self.fail(request, ErrorCode::QueryExecution, &format!("the query broke off: {error}")),
        }
    }

    fn prepare(&self, request: &v1::TableQuery) -> Work {
        let mut work = Work {
            table: request.table.clone(),
            query: query::codec::decode_query(&request.query).map_err(|error| error.to_string()),
            segments: Vec::new(),
            exceptions: Vec::new(),
            docs: 0,
        };
        let Some(table) = self.tables.get(&request.table) else {
            let text = format!("Failed to find table: {} on server: {}", request.table, self.instance_id);
            work.exceptions.push(exception(ErrorCode::ServerTableMissing, text));
            return work;
        };
        let mut pinned = table.pin(&request.segments);
        if !request.optional_segments.is_empty() {
            let optional = table.pin(&request.optional_segments);
            pinned.segments.extend(optional.segments);
            pinned.total_docs += optional.total_docs;
        }
        if !pinned.missing.is_empty() {
            let text = missing_segments(&pinned.missing, &self.instance_id);
            work.exceptions.push(exception(ErrorCode::ServerSegmentMissing, text));
        }
        work.segments = pinned.segments;
        work.docs = pinned.total_docs;
        work
    }

    fn refuse(
        &self,
        request: &v1::ExecuteRequest,
        refused: Refused,
        waited: Duration,
        timeout: Duration,
    ) -> v1::ExecuteResponse {
        let server = &self.instance_id;
        match refused {
            Refused::QueueFull => {
                let text = format!("Query queue of server: {server} is full, try again later");
                self.fail(request, ErrorCode::ServerOutOfCapacity, &text)
            }
            Refused::TimedOut => {
                let (waited, timeout) = (waited.as_millis(), timeout.as_millis());
                let text = format!(
                    "Query scheduling took {waited}ms (longer than query timeout of {timeout}ms) on server: {server}"
                );
                self.fail(request, ErrorCode::QuerySchedulingTimeout, &text)
            }
        }
    }

    /// The same error for every table of the request.
    fn fail(&self, request: &v1::ExecuteRequest, code: ErrorCode, text: &str) -> v1::ExecuteResponse {
        let results = request.tables.iter().map(|table| {
            let failed =
                PartialResult { exceptions: vec![exception(code, text.to_owned())], ..PartialResult::default() };
            encode(&table.table, &failed)
        });
        v1::ExecuteResponse { results: results.collect() }
    }
}

fn execute_all(engine: &Engine, work: Vec<Work>, context: &ExecuteContext) -> v1::ExecuteResponse {
    let results = work.into_iter().map(|work| {
        let table = work.table.clone();
        encode(&table, &execute_one(engine, work, context))
    });
    v1::ExecuteResponse { results: results.collect() }
}

fn execute_one(engine: &Engine, work: Work, context: &ExecuteContext) -> PartialResult {
    let mut result = match &work.query {
        // A table that is not here has nothing to execute over; its exception says so.
        Ok(_) if work.segments.is_empty() && !work.exceptions.is_empty() => PartialResult::default(),
        Ok(query) => engine.execute(query, &work.segments, context),
        Err(error) => {
            let text = format!("the query could not be decoded: {error}; are all roles of one version?");
            PartialResult { exceptions: vec![exception(ErrorCode::QueryExecution, text)], ..PartialResult::default() }
        }
    };
    result.exceptions.extend(work.exceptions);
    result
}

fn encode(table: &str, result: &PartialResult) -> v1::TableResult {
    let partial = query::codec::encode_partial(result).or_else(|error| {
        let text = format!("the result could not be encoded: {error}");
        let exceptions = vec![exception(ErrorCode::QueryExecution, text)];
        query::codec::encode_partial(&PartialResult { exceptions, ..PartialResult::default() })
    });
    v1::TableResult { table: table.to_owned(), partial: partial.unwrap_or_default().into() }
}

fn exception(code: ErrorCode, message: String) -> QueryException {
    QueryException { error_code: code.number(), message }
}

fn missing_segments(names: &[String], server: &str) -> String {
    let shown = &names[..names.len().min(NAMED_SEGMENTS)];
    let more = if names.len() > shown.len() { ", …" } else { "" };
    format!("{} segments [{}{more}] missing on server: {server}", names.len(), shown.join(", "))
}

#[async_trait]
impl QueryClient for Executor {
    async fn execute(&self, request: v1::ExecuteRequest, timeout: Duration) -> Result<v1::ExecuteResponse, QueryError> {
        // The executor keeps the deadline itself; the limit here is for a query that does not look at its own.
        match tokio::time::timeout(timeout + Duration::from_millis(100), self.run(request)).await {
            Ok(response) => Ok(response),
            Err(_) => Err(QueryError::TimedOut(timeout)),
        }
    }

    async fn cancel(&self, request_id: u64) -> Result<bool, QueryError> {
        Ok(self.running.cancel(request_id))
    }
}
