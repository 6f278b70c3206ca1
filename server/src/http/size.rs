//! Bytes on disk.

use std::sync::Arc;

use axum::{
    Json,
    extract::{Path, Query, State},
};
use serde::{Deserialize, Serialize};
use service::ApiError;

use super::found_table;
use crate::server::State as Server;

#[derive(Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct SegmentSize {
    segment_name: String,
    disk_size_in_bytes: u64,
}

#[derive(Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct TableSize {
    table_name: String,
    disk_size_in_bytes: u64,
    segments: Vec<SegmentSize>,
}

#[derive(Deserialize)]
pub(super) struct Detailed {
    detailed: Option<bool>,
}

/// Size of a table's segments on this server
#[utoipa::path(get, path = "/tables/{tableName}/size", tag = "Table",
    params(("tableName" = String, Path), ("detailed" = Option<bool>, Query)),
    responses((status = 200, body = TableSize), (status = 404)))]
pub(super) async fn size(
    State(server): State<Arc<Server>>,
    Path(name): Path<String>,
    Query(detailed): Query<Detailed>,
) -> Result<Json<TableSize>, ApiError> {
    let loaded = found_table(&server, &name)?.segments();
    let mut segments: Vec<SegmentSize> = loaded
        .iter()
        .map(|(name, loaded)| SegmentSize { segment_name: name.to_string(), disk_size_in_bytes: loaded.size_bytes })
        .collect();
    let disk_size_in_bytes = segments.iter().map(|segment| segment.disk_size_in_bytes).sum();
    if detailed.detailed == Some(false) {
        segments.clear();
    }
    Ok(Json(TableSize { table_name: name, disk_size_in_bytes, segments }))
}

/// The older path of the same
#[utoipa::path(get, path = "/table/{tableName}/size", tag = "Table",
    params(("tableName" = String, Path), ("detailed" = Option<bool>, Query)),
    responses((status = 200, body = TableSize), (status = 404)))]
pub(super) async fn size_old(
    server: State<Arc<Server>>,
    name: Path<String>,
    detailed: Query<Detailed>,
) -> Result<Json<TableSize>, ApiError> {
    size(server, name, detailed).await
}
