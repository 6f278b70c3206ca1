//! Memory and what queries use.

use std::{collections::BTreeMap, sync::Arc};

use axum::{
    Json,
    extract::{Path, State},
};
use serde_json::Value;
use service::ApiError;

use super::found_table;
use crate::server::State as Server;

/// Files that are mapped into memory, a text each
#[utoipa::path(get, path = "/debug/memory/offheap", tag = "Debug", responses((status = 200, body = Vec<String>)))]
pub(super) async fn mapped(State(server): State<Arc<Server>>) -> Json<Vec<String>> {
    let mut files = Vec::new();
    for table in server.tables.all() {
        for (name, loaded) in table.segments() {
            let (file, bytes) = (loaded.file.display(), loaded.size_bytes);
            files.push(format!("table: {}, segment: {name}, mmap: {file}, size: {bytes}", table.name));
        }
    }
    Json(files)
}

/// Memory of a table's consuming segments
#[utoipa::path(get, path = "/debug/memory/offheap/table/{tableName}", tag = "Debug",
    params(("tableName" = String, Path, description = "Of a realtime table, with its type")),
    responses((status = 200, body = BTreeMap<String, u64>), (status = 404)))]
pub(super) async fn consuming(
    State(server): State<Arc<Server>>,
    Path(name): Path<String>,
) -> Result<Json<BTreeMap<String, u64>>, ApiError> {
    if name.ends_with("_OFFLINE") {
        return Err(ApiError::bad_request(format!(
            "This api cannot be used with OFFLINE tables: {name} has no consuming segments"
        )));
    }
    found_table(&server, &name)?;
    Ok(Json(BTreeMap::new()))
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

/// Budgets of query workloads: none has one
#[utoipa::path(get, path = "/debug/queryWorkloadCosts", tag = "Debug", responses((status = 200, body = Object)))]
pub(super) async fn workloads() -> Json<BTreeMap<String, Value>> {
    Json(BTreeMap::new())
}

/// The budget of a query workload
#[utoipa::path(get, path = "/debug/queryWorkloadCost/{workloadName}", tag = "Debug",
    params(("workloadName" = String, Path)), responses((status = 200, body = Object), (status = 404)))]
pub(super) async fn workload(Path(name): Path<String>) -> ApiError {
    ApiError::not_found(format!("Workload not found: {name}"))
}
