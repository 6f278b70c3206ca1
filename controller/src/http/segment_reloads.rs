//! Reloads of segments, how far they are, and resets.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::{Path, State};
use serde_json::{Map, Value, json};
use service::ApiError;
use service::http::Json;
use utoipa_axum::routes;

use super::params::Params;
use super::segments::holder;
use super::{App, Routes, answer, resolve};
use crate::error::Error;
use crate::jobs::{Job, Wanted};

pub(crate) fn routes() -> Routes {
    Routes::new()
        .routes(routes!(reload_all))
        .routes(routes!(reload_one))
        .routes(routes!(status))
        .routes(routes!(reset_all))
        .routes(routes!(reset_one))
}

/// A job as `/table/{t}/jobs` shows it: all values are texts.
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
    if let Some(instance) = &job.instance {
        put("instanceName", instance.clone());
    }
    Value::Object(shown)
}

fn instance(params: &Params) -> Option<&str> {
    params.get("targetInstance").filter(|id| !id.is_empty())
}

/// Reload all segments
///
/// Applies the present config and schema to the segments that servers have loaded. The answer's status is a JSON text.
#[utoipa::path(post, path = "/segments/{tableName}/reload", operation_id = "reloadAllSegments", tag = "Segment", params(("tableName" = String, Path), ("type" = Option<String>, Query, description = "OFFLINE or REALTIME"), ("forceDownload" = Option<bool>, Query, description = "Fetch the segments again"), ("targetInstance" = Option<String>, Query, description = "One server"), ("instanceToSegmentsMap" = Option<String>, Query, description = "JSON map of servers to lists of segments")), responses((status = 200), (status = 400), (status = 403), (status = 404), (status = 500)))]
async fn reload_all(
    State(app): State<Arc<App>>,
    Path(name): Path<String>,
    params: Params,
) -> Result<Json<Value>, ApiError> {
    let stored = params.stored_name(&name)?;
    let tables = resolve::tables(&app.cluster.read(), &stored, params.table_type("type")?)?;
    let by_instance = params.get("instanceToSegmentsMap").filter(|text| !text.is_empty()).map(|text| {
        serde_json::from_str::<BTreeMap<String, Vec<String>>>(text).map_err(|error| {
            Error::Invalid(format!(
                "instanceToSegmentsMap has to be a JSON map of servers to lists of segments: {error}"
            ))
        })
    });
    let by_instance = by_instance.transpose()?;
    let target = instance(&params);
    let force_download = params.flag("forceDownload", false);
    let mut submitted = Map::new();
    for table in &tables {
        let wanted =
            Wanted { table, segment: None, force_download, instance: target, by_instance: by_instance.as_ref() };
        let Some(job) = app.jobs.submit(&wanted).await? else { continue };
        let sent = |count: usize| {
            json!({
                "numMessagesSent": count.to_string(),
                "reloadJobId": job.id,
                "reloadJobMetaZKStorageStatus": "SUCCESS",
            })
        };
        let shown = match by_instance {
            None => sent(job.servers),
            Some(_) => {
                let servers = job.pending.iter().map(|(server, asked)| (server.clone(), sent(asked.segments.len())));
                Value::Object(servers.collect())
            }
        };
        submitted.insert(table.clone(), shown);
    }
    if submitted.is_empty() {
        let on = target.unwrap_or("every instance");
        return Err(Error::NotFound(format!("Failed to find any segments in table: {name} on {on}")).into());
    }
    // A text that holds JSON: clients parse it once more.
    Ok(answer::status(Value::Object(submitted).to_string()))
}

