//! `/segments`: names, records, deletion, reload.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::{Path, State};
use model::TableType;
use serde_json::{Map, Value, json};
use service::ApiError;
use service::http::Json;
use utoipa_axum::routes;

use super::params::Params;
use super::{App, Routes, answer, resolve};
use crate::cluster::{self, SegmentEntry, SegmentRecord};
use crate::error::Error;
use crate::jobs::Job;
use crate::tables::{self, Retention};

pub(crate) fn routes() -> Routes {
    Routes::new()
        .routes(routes!(list, delete_many))
        .routes(routes!(select))
        .routes(routes!(servers))
        .routes(routes!(zk_metadata))
        .routes(routes!(crc))
        .routes(routes!(tiers))
        .routes(routes!(segment_tiers))
        .routes(routes!(lineage))
        .routes(routes!(reload_all))
        .routes(routes!(reload_one))
        .routes(routes!(reload_status))
        .routes(routes!(reset_all))
        .routes(routes!(reset_one))
}

/// Which segments of a table a time range chooses.
struct TimeRange {
    start: Option<i64>,
    end: Option<i64>,
    exclude_overlapping: bool,
}

impl TimeRange {
    fn read(params: &Params, exclude_overlapping: bool) -> Result<Self, Error> {
        Ok(Self {
            start: params.number("startTimestamp")?,
            end: params.number("endTimestamp")?,
            exclude_overlapping: params.flag("excludeOverlapping", exclude_overlapping),
        })
    }

    /// Ranges are closed at the start and open at the end. A segment without times is in every range.
    fn holds(&self, record: &SegmentRecord) -> bool {
        let (Some(first), Some(last)) = (record.start_time_ms, record.end_time_ms) else { return true };
        let start = self.start.unwrap_or(i64::MIN);
        let end = self.end.unwrap_or(i64::MAX);
        if self.exclude_overlapping { first >= start && last < end } else { last >= start && first < end }
    }
}

fn listed(app: &App, name: &str, params: &Params) -> Result<Json<Value>, ApiError> {
    let table_type = params.table_type("type")?;
    let range = TimeRange::read(params, false)?;
    let state = app.cluster.read();
    let mut answer = Vec::new();
    for name in resolve::tables(&state, name, table_type)? {
        let Some(table) = state.table(&name) else { continue };
        let chosen = table.segments.iter().filter(|(_, entry)| range.holds(&entry.record));
        let names: Vec<&String> = chosen.map(|(name, _)| name).collect();
        let mut of_type = Map::new();
        of_type.insert(table.entry.config.table_type().to_string(), json!(names));
        answer.push(Value::Object(of_type));
    }
    Ok(Json::new(Value::Array(answer)))
}

/// Names of a table's segments
#[utoipa::path(get, path = "/segments/{tableName}", tag = "Segment", params(("tableName" = String, Path), ("type" = Option<String>, Query), ("startTimestamp" = Option<i64>, Query), ("endTimestamp" = Option<i64>, Query), ("excludeOverlapping" = Option<bool>, Query)), responses((status = 200), (status = 404)))]
async fn list(State(app): State<Arc<App>>, Path(name): Path<String>, params: Params) -> Result<Json<Value>, ApiError> {
    listed(&app, &name, &params)
}

/// Names of a table's segments in a time range
#[utoipa::path(get, path = "/segments/{tableName}/select", tag = "Segment", params(("tableName" = String, Path), ("type" = Option<String>, Query), ("startTimestamp" = Option<i64>, Query), ("endTimestamp" = Option<i64>, Query)), responses((status = 200), (status = 404)))]
async fn select(
    State(app): State<Arc<App>>,
    Path(name): Path<String>,
    params: Params,
) -> Result<Json<Value>, ApiError> {
    listed(&app, &name, &params)
}

