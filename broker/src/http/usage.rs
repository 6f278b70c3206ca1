//! Quotas in force, and what queries use.

use std::sync::Arc;

use axum::{
    Json,
    extract::{Path, State},
    http::HeaderMap,
};
use serde_json::Value;
use service::ApiError;

use crate::{
    quota::{application_rate, database_rate},
    state::State as Broker,
};

/// A rate as a text with its point: `7.0`, and `0.0` for none.
fn shown(rate: Option<f64>) -> String {
    format!("{:?}", rate.unwrap_or(0.0))
}

/// Queries a second that are taken of a table
#[utoipa::path(get, path = "/debug/tables/queryQuota/{tableName}", tag = "Debug",
    params(("tableName" = String, Path, description = "With its type")),
    responses((status = 200, body = String, content_type = "text/plain")))]
pub(super) async fn table_quota(
    State(broker): State<Arc<Broker>>,
    headers: HeaderMap,
    Path(name): Path<String>,
) -> String {
    let view = broker.view.load();
    let name = super::debug::in_database(&headers, name);
    shown(view.tables.get(&*name).and_then(|table| table.config.max_queries_per_second()))
}

/// Queries a second that are taken of a database
#[utoipa::path(get, path = "/debug/databases/queryQuota/{databaseName}", tag = "Debug",
    params(("databaseName" = String, Path)),
    responses((status = 200, body = String, content_type = "text/plain")))]
pub(super) async fn database_quota(State(broker): State<Arc<Broker>>, Path(name): Path<String>) -> String {
    shown(database_rate(&broker.view.load().configs, &name))
}

/// Queries a second that are taken of an application
#[utoipa::path(get, path = "/debug/applicationQuotas/{applicationName}", tag = "Debug",
    params(("applicationName" = String, Path)),
    responses((status = 200, body = String, content_type = "text/plain")))]
pub(super) async fn application_quota(State(broker): State<Arc<Broker>>, Path(name): Path<String>) -> String {
    shown(application_rate(&broker.view.load().configs, &name))
}

/// What threads use: nothing is listed, since queries do not own threads here
#[utoipa::path(get, path = "/debug/threads/resourceUsage", tag = "Debug", responses((status = 200, body = Vec<Object>)))]
pub(super) async fn threads() -> Json<Vec<Value>> {
    Json(Vec::new())
}

/// What running queries use: nothing is listed while accounting is off, as it is by default
#[utoipa::path(get, path = "/debug/queries/resourceUsage", tag = "Debug", responses((status = 200, body = Vec<Object>)))]
pub(super) async fn queries() -> Json<Vec<Value>> {
    Json(Vec::new())
}

/// Latencies by which servers are chosen: not found while they are not chosen so
#[utoipa::path(get, path = "/debug/serverRoutingStats", tag = "Debug", responses((status = 200), (status = 404)))]
pub(super) async fn server_routing_stats() -> ApiError {
    ApiError::not_found("Server routing stats are not collected: servers are chosen by turns")
}
