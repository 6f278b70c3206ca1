//! Running queries.

use std::{collections::HashMap, sync::Arc, time::Duration};

use axum::{
    Json,
    body::Body,
    extract::{Path, Query, State},
    http::{HeaderValue, StatusCode, header::CONTENT_TYPE},
    response::{IntoResponse, Response},
};
use service::ApiError;

use super::params::{flag, number, unreadable};
use crate::state::State as Broker;

/// Statements that run now, by request id
#[utoipa::path(get, path = "/queries", tag = "Query", responses(
    (status = 200, body = std::collections::BTreeMap<String, String>),
    (status = 500, description = "A text says that cancellation is off"),
))]
pub(super) async fn running(State(broker): State<Arc<Broker>>) -> Response {
    if !broker.config.query_cancellation {
        return text(StatusCode::INTERNAL_SERVER_ERROR, DISABLED);
    }
    Json(broker.running.list()).into_response()
}

const DISABLED: &str =
    "Query cancellation is not enabled; set pinot.broker.enable.query.cancellation=true and start the broker again";

/// Cancel a running query
#[utoipa::path(delete, path = "/query/{id}", tag = "Query",
    params(
        ("id" = String, Path, description = "Request id, or the client's own with client=true"),
        ("client" = Option<bool>, Query),
        ("timeoutMs" = Option<i32>, Query, description = "How long the servers are waited for, 3000 without"),
        ("verbose" = Option<bool>, Query, description = "Say what the servers answered"),
    ),
    responses(
        (status = 200, description = "A text says that it was cancelled"),
        (status = 404, description = "A text says that no such query runs"),
        (status = 500, description = "A text says that cancellation is off"),
    ))]
pub(super) async fn cancel(
    State(broker): State<Arc<Broker>>,
    Path(id): Path<String>,
    Query(parameters): Query<HashMap<String, String>>,
) -> Result<Response, ApiError> {
    if !broker.config.query_cancellation {
        return Ok(text(StatusCode::INTERNAL_SERVER_ERROR, DISABLED));
    }
    let timeout_ms = number(&parameters, "timeoutMs").ok_or_else(unreadable)?.unwrap_or(3000);
    let Some((request_id, servers)) = broker.running.cancel(&id, flag(&parameters, "client")) else {
        return Ok(text(StatusCode::NOT_FOUND, &format!("Query: {id} not found on the broker")));
    };
    let timeout = Duration::from_millis(timeout_ms.clamp(0, 60_000).unsigned_abs());
    let asked = servers.len();
    let told = futures::future::join_all(servers.iter().map(|server| server.cancel(request_id)));
    let answers = tokio::time::timeout(timeout, told).await.unwrap_or_default();
    let mut message = format!("Cancelled query: {id}");
    if flag(&parameters, "verbose") {
        let stopped = answers.iter().filter(|answer| matches!(answer, Ok(true))).count();
        message.push_str(&format!(" with responses from {} of {asked} servers, stopped on {stopped}", answers.len()));
    }
    Ok(text(StatusCode::OK, &message))
}

/// Plain text under the content type that Pinot declares for it.
pub(super) fn text(status: StatusCode, message: &str) -> Response {
    let mut response = Response::new(Body::from(message.to_owned()));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}
