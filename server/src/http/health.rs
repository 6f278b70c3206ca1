//! Whether this server is alive, and whether it has loaded what it should.

use std::sync::{Arc, atomic::Ordering};

use axum::{
    extract::{Query, State},
    http::StatusCode,
};
use serde::Deserialize;

use crate::server::State as Server;

type Health = (StatusCode, &'static str);

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct CheckType {
    check_type: Option<String>,
}

/// Liveness with checkType=liveness, else readiness
#[utoipa::path(get, path = "/health", tag = "Health",
    params(("checkType" = Option<String>, Query, description = "liveness or readiness")),
    responses((status = 200, body = String), (status = 503, body = String)))]
pub(super) async fn health(State(server): State<Arc<Server>>, Query(check): Query<CheckType>) -> Health {
    if check.check_type.is_some_and(|kind| kind.eq_ignore_ascii_case("liveness")) {
        return (StatusCode::OK, "OK");
    }
    ready(&server)
}

/// Whether the process works
#[utoipa::path(get, path = "/health/liveness", tag = "Health", responses((status = 200, body = String)))]
pub(super) async fn liveness() -> Health {
    (StatusCode::OK, "OK")
}

/// Whether the segments assigned at the start are loaded
#[utoipa::path(get, path = "/health/readiness", tag = "Health",
    responses((status = 200, body = String), (status = 503, body = String)))]
pub(super) async fn readiness(State(server): State<Arc<Server>>) -> Health {
    ready(&server)
}

fn ready(server: &Server) -> Health {
    if server.stopping.load(Ordering::Relaxed) {
        (StatusCode::SERVICE_UNAVAILABLE, "the server is stopping")
    } else if server.ready.load(Ordering::Acquire) {
        (StatusCode::OK, "OK")
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "the server is loading its segments")
    }
}
