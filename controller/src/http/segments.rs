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
use super::{App, Routes, resolve};

pub(crate) use super::segment_reloads::job_metadata;
use crate::cluster::{self, SegmentEntry, SegmentRecord};
use crate::error::Error;

pub(crate) fn routes() -> Routes {
    Routes::new()
        .routes(routes!(list))
        .routes(routes!(select))
        .routes(routes!(servers))
        .routes(routes!(zk_metadata))
        .routes(routes!(crc))
        .routes(routes!(tiers))
        .routes(routes!(segment_tiers))
}

/// Which segments of a table a time range chooses.
pub(super) struct TimeRange {
    start: Option<i64>,
    end: Option<i64>,
    exclude_overlapping: bool,
}

impl TimeRange {
    pub(super) fn read(params: &Params, exclude_overlapping: bool) -> Result<Self, Error> {
        let time = |name: &str| match params.get(name).filter(|text| !text.is_empty()).map(str::parse) {
            None => Ok(None),
            Some(Ok(time)) => Ok(Some(time)),
            Some(Err(_)) => Err(Error::Invalid(
                "Failed to parse the start/end timestamp. Please make sure they are in 'millisSinceEpoch' format."
                    .to_owned(),
            )),
        };
        let (start, end): (Option<i64>, Option<i64>) = (time("startTimestamp")?, time("endTimestamp")?);
        if let (Some(start), Some(end)) = (start, end)
            && start >= end
        {
            return Err(Error::Invalid(format!(
                "The value of startTimestamp should be smaller than the one of endTimestamp. Start timestamp: {start}. \
                 End timestamp: {end}"
            )));
        }
        Ok(Self { start, end, exclude_overlapping: params.flag("excludeOverlapping", exclude_overlapping) })
    }

    /// Ranges are closed at the start and open at the end. A segment without times is in every range.
    fn holds(&self, record: &SegmentRecord) -> bool {
        let (Some(first), Some(last)) = (record.start_time_ms, record.end_time_ms) else { return true };
        let start = self.start.unwrap_or(i64::MIN);
        let end = self.end.unwrap_or(i64::MAX);
        if self.exclude_overlapping { first >= start && last < end } else { last >= start && first < end }
    }
}

/// Names with type of tables, each with the segments that a range chooses. With `excludeReplacedSegments` those that
/// queries do not see are left out.
pub(super) fn chosen(
    state: &cluster::State,
    name: &str,
    table_type: Option<TableType>,
    range: &TimeRange,
    params: &Params,
) -> Result<Vec<(String, Vec<String>)>, Error> {
    let exclude_replaced = params.flag("excludeReplacedSegments", false);
    let mut answer = Vec::new();
    for name in resolve::tables(state, name, table_type)? {
        let Some(table) = state.table(&name) else { continue };
        let hidden = if exclude_replaced { table.lineage.hidden() } else { Default::default() };
        let segments = table.segments.iter();
        let chosen = segments.filter(|(name, entry)| range.holds(&entry.record) && !hidden.contains(name.as_str()));
        answer.push((name.clone(), chosen.map(|(name, _)| name.clone()).collect()));
    }
    Ok(answer)
}

fn listed(app: &App, name: &str, params: &Params) -> Result<Json<Value>, ApiError> {
    let name = params.stored_name(name)?;
    let range = TimeRange::read(params, false)?;
    let state = app.cluster.read();
    let mut answer = Vec::new();
    for (name, segments) in chosen(&state, &name, params.table_type("type")?, &range, params)? {
        let Some(table) = state.table(&name) else { continue };
        let mut of_type = Map::new();
        of_type.insert(table.entry.config.table_type().to_string(), json!(segments));
        answer.push(Value::Object(of_type));
    }
    Ok(Json::new(Value::Array(answer)))
}

/// List all segments
#[utoipa::path(get, path = "/segments/{tableName}", operation_id = "getSegments", tag = "Segment", params(("tableName" = String, Path), ("type" = Option<String>, Query, description = "OFFLINE or REALTIME"), ("excludeReplacedSegments" = Option<String>, Query, description = "Leave out segments that queries do not see"), ("startTimestamp" = Option<String>, Query, description = "Epoch milliseconds, inclusive"), ("endTimestamp" = Option<String>, Query, description = "Epoch milliseconds, exclusive"), ("excludeOverlapping" = Option<bool>, Query)), responses((status = 200), (status = 400), (status = 403), (status = 404), (status = 500)))]
async fn list(State(app): State<Arc<App>>, Path(name): Path<String>, params: Params) -> Result<Json<Value>, ApiError> {
    listed(&app, &name, &params)
}

