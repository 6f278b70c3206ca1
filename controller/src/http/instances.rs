//! `/instances`.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use axum::extract::{Path, State};
use bytes::Bytes;
use model::names::Names;
use serde_json::{Value, json};
use service::ApiError;
use service::http::Json;
use utoipa_axum::routes;

use super::params::{Params, parse_json};
use super::{App, Routes, answer};
use crate::cluster::{self, Change, InstanceEntry};
use crate::error::Error;

pub(crate) fn routes() -> Routes {
    Routes::new()
        .routes(routes!(list, add))
        .routes(routes!(live))
        .routes(routes!(get, update, delete))
        .routes(routes!(update_tags))
        .routes(routes!(update_broker_resource))
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
    check_tags(&tags)?;
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

/// What a change of a broker's tags does to the tables that it answers for.
fn follow(state: &cluster::State, entry: &InstanceEntry, known: Option<&InstanceEntry>) -> (Vec<Change>, String) {
    let of_broker =
        |tags: &[String]| -> BTreeSet<String> { tags.iter().filter(|tag| tag.ends_with("_BROKER")).cloned().collect() };
    let new = of_broker(&entry.tags);
    let same = known.map_or(new.is_empty(), |known| of_broker(&known.tags) == new);
    if entry.role != "BROKER" || same {
        return (Vec::new(), String::new());
    }
    let (changes, added, removed) = state.follow_tags(&entry.id, &entry.tags, false);
    let mut text = format!(", and updated broker resource - tables added: {}", Names(&added));
    if known.is_some() {
        text.push_str(&format!(", tables removed: {}", Names(&removed)));
    }
    (changes, text)
}

/// Adds an instance before it joins
#[utoipa::path(post, path = "/instances", tag = "Instance", params(("updateBrokerResource" = Option<bool>, Query)), request_body(content = Value, content_type = "application/json"), responses((status = 200), (status = 400), (status = 409)))]
async fn add(State(app): State<Arc<App>>, params: Params, body: Bytes) -> Result<Json<Value>, ApiError> {
    let entry = read(&body)?;
    let id = entry.id.clone();
    let with_brokers = params.flag("updateBrokerResource", false);
    let text = app
        .cluster
        .write(|state| {
            if state.instances.contains_key(&entry.id) {
                return Err(Error::Conflict(format!("Instance: {} already exists", entry.id)));
            }
            let (mut changes, text) =
                if with_brokers { follow(state, &entry, None) } else { (Vec::new(), String::new()) };
            changes.push(Change::PutInstance(entry));
            Ok((changes, text))
        })
        .await?;
    Ok(answer::status(format!("Added instance: {id}{text}")))
}

/// Replaces an instance's settings
#[utoipa::path(put, path = "/instances/{instanceName}", tag = "Instance", params(("instanceName" = String, Path), ("updateBrokerResource" = Option<bool>, Query)), request_body(content = Value, content_type = "application/json"), responses((status = 200), (status = 400), (status = 404)))]
async fn update(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    params: Params,
    body: Bytes,
) -> Result<Json<Value>, ApiError> {
    let mut entry = read(&body)?;
    entry.id.clone_from(&id);
    let with_brokers = params.flag("updateBrokerResource", false);
    let text = app
        .cluster
        .write(|state| {
            let known = find(state, &entry.id)?;
            entry.enabled = known.enabled;
            // What kind of instance it is follows from its id, which stays.
            entry.role.clone_from(&known.role);
            entry.previous_tags.clone_from(&known.previous_tags);
            entry.query_rate_limit_disabled = known.query_rate_limit_disabled;
            let (mut changes, text) =
                if with_brokers { follow(state, &entry, Some(known)) } else { (Vec::new(), String::new()) };
            changes.push(Change::PutInstance(entry));
            Ok((changes, text))
        })
        .await?;
    Ok(answer::status(format!("Updated instance: {id}{text}")))
}

fn find<'a>(state: &'a cluster::State, id: &str) -> Result<&'a InstanceEntry, Error> {
    let missing = || Error::NotFound(format!("Failed to find instance config for instance: {id}"));
    state.instances.get(id).ok_or_else(missing)
}

