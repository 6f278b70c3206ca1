//! `/instances`.

use std::sync::Arc;

use axum::extract::{Path, State};
use bytes::Bytes;
use serde_json::{Value, json};
use service::ApiError;
use service::http::Json;
use utoipa_axum::routes;

use super::params::{Params, parse_json};
use super::{App, Routes, answer};
use crate::cluster::{Change, InstanceEntry};
use crate::error::Error;

pub(crate) fn routes() -> Routes {
    Routes::new()
        .routes(routes!(list, add))
        .routes(routes!(live))
        .routes(routes!(get, update, delete))
        .routes(routes!(update_tags))
        .routes(routes!(put_state, post_state))
}

/// Ids of all instances, or of those with a tag
#[utoipa::path(get, path = "/instances", tag = "Instance", params(("tag" = Option<String>, Query)), responses((status = 200)))]
async fn list(State(app): State<Arc<App>>, params: Params) -> Json<Value> {
    let state = app.cluster.read();
    let tag = params.get("tag");
    let ids: Vec<&String> =
        state.instances.values().filter(|i| tag.is_none_or(|tag| i.has_tag(tag))).map(|i| &i.id).collect();
    Json::new(json!({ "instances": ids }))
}

/// Ids of the instances that are live
#[utoipa::path(get, path = "/liveinstances", tag = "Instance", responses((status = 200)))]
async fn live(State(app): State<Arc<App>>) -> Json<Value> {
    Json::new(json!({ "instances": app.cluster.live_ids() }))
}

/// One instance
#[utoipa::path(get, path = "/instances/{instanceName}", tag = "Instance", params(("instanceName" = String, Path)), responses((status = 200), (status = 404)))]
async fn get(State(app): State<Arc<App>>, Path(id): Path<String>) -> Result<Json<Value>, ApiError> {
    let state = app.cluster.read();
    let entry = state.instances.get(&id).ok_or_else(|| Error::NotFound(format!("Instance {id} not found")))?;
    let mut shown = json!({
        "instanceName": entry.id,
        "hostName": entry.host,
        "enabled": entry.enabled,
        "port": entry.port.to_string(),
        "tags": entry.tags,
        "pools": entry.pools,
        "grpcPort": entry.grpc_port,
        "adminPort": entry.admin_port,
        "queryServicePort": entry.query_service_port,
        "queryMailboxPort": entry.query_mailbox_port,
        "shutdownInProgress": false,
        "systemResourceInfo": null,
    });
    if let (Some(disabled), Some(shown)) = (&entry.queries_disabled, shown.as_object_mut()) {
        shown.insert("queriesDisabled".to_owned(), json!(disabled));
    }
    Ok(Json::new(shown))
}

