//! One request from its text to the bytes of its answer.

use std::{sync::Arc, time::Instant};

use model::ErrorCode;
use query::{Bound, BoundQuery, BrokerResponse, PartialResult, QueryException, QueryOptions, Reduced, Statement};

use super::{
    plan::{Plan, bind_context, override_limit, plan, timeout},
    request::{RawError, SqlRequest},
    scatter::{Gathered, Scatter, TablePart, exception},
};
use crate::{
    routing::{ClusterView, RawTable},
    state::State,
};

/// Partial results of more cells than this are reduced on a thread that may block.
const INLINE_REDUCE_CELLS: usize = 50_000;

/// The answer to a request, as JSON.
#[derive(Debug)]
pub struct Answer {
    pub body: String,
    /// -1 without errors.
    pub error_code: i32,
    /// For clients that asked for errors as HTTP statuses.
    pub http_status: u16,
}

/// Answers one request. A [`RawError`] stands for what no broker response answers.
pub async fn answer(state: &Arc<State>, request: SqlRequest) -> Result<Answer, RawError> {
    let started = Instant::now();
    let mut cursor = None;
    let mut response = match prepare(state, &request) {
        Ok(statement) if statement.is_dml() => BrokerResponse::error(insert_refused(&statement)),
        Ok(statement) => {
            cursor = QueryOptions::new(&statement.options).cursor();
            let request_id = state.next_request_id();
            let mut response = respond(state, statement, request_id, started).await.or_else(into_response)?;
            response.request_id = Some(request_id.to_string());
            response.broker_id = Some(state.instance_id.clone());
            response
        }
        // What was never parsed has no id.
        Err(error) => into_response(error)?,
    };
    response.time_used_ms = started.elapsed().as_millis() as u64;
    Ok(match cursor {
        Some(num_rows) => super::cursor::keep(state, response, num_rows).await,
        None => Answer::of(&response),
    })
}

impl Answer {
    pub(super) fn of(response: &BrokerResponse) -> Self {
        let error_code = response.error_code();
        let http_status = if error_code == -1 { 200 } else { ErrorCode::from_number(error_code).http_status() };
        Self { body: response.to_json(), error_code, http_status }
    }
}

/// Pinot gives this to minions, whose tasks this version does not have.
fn insert_refused(statement: &Statement) -> QueryException {
    let table = statement.table().unwrap_or_default();
    let text = format!(
        "INSERT INTO {table} FROM FILE runs as a minion task, which this version does not have; send the files to \
         POST /ingestFromFile or /ingestFromURI of the controller"
    );
    exception(ErrorCode::QueryExecution, text)
}

/// An error as an answer that names it, or as one that cannot be an answer.
fn into_response(error: query::Error) -> Result<BrokerResponse, RawError> {
    if error.is_raw_http_error() {
        return Err(RawError(error.to_string()));
    }
    Ok(BrokerResponse::error(QueryException::from(&error)))
}

/// Parses and adds the request's own options; those that the statement sets win.
fn prepare(state: &State, request: &SqlRequest) -> Result<Statement, query::Error> {
    let mut statement = Statement::clone(&*state.statements.parse(&request.sql)?);
    statement.add_options(&request.query_options)?;
    let mut set_default = |key: &str, value: &str| {
        statement.options.entry(key.to_owned()).or_insert_with(|| value.to_owned());
    };
    if request.trace {
        set_default("trace", "true");
    }
    if let Some(database) = &request.database {
        set_default("database", database);
    }
    if request.use_multistage {
        set_default("useMultistageEngine", "true");
    }
    if request.get_cursor {
        set_default("getCursor", "true");
    }
    if let Some(num_rows) = request.cursor_rows {
        set_default("cursorNumRows", &num_rows.to_string());
    }
    if request.read_only && statement.is_dml() {
        return Err(query::Error::Parsing("Unsupported SQL type - DML, this API only supports DQL.".to_owned()));
    }
    Ok(statement)
}