/// Get the selected segments
#[utoipa::path(get, path = "/segments/{tableName}/select", operation_id = "getSelectedSegments", tag = "Segment", params(("tableName" = String, Path), ("type" = Option<String>, Query), ("startTimestamp" = Option<String>, Query), ("endTimestamp" = Option<String>, Query), ("excludeOverlapping" = Option<bool>, Query)), responses((status = 200), (status = 400), (status = 403), (status = 404), (status = 500)))]
async fn select(
    State(app): State<Arc<App>>,
    Path(name): Path<String>,
    params: Params,
) -> Result<Json<Value>, ApiError> {
    listed(&app, &name, &params)
}

/// Segments by server
#[utoipa::path(get, path = "/segments/{tableName}/servers", operation_id = "getServerToSegmentsMap", tag = "Segment", params(("tableName" = String, Path), ("type" = Option<String>, Query), ("verbose" = Option<bool>, Query)), responses((status = 200), (status = 400), (status = 403), (status = 404), (status = 500)))]
async fn servers(
    State(app): State<Arc<App>>,
    Path(name): Path<String>,
    params: Params,
) -> Result<Json<Value>, ApiError> {
    let table_type = params.table_type("type")?;
    let verbose = params.flag("verbose", true);
    let name = params.stored_name(&name)?;
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
    if let Some(crypter) = &record.crypter {
        map.insert("segment.crypter", crypter.clone());
    }
    if !record.custom.is_empty() {
        map.insert("custom.map", json!(record.custom).to_string());
    }
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
#[utoipa::path(get, path = "/segments/{tableName}/zkmetadata", operation_id = "getZookeeperMetadata", tag = "Segment", params(("tableName" = String, Path), ("type" = Option<String>, Query)), responses((status = 200), (status = 400), (status = 403), (status = 404), (status = 500)))]
async fn zk_metadata(
    State(app): State<Arc<App>>,
    Path(name): Path<String>,
    params: Params,
) -> Result<Json<Value>, ApiError> {
    let table_type = params.table_type("type")?;
    let name = params.stored_name(&name)?;
    let state = app.cluster.read();
    let mut found = BTreeMap::new();
    for table in resolve::tables(&state, &name, table_type)?.iter().filter_map(|name| state.table(name)) {
        found.extend(table.segments.iter().map(|(segment, entry)| (segment, zk_record(entry))));
    }
    Ok(Json::new(json!(found)))
}

/// Checksums of an OFFLINE table's segments
#[utoipa::path(get, path = "/segments/{tableName}/crc", operation_id = "getSegmentToCrcMap", tag = "Segment", params(("tableName" = String, Path)), responses((status = 200), (status = 400), (status = 403), (status = 404), (status = 500)))]
async fn crc(State(app): State<Arc<App>>, Path(name): Path<String>, params: Params) -> Result<Json<Value>, ApiError> {
    let name = params.stored_name(&name)?;
    let state = app.cluster.read();
    let mut found = BTreeMap::new();
    for table in resolve::tables(&state, &name, Some(TableType::Offline))?.iter().filter_map(|name| state.table(name)) {
        found.extend(table.segments.iter().map(|(segment, entry)| (segment, &entry.record.crc)));
    }
    Ok(Json::new(json!(found)))
}

fn shown_tiers(app: &App, name: &str, segment: Option<&str>, params: &Params) -> Result<Json<Value>, ApiError> {
    let table_type = params.required_table_type("type")?;
    let name = params.stored_name(name)?;
    let state = app.cluster.read();
    let names = resolve::tables(&state, &name, Some(table_type))?;
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
#[utoipa::path(get, path = "/segments/{tableName}/tiers", operation_id = "getTableTiers", tag = "Segment", params(("tableName" = String, Path), ("type" = String, Query)), responses((status = 200), (status = 400), (status = 403), (status = 404), (status = 500)))]
async fn tiers(State(app): State<Arc<App>>, Path(name): Path<String>, params: Params) -> Result<Json<Value>, ApiError> {
    shown_tiers(&app, &name, None, &params)
}

/// Storage tiers of a segment
#[utoipa::path(get, path = "/segments/{tableName}/{segmentName}/tiers", operation_id = "getSegmentTiers", tag = "Segment", params(("tableName" = String, Path), ("segmentName" = String, Path), ("type" = String, Query)), responses((status = 200), (status = 400), (status = 403), (status = 404), (status = 500)))]
async fn segment_tiers(
    State(app): State<Arc<App>>,
    Path((name, segment)): Path<(String, String)>,
    params: Params,
) -> Result<Json<Value>, ApiError> {
    shown_tiers(&app, &name, Some(&segment), &params)
}

/// The table that holds a segment.
pub(crate) fn holder(state: &cluster::State, name: &str, segment: &str) -> Result<String, Error> {
    let names = resolve::tables(state, name, None)?;
    let holds = |name: &String| state.table(name).is_some_and(|table| table.segments.contains_key(segment));
    let found = names.iter().find(|name| holds(name)).cloned();
    found.ok_or_else(|| Error::NotFound(format!("Failed to find segment: {segment} in table: {name}")))
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
