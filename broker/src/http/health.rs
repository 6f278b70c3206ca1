//! Whether this broker is up.

use std::sync::{Arc, atomic::Ordering};

use axum::{Json, extract::State, http::StatusCode};
use serde_json::Value;

use crate::state::State as Broker;

/// Whether the broker takes queries
#[utoipa::path(get, path = "/health", tag = "Health", responses(
    (status = 200, description = "OK", body = String, content_type = "text/plain"),
    (status = 503, description = "Starting or stopping", body = String, content_type = "text/plain"),
))]
pub(super) async fn health(State(broker): State<Arc<Broker>>) -> (StatusCode, &'static str) {
    if broker.stopping.load(Ordering::Relaxed) {
        return (StatusCode::SERVICE_UNAVAILABLE, "the broker is stopping");
    }
    if !broker.view.load().ready {
        return (StatusCode::SERVICE_UNAVAILABLE, "the broker has not yet heard of the cluster from a controller");
    }
    (StatusCode::OK, "OK")
}

/// The tags of this instance
#[utoipa::path(get, path = "/instance/tags", tag = "Instance", responses((status = 200, body = Vec<String>)))]
pub(super) async fn tags(State(broker): State<Arc<Broker>>) -> Json<Vec<String>> {
    Json(broker.config.tags.clone())
}

/// What this process runs on and with
#[utoipa::path(get, path = "/appconfigs", tag = "AppConfig", responses((status = 200, body = Object)))]
pub(super) async fn app_configs(State(broker): State<Arc<Broker>>) -> Json<Value> {
    Json(service::app_configs::document(&broker.config.shown))
}
