//! The admin API. Unlike the other roles', its unknown paths have no body.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use axum::{Router, http::StatusCode, routing::get};
use utoipa::OpenApi;

#[derive(OpenApi)]
#[openapi(info(title = "Minion", description = "Health of a minion"), paths(health))]
struct Document;

/// All routes. `ready` turns false when the minion begins to stop.
pub(crate) fn routes(ready: Arc<AtomicBool>) -> Router {
    Router::new()
        .route("/health", get(move || async move { health(ready.load(Ordering::Relaxed)) }))
        .merge(service::uptime::routes())
        .merge(service::swagger::routes(Document::openapi(), service::swagger::Role::Minion))
        .fallback(|| async { StatusCode::NOT_FOUND })
}

/// Whether the minion is up
#[utoipa::path(get, path = "/health", tag = "Health", responses((status = 200, body = String), (status = 503)))]
fn health(ready: bool) -> (StatusCode, &'static str) {
    if ready { (StatusCode::OK, "OK") } else { (StatusCode::SERVICE_UNAVAILABLE, "the minion is stopping") }
}