/// Segments by server
#[utoipa::path(get, path = "/segments/{tableName}/servers", tag = "Segment", params(("tableName" = String, Path), ("type" = Option<String>, Query), ("verbose" = Option<bool>, Query)), responses((status = 200), (status = 404)))]
async fn servers(
    State(app): State<Arc<App>>,
    Path(name): Path<String>,
    params: Params,
) -> Result<Json<Value>, ApiError> {
    let table_type = params.table_type("type")?;
    let verbose = params.flag("verbose", true);
    let state = app.cluster.read();
    let mut answer = Vec::new();
    for name in resolve::tables(&state, &name, table_type)? {
        let mut by_server: BTreeMap<&String, Vec<&String>> = BTreeMap::new();
        for (segment, entry) in state.table(&name).map(|table| &table.segments).into_iter().flatten() {
            for server in entry.ideal.keys() {
                by_server.entry(server).or_default().push(segment);
            }
        }
        let counts: BTreeMap<&String, usize> = by_server.iter().map(|(id, held)| (*id, held.len())).collect();
        answer.push(if verbose {
            json!({ "tableName": name, "serverToSegmentsMap": by_server, "serverToSegmentsCountMap": counts })
        } else {
            json!({ "tableName": name, "serverToSegmentsCountMap": counts })
        });
    }
    Ok(Json::new(Value::Array(answer)))
}

/// A segment's record under the keys that Pinot stores it with. All values are texts; unknown ones are absent.
pub(crate) fn zk_record(entry: &SegmentEntry) -> BTreeMap<&'static str, String> {
    let record = &entry.record;
    let mut map = BTreeMap::new();
    map.insert("segment.crc", record.crc.clone());
    map.insert("segment.data.crc", record.crc.clone());
    map.insert("segment.creation.time", record.creation_time_ms.to_string());
    map.insert("segment.push.time", record.push_time_ms.to_string());
    map.insert("segment.download.url", record.download_url.clone());
    map.insert("segment.index.version", "v3".to_owned());
    map.insert("segment.total.docs", record.total_docs.to_string());
    map.insert("segment.size.in.bytes", record.packed_size_bytes.to_string());
    if let Some(time) = record.refresh_time_ms {
        map.insert("segment.refresh.time", time.to_string());
    }
    if let (Some(start), Some(end)) = (record.start_time_ms, record.end_time_ms) {
        map.insert("segment.start.time", start.to_string());
        map.insert("segment.end.time", end.to_string());
        map.insert("segment.time.unit", "MILLISECONDS".to_owned());
        if let (Some(raw_start), Some(raw_end)) = (record.start_time_raw, record.end_time_raw)
            && (raw_start, raw_end) != (start, end)
        {
            map.insert("segment.start.time.raw", raw_start.to_string());
            map.insert("segment.end.time.raw", raw_end.to_string());
        }
    }
    map
}

/// Records of a table's segments
#[utoipa::path(get, path = "/segments/{tableName}/zkmetadata", tag = "Segment", params(("tableName" = String, Path), ("type" = Option<String>, Query)), responses((status = 200), (status = 404)))]
async fn zk_metadata(
    State(app): State<Arc<App>>,
    Path(name): Path<String>,
    params: Params,
) -> Result<Json<Value>, ApiError> {
    let table_type = params.table_type("type")?;
    let state = app.cluster.read();
    let mut found = BTreeMap::new();
    for table in resolve::tables(&state, &name, table_type)?.iter().filter_map(|name| state.table(name)) {
        found.extend(table.segments.iter().map(|(segment, entry)| (segment, zk_record(entry))));
    }
    Ok(Json::new(json!(found)))
}

/// Checksums of an OFFLINE table's segments
#[utoipa::path(get, path = "/segments/{tableName}/crc", tag = "Segment", params(("tableName" = String, Path)), responses((status = 200), (status = 404)))]
async fn crc(State(app): State<Arc<App>>, Path(name): Path<String>) -> Result<Json<Value>, ApiError> {
    let state = app.cluster.read();
    let mut found = BTreeMap::new();
    for table in resolve::tables(&state, &name, Some(TableType::Offline))?.iter().filter_map(|name| state.table(name)) {
        found.extend(table.segments.iter().map(|(segment, entry)| (segment, &entry.record.crc)));
    }
    Ok(Json::new(json!(found)))
}