/// Replaces an instance's tags
#[utoipa::path(put, path = "/instances/{instanceName}/updateTags", tag = "Instance", params(("instanceName" = String, Path), ("tags" = String, Query), ("updateBrokerResource" = Option<bool>, Query)), responses((status = 200), (status = 400), (status = 404)))]
async fn update_tags(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    params: Params,
) -> Result<Json<Value>, ApiError> {
    let text = params.get("tags").ok_or_else(|| Error::Invalid("Must provide tags to update".to_owned()))?;
    let tags = split_tags(text)?;
    let shown = Names(&tags).to_string();
    let with_brokers = params.flag("updateBrokerResource", false);
    let text = app
        .cluster
        .write(|state| {
            let known = find(state, &id)?;
            let entry = InstanceEntry { tags, ..known.clone() };
            let (mut changes, text) =
                if with_brokers { follow(state, &entry, Some(known)) } else { (Vec::new(), String::new()) };
            changes.push(Change::PutInstance(entry));
            Ok((changes, text))
        })
        .await?;
    Ok(answer::status(format!("Updated tags: {shown} for instance: {id}{text}")))
}

/// Makes a broker answer for exactly the tables that its tags say
#[utoipa::path(post, path = "/instances/{instanceName}/updateBrokerResource", tag = "Instance", params(("instanceName" = String, Path)), responses((status = 200), (status = 400), (status = 404)))]
async fn update_broker_resource(State(app): State<Arc<App>>, Path(id): Path<String>) -> Result<Json<Value>, ApiError> {
    if !id.starts_with("Broker_") {
        let message = format!("Cannot update broker resource for non-broker instance: {id}");
        return Err(Error::Invalid(message).into());
    }
    let (added, removed) = app
        .cluster
        .write(|state| {
            let tags = find(state, &id)?.tags.clone();
            let (changes, added, removed) = state.follow_tags(&id, &tags, false);
            Ok((changes, (added, removed)))
        })
        .await?;
    Ok(answer::status(format!(
        "Updated broker resource for broker: {id} - tables added: {}, tables removed: {}",
        Names(&added),
        Names(&removed)
    )))
}

/// Most tags of an instance, and bytes of one.
const MAX_TAGS: usize = 1_000;
const MAX_TAG: usize = 256;

fn split_tags(text: &str) -> Result<Vec<String>, Error> {
    let tags: Vec<String> = text.split(',').map(str::trim).filter(|t| !t.is_empty()).map(str::to_owned).collect();
    check_tags(&tags)?;
    Ok(tags)
}

pub(crate) fn check_tags(tags: &[String]) -> Result<(), Error> {
    if tags.len() > MAX_TAGS || tags.iter().any(|tag| tag.len() > MAX_TAG || tag.contains(char::is_control)) {
        let message = format!("An instance has at most {MAX_TAGS} tags of {MAX_TAG} bytes, without control characters");
        return Err(Error::Invalid(message));
    }
    Ok(())
}

/// Enables or disables instances. Gives of each why it could not be, if so: one that is not live is enabled when it
/// comes back, which is not waited for.
pub(super) async fn set_enabled(
    app: &App,
    ids: &BTreeSet<String>,
    enabled: bool,
) -> Result<BTreeMap<String, Option<String>>, Error> {
    let live = app.cluster.live_ids();
    app.cluster
        .write(|state| {
            let known = ids.iter().filter_map(|id| state.instances.get(id));
            let changed = known.filter(|entry| entry.enabled != enabled || (enabled && entry.previous_tags.is_some()));
            let changes = changed.map(|entry| {
                let mut entry = InstanceEntry { enabled, ..entry.clone() };
                // A minion that was drained takes its tags back.
                if let Some(tags) = entry.previous_tags.take_if(|_| enabled) {
                    entry.tags = tags;
                }
                Change::PutInstance(entry)
            });
            Ok((changes.collect(), ()))
        })
        .await?;
    let failed =
        |id: &String| (enabled && !live.contains(id)).then(|| format!("Instance: {id} enable failed, timeout"));
    Ok(ids.iter().map(|id| (id.clone(), failed(id))).collect())
}

async fn set_state(app: &App, id: &str, wanted: &str) -> Result<(), Error> {
    let enabled = match wanted {
        "ENABLE" => true,
        "DISABLE" => false,
        "DRAIN" => return drain(app, id).await,
        _ => return Err(Error::Invalid(format!("Unknown state '{wanted}'; expected ENABLE, DISABLE or DRAIN"))),
    };
    let outcome = set_enabled(app, &BTreeSet::from([id.to_owned()]), enabled).await?;
    match outcome.into_values().flatten().next() {
        Some(reason) => Err(Error::Internal(format!("Failed to enable instance '{id}': {reason}"))),
        None => Ok(()),
    }
}

const DRAINED: &str = "minion_drained";

