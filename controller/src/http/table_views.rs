//! Where a table's segments should be and where they are.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use axum::extract::{Path, State};
use model::TableType;
use serde_json::{Map, Value, json};
use service::ApiError;
use service::http::Json;
use utoipa_axum::routes;

use super::params::Params;
use super::{App, Routes, answer, resolve};
use crate::cluster;
use crate::error::Error;

pub(crate) fn routes() -> Routes {
    Routes::new()
        .routes(routes!(ideal_state))
        .routes(routes!(external_view))
        .routes(routes!(segments_status))
        .routes(routes!(status))
        .routes(routes!(instances))
        .routes(routes!(rebuild_broker_resource))
        .routes(routes!(jobs))
}

type View = BTreeMap<String, BTreeMap<String, String>>;

fn ideal(table: &cluster::Table) -> View {
    table.segments.iter().map(|(name, entry)| (name.clone(), entry.ideal.clone())).collect()
}

/// What is reported of the segments that the table has.
fn external(app: &App, name: &str, table: &cluster::Table) -> View {
    let mut view = app.cluster.external_view(name);
    view.retain(|segment, _| table.segments.contains_key(segment));
    view
}

fn shown(
    app: &App,
    name: &str,
    params: &Params,
    view: impl Fn(&str, &cluster::Table) -> View,
) -> Result<Json<Value>, ApiError> {
    let name = &params.stored_name(name)?;
    let table_type = params.table_type("tableType")?;
    let wanted: BTreeSet<String> = params.list("segmentNames").into_iter().collect();
    let state = app.cluster.read();
    let names = resolve::existing(&state, name, table_type)?;
    if names.is_empty() {
        return Err(Error::NotFound("Table not found".to_owned()).into());
    }
    let mut answer = Map::new();
    for table_type in TableType::ALL {
        let name = names.iter().find(|name| name.ends_with(table_type.suffix()));
        let view = name.and_then(|name| state.table(name).map(|table| view(name, table))).map(|mut view| {
            if !wanted.is_empty() {
                view.retain(|segment, _| wanted.contains(segment));
            }
            view
        });
        answer.insert(table_type.to_string(), json!(view));
    }
    Ok(Json::new(Value::Object(answer)))
}

/// Where the segments of a table should be
#[utoipa::path(get, path = "/tables/{tableName}/idealstate", tag = "Table", params(("tableName" = String, Path), ("tableType" = Option<String>, Query), ("segmentNames" = Option<String>, Query)), responses((status = 200), (status = 400), (status = 403), (status = 404), (status = 500)))]
async fn ideal_state(
    State(app): State<Arc<App>>,
    Path(name): Path<String>,
    params: Params,
) -> Result<Json<Value>, ApiError> {
    shown(&app, &name, &params, |_, table| ideal(table))
}

/// Where the segments of a table are
#[utoipa::path(get, path = "/tables/{tableName}/externalview", tag = "Table", params(("tableName" = String, Path), ("tableType" = Option<String>, Query), ("segmentNames" = Option<String>, Query)), responses((status = 200), (status = 400), (status = 403), (status = 404), (status = 500)))]
async fn external_view(
    State(app): State<Arc<App>>,
    Path(name): Path<String>,
    params: Params,
) -> Result<Json<Value>, ApiError> {
    shown(&app, &name, &params, |name, table| external(&app, name, table))
}

/// GOOD when every replica is as it should be, BAD when one is in error, UPDATING else
fn segment_status(ideal: &BTreeMap<String, String>, view: Option<&BTreeMap<String, String>>) -> &'static str {
    let state = |id: &String| view.and_then(|view| view.get(id)).map(String::as_str);
    if ideal.iter().all(|(id, wanted)| state(id) == Some(wanted.as_str())) {
        "GOOD"
    } else if ideal.keys().any(|id| state(id) == Some("ERROR")) {
        "BAD"
    } else {
        "UPDATING"
    }
}

/// Whether each segment is as it should be
#[utoipa::path(get, path = "/tables/{tableName}/segmentsStatus", tag = "Table", params(("tableName" = String, Path), ("tableType" = Option<String>, Query), ("includeReplacedSegments" = Option<bool>, Query)), responses((status = 200), (status = 400), (status = 403), (status = 404), (status = 500)))]
async fn segments_status(
    State(app): State<Arc<App>>,
    Path(name): Path<String>,
    params: Params,
) -> Result<Json<Value>, ApiError> {
    let name = params.stored_name(&name)?;
    let table_type = params.table_type("tableType")?;
    let state = app.cluster.read();
    let names = resolve::existing(&state, &name, table_type)?;
    // Of a hybrid table without a type: the OFFLINE half.
    let name = names.first().ok_or_else(|| Error::NotFound("Table not found".to_owned()))?;
    let Some(table) = state.table(name) else { return Ok(Json::pretty(json!([]))) };
    let view = app.cluster.external_view(name);
    let status = |(segment, entry): (&String, &cluster::SegmentEntry)| json!({ "segmentName": segment, "segmentStatus": segment_status(&entry.ideal, view.get(segment)) });
    let hidden = if params.flag("includeReplacedSegments", true) { Default::default() } else { table.lineage.hidden() };
    let shown = table.segments.iter().filter(|(segment, _)| !hidden.contains(segment.as_str()));
    Ok(Json::pretty(shown.map(status).collect::<Value>()))
}

/// Why nothing is known of how an OFFLINE table takes rows in.
pub(super) fn no_push_task(table: &str) -> String {
    format!(
        "Cannot retrieve ingestion status for Table : {table} since it does not use the built-in \
         SegmentGenerationAndPushTask task"
    )
}