fn shown_tiers(app: &App, name: &str, segment: Option<&str>, params: &Params) -> Result<Json<Value>, ApiError> {
    let table_type = params.required_table_type("type")?;
    let state = app.cluster.read();
    let names = resolve::tables(&state, name, Some(table_type))?;
    let name = names.first().cloned().unwrap_or_default();
    let mut tiers = Map::new();
    for (found, entry) in state.table(&name).map(|table| &table.segments).into_iter().flatten() {
        if segment.is_some_and(|wanted| wanted != found) {
            continue;
        }
        let mut of_segment: Map<String, Value> = entry.ideal.keys().map(|id| (id.clone(), Value::Null)).collect();
        of_segment.insert("targetTier".to_owned(), Value::Null);
        tiers.insert(found.clone(), Value::Object(of_segment));
    }
    if let (Some(segment), true) = (segment, tiers.is_empty()) {
        return Err(Error::NotFound(format!("Segment '{segment}' not found in table: '{name}'")).into());
    }
    Ok(Json::new(json!({ "tableName": name, "segmentTiers": tiers })))
}

/// Storage tiers of a table's segments
#[utoipa::path(get, path = "/segments/{tableName}/tiers", tag = "Segment", params(("tableName" = String, Path), ("type" = String, Query)), responses((status = 200), (status = 404)))]
async fn tiers(State(app): State<Arc<App>>, Path(name): Path<String>, params: Params) -> Result<Json<Value>, ApiError> {
    shown_tiers(&app, &name, None, &params)
}

/// Storage tiers of a segment
#[utoipa::path(get, path = "/segments/{tableName}/{segmentName}/tiers", tag = "Segment", params(("tableName" = String, Path), ("segmentName" = String, Path), ("type" = String, Query)), responses((status = 200), (status = 404)))]
async fn segment_tiers(
    State(app): State<Arc<App>>,
    Path((name, segment)): Path<(String, String)>,
    params: Params,
) -> Result<Json<Value>, ApiError> {
    shown_tiers(&app, &name, Some(&segment), &params)
}

/// Replacements of segments; empty when there have been none
#[utoipa::path(get, path = "/segments/{tableName}/lineage", tag = "Segment", params(("tableName" = String, Path), ("type" = String, Query)), responses((status = 200), (status = 404)))]
async fn lineage(State(app): State<Arc<App>>, Path(name): Path<String>, params: Params) -> Result<(), ApiError> {
    let table_type = params.required_table_type("type")?;
    resolve::tables(&app.cluster.read(), &name, Some(table_type))?;
    Ok(())
}

/// Removes segments of a table: those named, or all
#[utoipa::path(delete, path = "/segments/{tableName}", tag = "Segment", params(("tableName" = String, Path), ("type" = String, Query), ("segments" = Option<Vec<String>>, Query), ("retention" = Option<String>, Query)), responses((status = 200), (status = 404)))]
async fn delete_many(
    State(app): State<Arc<App>>,
    Path(name): Path<String>,
    params: Params,
) -> Result<Json<Value>, ApiError> {
    let table_type = params.table_type("type")?;
    let table_type = match (table_type, resolve::split(&name, None)?.1) {
        (Some(table_type), _) | (None, Some(table_type)) => table_type,
        (None, None) => return Err(Error::Invalid("Table type must not be null".to_owned()).into()),
    };
    let named: Vec<String> = params.all("segments").map(str::to_owned).collect();
    let table = remove(&app, &name, Some(table_type), &params, (!named.is_empty()).then_some(&named)).await?;
    Ok(answer::status(match named.len() {
        0 => format!("All segments of table {table} deleted"),
        1..=5 => format!("Deleted segments: {} from table: {table}", model::names::Names(&named)),
        many => format!("Deleted {many} segments from table: {table}"),
    }))
}

/// Removes segments, those named or all; names that are not there are no error. Gives the table's name with type.
pub(crate) async fn remove(
    app: &App,
    name: &str,
    table_type: Option<TableType>,
    params: &Params,
    named: Option<&Vec<String>>,
) -> Result<String, Error> {
    let now_ms = app.now_ms();
    let cluster = &app.cluster;
    let removed = cluster.write(|state| {
        let mut shown = String::new();
        let mut changes = Vec::new();
        for name in resolve::tables(state, name, table_type)? {
            let Some(table) = state.table(&name) else { continue };
            let retention = Retention::choose(params.get("retention"), &table.entry.config, cluster)?;
            for (segment, entry) in &table.segments {
                if named.is_none_or(|named| named.contains(segment)) {
                    changes.extend(tables::remove_segment(&name, segment, entry, retention, now_ms));
                }
            }
            shown = name;
        }
        Ok((changes, shown))
    });
    let shown = removed.await?;
    app.ingestion.sweep();
    Ok(shown)
}

