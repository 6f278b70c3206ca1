//! From a statement to what each server is asked.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use model::ErrorCode;
use query::{
    BindContext, Bound, BoundQuery, Filter, QueryOptions, Statement, StatementKind, bind as bind_statement,
    partial::QueryException,
};

use super::scatter::{TablePart, exception};
use crate::{
    routing::{
        ClusterView, RawTable, Routing, TableRoute, route,
        select::Request,
        time_boundary::{time_boundary, with_boundary},
    },
    state::{State, now_ms},
};

/// Segments that an error names.
const NAMED_SEGMENTS: usize = 10;

/// Settings of one broker and cluster for the binder.
pub(super) fn bind_context(state: &State, view: &ClusterView) -> BindContext {
    let configured = |key: &str| view.configs.get(key).map(|value| value.eq_ignore_ascii_case("true"));
    let null_handling = configured("pinot.broker.query.enable.null.handling").or(state.config.null_handling);
    BindContext {
        now_ms: now_ms(),
        default_limit: state.config.default_query_limit as u64,
        max_limit: state.config.max_query_limit as u64,
        null_handling: null_handling.unwrap_or(false),
    }
}

/// Cuts a LIMIT that is too large, where that is configured instead of refusing it.
pub(super) fn override_limit(state: &State, view: &ClusterView, statement: &mut Statement) {
    let configured = view.configs.get("pinot.broker.enable.query.limit.override");
    let enabled = configured.map_or(state.config.limit_override, |value| value.eq_ignore_ascii_case("true"));
    let (StatementKind::Query(query) | StatementKind::Explain(query)) = &mut statement.kind else { return };
    if enabled && let Some(limit) = &mut query.limit {
        *limit = (*limit).min(state.config.max_query_limit as u64);
    }
}

/// Parses and binds a SELECT over a table, for routing only.
pub(crate) fn bind(state: &State, sql: &str) -> Result<BoundQuery, query::Error> {
    let view = state.view.load();
    match bind_statement(&query::parse(sql)?, &**view, &bind_context(state, &view))? {
        Bound::Query(bound) => Ok(*bound),
        Bound::Answer(_) => Err(query::Error::Validation("the statement reads no table".to_owned())),
    }
}

/// The query's time-out: its own, the table's, the broker's.
pub(super) fn timeout(state: &State, options: QueryOptions<'_>, table: &RawTable) -> Duration {
    let of_table = || table.physical().find_map(|physical| physical.config.query_timeout_ms());
    match options.timeout_ms().or_else(of_table) {
        Some(timeout_ms) => Duration::from_millis(timeout_ms).min(Duration::from_secs(24 * 3600)),
        None => state.config.query_timeout,
    }
}

/// What the physical tables contribute.
pub(super) struct Plan {
    pub parts: Vec<TablePart>,
    pub exceptions: Vec<QueryException>,
    pub pruned_segments: u64,
    pub pruned_docs: u64,
}

/// Splits at the time boundary, prunes, and assigns segments to servers.
pub(super) fn plan(
    bound: &BoundQuery,
    table: &RawTable,
    view: &ClusterView,
    request_id: u64,
    is_stale: bool,
) -> Result<Plan, query::Error> {
    let options = QueryOptions::new(&bound.options);
    let mut plan = Plan { parts: Vec::with_capacity(2), exceptions: Vec::new(), pruned_segments: 0, pruned_docs: 0 };
    for (physical, filter) in sides(table, &bound.filter) {
        let request = Request {
            filter: &filter,
            request_id,
            now: Instant::now(),
            now_ms: bound.now_ms,
            fixed_replica: options.is_set("useFixedReplica"),
            is_stale,
        };
        let routing = route(physical, &view.servers, &request);
        plan.pruned_segments += routing.pruned_segments;
        plan.pruned_docs += routing.pruned_docs;
        if !routing.unavailable.is_empty() && !options.ignore_missing_segments() {
            plan.exceptions.push(unavailable(physical, &routing));
        }
        if routing.servers.is_empty() {
            continue;
        }
        let bound = BoundQuery { table: physical.name.to_string(), filter, ..bound.clone() };
        let encoded = query::codec::encode_query(&bound).map_err(|error| query::Error::Execution(error.to_string()))?;
        plan.parts.push(TablePart { table: Arc::clone(physical), encoded: encoded.into(), routing });
    }
    Ok(plan)
}

/// The physical tables to ask, each with its filter.
fn sides<'a>(table: &'a RawTable, filter: &Filter) -> Vec<(&'a Arc<TableRoute>, Filter)> {
    match (&table.offline, &table.realtime) {
        (Some(offline), Some(realtime)) => match time_boundary(offline) {
            Some(boundary) => vec![
                (offline, with_boundary(filter, &boundary, true)),
                (realtime, with_boundary(filter, &boundary, false)),
            ],
            None => vec![(realtime, filter.clone())],
        },
        (Some(only), None) | (None, Some(only)) => vec![(only, filter.clone())],
        (None, None) => Vec::new(),
    }
}

fn unavailable(table: &TableRoute, routing: &Routing) -> QueryException {
    let names = &routing.unavailable;
    let shown: Vec<&str> = names.iter().take(NAMED_SEGMENTS).map(|name| &**name).collect();
    let sampling = if names.len() > shown.len() { format!(", sampling {}", shown.len()) } else { String::new() };
    let kind = if table.is_offline() { "offline" } else { "realtime" };
    let text = format!(
        "{} segments unavailable{sampling}: [{}], with routing policy: {} [{kind}]",
        names.len(),
        shown.join(", "),
        table.selector.name(),
    );
    exception(ErrorCode::SegmentsUnavailable, text)
}
