//! `/health`, `/version`, uptime, and what clients ask to see who they are talking to.

use std::sync::Arc;

use axum::extract::State;
use serde_json::{Value, json};
use service::ApiError;
use service::http::Json;
use utoipa_axum::routes;

use super::params::Params;
use super::{App, Routes};
use crate::error::Error;

pub(crate) fn routes() -> Routes {
    Routes::new()
        .routes(routes!(health))
        .routes(routes!(version))
        .routes(routes!(uptime))
        .routes(routes!(start_time))
        .routes(routes!(admin))
        .routes(routes!(auth_info))
        .routes(routes!(auth_verify))
        .routes(routes!(auth_verify_v2))
        .routes(routes!(invalid_configs))
        .routes(routes!(app_configs))
}

/// OK when the controller can do its work
#[utoipa::path(get, path = "/health", tag = "Health", responses((status = 200, content_type = "text/plain"), (status = 503, content_type = "text/plain")))]
async fn health(State(app): State<Arc<App>>) -> Result<&'static str, ApiError> {
    if app.cluster.store_is_healthy() {
        Ok("OK")
    } else {
        Err(ApiError::unavailable("Pinot controller status is BAD").as_text())
    }
}

/// Versions of the components
#[utoipa::path(get, path = "/version", tag = "Version", responses((status = 200)))]
async fn version() -> Json<Value> {
    let version = service::VERSION;
    Json::new(json!({
        "cuvee": version,
        "pinot-controller": version,
        "pinot-broker": version,
        "pinot-server": version,
        "pinot-minion": version,
        "pinot-common": version,
        "pinot-core": version,
        "pinot-spi": version,
        "pinot-segment-local": version,
        "pinot-segment-spi": version,
        "pinot-query-planner": version,
        "pinot-query-runtime": version,
    }))
}

/// Seconds since the start
#[utoipa::path(get, path = "/uptime", tag = "Health", responses((status = 200, content_type = "text/plain")))]
async fn uptime(State(app): State<Arc<App>>) -> String {
    app.started.elapsed().as_secs().to_string()
}

/// Time of the start
#[utoipa::path(get, path = "/start-time", tag = "Health", responses((status = 200, content_type = "text/plain")))]
async fn start_time(State(app): State<Arc<App>>) -> String {
    app.start_time.to_rfc3339_opts(chrono::SecondsFormat::Nanos, true)
}

/// GOOD when the controller is up
#[utoipa::path(get, path = "/pinot-controller/admin", tag = "Health", responses((status = 200, content_type = "text/plain")))]
async fn admin() -> &'static str {
    "GOOD"
}

/// How users prove who they are
#[utoipa::path(get, path = "/auth/info", tag = "Auth", responses((status = 200)))]
async fn auth_info() -> Json<Value> {
    Json::new(json!({ "workflow": "NONE" }))
}

fn verify(params: &Params) -> Result<Json<bool>, ApiError> {
    match params.get("accessType") {
        None | Some("READ" | "CREATE" | "UPDATE" | "DELETE") => Ok(Json::new(true)),
        Some(_) => Err(Error::NotFound("HTTP 404 Not Found".to_owned()).into()),
    }
}

/// Whether the caller may do something
#[utoipa::path(get, path = "/auth/verify", tag = "Auth", params(("tableName" = Option<String>, Query), ("accessType" = Option<String>, Query), ("endpointUrl" = Option<String>, Query)), responses((status = 200), (status = 404)))]
async fn auth_verify(params: Params) -> Result<Json<bool>, ApiError> {
    verify(&params)
}

/// Whether the caller may do something
#[utoipa::path(get, path = "/auth/verify/v2", tag = "Auth", params(("tableName" = Option<String>, Query), ("accessType" = Option<String>, Query), ("endpointUrl" = Option<String>, Query)), responses((status = 200), (status = 404)))]
async fn auth_verify_v2(params: Params) -> Result<Json<bool>, ApiError> {
    verify(&params)
}

/// Stored configurations that cannot be read
#[utoipa::path(get, path = "/invalidconfigs", tag = "Health", responses((status = 200)))]
async fn invalid_configs() -> Json<Value> {
    // What cannot be read is refused at start.
    Json::new(json!({}))
}

/// What this process runs on and with
#[utoipa::path(get, path = "/appconfigs", tag = "AppConfigs", responses((status = 200)))]
async fn app_configs(State(app): State<Arc<App>>) -> Json<Value> {
    Json::new(service::app_configs::document(&app.cluster.config.shown))
}