/// A job as `/table/{t}/jobs` and the status of a reload show it: all values are texts.
pub(crate) fn job_metadata(job: &Job) -> Value {
    let mut shown = Map::new();
    let mut put = |key: &str, value: String| shown.insert(key.to_owned(), Value::String(value));
    put("jobId", job.id.clone());
    put("jobType", "RELOAD_SEGMENT".to_owned());
    put("tableName", job.table.clone());
    put("submissionTimeMs", job.submitted_ms.to_string());
    put("messageCount", job.servers.to_string());
    if let Some(segment) = &job.segment {
        put("segmentName", segment.clone());
    }
    Value::Object(shown)
}

/// Applies the present config and schema to all segments of a table
#[utoipa::path(post, path = "/segments/{tableName}/reload", tag = "Segment", params(("tableName" = String, Path), ("type" = Option<String>, Query), ("forceDownload" = Option<bool>, Query), ("targetInstance" = Option<String>, Query)), responses((status = 200), (status = 404)))]
async fn reload_all(
    State(app): State<Arc<App>>,
    Path(name): Path<String>,
    params: Params,
) -> Result<Json<Value>, ApiError> {
    let table_type = params.table_type("type")?;
    let names = resolve::tables(&app.cluster.read(), &name, table_type)?;
    let force = params.flag("forceDownload", false);
    let mut submitted = Map::new();
    for table in names {
        let (id, asked) = app.jobs.reload(&app.cluster, &table, None, force, params.get("targetInstance"));
        submitted.insert(
            table,
            json!({
                "numMessagesSent": asked.to_string(),
                "reloadJobId": id,
                "reloadJobMetaZKStorageStatus": "SUCCESS",
            }),
        );
    }
    // A text that holds JSON: clients parse it once more.
    Ok(answer::status(Value::Object(submitted).to_string()))
}

/// The table that holds a segment.
pub(crate) fn holder(state: &cluster::State, name: &str, segment: &str) -> Result<String, Error> {
    let names = resolve::tables(state, name, None)?;
    let holds = |name: &String| state.table(name).is_some_and(|table| table.segments.contains_key(segment));
    let found = names.iter().find(|name| holds(name)).cloned();
    found.ok_or_else(|| Error::NotFound(format!("Failed to find segment: {segment} in table: {name}")))
}

/// Applies the present config and schema to a segment
#[utoipa::path(post, path = "/segments/{tableName}/{segmentName}/reload", tag = "Segment", params(("tableName" = String, Path), ("segmentName" = String, Path), ("forceDownload" = Option<bool>, Query), ("targetInstance" = Option<String>, Query)), responses((status = 200), (status = 404)))]
async fn reload_one(
    State(app): State<Arc<App>>,
    Path((name, segment)): Path<(String, String)>,
    params: Params,
) -> Result<Json<Value>, ApiError> {
    let table = holder(&app.cluster.read(), &name, &segment)?;
    let force = params.flag("forceDownload", false);
    let (id, asked) = app.jobs.reload(&app.cluster, &table, Some(&segment), force, params.get("targetInstance"));
    Ok(answer::status(format!(
        "Submitted reload job id: {id}, sent {asked} reload messages. Job meta ZK storage status: SUCCESS"
    )))
}

