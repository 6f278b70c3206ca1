//! `/loggers/instances`: log files of other instances, through the controller.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{Path, State};
use axum::response::Response;
use http::{HeaderValue, StatusCode, header};
use serde_json::{Value, json};
use service::ApiError;
use service::http::Json;
use utoipa_axum::routes;

use super::params::Params;
use super::{App, Routes};
use crate::error::Error;

pub(crate) fn routes() -> Routes {
    Routes::new().routes(routes!(all)).routes(routes!(of_instance)).routes(routes!(download))
}

const TIMEOUT: Duration = Duration::from_secs(10);
/// Of a list of files.
const MAX_LIST_BYTES: usize = 8 << 20;

/// `http://host:port` of a live instance's admin API.
fn base_url(app: &App, id: &str) -> Result<String, Error> {
    let state = app.cluster.read();
    let entry = state.instances.get(id).ok_or_else(|| Error::NotFound(format!("Instance {id} not found")))?;
    if id == app.cluster.instance_id {
        return Ok(app.cluster.base_url.clone());
    }
    if entry.role == "SERVER" {
        let address = app.cluster.admin_address(id);
        let missing = || Error::Unavailable(format!("Instance {id} is not live, or has no admin port"));
        return address.map(|address| format!("http://{address}")).ok_or_else(missing);
    }
    let (host, port) =
        app.cluster.live_address(id).ok_or_else(|| Error::Unavailable(format!("Instance {id} is not live")))?;
    Ok(format!("http://{host}:{port}"))
}

async fn ask(app: &App, id: &str, path: &str, query: &[(&str, &str)]) -> Result<reqwest::Response, Error> {
    let url = format!("{}{path}", base_url(app, id)?);
    let failed =
        |error: reqwest::Error| Error::Internal(format!("Failed to fetch logs from instance name: {id}: {error}"));
    let response = app.client.get(url).query(query).timeout(TIMEOUT).send().await.map_err(failed)?;
    match response.status() {
        status if status.is_success() => Ok(response),
        StatusCode::FORBIDDEN => Err(Error::Forbidden(format!("Instance {id} has no such log file"))),
        status => Err(Error::Internal(format!("Failed to fetch logs from instance name: {id}: it answered {status}"))),
    }
}

async fn files(app: &App, id: &str) -> Result<Vec<String>, Error> {
    let failed = |error: String| Error::Internal(format!("Failed to fetch logs from instance name: {id}: {error}"));
    let response = ask(app, id, "/loggers/files", &[]).await?;
    let body = service::http::collect(Body::from_stream(response.bytes_stream()), MAX_LIST_BYTES).await;
    let body = body.map_err(|error| failed(error.to_string()))?;
    serde_json::from_slice(&body).map_err(|error| failed(error.to_string()))
}

/// Log files of all live instances that show theirs
#[utoipa::path(get, path = "/loggers/instances", tag = "Logger", responses((status = 200), (status = 500)))]
async fn all(State(app): State<Arc<App>>) -> Result<Json<Value>, ApiError> {
    // As in Pinot: without a folder of its own, the controller shows no other's.
    let own = app.cluster.instance_id.clone();
    let mut found = BTreeMap::from([(own.clone(), files(&app, &own).await?)]);
    for id in app.cluster.live_ids().into_iter().filter(|id| *id != own) {
        match files(&app, &id).await {
            Ok(files) => {
                found.insert(id, files);
            }
            Err(error) => tracing::debug!(instance = id, %error, "no log files of an instance"),
        }
    }
    Ok(Json::new(json!(found)))
}

/// Log files of one instance
#[utoipa::path(get, path = "/loggers/instances/{instanceName}", tag = "Logger", params(("instanceName" = String, Path)), responses((status = 200), (status = 404), (status = 500), (status = 503)))]
async fn of_instance(State(app): State<Arc<App>>, Path(id): Path<String>) -> Result<Json<Value>, ApiError> {
    Ok(Json::new(json!(files(&app, &id).await?)))
}

/// One log file of one instance
#[utoipa::path(get, path = "/loggers/instances/{instanceName}/download", tag = "Logger", params(("instanceName" = String, Path), ("filePath" = String, Query)), responses((status = 200, content_type = "application/octet-stream"), (status = 403), (status = 404), (status = 500), (status = 503)))]
async fn download(State(app): State<Arc<App>>, Path(id): Path<String>, params: Params) -> Result<Response, ApiError> {
    let file = params.get("filePath").unwrap_or_default();
    let answered = ask(&app, &id, "/loggers/download", &[("filePath", file)]).await?;
    let mut response = Response::new(Body::from_stream(answered.bytes_stream()));
    let octets = HeaderValue::from_static("application/octet-stream");
    response.headers_mut().insert(header::CONTENT_TYPE, octets);
    Ok(response)
}