async fn respond(
    state: &Arc<State>,
    mut statement: Statement,
    request_id: u64,
    started: Instant,
) -> Result<BrokerResponse, query::Error> {
    let view = state.view.load_full();
    let client_request_id = QueryOptions::new(&statement.options).client_query_id().map(str::to_owned);
    let mut response = match refused(&statement) {
        Some(refused) => BrokerResponse::error(refused),
        None => {
            override_limit(state, &view, &mut statement);
            match query::bind(&statement, &*view, &bind_context(state, &view)) {
                // It exists, and other brokers answer for it.
                Err(query::Error::UnknownTable(name)) if view.is_elsewhere(&name) => {
                    BrokerResponse::error(exception(ErrorCode::BrokerResourceMissing, String::new()))
                }
                bound => match bound? {
                    Bound::Answer(table) => BrokerResponse { result_table: Some(table), ..BrokerResponse::default() },
                    Bound::Query(bound) => {
                        let run = Run { state, view: &view, sql: &statement.sql, request_id, started };
                        run.run(*bound, client_request_id.as_deref()).await?
                    }
                },
            }
        }
    };
    response.client_request_id = client_request_id;
    Ok(response)
}

/// What this version cannot do is said, rather than done in another way.
fn refused(statement: &Statement) -> Option<QueryException> {
    let options = QueryOptions::new(&statement.options);
    let text = "V2 Multi-Stage query engine not enabled.";
    options.use_multistage_engine().then(|| exception(ErrorCode::Internal, text.to_owned()))
}

/// A bound query on its way.
struct Run<'a> {
    state: &'a Arc<State>,
    view: &'a ClusterView,
    sql: &'a str,
    request_id: u64,
    started: Instant,
}

impl Run<'_> {
    async fn run(&self, bound: BoundQuery, client_id: Option<&str>) -> Result<BrokerResponse, query::Error> {
        let table = self.view.find(&bound.table).ok_or_else(|| query::Error::UnknownTable(bound.table.clone()))?;
        // A refused query has read no table.
        if let Some(refusal) = disabled(&table).or_else(|| self.over_quota(&bound, &table)) {
            return Ok(BrokerResponse::error(refusal));
        }
        let tables_queried = vec![table.name.to_string()];
        let mut response = if bound.is_always_false() && !bound.explain {
            let reduced = query::reduce(&bound, Vec::new());
            BrokerResponse { result_table: reduced.table, exceptions: reduced.exceptions, ..BrokerResponse::default() }
        } else {
            self.ask_servers(bound, &table, client_id).await?
        };
        response.tables_queried = tables_queried;
        Ok(response)
    }

    fn over_quota(&self, bound: &BoundQuery, table: &RawTable) -> Option<QueryException> {
        let application = QueryOptions::new(&bound.options).application();
        let exceeded = self.state.quotas.admit(self.view, table, application, Instant::now()).err()?;
        let text = format!("Request {}: {} exceeds query quota for {exceeded}", self.request_id, self.sql);
        Some(exception(ErrorCode::TooManyRequests, text))
    }

    async fn ask_servers(
        &self,
        bound: BoundQuery,
        table: &RawTable,
        client_id: Option<&str>,
    ) -> Result<BrokerResponse, query::Error> {
        let timeout = timeout(self.state, QueryOptions::new(&bound.options), table);
        let deadline = self.started + timeout;
        let plan = plan(&bound, table, self.view, self.request_id, !self.state.is_connected())?;
        let running = self.state.running.add(self.request_id, self.sql, client_id);
        let scatter = Scatter {
            request_id: self.request_id,
            broker_id: &self.state.instance_id,
            deadline,
            servers: &self.view.servers,
            parts: &plan.parts,
            running: &running,
            trace: QueryOptions::new(&bound.options).trace(),
        };
        let gathered = scatter.run().await;
        if gathered.cancelled {
            let text = format!("Query cancelled on: {}", self.state.instance_id);
            return Ok(BrokerResponse::error(exception(ErrorCode::QueryCancellation, text)));
        }
        let mut response = response_of(&plan, &gathered);
        let Gathered { results, exceptions, traces, .. } = gathered;
        response.trace_info = traces;
        add_cpu_time(&plan.parts, &results, &mut response);
        let partials: Vec<PartialResult> = results.into_iter().map(|(_, partial)| partial).collect();
        let failed = !exceptions.is_empty() || !plan.exceptions.is_empty();
        // An error stands alone where no server gave anything; a table without segments has an empty result.
        if !(partials.is_empty() && failed) {
            let began = Instant::now();
            let reduced = reduce(&bound, partials).await;
            response.result_table = reduced.table;
            response.stats.add(&reduced.stats);
            response.exceptions = reduced.exceptions;
            response.broker_reduce_time_ms = began.elapsed().as_millis() as u64;
        }
        response.exceptions.splice(0..0, exceptions);
        response.exceptions.extend(plan.exceptions);
        deduplicate(&mut response.exceptions);
        finish(&bound, &mut response);
        Ok(response)
    }
}

