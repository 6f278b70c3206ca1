//! Deletion of segments: by name, by time, by sequence.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{Path, State};
use model::TableType;
use model::names::Names;
use serde_json::Value;
use service::ApiError;
use service::http::Json;
use utoipa_axum::routes;

use super::params::{Params, parse_json};
use super::segments::{self, TimeRange};
use super::{App, Routes, answer, resolve};
use crate::error::Error;
use crate::tables::{self, Retention};

pub(crate) fn routes() -> Routes {
    Routes::new()
        .routes(routes!(delete_many))
        .routes(routes!(delete))
        .routes(routes!(delete_listed))
        .routes(routes!(choose))
        .routes(routes!(delete_from_sequence))
}

/// What to say of segments that were deleted.
fn deleted(named: &[String], table: &str) -> String {
    match named.len() {
        0..=5 => format!("Deleted segments: {} from table: {table}", Names(named)),
        many => format!("Deleted {many} segments from table: {table}"),
    }
}

/// Removes segments of one table, those named or all; names that are not there are no error. Gives how many.
async fn remove(app: &App, table: &str, named: Option<&[String]>, retention: Option<&str>) -> Result<usize, Error> {
    let now_ms = app.now_ms();
    let cluster = &app.cluster;
    let named: Option<BTreeSet<&str>> = named.map(|named| named.iter().map(String::as_str).collect());
    let removed = cluster
        .write(|state| {
            let mut changes = Vec::new();
            let Some(found) = state.table(table) else { return Ok((changes, 0)) };
            let retention = Retention::choose(retention, &found.entry.config, cluster)?;
            let mut removed = 0;
            for (segment, entry) in &found.segments {
                if named.as_ref().is_none_or(|named| named.contains(segment.as_str())) {
                    changes.extend(tables::remove_segment(table, segment, entry, retention, now_ms));
                    removed += 1;
                }
            }
            Ok((changes, removed))
        })
        .await?;
    app.ingestion.sweep();
    Ok(removed)
}

/// The tables, of which the first is meant where a segment is in none of them.
fn holder_or_first(app: &App, name: &str, segment: &str) -> Result<String, Error> {
    let state = app.cluster.read();
    let tables = resolve::tables(&state, name, None)?;
    Ok(segments::holder(&state, name, segment).unwrap_or_else(|_| tables[0].clone()))
}

/// Delete the list of segments provided in the queryParam else all segments
#[utoipa::path(delete, path = "/segments/{tableName}", operation_id = "deleteMultipleSegments", tag = "Segment", params(("tableName" = String, Path), ("type" = String, Query, description = "OFFLINE or REALTIME"), ("segments" = Option<Vec<String>>, Query, description = "Absent: all"), ("retention" = Option<String>, Query, description = "How long the files are kept, e.g. 12h; 0d removes them now")), responses((status = 200), (status = 400), (status = 403), (status = 404), (status = 500)))]
async fn delete_many(
    State(app): State<Arc<App>>,
    Path(name): Path<String>,
    params: Params,
) -> Result<Json<Value>, ApiError> {
    let name = params.stored_name(&name)?;
    let table_type = match (params.table_type("type")?, resolve::split(&name, None)?.1) {
        (Some(table_type), _) | (None, Some(table_type)) => table_type,
        (None, None) => return Err(Error::Invalid("Table type must not be null".to_owned()).into()),
    };
    let table = resolve::tables(&app.cluster.read(), &name, Some(table_type))?.swap_remove(0);
    let named: Vec<String> = params.all("segments").map(str::to_owned).collect();
    remove(&app, &table, (!named.is_empty()).then_some(named.as_slice()), params.get("retention")).await?;
    Ok(answer::status(match named.as_slice() {
        [] => format!("All segments of table {table} deleted"),
        named => deleted(named, &table),
    }))
}

/// Delete a segment
#[utoipa::path(delete, path = "/segments/{tableName}/{segmentName}", operation_id = "deleteSegment", tag = "Segment", params(("tableName" = String, Path), ("segmentName" = String, Path), ("retention" = Option<String>, Query, description = "How long the file is kept, e.g. 12h; 0d removes it now")), responses((status = 200), (status = 400), (status = 404), (status = 500)))]
async fn delete(
    State(app): State<Arc<App>>,
    Path((name, segment)): Path<(String, String)>,
    params: Params,
) -> Result<Json<Value>, ApiError> {
    let name = params.stored_name(&name)?;
    let table = holder_or_first(&app, &name, &segment)?;
    // A segment that is not there is deleted already.
    remove(&app, &table, Some(&[segment]), params.get("retention")).await?;
    Ok(answer::status("Segment deleted"))
}

