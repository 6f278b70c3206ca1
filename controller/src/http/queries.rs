//! Running queries of all brokers: listed, and cancelled on request. Answers of cancellations are raw texts.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures::StreamExt;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use serde_json::Value;
use service::ApiError;
use service::http::Json;
use utoipa_axum::routes;

use super::params::Params;
use super::{App, Routes, encoded_path};
use crate::cluster::InstanceEntry;

pub(crate) fn routes() -> Routes {
    Routes::new()
        .routes(routes!(running))
        .routes(routes!(cancel))
        .routes(routes!(cancel_by_client))
        .routes(routes!(cancel_by_client_at))
        .routes(routes!(table_names))
}

/// Brokers that are asked at the same time.
const PARALLEL: usize = 16;
/// Longest list of statements that is read.
const MAX_STATEMENTS: usize = 10_000;

/// How long brokers are waited for. A number that is none leads nowhere, as in Pinot.
fn timeout(params: &Params) -> Result<Duration, ApiError> {
    let millis = match params.get("timeoutMs").filter(|text| !text.is_empty()) {
        None => 3000,
        Some(text) => text.parse::<i32>().map_err(|_| ApiError::not_found("HTTP 404 Not Found"))?,
    };
    // Less than this could only fail.
    Ok(Duration::from_millis(millis.clamp(100, 600_000).unsigned_abs().into()))
}

fn live_brokers(app: &App) -> Vec<InstanceEntry> {
    let live = app.cluster.live_ids();
    let state = app.cluster.read();
    let brokers = state.instances.values().filter(|one| one.role == "BROKER" && live.contains(&one.id));
    brokers.cloned().collect()
}

/// What a broker said: a status and a text.
async fn call(
    app: &App,
    broker: &InstanceEntry,
    method: http::Method,
    path: &str,
    headers: &HeaderMap,
    timeout: Duration,
) -> Result<(StatusCode, String), String> {
    let url = format!("http://{}:{}{path}", broker.host, broker.port);
    let mut call = app.client.request(method, url).timeout(timeout);
    if let Some(value) = headers.get(header::AUTHORIZATION) {
        call = call.header(header::AUTHORIZATION, value);
    }
    let failed = |error: reqwest::Error| {
        let why = if error.is_timeout() { "no answer in time".to_owned() } else { error.to_string() };
        format!("{}: {why}", broker.id)
    };
    let answer = call.send().await.map_err(failed)?;
    let status = answer.status();
    Ok((status, answer.text().await.map_err(failed)?))
}

/// Statements that run now, by broker and request id
#[utoipa::path(get, path = "/queries", tag = "Query",
    params(("timeoutMs" = Option<i32>, Query, description = "How long brokers are waited for, 3000 without")),
    responses(
        (status = 200, body = BTreeMap<String, BTreeMap<String, String>>),
        (status = 404),
        (status = 500, description = "A broker gave no answer"),
    ))]
async fn running(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    params: Params,
) -> Result<Json<BTreeMap<String, Value>>, ApiError> {
    let timeout = timeout(&params)?;
    let (app, headers) = (&app, &headers);
    let calls = live_brokers(app).into_iter().map(|broker| async move {
        let answer = call(app, &broker, http::Method::GET, "/queries", headers, timeout).await;
        (broker.id, answer)
    });
    let mut found = BTreeMap::new();
    let mut answers = futures::stream::iter(calls).buffer_unordered(PARALLEL);
    while let Some((broker, answer)) = answers.next().await {
        let queries = answer.and_then(|(status, text)| match serde_json::from_str::<Value>(&text) {
            Ok(queries) if status.is_success() => Ok(queries),
            _ => Err(format!("{broker}: {status} {text}")),
        });
        let queries = queries.map_err(|error| ApiError::internal(format!("Failed to get running queries: {error}")))?;
        found.insert(broker, queries);
    }
    Ok(Json::new(found))
}

/// Cancel a query at a broker
#[utoipa::path(delete, path = "/query/{brokerId}/{queryId}", tag = "Query",
    params(
        ("brokerId" = String, Path),
        ("queryId" = i64, Path, description = "The broker's request id"),
        ("timeoutMs" = Option<i32>, Query),
        ("verbose" = Option<bool>, Query),
    ),
    responses(
        (status = 200, description = "A text says that it was cancelled"),
        (status = 400, description = "A text says that there is no such broker"),
        (status = 404, description = "No such query runs there"),
        (status = 500, description = "A text says why it could not be cancelled"),
    ))]
async fn cancel(
    State(app): State<Arc<App>>,
    Path((broker, id)): Path<(String, String)>,
    headers: HeaderMap,
    params: Params,
) -> Result<Response, ApiError> {
    cancel_at(&app, &broker, &id, false, &headers, &params).await
}

/// Cancel a query at a broker by the id that the client gave it
#[utoipa::path(delete, path = "/clientQuery/{brokerId}/{clientQueryId}", tag = "Query",
    params(
        ("brokerId" = String, Path),
        ("clientQueryId" = i64, Path, description = "The client's id, where it is a number"),
        ("timeoutMs" = Option<i32>, Query),
        ("verbose" = Option<bool>, Query),
    ),
    responses(
        (status = 200, description = "A text says that it was cancelled"),
        (status = 400, description = "A text says that there is no such broker"),
        (status = 404, description = "No such query runs there"),
        (status = 500, description = "A text says why it could not be cancelled"),
    ))]