/// How far a reload is
#[utoipa::path(get, path = "/segments/segmentReloadStatus/{jobId}", tag = "Segment", params(("jobId" = String, Path)), responses((status = 200), (status = 404)))]
async fn reload_status(State(app): State<Arc<App>>, Path(id): Path<String>) -> Result<Json<Value>, ApiError> {
    let job = app.jobs.get(&id).ok_or_else(|| Error::NotFound(format!("Failed to find controller job id: {id}")))?;
    let minutes = (app.now_ms() - job.submitted_ms).max(0) as f64 / 60_000.0;
    let done = job.is_done();
    let remaining = match (done, job.succeeded) {
        (true, _) => 0.0,
        (false, 0) => -1.0,
        (false, succeeded) => minutes / succeeded as f64 * job.total_segments.saturating_sub(succeeded) as f64,
    };
    let failures: Vec<Value> = job
        .failures
        .iter()
        .map(|(segment, server, error)| json!({ "segmentName": segment, "serverName": server, "errorMessage": error }))
        .collect();
    let failed = !failures.is_empty();
    Ok(Json::new(json!({
        "status": if !done { "IN_PROGRESS" } else if failed || job.failed_calls > 0 { "COMPLETED_WITH_ERRORS" } else { "COMPLETED" },
        "timeElapsedInMinutes": minutes,
        "estimatedTimeRemainingInMinutes": remaining,
        "totalSegmentCount": job.total_segments,
        "successCount": job.succeeded,
        "totalServersQueried": job.servers,
        "totalServerCallsFailed": job.failed_calls,
        "failureCount": failed.then_some(failures.len()),
        "metadata": job_metadata(&job),
        "segmentReloadFailures": failed.then_some(failures),
    })))
}

/// Has servers fetch a table's segments again
#[utoipa::path(post, path = "/segments/{tableNameWithType}/reset", tag = "Segment", params(("tableNameWithType" = String, Path), ("targetInstance" = Option<String>, Query), ("errorSegmentsOnly" = Option<bool>, Query)), responses((status = 200), (status = 404)))]
async fn reset_all(
    State(app): State<Arc<App>>,
    Path(name): Path<String>,
    params: Params,
) -> Result<Json<Value>, ApiError> {
    reset(&app, &name, None, &params).await?;
    Ok(answer::status(format!("Successfully reset segments of table: {name}")))
}

/// Has servers fetch a segment again
#[utoipa::path(post, path = "/segments/{tableNameWithType}/{segmentName}/reset", tag = "Segment", params(("tableNameWithType" = String, Path), ("segmentName" = String, Path), ("targetInstance" = Option<String>, Query)), responses((status = 200), (status = 404)))]
async fn reset_one(
    State(app): State<Arc<App>>,
    Path((name, segment)): Path<(String, String)>,
    params: Params,
) -> Result<Json<Value>, ApiError> {
    reset(&app, &name, Some(&segment), &params).await?;
    Ok(answer::status(format!("Successfully reset segment: {segment} of table: {name}")))
}

async fn reset(app: &Arc<App>, table: &str, segment: Option<&str>, params: &Params) -> Result<(), Error> {
    let target = params.get("targetInstance");
    let errors_only = params.flag("errorSegmentsOnly", false);
    let mut wanted: BTreeMap<String, Vec<String>> = BTreeMap::new();
    {
        let state = app.cluster.read();
        let found = state.table(table);
        let found = found.ok_or_else(|| Error::NotFound(format!("Failed to find table: {table}")))?;
        if let Some(segment) = segment
            && !found.segments.contains_key(segment)
        {
            return Err(Error::NotFound(format!("Failed to find segment: {segment} in table: {table}")));
        }
        let view = app.cluster.external_view(table);
        for (name, entry) in found.segments.iter().filter(|(name, _)| segment.is_none_or(|s| s == name.as_str())) {
            for server in entry.ideal.keys().filter(|id| target.is_none_or(|target| target == id.as_str())) {
                let state = view.get(name).and_then(|view| view.get(server)).map(String::as_str);
                if !errors_only || state == Some("ERROR") {
                    wanted.entry(server.clone()).or_default().push(name.clone());
                }
            }
        }
    }
    let timeout = std::time::Duration::from_secs(60);
    for (server, segments) in wanted {
        let payload = json!({ "table": table, "segments": segments });
        app.cluster.request(&server, "REFRESH_SEGMENT", &payload, timeout).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_ranges() {
        let record = SegmentRecord { start_time_ms: Some(10), end_time_ms: Some(20), ..SegmentRecord::default() };
        for (start, end, exclude_overlapping, holds) in [
            (None, None, false, true),
            (Some(15), Some(30), false, true),
            (Some(15), Some(30), true, false),
            (Some(10), Some(21), true, true),
            (Some(10), Some(20), true, false),
            (Some(21), None, false, false),
            (None, Some(10), false, false),
        ] {
            let range = TimeRange { start, end, exclude_overlapping };
            assert_eq!(range.holds(&record), holds, "{start:?} {end:?} {exclude_overlapping}");
        }
    }
}
