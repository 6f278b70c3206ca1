//! Kept results: their pages, their metadata, their end. Errors are raw texts.

use std::{collections::HashMap, sync::Arc};

use axum::{
    Json,
    extract::{Path, Query, State},
    http::{HeaderValue, StatusCode, header::CONTENT_TYPE},
    response::{IntoResponse, Response},
};
use serde_json::Value;
use service::ApiError;

use super::{
    params::{number, unreadable},
    queries::text,
    sql::ERROR_CODE,
};
use crate::{
    cursor::{CursorError, Page},
    state::{State as Broker, now_ms},
};

/// Results that are kept now, without their rows
#[utoipa::path(get, path = "/responseStore", tag = "ResponseStore",
    responses((status = 200, body = Vec<Object>)))]
pub(super) async fn list(State(broker): State<Arc<Broker>>) -> Json<Vec<Value>> {
    let kept = broker.responses.list(now_ms());
    Json(kept.iter().map(|kept| Value::Object(kept.head.clone())).collect())
}

/// One kept result, without its rows
#[utoipa::path(get, path = "/responseStore/{requestId}", tag = "ResponseStore",
    params(("requestId" = String, Path)),
    responses((status = 200, body = Object), (status = 404, description = "A text says that it is not there")))]
pub(super) async fn one(State(broker): State<Arc<Broker>>, Path(id): Path<String>) -> Response {
    match broker.responses.find(&id, now_ms()) {
        Ok(kept) => Json(Value::Object(kept.head.clone())).into_response(),
        Err(error) => failure(&error),
    }
}

/// A page of a kept result
#[utoipa::path(get, path = "/responseStore/{requestId}/results", tag = "ResponseStore",
    params(
        ("requestId" = String, Path),
        ("offset" = Option<i32>, Query, description = "The first row, 0 without"),
        ("numRows" = Option<i32>, Query, description = "How many rows; pinot.broker.cursor.fetch.rows without"),
    ),
    responses(
        (status = 200, body = Object),
        (status = 404, description = "A text says that it is not there"),
        (status = 500, description = "A text says what is wrong with offset or numRows"),
    ))]
pub(super) async fn page(
    State(broker): State<Arc<Broker>>,
    Path(id): Path<String>,
    Query(parameters): Query<HashMap<String, String>>,
) -> Result<Response, ApiError> {
    let offset = number(&parameters, "offset").ok_or_else(unreadable)?.unwrap_or(0);
    let fetch_rows = i64::try_from(broker.responses.config().fetch_rows).unwrap_or(i64::MAX);
    let num_rows = number(&parameters, "numRows").ok_or_else(unreadable)?.filter(|n| *n != 0).unwrap_or(fetch_rows);
    let page = Page { offset, num_rows };
    match broker.responses.page(&id, page, now_ms()).await {
        Ok(body) => {
            let mut response = body.into_response();
            let head = response.headers_mut();
            head.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
            head.insert(ERROR_CODE.clone(), HeaderValue::from_static("-1"));
            Ok(response)
        }
        Err(error) => Ok(failure(&error)),
    }
}

/// Forget a kept result
#[utoipa::path(delete, path = "/responseStore/{requestId}", tag = "ResponseStore",
    params(("requestId" = String, Path)),
    responses(
        (status = 200, description = "A text says that it is gone"),
        (status = 404, description = "A text says that it is not there"),
    ))]
pub(super) async fn delete(State(broker): State<Arc<Broker>>, Path(id): Path<String>) -> Response {
    match broker.responses.delete(&id).await {
        Ok(()) => text(StatusCode::OK, &format!("Query Results for {id} deleted.")),
        Err(error) => failure(&error),
    }
}

fn failure(error: &CursorError) -> Response {
    let status = match error {
        CursorError::Missing(_) => StatusCode::NOT_FOUND,
        _ => StatusCode::INTERNAL_SERVER_ERROR,
    };
    let mut message = error.to_string();
    if let Some(source) = std::error::Error::source(error) {
        message.push_str(&format!(": {source}"));
    }
    text(status, &message)
}
