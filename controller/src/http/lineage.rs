//! Replacement of segments by others, in one step for queries.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::{Value, json};
use service::ApiError;
use service::http::Json;
use utoipa_axum::routes;

use super::params::{Params, parse_json};
use super::{App, Routes, resolve};
use crate::cluster::{Cluster, Held};
use crate::error::Error;
use crate::replace::{change, clean_up};

/// How long the end of a replacement waits for the new segments to be loaded.
const LOAD_WAIT: Duration = Duration::from_secs(60);

pub(crate) fn routes() -> Routes {
    Routes::new().routes(routes!(lineage)).routes(routes!(start)).routes(routes!(end)).routes(routes!(revert))
}

/// The segments that a replacement is about.
#[derive(Default, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase", default)]
struct ReplaceSegmentsRequest {
    /// Segments that are replaced.
    #[schema(nullable)]
    segments_from: Option<Vec<String>>,
    /// Segments that take their place.
    #[schema(nullable)]
    segments_to: Option<Vec<String>>,
}

fn read_body(body: &Bytes, required: bool) -> Result<ReplaceSegmentsRequest, Error> {
    if body.is_empty() && !required {
        return Ok(ReplaceSegmentsRequest::default());
    }
    let json = parse_json(body).map_err(|reason| Error::Invalid(format!("The request body is no JSON: {reason}")))?;
    if json.is_null() && !required {
        return Ok(ReplaceSegmentsRequest::default());
    }
    serde_json::from_value(json).map_err(|error| {
        Error::Invalid(format!("The request body has to be an object with segmentsFrom and segmentsTo: {error}"))
    })
}

/// The one table that a path and `type` name.
fn table_of(app: &App, name: &str, params: &Params) -> Result<String, Error> {
    let table_type = params
        .table_type("type")?
        .ok_or_else(|| Error::Invalid("Table type should either be offline or realtime".to_owned()))?;
    let name = params.stored_name(name)?;
    let found = resolve::tables(&app.cluster.read(), &name, Some(table_type))?;
    found.into_iter().next().ok_or_else(|| Error::NotFound(format!("Table '{name}' not found.")))
}

/// List segment lineage
///
/// Replacements of a table's segments; an empty body when there have been none.
#[utoipa::path(get, path = "/segments/{tableName}/lineage", operation_id = "listSegmentLineage", tag = "Segment", params(("tableName" = String, Path), ("type" = String, Query, description = "OFFLINE or REALTIME")), responses((status = 200), (status = 400), (status = 403), (status = 404), (status = 500)))]
async fn lineage(State(app): State<Arc<App>>, Path(name): Path<String>, params: Params) -> Result<Response, ApiError> {
    let table = table_of(&app, &name, &params)?;
    let state = app.cluster.read();
    let Some(found) = state.table(&table).filter(|table| !table.lineage.entries.is_empty()) else {
        return Ok(().into_response());
    };
    let mut entries: Vec<_> = found.lineage.entries.iter().collect();
    entries.sort_by_key(|(_, entry)| entry.timestamp);
    let shown: serde_json::Map<String, Value> =
        entries.into_iter().map(|(id, entry)| (id.clone(), json!(entry))).collect();
    Ok(Json::new(json!({ "tableNameWithType": table, "lineageEntries": shown })).into_response())
}

/// Start to replace segments
///
/// Queries go on seeing `segmentsFrom` until the replacement is ended. Gives the replacement's id.
#[utoipa::path(post, path = "/segments/{tableName}/startReplaceSegments", operation_id = "startReplaceSegments", tag = "Segment", params(("tableName" = String, Path), ("type" = String, Query, description = "OFFLINE or REALTIME"), ("forceCleanup" = Option<bool>, Query, description = "End replacements that are in the way")), request_body(content = ReplaceSegmentsRequest), responses((status = 200), (status = 400), (status = 403), (status = 404), (status = 409), (status = 500)))]
async fn start(
    State(app): State<Arc<App>>,
    Path(name): Path<String>,
    params: Params,
    body: Bytes,
) -> Result<Json<Value>, ApiError> {
    let table = table_of(&app, &name, &params)?;
    let request = read_body(&body, true)?;
    let force = params.flag("forceCleanup", false);
    let id = uuid::Uuid::new_v4().to_string();
    let now_ms = app.now_ms();
    let (from, to) = (request.segments_from.unwrap_or_default(), request.segments_to.unwrap_or_default());
    if let Some(bad) = to.iter().find(|segment| model::SegmentName::parse(segment).is_err()) {
        return Err(Error::Invalid(format!("'{bad}' of 'segmentsTo' cannot be a segment's name")).into());
    }
    let started = change(&app.cluster, &table, now_ms, |lineage, held| {
        Ok((lineage.start(&id, from, to, force, held, now_ms)?, ()))
    });
    started.await?;
    app.ingestion.sweep();
    Ok(Json::new(json!({ "segmentLineageEntryId": id })))
}

