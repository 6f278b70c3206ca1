//! Running queries.

use std::{sync::Arc, time::Duration};

use axum::{
    Json,
    body::Body,
    extract::{Path, Query, State},
    http::{HeaderValue, StatusCode, header::CONTENT_TYPE},
    response::{IntoResponse, Response},
};
use serde::Deserialize;
use service::ApiError;

use crate::state::State as Broker;

/// Statements that run now, by request id
#[utoipa::path(get, path = "/queries", tag = "Query", responses((status = 200, body = std::collections::BTreeMap<String, String>)))]
pub(super) async fn running(State(broker): State<Arc<Broker>>) -> Response {
    if !broker.config.query_cancellation {
        return text(StatusCode::INTERNAL_SERVER_ERROR, DISABLED);
    }
    Json(broker.running.list()).into_response()
}

const DISABLED: &str =
    "Query cancellation is not enabled; set pinot.broker.enable.query.cancellation=true and start the broker again";

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct CancelParameters {
    #[serde(default)]
    client: bool,
    timeout_ms: Option<u64>,
    #[serde(default)]
    verbose: bool,
}

/// Cancel a running query
#[utoipa::path(delete, path = "/query/{id}", tag = "Query",
    params(
        ("id" = String, Path, description = "Request id, or the client's own with client=true"),
        ("client" = Option<bool>, Query),
        ("timeoutMs" = Option<u64>, Query),
        ("verbose" = Option<bool>, Query),
    ),
    responses((status = 200, body = String), (status = 404, body = String)))]
pub(super) async fn cancel(
    State(broker): State<Arc<Broker>>,
    Path(id): Path<String>,
    Query(parameters): Query<CancelParameters>,
) -> Result<Response, ApiError> {
    if !broker.config.query_cancellation {
        return Ok(text(StatusCode::INTERNAL_SERVER_ERROR, DISABLED));
    }
    let Some((request_id, servers)) = broker.running.cancel(&id, parameters.client) else {
        return Ok(text(StatusCode::NOT_FOUND, &format!("Query: {id} not found on the broker")));
    };
    let timeout = Duration::from_millis(parameters.timeout_ms.unwrap_or(3000).min(60_000));
    let asked = servers.len();
    let told = futures::future::join_all(servers.iter().map(|server| server.cancel(request_id)));
    let answers = tokio::time::timeout(timeout, told).await.unwrap_or_default();
    let mut message = format!("Cancelled query: {id}");
    if parameters.verbose {
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
