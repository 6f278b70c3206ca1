//! Size, row counts and indexes of tables, as servers tell them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use axum::extract::{Path, State};
use model::TableType;
use serde_json::{Map, Value, json};
use service::ApiError;
use service::http::Json;
use utoipa_axum::routes;

use super::params::Params;
use super::{App, Routes, resolve, servers};
use crate::cluster;
use crate::error::Error;

pub(crate) fn routes() -> Routes {
    Routes::new().routes(routes!(size)).routes(routes!(metadata)).routes(routes!(indexes))
}

/// Sizes of one physical table.
#[derive(Default)]
struct Sizes {
    reported: i64,
    estimated: i64,
    per_replica: i64,
    missing: u64,
    segments: Map<String, Value>,
}

/// From what servers report. A replica that reports nothing is estimated to be as large as the largest that does.
/// Without `replaced`, segments that others have replaced are left out.
fn sizes(app: &App, state: &cluster::State, name: &str, verbose: bool, replaced: bool) -> Option<Sizes> {
    let table = state.table(name)?;
    let hidden = if replaced { Default::default() } else { table.lineage.hidden() };
    let live = app.cluster.live();
    let mut total = Sizes::default();
    for (segment, entry) in table.segments.iter().filter(|(segment, _)| !hidden.contains(segment.as_str())) {
        let replicas = live.replicas(name, segment);
        let reported: BTreeMap<&String, i64> =
            entry.ideal.keys().filter_map(|id| Some((id, i64::try_from(replicas.get(id)?.size_bytes).ok()?))).collect();
        let largest = reported.values().copied().max();
        let (mut sum, mut estimated) = (-1, -1);
        match largest {
            Some(largest) => {
                sum = reported.values().sum();
                estimated = sum + (entry.ideal.len() - reported.len()) as i64 * largest;
                total.reported += sum;
                total.estimated += estimated;
                total.per_replica += largest;
            }
            None => total.missing += 1,
        }
        if verbose {
            let of_server = |id: &String| {
                let size = reported.get(id).copied().unwrap_or(-1);
                (id.clone(), json!({ "segmentName": segment, "diskSizeInBytes": size }))
            };
            let by_server: Map<String, Value> = entry.ideal.keys().map(of_server).collect();
            total.segments.insert(
                segment.clone(),
                json!({
                    "reportedSizeInBytes": sum,
                    "estimatedSizeInBytes": estimated,
                    "maxReportedSizePerReplicaInBytes": largest.unwrap_or(-1),
                    "serverInfo": by_server,
                }),
            );
        }
    }
    Some(total)
}

/// Bytes of a physical table as reported and as estimated, of all replicas; -1 where nothing is known.
pub(crate) fn total_sizes(live: &cluster::LiveInstances, name: &str, table: &cluster::Table) -> (i64, i64) {
    let (mut reported, mut estimated) = (0_i64, 0_i64);
    for (segment, entry) in &table.segments {
        let replicas = live.replicas(name, segment);
        let known = entry.ideal.keys().filter_map(|id| i64::try_from(replicas.get(id)?.size_bytes).ok());
        let known: Vec<i64> = known.collect();
        let Some(largest) = known.iter().max() else { continue };
        reported += known.iter().sum::<i64>();
        estimated += known.iter().sum::<i64>() + (entry.ideal.len() - known.len()) as i64 * largest;
    }
    let or_unknown = |size: i64| if size == 0 { -1 } else { size };
    (or_unknown(reported), or_unknown(estimated))
}