fn disabled(table: &RawTable) -> Option<QueryException> {
    let all_disabled = table.physical().all(|physical| !physical.enabled);
    all_disabled.then(|| exception(ErrorCode::TableIsDisabled, ErrorCode::TableIsDisabled.name().to_owned()))
}

/// The counters that routing and gathering know.
fn response_of(plan: &Plan, gathered: &Gathered) -> BrokerResponse {
    let mut response = BrokerResponse {
        num_servers_queried: gathered.queried as u32,
        num_servers_responded: gathered.responded as u32,
        num_segments_pruned_by_broker: plan.pruned_segments,
        ..BrokerResponse::default()
    };
    // Pruned documents belong to the table all the same.
    response.stats.total_docs = plan.pruned_docs;
    if gathered.queried > 0 {
        response.pools.push(-1);
    }
    response
}

fn add_cpu_time(parts: &[TablePart], results: &[(usize, PartialResult)], response: &mut BrokerResponse) {
    for (index, partial) in results {
        let cpu_time = if parts[*index].table.is_offline() {
            &mut response.offline_thread_cpu_time_ns
        } else {
            &mut response.realtime_thread_cpu_time_ns
        };
        *cpu_time += partial.stats.thread_cpu_time_ns;
    }
}

/// Many servers often say the same. The order stays.
fn deduplicate(exceptions: &mut Vec<QueryException>) {
    let mut index = 0;
    while index < exceptions.len() {
        if exceptions[..index].contains(&exceptions[index]) {
            exceptions.remove(index);
        } else {
            index += 1;
        }
    }
}

/// Small results are reduced here, large ones where blocking is allowed.
async fn reduce(bound: &BoundQuery, partials: Vec<PartialResult>) -> Reduced {
    let batches = partials.iter().filter_map(|partial| partial.batch.as_ref());
    let cells: usize = batches.map(|batch| batch.num_rows() * batch.num_columns()).sum();
    if cells <= INLINE_REDUCE_CELLS {
        return query::reduce(bound, partials);
    }
    let bound = bound.clone();
    match tokio::task::spawn_blocking(move || query::reduce(&bound, partials)).await {
        Ok(reduced) => reduced,
        Err(error) => {
            let text = ErrorCode::MergeResponse.message(&error.to_string());
            Reduced { exceptions: vec![exception(ErrorCode::MergeResponse, text)], ..Reduced::default() }
        }
    }
}

/// Options that concern the finished answer.
fn finish(bound: &BoundQuery, response: &mut BrokerResponse) {
    let options = QueryOptions::new(&bound.options);
    if options.drop_results() {
        response.result_table = None;
    }
    if options.strict_results() && response.result_table.is_some() && is_cut(response) {
        response.result_table = None;
        let text = "the result is incomplete, and strictResults=true asks for a whole one: a limit of groups was \
                    reached or a server failed; raise numGroupsLimit or ask again";
        response.exceptions.push(exception(ErrorCode::ServerResourceLimitExceeded, text.to_owned()));
    }
}

fn is_cut(response: &BrokerResponse) -> bool {
    response.is_partial() || response.stats.groups_trimmed
}
