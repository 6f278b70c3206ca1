//! Repairs of segments' records and files.

use std::sync::Arc;

use axum::extract::{Path, State};
use model::TableType;
use segment::SegmentMetadata;
use serde_json::Value;
use service::ApiError;
use service::http::Json;
use utoipa_axum::routes;

use super::params::Params;
use super::{App, Routes, answer, resolve};
use crate::cluster::{Change, SegmentEntry, SegmentRecord};
use crate::error::Error;
use crate::{ingest, tables};

pub(crate) fn routes() -> Routes {
    Routes::new().routes(routes!(update_times)).routes(routes!(to_deep_store))
}

/// Update the start and end time of the segments based on latest schema
#[utoipa::path(post, path = "/segments/{tableNameWithType}/updateZKTimeInterval", operation_id = "updateTimeIntervalZK", tag = "Segment", params(("tableNameWithType" = String, Path)), responses((status = 200, description = "Success"), (status = 400), (status = 404, description = "Table not found"), (status = 500, description = "Internal server error")))]
async fn update_times(
    State(app): State<Arc<App>>,
    Path(name): Path<String>,
    params: Params,
) -> Result<Json<Value>, ApiError> {
    let name = params.stored_name(&name)?;
    if resolve::split(&name, None)?.1.is_none() {
        return Err(Error::Invalid(format!("Table type not provided with table name {name}")).into());
    }
    app.cluster
        .write(|state| {
            let missing = || Error::NotFound(format!("Failed to find table config for table: {name}"));
            let table = state.table(&name).ok_or_else(missing)?;
            let schema = tables::schema_of(state, &table.entry.config)?;
            let time_column = table.entry.config.time_column().map(str::to_owned);
            let mut changes = Vec::new();
            for (segment, entry) in &table.segments {
                let Some(mut metadata) = entry.record.metadata.read::<SegmentMetadata>() else {
                    continue;
                };
                if metadata.time_column != time_column {
                    // The column's own minimum and maximum tell the times.
                    metadata.time_column.clone_from(&time_column);
                    (metadata.min_time, metadata.max_time) = (None, None);
                }
                let (start, end) = ingest::time_range_ms(&schema, &metadata).unzip();
                if (start, end) == (entry.record.start_time_ms, entry.record.end_time_ms) {
                    continue;
                }
                let record = SegmentRecord {
                    start_time_ms: start,
                    end_time_ms: end,
                    start_time_raw: start.and(metadata.min_time),
                    end_time_raw: end.and(metadata.max_time),
                    ..SegmentRecord::clone(&entry.record)
                };
                changes.push(Change::PutSegment {
                    table: name.clone(),
                    segment: segment.clone(),
                    entry: SegmentEntry::new(record, entry.ideal.clone()),
                });
            }
            Ok((changes, ()))
        })
        .await?;
    Ok(answer::status(format!("Successfully updated time interval zk metadata for table: {name}")))
}

/// Upload segments from server to deep store
///
/// Queues segments that are only on servers. In this version every segment is in the deep store before it is part of a table, unless whoever pushed it has left it elsewhere.
#[utoipa::path(post, path = "/segments/{tableNameWithType}/uploadFromServerToDeepstore", operation_id = "uploadFromServerToDeepstore", tag = "Segment", params(("tableNameWithType" = String, Path), ("segmentNames" = Option<Vec<String>>, Query), ("forceMode" = Option<bool>, Query)), responses((status = 200), (status = 400), (status = 404), (status = 500)))]
async fn to_deep_store(
    State(app): State<Arc<App>>,
    Path(name): Path<String>,
    params: Params,
) -> Result<Json<Value>, ApiError> {
    let name = params.stored_name(&name)?;
    if resolve::split(&name, None)?.1 != Some(TableType::Realtime) {
        let text = "Upload from server to deep store is only supported for REALTIME tables. Provided:";
        return Err(Error::Invalid(format!("{text} {name}")).into());
    }
    if app.cluster.read().table(&name).is_none() {
        return Err(Error::NotFound(format!("Table {name} does not exist")).into());
    }
    Ok(answer::status(format!("Successfully queued 0 segment(s) for upload to deep store for table: {name}")))
}
