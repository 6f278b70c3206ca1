//! Running queries.

use std::sync::Arc;

use axum::{
    Json,
    body::Body,
    extract::{Path, State},
    http::{HeaderValue, StatusCode, header::CONTENT_TYPE},
    response::Response,
};

use crate::server::State as Server;

/// Request ids of the queries that run now
#[utoipa::path(get, path = "/queries/id", tag = "Query", responses((status = 200, body = Vec<String>)))]
pub(super) async fn running(State(server): State<Arc<Server>>) -> Json<Vec<String>> {
    Json(server.executor.running().ids().iter().map(u64::to_string).collect())
}

/// Cancel a running query
#[utoipa::path(delete, path = "/query/{queryId}", tag = "Query",
    params(("queryId" = String, Path)),
    responses(
        (status = 200, description = "A text says that it was cancelled"),
        (status = 404, description = "A text says that no such query runs"),
    ))]
pub(super) async fn cancel(State(server): State<Arc<Server>>, Path(id): Path<String>) -> Response {
    let cancelled = id.parse().is_ok_and(|id| server.executor.running().cancel(id));
    let (status, text) = if cancelled {
        (StatusCode::OK, format!("Cancelled query: {id}"))
    } else {
        (StatusCode::NOT_FOUND, format!("Query: {id} not found on the server"))
    };
    // Plain text under the content type that Pinot declares for it.
    let mut response = Response::new(Body::from(text));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}