/// Size of a table on its servers
#[utoipa::path(get, path = "/tables/{tableName}/size", tag = "Table", params(("tableName" = String, Path), ("verbose" = Option<bool>, Query), ("includeReplacedSegments" = Option<bool>, Query)), responses((status = 200), (status = 400), (status = 404), (status = 500)))]
async fn size(State(app): State<Arc<App>>, Path(name): Path<String>, params: Params) -> Result<Json<Value>, ApiError> {
    let name = params.stored_name(&name)?;
    let verbose = params.flag("verbose", true);
    let replaced = params.flag("includeReplacedSegments", true);
    let state = app.cluster.read();
    let names = resolve::existing(&state, &name, None)?;
    if names.is_empty() {
        return Err(Error::NotFound(format!("Table {name} not found")).into());
    }
    let of = |table_type: TableType| {
        let name = names.iter().find(|name| name.ends_with(table_type.suffix()))?;
        sizes(&app, &state, name, verbose, replaced)
    };
    let (offline, realtime) = (of(TableType::Offline), of(TableType::Realtime));
    // Nothing known is -1.
    let total = |pick: fn(&Sizes) -> i64| {
        let sum: i64 = [&offline, &realtime].into_iter().flatten().map(pick).sum();
        if sum == 0 { -1 } else { sum }
    };
    let (reported, estimated, per_replica) = (total(|s| s.reported), total(|s| s.estimated), total(|s| s.per_replica));
    let shown = |sizes: Option<Sizes>| {
        sizes.map(|sizes| {
            json!({
                "reportedSizeInBytes": sizes.reported,
                "estimatedSizeInBytes": sizes.estimated,
                "missingSegments": sizes.missing,
                "reportedSizePerReplicaInBytes": sizes.per_replica,
                "segments": sizes.segments,
            })
        })
    };
    Ok(Json::new(json!({
        "tableName": name,
        "reportedSizeInBytes": reported,
        "estimatedSizeInBytes": estimated,
        "reportedSizePerReplicaInBytes": per_replica,
        "offlineSegments": shown(offline),
        "realtimeSegments": shown(realtime),
    })))
}

/// Adds up the numbers of equal paths in JSON objects.
fn add_numbers(sum: &mut BTreeMap<Vec<String>, f64>, at: &[String], value: &Value) {
    match value {
        Value::Object(members) => {
            for (key, value) in members {
                let mut path = at.to_vec();
                path.push(key.clone());
                add_numbers(sum, &path, value);
            }
        }
        Value::Number(number) => *sum.entry(at.to_vec()).or_default() += number.as_f64().unwrap_or_default(),
        _ => {}
    }
}

/// Where sums stand below `member`, as nested objects of `render(sum)`.
fn nested(sum: &BTreeMap<Vec<String>, f64>, member: &str, render: impl Fn(f64) -> Value) -> Value {
    let mut out = Map::new();
    for (path, value) in sum.iter().filter(|(path, _)| path.len() > 1 && path[0] == member) {
        insert_at(&mut out, &path[1..], render(*value));
    }
    Value::Object(out)
}

fn insert_at(out: &mut Map<String, Value>, path: &[String], value: Value) {
    match path {
        [] => {}
        [key] => {
            out.insert(key.clone(), value);
        }
        [key, rest @ ..] => {
            if let Value::Object(inner) = out.entry(key.clone()).or_insert_with(|| Value::Object(Map::new())) {
                insert_at(inner, rest, value);
            }
        }
    }
}

/// Asks the servers of a table and adds up their answers. Gives the sums and how many servers each segment has.
async fn summed(
    app: &App,
    table: &str,
    what: &str,
    columns: &[String],
) -> Result<(BTreeMap<Vec<String>, f64>, f64), Error> {
    let (holders, replicas, segments) = {
        let state = app.cluster.read();
        let found = state.table(table);
        let segments = found.map_or(0, |t| t.segments.len());
        let held: usize = found.map_or(0, |t| t.segments.values().map(|entry| entry.ideal.len()).sum());
        let replicas = if segments == 0 { 1.0 } else { held as f64 / segments as f64 };
        (found.map(servers::of_table).unwrap_or_default(), replicas, segments)
    };
    let path = servers::path(&["tables", table, what], columns);
    let mut sum = BTreeMap::new();
    let mut reasons = BTreeSet::new();
    for answer in servers::ask_all(app, holders, &path).await.into_values() {
        match answer {
            Ok(answer) => add_numbers(&mut sum, &[], &answer),
            Err(reason) => {
                reasons.insert(reason);
            }
        }
    }
    if sum.is_empty() && segments > 0 {
        let reasons: Vec<String> = reasons.into_iter().collect();
        return Err(Error::Internal(format!("No server could tell about table {table}: {}", reasons.join("; "))));
    }
    Ok((sum, replicas.max(1.0)))
}