/// Reads an instance as clients describe it. Errors are plain text here, as for every endpoint that binds an object.
fn read(body: &[u8]) -> Result<InstanceEntry, ApiError> {
    let refuse = |reason: String| ApiError::bad_request(reason).as_text();
    let json = parse_json(body).map_err(refuse)?;
    let text = |key: &str| json.get(key).and_then(Value::as_str);
    let host = text("host").ok_or_else(|| refuse("Missing required creator property 'host'".to_owned()))?;
    let port = match json.get("port") {
        Some(Value::Number(number)) => number.as_u64(),
        Some(Value::String(text)) => text.parse().ok(),
        Some(_) => None,
        None => return Err(refuse("Missing required creator property 'port'".to_owned())),
    };
    let port = port.and_then(|port| u16::try_from(port).ok());
    let port = port.ok_or_else(|| refuse("'port' has to be a number from 0 to 65535".to_owned()))?;
    let role = text("type").ok_or_else(|| refuse("Missing required creator property 'type'".to_owned()))?;
    let role = model::InstanceRole::ALL.into_iter().find(|known| known.name() == role).ok_or_else(|| {
        refuse(format!("'type' is \"{role}\": not one of the values [BROKER, SERVER, CONTROLLER, MINION]"))
    })?;
    let id = model::InstanceId::new(role, host, port).map_err(|error| refuse(error.to_string()))?;
    let tags = match json.get("tags") {
        None | Some(Value::Null) => Vec::new(),
        Some(tags) => serde_json::from_value(tags.clone())
            .map_err(|error| refuse(format!("'tags' has to be a list of texts: {error}")))?,
    };
    let pools = match json.get("pools") {
        None | Some(Value::Null) => None,
        Some(Value::Object(pools)) => Some(
            pools
                .iter()
                .map(|(tag, pool)| (tag.clone(), pool.as_str().map_or_else(|| pool.to_string(), str::to_owned)))
                .collect(),
        ),
        Some(_) => return Err(refuse("'pools' has to be an object of tag and pool".to_owned())),
    };
    let other_port = |key: &str| match json.get(key) {
        None | Some(Value::Null) => Ok(-1),
        Some(port) => port
            .as_i64()
            .and_then(|port| i32::try_from(port).ok())
            .filter(|port| (-1..=65535).contains(port))
            .map(|port| if port == 0 { -1 } else { port })
            .ok_or_else(|| refuse(format!("'{key}' has to be a port"))),
    };
    let mut entry = InstanceEntry::new(id.to_string(), host.to_owned(), port, role.name(), tags);
    entry.pools = pools;
    entry.grpc_port = other_port("grpcPort")?;
    entry.admin_port = other_port("adminPort")?;
    entry.query_service_port = other_port("queryServicePort")?;
    entry.query_mailbox_port = other_port("queryMailboxPort")?;
    entry.queries_disabled = match json.get("queriesDisabled") {
        Some(Value::Bool(true)) => Some("true".to_owned()),
        Some(Value::String(text)) if text == "true" => Some(text.clone()),
        _ => None,
    };
    Ok(entry)
}

/// Adds an instance before it joins
#[utoipa::path(post, path = "/instances", tag = "Instance", request_body(content = Value, content_type = "application/json"), responses((status = 200), (status = 409)))]
async fn add(State(app): State<Arc<App>>, body: Bytes) -> Result<Json<Value>, ApiError> {
    let entry = read(&body)?;
    let id = entry.id.clone();
    app.cluster
        .write(|state| {
            if state.instances.contains_key(&entry.id) {
                return Err(Error::Conflict(format!("Instance {} already exists", entry.id)));
            }
            Ok((vec![Change::PutInstance(entry)], ()))
        })
        .await?;
    Ok(answer::status(format!("Added instance: {id}")))
}

/// Replaces an instance's settings
#[utoipa::path(put, path = "/instances/{instanceName}", tag = "Instance", params(("instanceName" = String, Path)), request_body(content = Value, content_type = "application/json"), responses((status = 200), (status = 404)))]
async fn update(State(app): State<Arc<App>>, Path(id): Path<String>, body: Bytes) -> Result<Json<Value>, ApiError> {
    let mut entry = read(&body)?;
    entry.id.clone_from(&id);
    app.cluster
        .write(|state| {
            let known = find(state, &entry.id)?;
            entry.enabled = known.enabled;
            Ok((vec![Change::PutInstance(entry)], ()))
        })
        .await?;
    Ok(answer::status(format!("Updated instance: {id}")))
}

fn find<'a>(state: &'a crate::cluster::State, id: &str) -> Result<&'a InstanceEntry, Error> {
    let missing = || Error::NotFound(format!("Failed to find instance config for instance: {id}"));
    state.instances.get(id).ok_or_else(missing)
}

/// Replaces an instance's tags
#[utoipa::path(put, path = "/instances/{instanceName}/updateTags", tag = "Instance", params(("instanceName" = String, Path), ("tags" = String, Query), ("updateBrokerResource" = Option<bool>, Query)), responses((status = 200), (status = 404)))]
async fn update_tags(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    params: Params,
) -> Result<Json<Value>, ApiError> {
    let text = params.get("tags").ok_or_else(|| Error::Invalid("Must provide tags to update".to_owned()))?;
    let tags: Vec<String> = text.split(',').map(str::trim).filter(|t| !t.is_empty()).map(str::to_owned).collect();
    let shown = model::names::Names(&tags).to_string();
    let mut message = format!("Updated tags: {shown} for instance: {id}");
    let is_broker_update = params.flag("updateBrokerResource", false) && id.starts_with("Broker_");
    let (added, removed) = app
        .cluster
        .write(|state| {
            let known = find(state, &id)?;
            let (mut added, mut removed) = (Vec::new(), Vec::new());
            for (name, table) in &state.tables {
                let tag = crate::cluster::broker_tag(&table.entry.config);
                match (known.has_tag(&tag), tags.contains(&tag)) {
                    (false, true) => added.push(name.clone()),
                    (true, false) => removed.push(name.clone()),
                    _ => {}
                }
            }
            let entry = InstanceEntry { tags: tags.clone(), ..known.clone() };
            Ok((vec![Change::PutInstance(entry)], (added, removed)))
        })
        .await?;
    if is_broker_update {
        message.push_str(&format!(
            ", and updated broker resource - tables added: {}, tables removed: {}",
            model::names::Names(&added),
            model::names::Names(&removed)
        ));
    }
    Ok(answer::status(message))
}

