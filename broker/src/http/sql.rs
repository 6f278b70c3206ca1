//! Queries in, answers out.

use std::{collections::HashMap, sync::Arc};

use axum::{
    body::{Body, Bytes},
    extract::{Query, State},
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header::CONTENT_TYPE},
    response::{IntoResponse, Response},
};

use super::{
    params::{flag, number, unreadable},
    queries::text,
};
use crate::{
    query::{Answer, RawError, SqlRequest, answer},
    state::State as Broker,
};

pub(super) static ERROR_CODE: HeaderName = HeaderName::from_static("x-pinot-error-code");
const USE_HTTP_STATUS: &str = "pinot-use-http-status-for-errors";

/// Run a statement
#[utoipa::path(post, path = "/query/sql", tag = "Query",
    params(("getCursor" = Option<bool>, Query), ("numRows" = Option<i32>, Query)),
    request_body(content = Object, content_type = "application/json",
        description = "`sql`, and optionally `trace` and `queryOptions` (`k=v;k2=v2`)",
        example = json!({"sql": "select 1"})),
    responses(
        (status = 200, description = "The broker's answer, also when it holds exceptions", body = Object),
        (status = 404, description = "`numRows` is no number, or an error where the client wants statuses"),
        (status = 408, description = "Out of time, where the client wants statuses"),
        (status = 429, description = "Over a quota, where the client wants statuses"),
        (status = 500, description = "A text: the request is none, or an option is out of its range"),
        (status = 503, description = "Servers are missing, where the client wants statuses"),
    ))]
pub(super) async fn post_sql(
    State(broker): State<Arc<Broker>>,
    Query(parameters): Query<HashMap<String, String>>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let request = SqlRequest::from_body(&body);
    respond(&broker, request, &parameters, &headers, false).await
}

/// Run a SELECT
#[utoipa::path(get, path = "/query/sql", tag = "Query",
    params(("sql" = String, Query), ("trace" = Option<String>, Query), ("queryOptions" = Option<String>, Query)),
    responses(
        (status = 200, description = "The broker's answer, also when it holds exceptions", body = Object),
        (status = 404, description = "`numRows` is no number, or an error where the client wants statuses"),
        (status = 408, description = "Out of time, where the client wants statuses"),
        (status = 429, description = "Over a quota, where the client wants statuses"),
        (status = 500, description = "A text: the request is none, or an option is out of its range"),
        (status = 503, description = "Servers are missing, where the client wants statuses"),
    ))]
pub(super) async fn get_sql(
    State(broker): State<Arc<Broker>>,
    Query(parameters): Query<HashMap<String, String>>,
    headers: HeaderMap,
) -> Response {
    let request = Ok(SqlRequest::from_parameters(&parameters));
    respond(&broker, request, &parameters, &headers, false).await
}

/// Run a statement on the multi-stage engine
#[utoipa::path(post, path = "/query", tag = "Query",
    params(("getCursor" = Option<bool>, Query), ("numRows" = Option<i32>, Query)),
    request_body(content = Object, content_type = "application/json",
        description = "`sql`, and optionally `trace` and `queryOptions` (`k=v;k2=v2`)",
        example = json!({"sql": "select 1"})),
    responses(
        (status = 200, description = "The broker's answer, also when it holds exceptions", body = Object),
        (status = 404, description = "`numRows` is no number, or an error where the client wants statuses"),
        (status = 408, description = "Out of time, where the client wants statuses"),
        (status = 429, description = "Over a quota, where the client wants statuses"),
        (status = 500, description = "A text: the request is none, or an option is out of its range"),
        (status = 503, description = "Servers are missing, where the client wants statuses"),
    ))]
pub(super) async fn post_query(
    State(broker): State<Arc<Broker>>,
    Query(parameters): Query<HashMap<String, String>>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let request = SqlRequest::from_body(&body);
    respond(&broker, request, &parameters, &headers, true).await
}

/// Run a SELECT on the multi-stage engine
#[utoipa::path(get, path = "/query", tag = "Query",
    params(("sql" = String, Query), ("trace" = Option<String>, Query), ("queryOptions" = Option<String>, Query)),
    responses(
        (status = 200, description = "The broker's answer, also when it holds exceptions", body = Object),
        (status = 404, description = "`numRows` is no number, or an error where the client wants statuses"),
        (status = 408, description = "Out of time, where the client wants statuses"),
        (status = 429, description = "Over a quota, where the client wants statuses"),
        (status = 500, description = "A text: the request is none, or an option is out of its range"),
        (status = 503, description = "Servers are missing, where the client wants statuses"),
    ))]
pub(super) async fn get_query(
    State(broker): State<Arc<Broker>>,
    Query(parameters): Query<HashMap<String, String>>,
    headers: HeaderMap,
) -> Response {
    let request = Ok(SqlRequest::from_parameters(&parameters));
    respond(&broker, request, &parameters, &headers, true).await
}

async fn respond(
    broker: &Arc<Broker>,
    request: Result<SqlRequest, RawError>,
    parameters: &HashMap<String, String>,
    headers: &HeaderMap,
    use_multistage: bool,
) -> Response {
    let mut request = match request {
        Ok(request) => request,
        Err(error) => return raw(&error),
    };
    request.use_multistage = use_multistage;
    let Some(num_rows) = number(parameters, "numRows") else { return unreadable().into_response() };
    request.get_cursor = flag(parameters, "getCursor");
    request.cursor_rows = num_rows.filter(|rows| request.get_cursor && *rows != 0);
    request.database = headers.get("database").and_then(|value| value.to_str().ok()).map(str::to_owned);
    let Answer { body, error_code, http_status } = match answer(broker, request).await {
        Ok(answer) => answer,
        Err(error) => return raw(&error),
    };
    let mut response = Response::new(Body::from(body));
    let wants_status = headers.get(USE_HTTP_STATUS).is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"true"));
    if wants_status {
        *response.status_mut() = StatusCode::from_u16(http_status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    }
    let head = response.headers_mut();
    head.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    let code = if error_code == -1 { HeaderValue::from_static("-1") } else { HeaderValue::from(error_code) };
    head.insert(ERROR_CODE.clone(), code);
    response
}

fn raw(error: &RawError) -> Response {
    text(StatusCode::INTERNAL_SERVER_ERROR, &error.0)
}