/// End to replace segments
///
/// From now on queries see the new segments, all of which have to be loaded, and not the old ones.
#[utoipa::path(post, path = "/segments/{tableName}/endReplaceSegments", operation_id = "endReplaceSegments", tag = "Segment", params(("tableName" = String, Path), ("type" = String, Query, description = "OFFLINE or REALTIME"), ("segmentLineageEntryId" = String, Query, description = "As startReplaceSegments gave it"), ("cleanup" = Option<bool>, Query, description = "Remove the replaced segments now")), request_body(content = ReplaceSegmentsRequest), responses((status = 200), (status = 400), (status = 403), (status = 404), (status = 409), (status = 500)))]
async fn end(
    State(app): State<Arc<App>>,
    Path(name): Path<String>,
    params: Params,
    body: Bytes,
) -> Result<(), ApiError> {
    let table = table_of(&app, &name, &params)?;
    let id = entry_id(&params)?;
    let made = read_body(&body, false)?.segments_to.unwrap_or_default();
    let awaited = {
        let state = app.cluster.read();
        let found = state.table(&table).ok_or_else(|| Error::NotFound(format!("Table '{table}' not found.")))?;
        let has = |segment: &str| found.segments.contains_key(segment);
        found.lineage.awaited(&id, &made, &Held { table: &table, segments: &has, refresh: false })?
    };
    if let Some(awaited) = awaited {
        let loaded = |cluster: &Cluster| {
            let view = cluster.external_view(&table);
            let is_online = |segment: &String| {
                view.get(segment).is_some_and(|replicas| replicas.values().any(|state| state == "ONLINE"))
            };
            awaited.iter().all(is_online)
        };
        if !app.cluster.wait_until(LOAD_WAIT, loaded).await {
            return Err(Error::Conflict(format!(
                "Failed to update the segment lineage during endReplaceSegments. (tableName = {table}, \
                 segmentLineageEntryId = {id}): not all segments of 'segmentsTo' are loaded by a server yet"
            ))
            .into());
        }
    }
    let now_ms = app.now_ms();
    let ended = change(&app.cluster, &table, now_ms, |lineage, held| {
        lineage.end(&id, &made, held, now_ms)?;
        Ok((Vec::new(), ()))
    });
    ended.await?;
    if params.flag("cleanup", false) {
        clean_up(&app.cluster, now_ms, Some(&table), true).await?;
        app.ingestion.sweep();
    }
    Ok(())
}

/// Revert segments replacement
///
/// Queries see the old segments again; the new ones are removed.
#[utoipa::path(post, path = "/segments/{tableName}/revertReplaceSegments", operation_id = "revertReplaceSegments", tag = "Segment", params(("tableName" = String, Path), ("type" = String, Query, description = "OFFLINE or REALTIME"), ("segmentLineageEntryId" = String, Query, description = "As startReplaceSegments gave it"), ("forceRevert" = Option<bool>, Query, description = "Also a replacement that has not ended")), responses((status = 200), (status = 400), (status = 403), (status = 404), (status = 409), (status = 500)))]
async fn revert(State(app): State<Arc<App>>, Path(name): Path<String>, params: Params) -> Result<(), ApiError> {
    let table = table_of(&app, &name, &params)?;
    let id = entry_id(&params)?;
    let now_ms = app.now_ms();
    let force = params.flag("forceRevert", false);
    let reverted =
        change(&app.cluster, &table, now_ms, |lineage, held| Ok((lineage.revert(&id, force, held, now_ms)?, ())));
    reverted.await?;
    app.ingestion.sweep();
    Ok(())
}

fn entry_id(params: &Params) -> Result<String, Error> {
    let id = params.get("segmentLineageEntryId").filter(|id| !id.is_empty());
    id.map(str::to_owned).ok_or_else(|| {
        Error::Invalid("'segmentLineageEntryId' should not be null: the id that startReplaceSegments gave".to_owned())
    })
}