/// Reload a segment
///
/// Applies the present config and schema to it.
#[utoipa::path(post, path = "/segments/{tableName}/{segmentName}/reload", operation_id = "reloadSegment", tag = "Segment", params(("tableName" = String, Path), ("segmentName" = String, Path), ("forceDownload" = Option<bool>, Query, description = "Fetch the segment again"), ("targetInstance" = Option<String>, Query, description = "One server")), responses((status = 200), (status = 400), (status = 404), (status = 500)))]
async fn reload_one(
    State(app): State<Arc<App>>,
    Path((name, segment)): Path<(String, String)>,
    params: Params,
) -> Result<Json<Value>, ApiError> {
    let stored = params.stored_name(&name)?;
    let table = holder(&app.cluster.read(), &stored, &segment)?;
    let target = instance(&params);
    let wanted = Wanted {
        table: &table,
        segment: Some(&segment),
        force_download: params.flag("forceDownload", false),
        instance: target,
        by_instance: None,
    };
    let job = app.jobs.submit(&wanted).await?.ok_or_else(|| {
        let on = target.unwrap_or("every instance");
        Error::NotFound(format!("Failed to find segment: {segment} in table: {name} on {on}"))
    })?;
    Ok(answer::status(format!(
        "Submitted reload job id: {}, sent {} reload messages. Job meta ZK storage status: SUCCESS",
        job.id, job.servers
    )))
}

/// Get status for a submitted reload operation
#[utoipa::path(get, path = "/segments/segmentReloadStatus/{jobId}", operation_id = "getReloadJobStatus", tag = "Segment", params(("jobId" = String, Path)), responses((status = 200), (status = 400), (status = 404)))]
async fn status(State(app): State<Arc<App>>, Path(id): Path<String>) -> Result<Json<Value>, ApiError> {
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
    let mut metadata = job_metadata(&job);
    // Here these are numbers, and the table goes by two names.
    metadata["submissionTimeMs"] = json!(job.submitted_ms);
    metadata["messageCount"] = json!(job.servers);
    metadata["tableNameWithType"] = json!(job.table);
    Ok(Json::new(json!({
        "status": match (done, job.failed > 0 || job.failed_calls > 0) {
            (false, _) => "IN_PROGRESS",
            (true, true) => "COMPLETED_WITH_ERRORS",
            (true, false) => "COMPLETED",
        },
        "timeElapsedInMinutes": minutes,
        "estimatedTimeRemainingInMinutes": remaining,
        "totalSegmentCount": job.total_segments,
        "successCount": job.succeeded,
        "totalServersQueried": job.servers,
        "totalServerCallsFailed": job.failed_calls,
        "failureCount": (job.failed > 0).then_some(job.failed),
        "metadata": metadata,
        "segmentReloadFailures": (!failures.is_empty()).then_some(failures),
    })))
}

/// Has servers fetch a table's segments again
#[utoipa::path(post, path = "/segments/{tableNameWithType}/reset", operation_id = "resetSegments", tag = "Segment", params(("tableNameWithType" = String, Path), ("targetInstance" = Option<String>, Query), ("errorSegmentsOnly" = Option<bool>, Query)), responses((status = 200), (status = 400), (status = 404), (status = 500), (status = 503)))]
async fn reset_all(
    State(app): State<Arc<App>>,
    Path(name): Path<String>,
    params: Params,
) -> Result<Json<Value>, ApiError> {
    let name = params.stored_name(&name)?;
    reset(&app, &name, None, &params).await?;
    Ok(answer::status(format!("Successfully reset segments of table: {name}")))
}

/// Has servers fetch a segment again
#[utoipa::path(post, path = "/segments/{tableNameWithType}/{segmentName}/reset", operation_id = "resetSegment", tag = "Segment", params(("tableNameWithType" = String, Path), ("segmentName" = String, Path), ("targetInstance" = Option<String>, Query)), responses((status = 200), (status = 400), (status = 404), (status = 500), (status = 503)))]
async fn reset_one(
    State(app): State<Arc<App>>,
    Path((name, segment)): Path<(String, String)>,
    params: Params,
) -> Result<Json<Value>, ApiError> {
    let name = params.stored_name(&name)?;
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
