//! The admin API. Unlike the other roles', its unknown paths have no body.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use axum::{
    Json, Router,
    extract::{MatchedPath, Path, Request, State},
    http::StatusCode,
    middleware::{Next, from_fn},
    response::{IntoResponse, Response},
    routing::get,
};
use serde::Serialize;
use serde_json::Value;
use service::http::{
    ErrorStyle, Limits, finish,
    loggers::{self, LogFiles},
};
use utoipa::OpenApi;

#[derive(OpenApi)]
#[openapi(info(title = "Minion", description = "Health of a minion"), paths(health, app_configs, gauge))]
struct Document;

/// What handlers work with.
#[derive(Clone)]
pub(crate) struct Minion {
    /// Turns false when the minion begins to stop.
    pub(crate) ready: Arc<AtomicBool>,
    /// Whether the session with the controller is open.
    pub(crate) connected: Arc<AtomicBool>,
    /// What the API shows of the configuration, secrets masked.
    pub(crate) shown: Arc<BTreeMap<String, String>>,
    pub(crate) log_files: LogFiles,
}

/// All routes.
pub(crate) fn routes(minion: Minion) -> Router {
    let (loggers, logger_document) = loggers::routes(minion.log_files.clone()).split_for_parts();
    let mut document = Document::openapi();
    document.merge(logger_document);
    document.merge(service::uptime::document());
    let routes = Router::new()
        .route("/health", get(health))
        .route("/appconfigs", get(app_configs))
        .route("/metrics/gauge/{name}", get(gauge))
        .merge(loggers)
        .with_state(minion)
        .merge(service::uptime::routes())
        .merge(service::swagger::routes(document, service::swagger::Role::Minion));
    finish(routes, ErrorStyle::Broker, Limits::default(), &[]).layer(from_fn(bare_unknown_paths))
}

async fn bare_unknown_paths(request: Request, next: Next) -> Response {
    let known = request.extensions().get::<MatchedPath>().is_some();
    let response = next.run(request).await;
    if known || response.status() != StatusCode::NOT_FOUND { response } else { StatusCode::NOT_FOUND.into_response() }
}

/// Whether the minion is up
#[utoipa::path(get, path = "/health", tag = "Health", responses(
    (status = 200, body = String, content_type = "text/plain"),
    (status = 503, body = String, content_type = "text/plain"),
))]
async fn health(State(minion): State<Minion>) -> (StatusCode, &'static str) {
    if minion.ready.load(Ordering::Relaxed) {
        (StatusCode::OK, "OK")
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "the minion is stopping")
    }
}

/// What this process runs on and with
#[utoipa::path(get, path = "/appconfigs", tag = "AppConfigs", responses((status = 200, body = Object)))]
async fn app_configs(State(minion): State<Minion>) -> Json<Value> {
    Json(service::app_configs::document(&minion.shown))
}

#[derive(Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
struct Gauge {
    gauge_value: i64,
    metric_exists: bool,
}

/// The value of a gauge
#[utoipa::path(get, path = "/metrics/gauge/{gaugeName}", tag = "Metrics",
    params(("gaugeName" = String, Path)), responses((status = 200, body = Gauge)))]
async fn gauge(State(minion): State<Minion>, Path(name): Path<String>) -> Json<Gauge> {
    let value = match name.as_str() {
        "pinot.minion.connected" => Some(minion.connected.load(Ordering::Relaxed)),
        "pinot.minion.ready" => Some(minion.ready.load(Ordering::Relaxed)),
        _ => None,
    };
    Json(Gauge { gauge_value: value.map_or(0, i64::from), metric_exists: value.is_some() })
}
