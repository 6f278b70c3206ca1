//! What is wrong with a table: its segments, servers and brokers.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use model::TableType;
use serde_json::{Map, Value, json};
use service::ApiError;
use service::http::Json;
use utoipa_axum::routes;

use super::params::Params;
use super::{App, Routes, resolve, server_info, servers};
use crate::cluster;
use crate::error::Error;

pub(crate) fn routes() -> Routes {
    Routes::new().routes(routes!(table)).routes(routes!(segment))
}

/// What a server says of its segments: segment → answer.
type Told = HashMap<String, Value>;

/// Asks each server about its segments of a table. A server that gives no answer is left out.
async fn ask(app: &App, table: &str, holders: Vec<String>) -> BTreeMap<String, Told> {
    let path = servers::path(&["debug", "tables", table], &[]);
    let mut told = BTreeMap::new();
    for (server, answer) in servers::ask_all(app, holders, &path).await {
        match answer {
            Ok(answer) => {
                let segments = answer.as_array().cloned().unwrap_or_default();
                let named = |info: Value| Some((info.get("segmentName")?.as_str()?.to_owned(), info));
                told.insert(server, segments.into_iter().filter_map(named).collect());
            }
            Err(reason) => tracing::warn!(server, table, reason, "no debug information"),
        }
    }
    told
}

fn state_of(ideal: &str, view: Option<&String>, told: Option<&Value>) -> Value {
    let member = |key: &str| told.and_then(|told| told.get(key)).cloned().unwrap_or(Value::Null);
    json!({
        "idealState": ideal,
        "externalView": view,
        "segmentSize": member("segmentSize"),
        "consumerInfo": member("consumerInfo"),
        "errorInfo": member("errorInfo"),
    })
}

fn is_bad(view: &str, told: &Value) -> bool {
    let error = told.get("errorInfo").filter(|error| !error.is_null());
    let message = error.and_then(|error| error.get("errorMessage")).filter(|message| !message.is_null());
    view == "ERROR" || message.is_some()
}

type View = BTreeMap<String, BTreeMap<String, String>>;

/// Segments with what their servers say: all with `verbose`, else those that are not as they should be.
fn segments(ideal: &View, view: &View, told: &BTreeMap<String, Told>, verbose: bool) -> Vec<Value> {
    let mut found = Vec::new();
    for (segment, wanted) in ideal {
        let mut servers = Map::new();
        for (server, target) in wanted {
            let state = view.get(segment).and_then(|states| states.get(server));
            let told = told.get(server).and_then(|told| told.get(segment));
            let shown = match (state, told) {
                (Some(state), Some(told)) => verbose || is_bad(state, told),
                (Some(state), None) => verbose || state == "ERROR",
                (None, _) => true,
            };
            if shown {
                servers.insert(server.clone(), state_of(target, state, told));
            }
        }
        if !servers.is_empty() {
            found.push(json!({ "segmentName": segment, "serverState": servers }));
        }
    }
    found
}

fn ideal_of(table: &cluster::Table) -> View {
    table.segments.iter().map(|(name, entry)| (name.clone(), entry.ideal.clone())).collect()
}

/// Whole units, cut down: `5 KB`.
fn readable_size(bytes: i64) -> String {
    for (unit, shift) in [("TB", 40), ("GB", 30), ("MB", 20), ("KB", 10)] {
        if bytes >> shift > 0 {
            return format!("{} {unit}", bytes >> shift);
        }
    }
    format!("{bytes} bytes")
}

/// What is known before servers are asked.
struct Known {
    ideal: View,
    view: View,
    holders: Vec<String>,
    brokers: Vec<Value>,
    all_brokers: usize,
    all_servers: usize,
    sizes: (i64, i64),
}

fn known(app: &App, state: &cluster::State, name: &str, table: &cluster::Table, verbose: bool) -> Known {
    let config = &table.entry.config;
    let tagged = |tag: String, role: &str| -> Vec<String> {
        let found = state.instances_with_tag(&tag).into_iter().filter(|instance| instance.role == role);
        found.map(|instance| instance.id.clone()).collect()
    };
    let brokers = tagged(cluster::broker_tag(config), "BROKER");
    let live = app.cluster.live();
    let broker = |id: &String| {
        let view = live.is_live(id).then_some("ONLINE");
        (verbose || view.is_none()).then(|| json!({ "brokerName": id, "idealState": "ONLINE", "externalView": view }))
    };
    Known {
        ideal: ideal_of(table),
        view: live.external_view(name),
        holders: servers::of_table(table),
        brokers: brokers.iter().filter_map(broker).collect(),
        all_brokers: brokers.len(),
        all_servers: tagged(cluster::server_tag(config), "SERVER").len(),
        sizes: server_info::total_sizes(&live, name, table),
    }
}