async fn set_state(app: &App, id: &str, wanted: &str) -> Result<(), ApiError> {
    let missing = || Error::NotFound(format!("Instance '{id}' does not exist"));
    if !app.cluster.read().instances.contains_key(id) {
        return Err(missing().into());
    }
    let enabled = match wanted {
        "ENABLE" => true,
        "DISABLE" => false,
        _ => return Err(Error::Invalid(format!("Unknown state '{wanted}'")).into()),
    };
    if enabled && !app.cluster.live_ids().contains(id) {
        return Err(Error::Internal(format!("Instance: {id} enable failed, timeout")).into());
    }
    app.cluster
        .write(|state| {
            let known = state.instances.get(id).ok_or_else(missing)?;
            let entry = InstanceEntry { enabled, ..known.clone() };
            Ok((vec![Change::PutInstance(entry)], ()))
        })
        .await?;
    Ok(())
}

/// Enables or disables an instance
#[utoipa::path(put, path = "/instances/{instanceName}/state", tag = "Instance", params(("instanceName" = String, Path), ("state" = String, Query, description = "ENABLE or DISABLE")), responses((status = 200), (status = 404)))]
async fn put_state(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    params: Params,
) -> Result<Json<Value>, ApiError> {
    let wanted = params.get("state").unwrap_or("null").to_ascii_uppercase();
    set_state(&app, &id, &wanted).await?;
    Ok(answer::status(format!("Request to {wanted} instance '{id}' is successful")))
}

/// Enables, disables or drops an instance
#[utoipa::path(post, path = "/instances/{instanceName}/state", tag = "Instance", params(("instanceName" = String, Path)), request_body(content = String, content_type = "text/plain"), responses((status = 200), (status = 404)))]
async fn post_state(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    body: String,
) -> Result<Json<Value>, ApiError> {
    let wanted = body.trim().to_ascii_uppercase();
    if wanted == "DROP" {
        drop_instance(&app, &id).await?;
    } else {
        set_state(&app, &id, &wanted).await?;
    }
    Ok(answer::status(format!("Request to {} instance {id} is successful", wanted.to_ascii_lowercase())))
}

/// Forgets an instance that is neither live nor in use
#[utoipa::path(delete, path = "/instances/{instanceName}", tag = "Instance", params(("instanceName" = String, Path)), responses((status = 200), (status = 404), (status = 409)))]
async fn delete(State(app): State<Arc<App>>, Path(id): Path<String>) -> Result<Json<Value>, ApiError> {
    drop_instance(&app, &id).await?;
    Ok(answer::status("Successfully dropped instance"))
}

async fn drop_instance(app: &App, id: &str) -> Result<(), Error> {
    let live = app.cluster.live_ids();
    app.cluster
        .write(|state| {
            if !state.instances.contains_key(id) {
                return Err(Error::NotFound(format!("Instance {id} not found")));
            }
            if live.contains(id) {
                return Err(Error::Conflict(format!("Failed to drop instance {id} - Instance {id} is still live")));
            }
            let holder = state.tables.iter().find(|(_, t)| t.segments.values().any(|s| s.ideal.contains_key(id)));
            if let Some((table, _)) = holder {
                return Err(Error::Conflict(format!(
                    "Failed to drop instance {id} - Instance {id} exists in ideal state for {table}"
                )));
            }
            Ok((vec![Change::RemoveInstance(id.to_owned())], ()))
        })
        .await
}
