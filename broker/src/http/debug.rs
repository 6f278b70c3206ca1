//! What the broker knows: routing tables and time boundaries.

use std::{collections::BTreeMap, sync::Arc, time::Instant};

use axum::{
    Json,
    extract::{Path, Query, State},
    http::HeaderMap,
};
use query::Filter;
use serde::{Deserialize, Serialize};
use service::ApiError;

use crate::{
    query::plan,
    routing::{Routing, TableRoute, route, select::Request, time_boundary::time_boundary},
    state::State as Broker,
};

type Assignment = BTreeMap<String, Vec<String>>;
type WithOptionals = BTreeMap<String, WithOptional>;

/// Which server would be asked for which segments of a table
#[utoipa::path(get, path = "/debug/routingTable/{tableName}", tag = "Debug",
    params(("tableName" = String, Path)),
    responses((status = 200, body = BTreeMap<String, BTreeMap<String, Vec<String>>>), (status = 404)))]
pub(super) async fn routing_table(
    State(broker): State<Arc<Broker>>,
    headers: HeaderMap,
    Path(name): Path<String>,
) -> Result<Json<BTreeMap<String, Assignment>>, ApiError> {
    let tables = physical_tables(&broker, &in_database(&headers, name))?;
    Ok(Json(tables.iter().map(|table| (table.name.to_string(), assignment(&all_segments(&broker, table)))).collect()))
}

#[derive(Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct WithOptional {
    segments: Vec<String>,
    optional_segments: Vec<String>,
}

/// The same with optional segments apart
#[utoipa::path(get, path = "/debug/routingTableWithOptionalSegments/{tableName}", tag = "Debug",
    params(("tableName" = String, Path)),
    responses((status = 200, body = BTreeMap<String, BTreeMap<String, WithOptional>>), (status = 404)))]
pub(super) async fn routing_table_with_optional_segments(
    State(broker): State<Arc<Broker>>,
    headers: HeaderMap,
    Path(name): Path<String>,
) -> Result<Json<BTreeMap<String, WithOptionals>>, ApiError> {
    let tables = physical_tables(&broker, &in_database(&headers, name))?;
    let of = |table: &Arc<TableRoute>| with_optional(&all_segments(&broker, table));
    Ok(Json(tables.iter().map(|table| (table.name.to_string(), of(table))).collect()))
}

fn with_optional(routing: &Routing) -> WithOptionals {
    // Segments are optional only where a server may do without them: consuming ones that have just begun.
    let assigned = assignment(routing).into_iter();
    assigned.map(|(server, segments)| (server, WithOptional { segments, optional_segments: Vec::new() })).collect()
}

/// A name as it is stored: with the database that the header names, where it has none of its own.
pub(super) fn in_database(headers: &HeaderMap, name: String) -> String {
    let database = headers.get("database").and_then(|value| value.to_str().ok()).filter(|name| !name.is_empty());
    match database {
        Some(database) if !name.contains('.') && !database.eq_ignore_ascii_case("default") => {
            format!("{database}.{name}")
        }
        _ => name,
    }
}

#[derive(Deserialize)]
pub(super) struct QueryParameter {
    query: Option<String>,
}

/// Which server would be asked for which segments of a query
#[utoipa::path(get, path = "/debug/routingTable/sql", tag = "Debug",
    params(("query" = Option<String>, Query, description = "A SELECT over a table with its type suffix")),
    responses((status = 200, body = BTreeMap<String, Vec<String>>), (status = 404), (status = 500)))]
pub(super) async fn routing_table_of_query(
    State(broker): State<Arc<Broker>>,
    Query(parameter): Query<QueryParameter>,
) -> Result<Json<Assignment>, ApiError> {
    Ok(Json(assignment(&routing_of(&broker, parameter.query)?)))
}

/// The same with optional segments apart
#[utoipa::path(get, path = "/debug/routingTableWithOptionalSegments/sql", tag = "Debug",
    params(("query" = Option<String>, Query, description = "A SELECT over a table with its type suffix")),
    responses((status = 200, body = BTreeMap<String, WithOptional>), (status = 404), (status = 500)))]
pub(super) async fn routing_table_of_query_with_optional_segments(
    State(broker): State<Arc<Broker>>,
    Query(parameter): Query<QueryParameter>,
) -> Result<Json<WithOptionals>, ApiError> {
    Ok(Json(with_optional(&routing_of(&broker, parameter.query)?)))
}

fn routing_of(broker: &Broker, sql: Option<String>) -> Result<Routing, ApiError> {
    let sql = sql.ok_or_else(|| ApiError::internal("the parameter `query` is missing"))?;
    let bound = plan::bind(broker, &sql).map_err(|error| match error {
        query::Error::UnknownTable(_) => ApiError::not_found(format!("Cannot find routing for query: {sql}")),
        error => ApiError::internal(error.to_string()),
    })?;
    let tables = physical_tables(broker, &bound.table)?;
    let [table] = &tables[..] else {
        return Err(ApiError::not_found(format!(
            "Cannot find routing for query: {sql}; name the table with its type suffix"
        )));
    };
    Ok(routed(broker, table, &bound.filter))
}

#[derive(Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Boundary {
    time_column: String,
    time_value: String,
}

/// Where the offline part of a hybrid table ends
#[utoipa::path(get, path = "/debug/timeBoundary/{tableName}", tag = "Debug",
    params(("tableName" = String, Path)),
    responses((status = 200, body = Boundary), (status = 404)))]
pub(super) async fn time_boundary_of(
    State(broker): State<Arc<Broker>>,
    headers: HeaderMap,
    Path(name): Path<String>,
) -> Result<Json<Boundary>, ApiError> {
    let name = in_database(&headers, name);
    let view = broker.view.load();
    let table = view.find(&name);
    // The name of either part means the pair.
    let raw = table.as_ref().and_then(|table| view.find_raw(&table.name));
    let boundary = raw.filter(|raw| raw.realtime.is_some()).and_then(|raw| time_boundary(raw.offline.as_ref()?));
    match boundary {
        Some(boundary) => Ok(Json(Boundary { time_column: boundary.column, time_value: boundary.text })),
        None => Err(ApiError::not_found(format!("Cannot find time boundary for table: {name}"))),
    }
}

fn physical_tables(broker: &Broker, name: &str) -> Result<Vec<Arc<TableRoute>>, ApiError> {
    match broker.view.load().find(name) {
        Some(table) => Ok(table.physical().cloned().collect()),
        None => Err(ApiError::not_found(format!("Cannot find routing for table: {name}"))),
    }
}

fn all_segments(broker: &Broker, table: &TableRoute) -> Routing {
    routed(broker, table, &Filter::All)
}

fn routed(broker: &Broker, table: &TableRoute, filter: &Filter) -> Routing {
    let view = broker.view.load();
    let request = Request {
        filter,
        request_id: 0,
        now: Instant::now(),
        now_ms: crate::state::now_ms(),
        fixed_replica: false,
        is_stale: !broker.is_connected(),
    };
    route(table, &view.servers, &request)
}

fn assignment(routing: &Routing) -> Assignment {
    let names = |share: &crate::routing::select::ServerShare| share.segments.iter().map(|s| s.to_string()).collect();
    routing.servers.iter().map(|(id, share)| (id.to_string(), names(share))).collect()
}
