//! `/segments/{table}/{segment}`: the segment's packed file, and its deletion.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Path, State};
use axum::response::Response;
use http::{HeaderValue, header};
use serde_json::Value;
use service::ApiError;
use service::http::Json;
use tokio_util::io::ReaderStream;
use utoipa_axum::routes;

use super::params::Params;
use super::{App, Routes, answer, resolve, segments};
use crate::error::Error;

pub(crate) fn routes() -> Routes {
    Routes::new().routes(routes!(download, delete))
}

/// Fetches a segment's file from the deep store
#[utoipa::path(get, path = "/segments/{tableName}/{segmentName}", tag = "Segment", params(("tableName" = String, Path), ("segmentName" = String, Path)), responses((status = 200, content_type = "application/octet-stream"), (status = 404)))]
async fn download(
    State(app): State<Arc<App>>,
    Path((name, segment)): Path<(String, String)>,
) -> Result<Response, ApiError> {
    let (raw, _) = resolve::split(&name, None)?;
    let missing = || Error::NotFound(format!("Segment {segment} or table {raw} not found"));
    let path = {
        let state = app.cluster.read();
        let table = segments::holder(&state, &name, &segment).map_err(|_| missing())?;
        let entry = state.table(&table).and_then(|table| table.segments.get(&segment));
        entry.and_then(|entry| entry.record.deep_store_path.clone()).ok_or_else(missing)?
    };
    let (file, length) = app.ingestion.open_stored(&path).await.map_err(|error| match error {
        Error::NotFound(_) => missing(),
        other => other,
    })?;
    let mut response = Response::new(Body::from_stream(ReaderStream::with_capacity(file, 256 << 10)));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"));
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from(length));
    let disposition = HeaderValue::from_str(&format!("attachment; filename={segment}"));
    headers.insert(header::CONTENT_DISPOSITION, disposition.unwrap_or(HeaderValue::from_static("attachment")));
    Ok(response)
}

/// Removes a segment
#[utoipa::path(delete, path = "/segments/{tableName}/{segmentName}", tag = "Segment", params(("tableName" = String, Path), ("segmentName" = String, Path), ("retention" = Option<String>, Query)), responses((status = 200), (status = 404)))]
async fn delete(
    State(app): State<Arc<App>>,
    Path((name, segment)): Path<(String, String)>,
    params: Params,
) -> Result<Json<Value>, ApiError> {
    // A segment that is not there is deleted already.
    segments::remove(&app, &name, None, &params, Some(&vec![segment])).await?;
    Ok(answer::status("Segment deleted"))
}