/// What is wrong with a table; with `verbosity` also what is right
#[utoipa::path(get, path = "/debug/tables/{tableName}", tag = "Cluster", params(("tableName" = String, Path), ("type" = Option<String>, Query, description = "OFFLINE or REALTIME"), ("verbosity" = Option<i32>, Query, description = "Above 0: segments and brokers that are well, too")), responses((status = 200), (status = 400), (status = 403), (status = 404), (status = 500)))]
async fn table(State(app): State<Arc<App>>, Path(name): Path<String>, params: Params) -> Result<Json<Value>, ApiError> {
    let table_type = params.table_type("type")?;
    let verbose = params.number("verbosity")?.unwrap_or(0) > 0;
    let stored = params.stored_name(&name)?;
    let tables: Vec<(String, Known)> = {
        let state = app.cluster.read();
        let names = resolve::existing(&state, &stored, table_type)?;
        names
            .into_iter()
            .filter_map(|name| {
                let table = state.table(&name)?;
                let known = known(&app, &state, &name, table, verbose);
                Some((name, known))
            })
            .collect()
    };
    if tables.is_empty() {
        return Err(Error::NotFound(format!("Table '{name}' not found")).into());
    }
    let mut shown = Vec::new();
    for (name, known) in tables {
        let told = ask(&app, &name, known.holders.clone()).await;
        let status = if name.ends_with(TableType::Offline.suffix()) {
            json!({
                "ingestionState": "UNKNOWN",
                "errorMessage": super::table_views::no_push_task(&name),
            })
        } else {
            json!({ "ingestionState": "UNHEALTHY", "errorMessage": crate::tables::NO_STREAMS })
        };
        shown.push(json!({
            "tableName": name,
            "numSegments": known.ideal.len(),
            "numServers": known.all_servers,
            "numBrokers": known.all_brokers,
            "segmentDebugInfos": segments(&known.ideal, &known.view, &told, verbose),
            "serverDebugInfos": servers_in_trouble(&known.view),
            "brokerDebugInfos": known.brokers,
            "ingestionStatus": status,
            "tableSize": {
                "reportedSize": readable_size(known.sizes.0),
                "estimatedSize": readable_size(known.sizes.1),
            },
        }));
    }
    Ok(Json::pretty(Value::Array(shown)))
}

/// Servers on which segments of the table are in error.
fn servers_in_trouble(view: &View) -> Vec<Value> {
    let mut errors: BTreeMap<&String, usize> = BTreeMap::new();
    for (server, _) in view.values().flatten().filter(|(_, state)| *state == "ERROR") {
        *errors.entry(server).or_default() += 1;
    }
    let shown = |(server, count)| json!({ "serverName": server, "numErrors": count, "numMessages": 0 });
    errors.into_iter().map(shown).collect()
}

/// What the servers of a segment say of it
#[utoipa::path(get, path = "/debug/segments/{tableName}/{segmentName}", tag = "Cluster", params(("tableName" = String, Path, description = "Name with type"), ("segmentName" = String, Path)), responses((status = 200), (status = 204, description = "There is no table of that name with type"), (status = 404), (status = 500)))]
async fn segment(
    State(app): State<Arc<App>>,
    Path((name, segment)): Path<(String, String)>,
    params: Params,
) -> Result<Response, ApiError> {
    let name = params.stored_name(&name)?;
    let found = {
        let state = app.cluster.read();
        let Some(table) = state.table(&name) else { return Ok(StatusCode::NO_CONTENT.into_response()) };
        table.segments.get(&segment).map(|entry| entry.ideal.clone())
    };
    let ideal = found.ok_or_else(|| {
        Error::NotFound(format!("Segment: {segment} does not exist in the ideal state of table: {name}"))
    })?;
    let view = app.cluster.external_view(&name).remove(&segment).unwrap_or_default();
    let path = servers::path(&["debug", "segments", &name, &segment], &[]);
    let told = servers::ask_all(&app, ideal.keys().cloned().collect(), &path).await;
    let mut states = Map::new();
    for (server, target) in &ideal {
        let told = told.get(server).and_then(|answer| answer.as_ref().ok());
        states.insert(server.clone(), state_of(target, view.get(server), told));
    }
    Ok(Json::new(json!({ "segmentName": segment, "serverState": states })).into_response())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes() {
        for (bytes, text) in [(-1, "-1 bytes"), (0, "0 bytes"), (1023, "1023 bytes"), (5362, "5 KB"), (3 << 20, "3 MB")]
        {
            assert_eq!(readable_size(bytes), text);
        }
    }

    #[test]
    fn only_what_is_wrong() {
        let states = |state: &str| BTreeMap::from([("s".to_owned(), state.to_owned())]);
        let ideal: View = [("good", "ONLINE"), ("bad", "ONLINE"), ("new", "ONLINE")]
            .map(|(name, state)| (name.to_owned(), states(state)))
            .into();
        let view: View = BTreeMap::from([("good".to_owned(), states("ONLINE")), ("bad".to_owned(), states("ERROR"))]);
        let told = BTreeMap::from([("s".to_owned(), HashMap::from([("good".to_owned(), json!({"errorInfo": null}))]))]);
        let names = |verbose| -> Vec<String> {
            let found = segments(&ideal, &view, &told, verbose);
            found.iter().map(|segment| segment["segmentName"].as_str().unwrap().to_owned()).collect()
        };
        assert_eq!(names(false), ["bad", "new"]);
        assert_eq!(names(true), ["bad", "good", "new"]);
        assert_eq!(servers_in_trouble(&view), [json!({"serverName": "s", "numErrors": 1, "numMessages": 0})]);
    }
}