/// Takes a minion's tags away until it is enabled again, so that it is given no more tasks.
async fn drain(app: &App, id: &str) -> Result<(), Error> {
    app.cluster
        .write(|state| {
            let known = find(state, id)?;
            if known.role != "MINION" {
                let message = format!("DRAIN state only applies to minion instances. Instance '{id}' is not a minion.");
                return Err(Error::Invalid(message));
            }
            if known.has_tag(DRAINED) {
                let message = format!("Failed to drain minion instance '{id}': it is already drained");
                return Err(Error::Internal(message));
            }
            let mut entry = known.clone();
            entry.previous_tags = Some(std::mem::replace(&mut entry.tags, vec![DRAINED.to_owned()]));
            Ok((vec![Change::PutInstance(entry)], ()))
        })
        .await
}

/// Enables or disables an instance, or drains a minion
#[utoipa::path(put, path = "/instances/{instanceName}/state", tag = "Instance", params(("instanceName" = String, Path), ("state" = String, Query, description = "ENABLE, DISABLE, or for minions DRAIN")), responses((status = 200), (status = 400), (status = 404), (status = 500)))]
async fn put_state(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    params: Params,
) -> Result<Json<Value>, ApiError> {
    if !app.cluster.read().instances.contains_key(&id) {
        return Err(Error::NotFound(format!("Instance '{id}' does not exist")).into());
    }
    let wanted = params.get("state").unwrap_or("null").to_ascii_uppercase();
    set_state(&app, &id, &wanted).await?;
    Ok(answer::status(format!("Request to {wanted} instance '{id}' is successful")))
}

/// Enables, disables or drops an instance
#[utoipa::path(post, path = "/instances/{instanceName}/state", tag = "Instance", params(("instanceName" = String, Path)), request_body(content = String, content_type = "text/plain", description = "ENABLE, DISABLE or DROP"), responses((status = 200), (status = 400), (status = 404), (status = 409), (status = 500)))]
async fn post_state(State(app): State<Arc<App>>, Path(id): Path<String>, body: Bytes) -> Result<Json<Value>, ApiError> {
    if !app.cluster.read().instances.contains_key(&id) {
        return Err(Error::NotFound(format!("Instance {id} not found")).into());
    }
    let wanted = String::from_utf8_lossy(&body).trim().to_ascii_uppercase();
    match wanted.as_str() {
        "DROP" => drop_instance(&app, &id).await?,
        "ENABLE" | "DISABLE" => set_state(&app, &id, &wanted).await?,
        _ => {
            let shown: String = wanted.chars().take(100).collect();
            return Err(Error::Invalid(format!("Unknown state {shown} for instance request")).into());
        }
    }
    Ok(answer::status(format!("Request to {} instance {id} is successful", wanted.to_ascii_lowercase())))
}

/// Forgets an instance that is neither live nor in use
#[utoipa::path(delete, path = "/instances/{instanceName}", tag = "Instance", params(("instanceName" = String, Path)), responses((status = 200), (status = 404), (status = 409)))]
async fn delete(State(app): State<Arc<App>>, Path(id): Path<String>) -> Result<Json<Value>, ApiError> {
    drop_instance(&app, &id).await?;
    Ok(answer::status("Successfully dropped instance"))
}

/// Why an instance cannot be dropped: codes with sentences.
pub(super) fn drop_issues(app: &App, state: &cluster::State, id: &str) -> Vec<(&'static str, String)> {
    let mut issues = Vec::new();
    if app.cluster.live_ids().contains(id) {
        issues.push(("IS_ALIVE", format!("Instance {id} is still live")));
    }
    let in_brokers = state.broker_resource.values().any(|brokers| brokers.contains(id));
    let holds = |table: &cluster::Table| table.segments.values().any(|segment| segment.ideal.contains_key(id));
    let held = state.tables.iter().filter(|(_, table)| holds(table)).map(|(name, _)| name.as_str());
    for resource in in_brokers.then_some("brokerResource").into_iter().chain(held) {
        issues.push(("CONTAINS_RESOURCE", format!("Instance {id} exists in ideal state for {resource}")));
    }
    issues
}

async fn drop_instance(app: &App, id: &str) -> Result<(), Error> {
    app.cluster
        .write(|state| {
            if !state.instances.contains_key(id) {
                return Err(Error::NotFound(format!("Instance {id} not found")));
            }
            if let Some((_, reason)) = drop_issues(app, state, id).into_iter().next() {
                return Err(Error::Conflict(format!("Failed to drop instance {id} - {reason}")));
            }
            Ok((vec![Change::RemoveInstance(id.to_owned())], ()))
        })
        .await
}
