//! Asking the servers and gathering what they answer.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::Bytes;
use futures::{StreamExt, stream::FuturesUnordered};
use model::ErrorCode;
use proto::{QueryError, v1};
use query::partial::{PartialResult, QueryException};

use super::running::RunningQuery;
use crate::routing::{Routing, Server, TableRoute, select::reroute, servers::Servers};

/// One physical table of a query, ready to be sent.
pub struct TablePart {
    pub table: Arc<TableRoute>,
    /// The bound query of this part, encoded.
    pub encoded: Bytes,
    pub routing: Routing,
}

/// What every call of one query carries.
pub struct Scatter<'a> {
    pub request_id: u64,
    pub broker_id: &'a str,
    pub deadline: Instant,
    pub servers: &'a Servers,
    pub parts: &'a [TablePart],
    pub running: &'a RunningQuery,
    /// Whether the answer tells how long each server took.
    pub trace: bool,
}

/// What came back.
#[derive(Default)]
pub struct Gathered {
    /// Index of the part, then a server's result.
    pub results: Vec<(usize, PartialResult)>,
    pub exceptions: Vec<QueryException>,
    /// Servers asked and servers that answered, counted once for each part.
    pub queried: usize,
    pub responded: usize,
    pub cancelled: bool,
    /// Server → JSON text, where a trace is asked for.
    pub traces: BTreeMap<String, String>,
}

/// The share of one server: for each part the segments it is asked for.
struct Call {
    server: Arc<Server>,
    shares: Vec<(usize, Vec<Arc<str>>)>,
}

/// Segments of one part that another server is asked for.
struct Share {
    part: usize,
    server: Arc<Server>,
    segments: Vec<Arc<str>>,
}

struct Failure {
    call: Call,
    error: QueryError,
}

impl Scatter<'_> {
    /// Asks all servers at once. Segments of a server that cannot be reached are asked of other replicas, once.
    pub async fn run(&self) -> Gathered {
        let mut gathered = Gathered::default();
        let calls = self.calls();
        let failures = self.round(calls, &mut gathered).await;
        if failures.is_empty() || gathered.cancelled {
            return gathered;
        }
        let (retry, failures) = self.retry_calls(failures);
        let failed_again = if retry.is_empty() { Vec::new() } else { self.round(retry, &mut gathered).await };
        report_failures(failures.into_iter().chain(failed_again), self.parts, &mut gathered);
        gathered
    }

    /// True when a single server has everything, so that it may finish the aggregates.
    pub fn is_single_call(&self) -> bool {
        let mut servers = self.parts.iter().flat_map(|part| part.routing.servers.keys());
        matches!((self.parts, servers.next(), servers.next()), ([_], Some(_), None))
    }

    fn calls(&self) -> Vec<Call> {
        let mut calls: BTreeMap<&str, Call> = BTreeMap::new();
        for (index, part) in self.parts.iter().enumerate() {
            for (id, share) in &part.routing.servers {
                let call =
                    calls.entry(id).or_insert_with(|| Call { server: Arc::clone(&share.server), shares: Vec::new() });
                call.shares.push((index, share.segments.clone()));
            }
        }
        calls.into_values().collect()
    }

    async fn round(&self, calls: Vec<Call>, gathered: &mut Gathered) -> Vec<Failure> {
        let final_values = self.is_single_call() && calls.len() == 1;
        gathered.queried += calls.iter().map(|call| call.shares.len()).sum::<usize>();
        self.running.set_servers(calls.iter().map(|call| Arc::clone(&call.server.client)));
        let mut pending: FuturesUnordered<_> = calls.into_iter().map(|call| self.ask(call, final_values)).collect();
        let mut failures = Vec::new();
        loop {
            let answer = tokio::select! {
                biased;
                () = self.running.cancelled() => {
                    gathered.cancelled = true;
                    return failures;
                }
                answer = pending.next() => answer,
            };
            match answer {
                None => return failures,
                Some((call, took, Ok(response))) => {
                    call.server.health.record_success();
                    gathered.responded += call.shares.len();
                    take_response(&call, response, self.parts, self.trace.then_some(took), gathered);
                }
                Some((call, _, Err(error))) => {
                    if !matches!(error, QueryError::TimedOut(_)) {
                        call.server.health.record_failure(Instant::now());
                    }
                    failures.push(Failure { call, error });
                }
            }
        }
    }

    /// Asks one server, and says how long that took.
    async fn ask(&self, call: Call, final_values: bool) -> (Call, Duration, Result<v1::ExecuteResponse, QueryError>) {
        let began = Instant::now();
        let left = self.deadline.saturating_duration_since(began);
        if left.is_zero() {
            return (call, Duration::ZERO, Err(QueryError::TimedOut(Duration::ZERO)));
        }
        let tables = call.shares.iter().map(|(index, segments)| {
            let part = &self.parts[*index];
            v1::TableQuery {
                table: part.table.name.to_string(),
                query: part.encoded.clone(),
                segments: segments.iter().map(|name| name.to_string()).collect(),
                optional_segments: Vec::new(),
            }
        });
        let request = v1::ExecuteRequest {
            request_id: self.request_id,
            broker_id: self.broker_id.to_owned(),
            tables: tables.collect(),
            timeout_ms: u64::try_from(left.as_millis()).unwrap_or(u64::MAX).max(1),
            final_values,
        };
        let answer = call.server.client.execute(request, left).await;
        (call, began.elapsed(), answer)
    }

    /// Other replicas for what unreachable servers were asked for. A server whose segments are not all held elsewhere
    /// stays failed.
    fn retry_calls(&self, failures: Vec<Failure>) -> (Vec<Call>, Vec<Failure>) {
        let failed: BTreeSet<Arc<str>> = failures.iter().map(|failure| Arc::clone(&failure.call.server.id)).collect();
        let mut calls: BTreeMap<Arc<str>, Call> = BTreeMap::new();
        let mut lost = Vec::new();
        for failure in failures {
            let replacement = match failure.error {
                // Others would be as slow, and the time is over.
                QueryError::TimedOut(_) => None,
                _ => self.replace(&failure.call, &failed),
            };
            let Some(replacement) = replacement else {
                lost.push(failure);
                continue;
            };
            for Share { part: index, server, segments } in replacement {
                let call = calls
                    .entry(Arc::clone(&server.id))
                    .or_insert_with(|| Call { server: Arc::clone(&server), shares: Vec::new() });
                match call.shares.iter_mut().find(|(part, _)| *part == index) {
                    Some((_, all)) => all.extend(segments),
                    None => call.shares.push((index, segments)),
                }
            }
        }
        (calls.into_values().collect(), lost)
    }

    fn replace(&self, call: &Call, failed: &BTreeSet<Arc<str>>) -> Option<Vec<Share>> {
        let mut found = Vec::new();
        for (index, segments) in &call.shares {
            let table = &self.parts[*index].table;
            let routing = reroute(table, self.servers, segments, failed, self.request_id)?;
            let shares = routing.servers.into_values();
            found.extend(shares.map(|share| Share { part: *index, server: share.server, segments: share.segments }));
        }
        Some(found)
    }
}

