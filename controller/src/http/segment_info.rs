//! Metadata of segments: from the records, and with columns from the servers that hold them.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::extract::{Path, State};
use serde_json::{Map, Value, json};
use service::ApiError;
use service::http::Json;
use utoipa_axum::routes;

use super::params::Params;
use super::{App, Routes, resolve, segments, servers};
use crate::error::Error;

pub(crate) fn routes() -> Routes {
    Routes::new().routes(routes!(one)).routes(routes!(all)).routes(routes!(need_reload)).routes(routes!(is_stale))
}

/// A segment's record; with `columns` also what its columns and indexes are
#[utoipa::path(get, path = "/segments/{tableName}/{segmentName}/metadata", operation_id = "getSegmentMetadata", tag = "Segment", params(("tableName" = String, Path), ("segmentName" = String, Path), ("columns" = Option<Vec<String>>, Query, description = "* for all")), responses((status = 200), (status = 400), (status = 403), (status = 404), (status = 500)))]
async fn one(
    State(app): State<Arc<App>>,
    Path((name, segment)): Path<(String, String)>,
    params: Params,
) -> Result<Json<Value>, ApiError> {
    let name = params.stored_name(&name)?;
    let columns = params.list("columns");
    if !columns.is_empty() && resolve::split(&name, None)?.1.is_none() {
        return Err(Error::Internal(format!("Ideal state does not exist for table: {name}")).into());
    }
    let (table, mut shown, holders) = {
        let state = app.cluster.read();
        resolve::tables(&state, &name, None)?;
        let missing = || Error::NotFound(format!("Failed to find segment: {segment} in table: {name}"));
        let table = segments::holder(&state, &name, &segment).map_err(|_| missing())?;
        let entry = state.table(&table).and_then(|found| found.segments.get(&segment)).ok_or_else(missing)?;
        let shown: Map<String, Value> =
            segments::zk_record(entry).into_iter().map(|(key, value)| (key.to_owned(), value.into())).collect();
        (table, shown, entry.ideal.keys().cloned().collect::<Vec<String>>())
    };
    if !columns.is_empty() {
        let path = servers::path(&["tables", &table, "segments", &segment, "metadata"], &columns);
        let mut reasons = Vec::new();
        for server in holders {
            match servers::ask(&app, &server, &path).await {
                Ok(Value::Object(mut found)) => {
                    for key in ["columns", "indexes"] {
                        shown.insert(key.to_owned(), found.remove(key).unwrap_or(Value::Null));
                    }
                    return Ok(Json::new(Value::Object(shown)));
                }
                Ok(_) => reasons.push(format!("{server} gave no object")),
                Err(reason) => reasons.push(reason),
            }
        }
        return Err(Error::Internal(format!(
            "No server could tell the columns of segment {segment} of table {table}: {}",
            reasons.join("; ")
        ))
        .into());
    }
    Ok(Json::new(Value::Object(shown)))
}

/// Metadata of a table's segments, as the servers that hold them tell it
#[utoipa::path(get, path = "/segments/{tableName}/metadata", operation_id = "getServerMetadata", tag = "Segment", params(("tableName" = String, Path), ("type" = Option<String>, Query), ("segments" = Option<Vec<String>>, Query), ("columns" = Option<Vec<String>>, Query)), responses((status = 200), (status = 400), (status = 403), (status = 404), (status = 500)))]
async fn all(State(app): State<Arc<App>>, Path(name): Path<String>, params: Params) -> Result<Json<Value>, ApiError> {
    let name = params.stored_name(&name)?;
    let table_type = params.table_type("type")?;
    let columns = params.list("columns");
    let wanted: BTreeSet<String> = params.list("segments").into_iter().collect();
    let tables: Vec<(String, Vec<String>)> = {
        let state = app.cluster.read();
        let names = resolve::tables(&state, &name, table_type)?;
        names
            .into_iter()
            .map(|n| {
                let held = state.table(&n).map(servers::of_table).unwrap_or_default();
                (n, held)
            })
            .collect()
    };
    let mut found = Map::new();
    for (table, holders) in tables {
        let path = servers::path(&["tables", &table, "segments", "metadata"], &columns);
        for (server, answer) in servers::ask_all(&app, holders, &path).await {
            match answer {
                Ok(Value::Object(answer)) => {
                    found.extend(answer.into_iter().filter(|(name, _)| wanted.is_empty() || wanted.contains(name)));
                }
                Ok(_) => tracing::warn!(server, table, "segment metadata is no object"),
                Err(reason) => tracing::warn!(server, table, reason, "no segment metadata"),
            }
        }
    }
    Ok(Json::pretty(Value::Object(found)))
}

/// Whether segments differ from the present config and schema
#[utoipa::path(get, path = "/segments/{tableNameWithType}/needReload", operation_id = "needReload", tag = "Segment", params(("tableNameWithType" = String, Path), ("verbose" = Option<bool>, Query)), responses((status = 200), (status = 400), (status = 500)))]
async fn need_reload(
    State(app): State<Arc<App>>,
    Path(name): Path<String>,
    params: Params,
) -> Result<Json<Value>, ApiError> {
    let name = params.stored_name(&name)?;
    let holders = app.cluster.read().table(&name).map(servers::of_table).unwrap_or_default();
    let path = servers::path(&["tables", &name, "segments", "needReload"], &[]);
    let mut by_server = Map::new();
    for (server, answer) in servers::ask_all(&app, holders, &path).await {
        let needed = match answer {
            Ok(answer) => answer.get("needReload").and_then(Value::as_bool).unwrap_or(false),
            Err(reason) => {
                return Err(Error::Internal(format!("Failed to ask whether {name} needs a reload: {reason}")).into());
            }
        };
        by_server.insert(server.clone(), json!({ "needReload": needed, "instanceId": server }));
    }
    let any = by_server.values().any(|answer| answer["needReload"] == true);
    if !params.flag("verbose", false) {
        by_server.clear();
    }
    Ok(Json::new(json!({ "needReload": any, "serverToSegmentsCheckReloadList": by_server })))
}

/// Which segments were built with another config
#[utoipa::path(get, path = "/segments/{tableNameWithType}/isStale", operation_id = "getStaleSegments", tag = "Segment", params(("tableNameWithType" = String, Path)), responses((status = 200), (status = 400), (status = 403), (status = 404), (status = 500)))]
async fn is_stale(
    State(app): State<Arc<App>>,
    Path(name): Path<String>,
    params: Params,
) -> Result<Json<Value>, ApiError> {
    let name = params.stored_name(&name)?;
    let holders = app.cluster.read().table(&name).map(servers::of_table).unwrap_or_default();
    let path = servers::path(&["tables", &name, "segments", "isStale"], &[]);
    let mut by_server = Map::new();
    for (server, answer) in servers::ask_all(&app, holders, &path).await {
        let (list, error) = match answer {
            Ok(list) => (list, Value::Null),
            Err(reason) => (json!([]), Value::from(reason)),
        };
        let valid = error.is_null();
        by_server.insert(server, json!({ "staleSegmentList": list, "validResponse": valid, "errorMessage": error }));
    }
    Ok(Json::new(Value::Object(by_server)))
}
