//! `/instances/…/validate`: whether a change of instances would hurt, told beforehand.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use axum::extract::State;
use bytes::Bytes;
use http::StatusCode;
use serde_json::{Value, json};
use service::ApiError;
use service::http::Json;
use utoipa_axum::routes;

use super::params::{Params, parse_json};
use super::{App, Routes, instances};
use crate::cluster;

pub(crate) fn routes() -> Routes {
    Routes::new().routes(routes!(drop)).routes(routes!(update_tags))
}

/// An instance's name with what speaks against the change.
fn verdict(instance: Option<&str>, issues: Vec<(&'static str, String)>) -> Value {
    let safe = issues.is_empty();
    let issues: Vec<Value> =
        issues.into_iter().map(|(code, message)| json!({ "code": code, "message": message })).collect();
    json!({ "instanceName": instance, "isSafe": safe, "issues": issues })
}

/// Whether instances can be dropped
#[utoipa::path(get, path = "/instances/dropInstance/validate", tag = "Instance", params(("instanceNames" = Vec<String>, Query)), responses((status = 200)))]
async fn drop(State(app): State<Arc<App>>, params: Params) -> Json<Value> {
    let state = app.cluster.read();
    let names: Vec<&str> = params.all("instanceNames").collect();
    let verdicts = names.iter().map(|id| verdict(Some(id), instances::drop_issues(&app, &state, id)));
    Json::new(verdicts.collect())
}

#[derive(serde::Deserialize)]
#[serde(rename_all = "camelCase")]
struct Request {
    instance_name: String,
    new_tags: Vec<String>,
}

/// Whether instances can get other tags without leaving a tenant too few
#[utoipa::path(post, path = "/instances/updateTags/validate", tag = "Instance", request_body(content = Value, content_type = "application/json", description = "list of {instanceName, newTags}"), responses((status = 200), (status = 400), (status = 412)))]
async fn update_tags(State(app): State<Arc<App>>, body: Bytes) -> Result<Json<Value>, ApiError> {
    let refuse = |reason: String| ApiError::bad_request(reason).as_text();
    let json = parse_json(&body).map_err(refuse)?;
    let requests: Vec<Request> = serde_json::from_value(json).map_err(|error| refuse(error.to_string()))?;
    let state = app.cluster.read();
    if let Some(unknown) = requests.iter().find(|request| !state.instances.contains_key(&request.instance_name)) {
        let message = format!("Instance {} is not a valid instance name.", unknown.instance_name);
        return Err(ApiError::new(StatusCode::PRECONDITION_FAILED, message));
    }
    Ok(Json::new(check(&state, &requests).into()))
}

/// Instances that tables need, by tag.
fn needed(state: &cluster::State) -> BTreeMap<String, i64> {
    let mut needed: BTreeMap<String, i64> = BTreeMap::new();
    for table in state.tables.values() {
        let config = &table.entry.config;
        let servers = needed.entry(cluster::server_tag(config)).or_default();
        *servers = (*servers).max(i64::from(config.replication()));
        let brokers = needed.entry(cluster::broker_tag(config)).or_default();
        *brokers = (*brokers).max(1);
    }
    needed
}

/// Kind and tenant of a tag.
fn parts(tag: &str) -> Option<(&'static str, &str)> {
    let broker = tag.strip_suffix("_BROKER").map(|tenant| ("broker", tenant));
    let server = || tag.strip_suffix("_OFFLINE").or_else(|| tag.strip_suffix("_REALTIME"));
    broker.or_else(|| server().map(|tenant| ("server", tenant)))
}

fn check(state: &cluster::State, requests: &[Request]) -> Vec<Value> {
    let renamed: BTreeMap<&str, &[String]> =
        requests.iter().map(|request| (request.instance_name.as_str(), request.new_tags.as_slice())).collect();
    let mut missing = needed(state);
    for entry in state.instances.values() {
        for tag in renamed.get(entry.id.as_str()).copied().unwrap_or(&entry.tags) {
            if let Some(missing) = missing.get_mut(tag) {
                *missing -= 1;
            }
        }
    }
    let mut verdicts = Vec::with_capacity(requests.len() + 1);
    let mut of_tenants = Vec::new();
    for request in requests {
        let id = &request.instance_name;
        let mut issues = Vec::new();
        let old: BTreeSet<&String> =
            state.instances.get(id).map(|entry| entry.tags.iter().collect()).unwrap_or_default();
        let new: BTreeSet<&String> = request.new_tags.iter().collect();
        for tag in old.difference(&new) {
            let Some((kind, tenant)) = parts(tag) else { continue };
            if let Some(left) = missing.get_mut(*tag).filter(|left| **left > 0) {
                *left -= 1;
                let message = format!(
                    "Tenant '{tenant}' will not satisfy minimum '{kind}' requirement if tag '{tag}' is removed from \
                     {kind} instance '{id}'."
                );
                issues.push(("MINIMUM_INSTANCE_UNSATISFIED", message));
            }
        }
        for tag in new {
            match parts(tag) {
                None if id.starts_with("Broker_") || id.starts_with("Server_") => {
                    let message =
                        format!("The tag '{tag}' does not follow the suffix convention of either broker or server");
                    issues.push(("UNRECOGNISED_TAG_TYPE", message));
                }
                Some((kind, tenant)) => {
                    if let Some(lacking) = missing.get(tag).filter(|lacking| **lacking > 0) {
                        let message = format!(
                            "Tenant '{tenant}' is low on '{kind}' instances by {lacking} even after allocating instance \
                             {id}"
                        );
                        of_tenants.push(("ALREADY_DEFICIENT_TENANT", message));
                    }
                }
                None => {}
            }
        }
        verdicts.push(verdict(Some(id), issues));
    }
    if !of_tenants.is_empty() {
        verdicts.push(verdict(None, of_tenants));
    }
    verdicts
}