/// Delete the segments in the JSON array payload
#[utoipa::path(post, path = "/segments/{tableName}/delete", operation_id = "deleteSegments", tag = "Segment", params(("tableName" = String, Path), ("retention" = Option<String>, Query, description = "How long the files are kept, e.g. 12h; 0d removes them now")), request_body(content = Vec<String>), responses((status = 200), (status = 400), (status = 404), (status = 500)))]
async fn delete_listed(
    State(app): State<Arc<App>>,
    Path(name): Path<String>,
    params: Params,
    body: Bytes,
) -> Result<Json<Value>, ApiError> {
    let name = params.stored_name(&name)?;
    let listed = parse_json(&body).ok().and_then(|json| serde_json::from_value::<Vec<String>>(json).ok());
    let listed =
        listed.ok_or_else(|| Error::Invalid("The body has to be a JSON list of segments' names".to_owned()))?;
    let first = listed.first().ok_or_else(|| Error::Invalid("Segments must be provided".to_owned()))?;
    let table = holder_or_first(&app, &name, first)?;
    remove(&app, &table, Some(&listed), params.get("retention")).await?;
    Ok(answer::status(deleted(&listed, &table)))
}

/// Delete selected segments
///
/// Those in a range of time, in epoch milliseconds.
#[utoipa::path(delete, path = "/segments/{tableName}/choose", operation_id = "deleteSegmentsWithTimeWindow", tag = "Segment", params(("tableName" = String, Path), ("type" = Option<String>, Query, description = "OFFLINE or REALTIME"), ("excludeReplacedSegments" = Option<bool>, Query), ("startTimestamp" = String, Query, description = "Inclusive"), ("endTimestamp" = String, Query, description = "Exclusive"), ("excludeOverlapping" = Option<bool>, Query, description = "Leave out segments that are only partly in the range; default true"), ("retention" = Option<String>, Query)), responses((status = 200), (status = 400), (status = 403), (status = 404), (status = 500)))]
async fn choose(
    State(app): State<Arc<App>>,
    Path(name): Path<String>,
    params: Params,
) -> Result<Json<Value>, ApiError> {
    let stored = params.stored_name(&name)?;
    if ["startTimestamp", "endTimestamp"].iter().any(|key| params.get(key).is_none_or(str::is_empty)) {
        return Err(Error::Invalid("start and end timestamp must by non empty".to_owned()).into());
    }
    let range = TimeRange::read(&params, true)?;
    let table_type = params.table_type("type")?;
    let chosen = segments::chosen(&app.cluster.read(), &stored, table_type, &range, &params)?;
    let mut count = 0;
    for (table, named) in chosen {
        count += remove(&app, &table, Some(&named), params.get("retention")).await?;
    }
    Ok(answer::status(format!("Deleted {count} segments from table: {name}")))
}

/// Delete segments from a pauseless enabled table
///
/// Segments of a stream's partition from one on.
#[utoipa::path(delete, path = "/deleteSegmentsFromSequenceNum/{tableNameWithType}", operation_id = "deleteSegmentsFromSequenceNum", tag = "Segment", params(("tableNameWithType" = String, Path), ("segments" = Vec<String>, Query), ("dryRun" = Option<bool>, Query), ("force" = Option<bool>, Query)), responses((status = 200), (status = 400), (status = 404), (status = 500)))]
async fn delete_from_sequence(
    State(app): State<Arc<App>>,
    Path(name): Path<String>,
    params: Params,
) -> Result<Json<Value>, ApiError> {
    let name = params.stored_name(&name)?;
    if resolve::split(&name, None)?.1 != Some(TableType::Realtime) {
        return Err(Error::Invalid("Table should be a realtime table.".to_owned()).into());
    }
    let state = app.cluster.read();
    let found = state.table(&name).ok_or_else(|| Error::NotFound(format!("Table {name} does not exist")))?;
    if params.list("segments").is_empty() {
        return Err(Error::Invalid("Segment list must not be empty".to_owned()).into());
    }
    if !params.flag("force", false) {
        return Err(Error::Invalid(format!("Pauseless is not enabled for the table {name}")).into());
    }
    match params.list("segments").iter().find(|segment| !found.segments.contains_key(*segment)) {
        Some(missing) => Err(Error::Invalid(format!("Segment {missing} is not in table {name}")).into()),
        None => Err(Error::Invalid(format!("The segments of table {name} belong to no partition of a stream")).into()),
    }
}