async fn cancel_by_client_at(
    State(app): State<Arc<App>>,
    Path((broker, id)): Path<(String, String)>,
    headers: HeaderMap,
    params: Params,
) -> Result<Response, ApiError> {
    cancel_at(&app, &broker, &id, true, &headers, &params).await
}

async fn cancel_at(
    app: &App,
    broker_id: &str,
    id: &str,
    by_client: bool,
    headers: &HeaderMap,
    params: &Params,
) -> Result<Response, ApiError> {
    let timeout = timeout(params)?;
    // Ids are numbers here; anything else is another path.
    id.parse::<i64>().map_err(|_| ApiError::not_found("HTTP 404 Not Found"))?;
    let found = app.cluster.read().instances.get(broker_id).filter(|one| one.role == "BROKER").cloned();
    let Some(broker) = found else {
        return Ok(text(StatusCode::BAD_REQUEST, format!("Unknown broker: {broker_id}")));
    };
    let path = cancel_path(id, by_client, params);
    Ok(match call(app, &broker, http::Method::DELETE, &path, headers, timeout).await {
        Ok((status, answer)) if status.is_success() => text(StatusCode::OK, answer),
        Ok((StatusCode::NOT_FOUND, _)) => {
            text(StatusCode::NOT_FOUND, format!("Query: {id} not found on the broker: {broker_id}"))
        }
        Ok((_, why)) | Err(why) => text(
            StatusCode::INTERNAL_SERVER_ERROR,
            format!("Failed to cancel query: {id} on the broker: {broker_id} due to error: {why}"),
        ),
    })
}

fn cancel_path(id: &str, by_client: bool, params: &Params) -> String {
    let verbose = params.flag("verbose", false);
    format!("{}?client={by_client}&verbose={verbose}", encoded_path(&["query", id]))
}

/// Cancel a query, wherever it runs, by the id that the client gave it
#[utoipa::path(delete, path = "/clientQuery/{clientQueryId}", tag = "Query",
    params(
        ("clientQueryId" = String, Path),
        ("timeoutMs" = Option<i32>, Query),
        ("verbose" = Option<bool>, Query),
    ),
    responses(
        (status = 200, description = "A text says that it was cancelled"),
        (status = 404, description = "timeoutMs is no number"),
        (status = 500, description = "A text says why it could not be cancelled, also when no broker knows it"),
    ))]
async fn cancel_by_client(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    headers: HeaderMap,
    params: Params,
) -> Result<Response, ApiError> {
    let timeout = timeout(&params)?;
    let path = cancel_path(&id, true, &params);
    let (app, headers, path) = (&app, &headers, &path);
    let calls = live_brokers(app)
        .into_iter()
        .map(|broker| async move { call(app, &broker, http::Method::DELETE, path, headers, timeout).await });
    let mut reasons: Vec<String> = Vec::new();
    let mut answers = futures::stream::iter(calls).buffer_unordered(PARALLEL);
    while let Some(answer) = answers.next().await {
        match answer {
            Ok((status, answer)) if status.is_success() => return Ok(text(StatusCode::OK, answer)),
            Ok((_, why)) | Err(why) => reasons.push(why),
        }
    }
    reasons.sort();
    reasons.dedup();
    let why = if reasons.is_empty() { "no broker is live".to_owned() } else { reasons.join("; ") };
    let message = format!("Failed to cancel client query: {id} due to error: {why}");
    Ok(text(StatusCode::INTERNAL_SERVER_ERROR, message))
}

/// Plain text under the content type that Pinot declares for it.
fn text(status: StatusCode, message: String) -> Response {
    let mut response = Response::new(Body::from(message));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

/// Names of the tables that statements read
#[utoipa::path(post, path = "/query/tableNames", tag = "Query",
    request_body(content = Vec<String>, content_type = "application/json", example = json!(["select count(*) from movies"])),
    responses(
        (status = 200, body = Vec<String>),
        (status = 400, description = "A text says what is no list, or no statement", body = String, content_type = "text/plain"),
        (status = 500, description = "The statements could not be read"),
    ))]
async fn table_names(body: Bytes) -> Response {
    // Many statements take a while.
    match tokio::task::spawn_blocking(move || names_in(&body)).await {
        Ok(Ok(names)) => Json::new(names).into_response(),
        Ok(Err(reason)) => ApiError::bad_request(reason).as_text().into_response(),
        Err(error) => ApiError::internal(error.to_string()).into_response(),
    }
}

fn names_in(body: &[u8]) -> Result<BTreeSet<String>, String> {
    let statements: Vec<String> =
        serde_json::from_slice(body).map_err(|error| format!("expected a JSON list of SQL texts: {error}"))?;
    if statements.len() > MAX_STATEMENTS {
        let count = statements.len();
        return Err(format!("{count} statements are more than the {MAX_STATEMENTS} that are read at once"));
    }
    let named = statements.iter().filter_map(|sql| match query::parse(sql) {
        Ok(statement) => statement.table().map(|name| Ok(name.to_owned())),
        Err(error) => Some(Err(error.to_string())),
    });
    named.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_tables() {
        let names = names_in(br#"["select a from t", "select 1", "select b from s where c = 1"]"#).unwrap();
        assert_eq!(names.into_iter().collect::<Vec<_>>(), ["s", "t"]);
        assert!(names_in(b"{}").is_err() && names_in(br#"["selec"]"#).is_err());
    }
}