/// Whether a table takes rows in as it should
#[utoipa::path(get, path = "/tables/{tableName}/status", tag = "Table", params(("tableName" = String, Path), ("type" = String, Query)), responses((status = 200), (status = 500)))]
async fn status(
    State(app): State<Arc<App>>,
    Path(name): Path<String>,
    params: Params,
) -> Result<Json<Value>, ApiError> {
    let failed = |reason: String| {
        Error::Internal(format!("Failed to get status (ingestion status) for table {name}. Reason: {reason}"))
    };
    let table_type = params.table_type("type").ok().flatten();
    let table_type = table_type.ok_or_else(|| failed("Table type should either be realtime|offline".to_owned()))?;
    let stored = params.stored_name(&name)?;
    let found = resolve::existing(&app.cluster.read(), &stored, Some(table_type)).unwrap_or_default();
    let Some(found) = found.first() else {
        let missing = format!("Specified table name: {name} of type: {table_type} does not exist.");
        return Err(failed(missing).into());
    };
    match table_type {
        TableType::Offline => Err(failed(no_push_task(found)).into()),
        TableType::Realtime => Ok(Json::pretty(json!({
            "ingestionStatus": { "ingestionState": "UNHEALTHY", "errorMessage": crate::tables::NO_STREAMS }
        }))),
    }
}

/// Brokers and servers of a table
#[utoipa::path(get, path = "/tables/{tableName}/instances", tag = "Table", params(("tableName" = String, Path), ("type" = Option<String>, Query, description = "broker or server")), responses((status = 200), (status = 400), (status = 500)))]
async fn instances(
    State(app): State<Arc<App>>,
    Path(name): Path<String>,
    params: Params,
) -> Result<Json<Value>, ApiError> {
    let kind = params.get("type").map(str::to_ascii_lowercase);
    let state = app.cluster.read();
    let (mut brokers, mut servers) = (Vec::new(), Vec::new());
    for table_name in resolve::existing(&state, &params.stored_name(&name)?, None)? {
        let Some(table) = state.table(&table_name) else { continue };
        let config = &table.entry.config;
        let table_type = config.table_type().name().to_ascii_lowercase();
        let with = |tag: String, role: &str| -> Vec<String> {
            let found = state.instances_with_tag(&tag).into_iter().filter(|instance| instance.role == role);
            found.map(|instance| instance.id.clone()).collect()
        };
        let of = |ids: Vec<String>| json!({ "tableType": table_type, "instances": ids });
        brokers.push(of(with(cluster::broker_tag(config), "BROKER")));
        servers.push(of(with(cluster::server_tag(config), "SERVER")));
    }
    if kind.as_deref().is_some_and(|kind| kind != "broker") {
        brokers.clear();
    }
    if kind.as_deref().is_some_and(|kind| kind != "server") {
        servers.clear();
    }
    Ok(Json::new(json!({ "tableName": name, "brokers": brokers, "server": servers })))
}

/// Makes exactly the brokers of a table's tenant answer for it
#[utoipa::path(post, path = "/tables/{tableName}/rebuildBrokerResourceFromHelixTags", tag = "Table", params(("tableName" = String, Path)), responses((status = 200), (status = 400)))]
async fn rebuild_broker_resource(
    State(app): State<Arc<App>>,
    Path(name): Path<String>,
) -> Result<Json<Value>, ApiError> {
    let rebuilt = app
        .cluster
        .write(|state| {
            if state.table(&name).is_none() {
                let message = format!("Invalid table configuration for table {name}. Table does not exist");
                return Err(Error::Invalid(message));
            }
            let changes: Vec<cluster::Change> = state.rebuild_brokers(&name).into_iter().collect();
            let rebuilt = !changes.is_empty();
            Ok((changes, rebuilt))
        })
        .await?;
    Ok(answer::status(if rebuilt {
        format!("Rebuilt brokerResource for table: {name}")
    } else {
        format!("Broker resource is not rebuilt because ideal state is the same for table: {name}")
    }))
}

/// Jobs that ran on a table
#[utoipa::path(get, path = "/table/{tableName}/jobs", tag = "Table", params(("tableName" = String, Path), ("type" = Option<String>, Query), ("jobTypes" = Option<String>, Query)), responses((status = 200), (status = 400), (status = 403), (status = 404), (status = 500)))]
async fn jobs(State(app): State<Arc<App>>, Path(name): Path<String>, params: Params) -> Result<Json<Value>, ApiError> {
    const TYPES: [&str; 4] = ["RELOAD_SEGMENT", "FORCE_COMMIT", "TABLE_REBALANCE", "TENANT_REBALANCE"];
    let table_type = params.table_type("type")?;
    let types = params.list("jobTypes");
    if let Some(unknown) = types.iter().find(|name| !TYPES.contains(&name.as_str())) {
        return Err(Error::Invalid(format!("Unknown job type: {unknown}")).into());
    }
    let names = resolve::tables(&app.cluster.read(), &params.stored_name(&name)?, table_type)?;
    let mut found = Map::new();
    if types.is_empty() || types.iter().any(|name| name == "RELOAD_SEGMENT") {
        for table in names {
            for job in app.jobs.of_table(&table) {
                found.insert(job.id.clone(), super::segments::job_metadata(&job));
            }
        }
    }
    Ok(Json::new(Value::Object(found)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn statuses() {
        let ideal = map(&[("a", "ONLINE"), ("b", "ONLINE")]);
        for (view, status) in [
            (Some(map(&[("a", "ONLINE"), ("b", "ONLINE")])), "GOOD"),
            (Some(map(&[("a", "ONLINE"), ("b", "ERROR")])), "BAD"),
            (Some(map(&[("a", "ONLINE")])), "UPDATING"),
            (None, "UPDATING"),
        ] {
            assert_eq!(segment_status(&ideal, view.as_ref()), status, "{view:?}");
        }
    }
}