/// Rows, segments and bytes of a table; with `columns` what the columns are like
#[utoipa::path(get, path = "/tables/{tableName}/metadata", tag = "Table", params(("tableName" = String, Path), ("type" = Option<String>, Query), ("columns" = Option<Vec<String>>, Query)), responses((status = 200), (status = 400), (status = 403), (status = 404), (status = 500), (status = 501)))]
async fn metadata(
    State(app): State<Arc<App>>,
    Path(name): Path<String>,
    params: Params,
) -> Result<Json<Value>, ApiError> {
    if params.table_type("type")? == Some(TableType::Realtime) {
        return Err(Error::NotSupported("Table type : REALTIME not yet supported.".to_owned()).into());
    }
    let table =
        resolve::tables(&app.cluster.read(), &params.stored_name(&name)?, params.table_type("type")?)?.swap_remove(0);
    let (sum, replicas) = summed(&app, &table, "metadata", &params.list("columns")).await?;
    let at = |key: &str| sum.get(&vec![key.to_owned()]).copied().unwrap_or_default();
    let average = at("numSegments").max(1.0);
    let mean = |value: f64| Value::from(value / average);
    Ok(Json::new(json!({
        "tableName": table,
        "diskSizeInBytes": (at("diskSizeInBytes") / replicas) as i64,
        "numSegments": (at("numSegments") / replicas).round() as i64,
        "numRows": (at("numRows") / replicas).round() as i64,
        "columnLengthMap": nested(&sum, "columnLengthMap", mean),
        "columnCardinalityMap": nested(&sum, "columnCardinalityMap", mean),
        "maxNumMultiValuesMap": nested(&sum, "maxNumMultiValuesMap", mean),
        "columnIndexSizeMap": nested(&sum, "columnIndexSizeMap", mean),
        "upsertPartitionToServerPrimaryKeyCountMap": {},
    })))
}

/// How many segments have which index on which column
#[utoipa::path(get, path = "/tables/{tableName}/indexes", tag = "Table", params(("tableName" = String, Path), ("type" = Option<String>, Query)), responses((status = 200), (status = 400), (status = 403), (status = 404), (status = 500)))]
async fn indexes(
    State(app): State<Arc<App>>,
    Path(name): Path<String>,
    params: Params,
) -> Result<Json<Value>, ApiError> {
    let table =
        resolve::tables(&app.cluster.read(), &params.stored_name(&name)?, params.table_type("type")?)?.swap_remove(0);
    let (sum, replicas) = summed(&app, &table, "indexes", &[]).await?;
    let whole = |value: f64| Value::from((value / replicas).round() as i64);
    let online = sum.get(&vec!["totalOnlineSegments".to_owned()]).copied().unwrap_or_default();
    Ok(Json::new(json!({
        "totalOnlineSegments": whole(online),
        "columnToIndexesCount": nested(&sum, "columnToIndexesCount", whole),
    })))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_of_servers_add_up() {
        let mut sum = BTreeMap::new();
        for answer in [json!({"n": 2, "m": {"a": {"x": 1}}}), json!({"n": 3, "m": {"a": {"x": 2, "y": 5}}})] {
            add_numbers(&mut sum, &[], &answer);
        }
        assert_eq!(sum[&vec!["n".to_owned()]], 5.0);
        assert_eq!(nested(&sum, "m", |v| json!(v as i64)), json!({"a": {"x": 3, "y": 5}}));
    }
}
