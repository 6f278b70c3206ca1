//! Which tables and segments are here.

use std::{collections::BTreeMap, sync::Arc};

use axum::{
    Json,
    extract::{Path, Query, State},
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use service::ApiError;

use super::{found_table, table};
use crate::{segments::Table, server::State as Server};

/// Tables of this server
#[utoipa::path(get, path = "/tables", tag = "Table", responses((status = 200)))]
pub(super) async fn list(State(server): State<Arc<Server>>) -> Json<Value> {
    let names: Vec<String> = server.tables.all().iter().map(|table| table.name.to_string()).collect();
    Json(json!({ "tables": names }))
}

/// Loaded segments of a table
#[utoipa::path(get, path = "/tables/{tableName}/segments", tag = "Table",
    params(("tableName" = String, Path)), responses((status = 200), (status = 404)))]
pub(super) async fn segments(
    State(server): State<Arc<Server>>,
    Path(name): Path<String>,
) -> Result<Json<Value>, ApiError> {
    let names: Vec<String> = table(&server, &name)?.segments().keys().map(|name| name.to_string()).collect();
    Ok(Json(json!({ "segments": names })))
}

/// Checksums of a table's segments
#[utoipa::path(get, path = "/tables/{tableName}/segments/crc", tag = "Table",
    params(("tableName" = String, Path)), responses((status = 200), (status = 404)))]
pub(super) async fn crc(
    State(server): State<Arc<Server>>,
    Path(name): Path<String>,
) -> Result<Json<BTreeMap<String, String>>, ApiError> {
    let segments = found_table(&server, &name)?.segments();
    Ok(Json(segments.iter().map(|(name, loaded)| (name.to_string(), loaded.crc.clone())).collect()))
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct Times {
    end_time_ms: Option<i64>,
}

/// Whether every assigned segment is loaded
#[utoipa::path(get, path = "/tables/{tableName}/allSegmentsLoaded", tag = "Table",
    params(("tableName" = String, Path)), responses((status = 200), (status = 404)))]
pub(super) async fn all_loaded(
    State(server): State<Arc<Server>>,
    Path(name): Path<String>,
) -> Result<Json<Value>, ApiError> {
    let table = found_table(&server, &name)?;
    let missing = server.segments.not_loaded(&name);
    let invalid = missing.first().map(|segment| {
        let failure = table.failures().get(segment).map(|failure| format!(": {}", failure.message));
        format!("Segment {segment} is not loaded{}", failure.unwrap_or_default())
    });
    let loaded = table.segments();
    let end_times = loaded
        .values()
        .filter_map(|loaded| serde_json::from_str::<Times>(&loaded.metadata_json).unwrap_or_default().end_time_ms);
    Ok(Json(json!({
        "valid": invalid.is_none(),
        "invalidReason": invalid,
        "maxEndTimeMs": end_times.max().unwrap_or(-1),
    })))
}

fn needs_reload(table: &Table) -> Vec<String> {
    let info = table.info();
    let loaded = table.segments().into_iter();
    let stale = loaded
        .filter(|(_, loaded)| segment::reload::needs_reload(&loaded.segment, &info.schema, info.config.indexing()));
    stale.map(|(name, _)| name.to_string()).collect()
}

/// Whether a reload would change any segment of a table
#[utoipa::path(get, path = "/tables/{tableName}/segments/needReload", tag = "Table",
    params(("tableName" = String, Path)), responses((status = 200), (status = 404)))]
pub(super) async fn need_reload(
    State(server): State<Arc<Server>>,
    Path(name): Path<String>,
) -> Result<Json<Value>, ApiError> {
    let table = found_table(&server, &name)?;
    Ok(Json(json!({ "needReload": !needs_reload(&table).is_empty(), "instanceId": server.instance_id })))
}

#[derive(Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Stale {
    segment_name: String,
    stale: bool,
    reason: &'static str,
}

/// Segments whose indexes or columns are not those of the table's config and schema
#[utoipa::path(get, path = "/tables/{tableName}/segments/isStale", tag = "Table",
    params(("tableName" = String, Path)), responses((status = 200, body = Vec<Stale>), (status = 404)))]
pub(super) async fn is_stale(
    State(server): State<Arc<Server>>,
    Path(name): Path<String>,
) -> Result<Json<Vec<Stale>>, ApiError> {
    let stale = needs_reload(&*found_table(&server, &name)?).into_iter();
    let reason = "its indexes or columns differ from the table's config and schema";
    Ok(Json(stale.map(|segment_name| Stale { segment_name, stale: true, reason }).collect()))
}

/// Storage tiers of a table's segments; all are on the default one
#[utoipa::path(get, path = "/tables/{tableName}/tiers", tag = "Table",
    params(("tableName" = String, Path)), responses((status = 200), (status = 404)))]
pub(super) async fn tiers(
    State(server): State<Arc<Server>>,
    Path(name): Path<String>,
) -> Result<Json<Value>, ApiError> {
    let segments = found_table(&server, &name)?.segments();
    let tiers: BTreeMap<String, Option<String>> = segments.keys().map(|name| (name.to_string(), None)).collect();
    Ok(Json(json!({ "tableName": name, "segmentTiers": tiers, "mutableSegments": [] })))
}

/// Storage tier of one segment
#[utoipa::path(get, path = "/segments/{tableNameWithType}/{segmentName}/tiers", tag = "Table",
    params(("tableNameWithType" = String, Path), ("segmentName" = String, Path)),
    responses((status = 200), (status = 404)))]
pub(super) async fn segment_tiers(
    State(server): State<Arc<Server>>,
    Path((name, segment)): Path<(String, String)>,
) -> Result<Json<Value>, ApiError> {
    let table = found_table(&server, &name)?;
    super::segment(&table, &segment)?;
    Ok(Json(json!({ "tableName": name, "segmentTiers": { segment: null }, "mutableSegments": [] })))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ReloadJob {
    reload_job_timestamp: Option<i64>,
    segment_name: Option<String>,
}

/// How many segments have been loaded since a time
#[utoipa::path(get, path = "/controllerJob/reloadStatus/{tableNameWithType}", tag = "Table",
    params(
        ("tableNameWithType" = String, Path),
        ("reloadJobTimestamp" = Option<i64>, Query),
        ("segmentName" = Option<String>, Query),
        ("reloadJobId" = Option<String>, Query),
    ),
    responses((status = 200), (status = 404)))]
pub(super) async fn reload_status(
    State(server): State<Arc<Server>>,
    Path(name): Path<String>,
    Query(job): Query<ReloadJob>,
) -> Result<Json<Value>, ApiError> {
    let mut segments = found_table(&server, &name)?.segments();
    if let Some(name) = &job.segment_name {
        segments.retain(|segment, _| **segment == **name);
    }
    let since = job.reload_job_timestamp.unwrap_or(0);
    let done = segments.values().filter(|loaded| loaded.checked_at_ms() >= since).count();
    Ok(Json(json!({
        "totalSegmentCount": segments.len(),
        "successCount": done,
        "failureCount": null,
        "sampleSegmentReloadFailures": null,
    })))
}