fn take_response(
    call: &Call,
    response: v1::ExecuteResponse,
    parts: &[TablePart],
    took: Option<Duration>,
    gathered: &mut Gathered,
) {
    for (index, segments) in &call.shares {
        let name = &*parts[*index].table.name;
        let Some(result) = response.results.iter().find(|result| result.table == name) else {
            gathered.exceptions.push(exception(
                ErrorCode::QueryExecution,
                format!("Query execution error on: {} the answer lacks table {name}", call.server.id),
            ));
            continue;
        };
        match query::codec::decode_partial(&result.partial) {
            Ok(partial) => {
                if let Some(took) = took {
                    let server = format!("{}{}", call.server.short_name, parts[*index].table.suffix());
                    gathered.traces.insert(server, trace(took, segments.len(), &partial));
                }
                gathered.results.push((*index, partial));
            }
            Err(error) => gathered.exceptions.push(exception(
                ErrorCode::QueryExecution,
                format!("Query execution error on: {} the answer cannot be decoded: {error}", call.server.id),
            )),
        }
    }
}

/// In the form of Pinot's traces: a list of phases, each with its measurements.
fn trace(took: Duration, segments: usize, partial: &PartialResult) -> String {
    format!(
        "[{{\"0\":[{{\"ServerResponse Time\":{}}},{{\"ThreadCpu TimeNs\":{}}},{{\"Segments\":{segments}}},{{\"DocsScanned\":{}}}]}}]",
        took.as_millis(),
        partial.stats.thread_cpu_time_ns,
        partial.stats.num_docs_scanned,
    )
}

fn report_failures(failures: impl Iterator<Item = Failure>, parts: &[TablePart], gathered: &mut Gathered) {
    let mut silent: BTreeSet<String> = BTreeSet::new();
    for failure in failures {
        for (index, _) in &failure.call.shares {
            let name = format!("{}{}", failure.call.server.short_name, parts[*index].table.suffix());
            match &failure.error {
                QueryError::TimedOut(_) => {}
                error => {
                    let text = format!("Channel for server: {name} is inactive: {}", chain(error));
                    gathered.exceptions.push(exception(ErrorCode::BrokerRequestSend, text));
                }
            }
            silent.insert(name);
        }
    }
    if !silent.is_empty() {
        let names: Vec<String> = silent.into_iter().collect();
        let text = format!("{} servers [{}] not responded", names.len(), names.join(", "));
        gathered.exceptions.push(exception(ErrorCode::ServerNotResponding, text));
    }
}

fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text.push_str(": ");
        text.push_str(&error.to_string());
        source = error.source();
    }
    text
}

pub(super) fn exception(code: ErrorCode, message: String) -> QueryException {
    QueryException { error_code: code.number(), message }
}
