//! `/cluster/…`: name and configuration of the cluster; `/leader/…`.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::{Path, State};
use bytes::Bytes;
use serde_json::{Value, json};
use service::ApiError;
use service::http::Json;
use utoipa_axum::routes;

use super::params::parse_json;
use super::{App, Routes, answer, resolve};
use crate::cluster::Change;
use crate::error::Error;

pub(crate) fn routes() -> Routes {
    Routes::new()
        .routes(routes!(info))
        .routes(routes!(configs, set_configs))
        .routes(routes!(delete_config))
        .routes(routes!(leaders))
        .routes(routes!(leader))
}

/// Name of the cluster
#[utoipa::path(get, path = "/cluster/info", tag = "Cluster", responses((status = 200)))]
async fn info(State(app): State<Arc<App>>) -> Json<Value> {
    Json::new(json!({ "clusterName": app.cluster.config.cluster_name }))
}

/// Cluster configuration
#[utoipa::path(get, path = "/cluster/configs", tag = "Cluster", responses((status = 200)))]
async fn configs(State(app): State<Arc<App>>) -> Json<BTreeMap<String, String>> {
    Json::new(app.cluster.read().configs.clone())
}

/// Longest key and value, and most keys: the configuration goes to every instance.
const MAX_TEXT: usize = 64 << 10;
const MAX_KEYS: usize = 10_000;

/// Sets keys of the cluster configuration
#[utoipa::path(post, path = "/cluster/configs", tag = "Cluster", request_body(content = Value, content_type = "application/json"), responses((status = 200), (status = 400)))]
async fn set_configs(State(app): State<Arc<App>>, body: Bytes) -> Result<Json<Value>, ApiError> {
    let refused = || Error::Invalid("Error converting request to cluster config.".to_owned());
    // As in Pinot, nothing and a list change nothing.
    if !body.iter().all(u8::is_ascii_whitespace)
        && let Value::Object(wanted) = parse_json(&body).map_err(|_| refused())?
    {
        app.cluster
            .write(|state| {
                let new = wanted.keys().filter(|key| !state.configs.contains_key(*key)).count();
                if state.configs.len() + new > MAX_KEYS {
                    return Err(Error::Invalid(format!("The cluster configuration is limited to {MAX_KEYS} keys")));
                }
                let mut changes = Vec::with_capacity(wanted.len());
                for (key, value) in wanted {
                    let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
                    if key.is_empty() || key.len() > MAX_TEXT || text.len() > MAX_TEXT {
                        return Err(Error::Invalid(format!("Keys and values have 1 to {MAX_TEXT} bytes")));
                    }
                    changes.push(Change::PutConfig(key, text));
                }
                Ok((changes, ()))
            })
            .await?;
    }
    Ok(answer::status("Updated cluster config."))
}

/// Removes a key of the cluster configuration
#[utoipa::path(delete, path = "/cluster/configs/{configName}", tag = "Cluster", params(("configName" = String, Path)), responses((status = 200)))]
async fn delete_config(State(app): State<Arc<App>>, Path(key): Path<String>) -> Result<Json<Value>, ApiError> {
    let message = format!("Deleted cluster config: {key}");
    app.cluster
        .write(|state| {
            let known = state.configs.contains_key(&key);
            Ok((if known { vec![Change::RemoveConfig(key)] } else { Vec::new() }, ()))
        })
        .await?;
    Ok(answer::status(message))
}

fn leader_entries(app: &App, tables: Vec<String>) -> Json<Value> {
    let entry = json!({ "leadControllerId": app.cluster.instance_id, "tableNames": tables });
    Json::new(json!({
        "leadControllerResourceEnabled": true,
        "leadControllerEntryMap": { "leadControllerResource_0": entry },
    }))
}

/// The leading controller of each table
#[utoipa::path(get, path = "/leader/tables", tag = "Leader", responses((status = 200)))]
async fn leaders(State(app): State<Arc<App>>) -> Json<Value> {
    let tables = app.cluster.read().tables.keys().cloned().collect();
    leader_entries(&app, tables)
}

/// The leading controller of a table
#[utoipa::path(get, path = "/leader/tables/{tableName}", tag = "Leader", params(("tableName" = String, Path)), responses((status = 200)))]
async fn leader(State(app): State<Arc<App>>, Path(name): Path<String>) -> Result<Json<Value>, ApiError> {
    resolve::split(&name, None)?;
    Ok(leader_entries(&app, vec![name]))
}
