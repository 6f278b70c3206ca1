//! `/segments/{table}/{segment}`: the segment as an archive.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Path, State};
use axum::response::Response;
use http::{HeaderMap, HeaderValue, header};
use service::ApiError;
use tokio_util::io::ReaderStream;
use utoipa_axum::routes;

use super::params::Params;
use super::{App, Routes, resolve, segments, servers};
use crate::error::Error;

pub(crate) fn routes() -> Routes {
    Routes::new().routes(routes!(download))
}

/// For all of a segment from a server.
const PEER_TIMEOUT: std::time::Duration = std::time::Duration::from_secs(600);

/// Media type of the packed segment file, as servers ask for it.
const PACKED: &str = "application/vnd.cuvee.segment";

/// Download a segment
///
/// A .tar.gz with one directory of the segment's name. For `Accept: application/vnd.cuvee.segment` the packed file that is in it.
#[utoipa::path(get, path = "/segments/{tableName}/{segmentName}", operation_id = "downloadSegment", tag = "Segment", params(("tableName" = String, Path), ("segmentName" = String, Path)), responses((status = 200, content_type = "application/octet-stream"), (status = 400), (status = 404), (status = 500)))]
async fn download(
    State(app): State<Arc<App>>,
    Path((name, segment)): Path<(String, String)>,
    params: Params,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let name = params.stored_name(&name)?;
    let (raw, _) = resolve::split(&name, None)?;
    let missing = || Error::NotFound(format!("Segment {segment} or table {raw} not found"));
    let (table, path) = {
        let state = app.cluster.read();
        let table = segments::holder(&state, &name, &segment).map_err(|_| missing())?;
        let entry = state.table(&table).and_then(|table| table.segments.get(&segment)).ok_or_else(missing)?;
        (table, entry.record.deep_store_path.clone())
    };
    let accepts = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
    let packed = accepts.flat_map(|value| value.split(',')).any(|range| range.trim() == PACKED);
    let opened = match &path {
        Some(path) if packed => app.ingestion.open_stored(path).await,
        Some(path) => app.ingestion.open_archive(path).await,
        // Whoever pushed it has left it elsewhere.
        None => Err(missing()),
    };
    let mut response = match opened {
        Ok(opened) => {
            let body = Body::from_stream(ReaderStream::with_capacity(opened.file, 256 << 10));
            let mut response = Response::new(body);
            response.headers_mut().insert(header::CONTENT_LENGTH, HeaderValue::from(opened.length));
            response
        }
        Err(error) => match from_peers(&app, &table, &segment, packed).await {
            Some(response) => response,
            None if matches!(error, Error::NotFound(_)) => return Err(missing().into()),
            None => return Err(error.into()),
        },
    };
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"));
    let disposition = HeaderValue::from_str(&format!("attachment; filename={segment}"));
    headers.insert(header::CONTENT_DISPOSITION, disposition.unwrap_or(HeaderValue::from_static("attachment")));
    Ok(response)
}

/// What a server that has loaded the segment makes of it. None when none gives it.
async fn from_peers(app: &App, table: &str, segment: &str, packed: bool) -> Option<Response> {
    let view = app.cluster.external_view(table);
    let online = view.get(segment)?.iter().filter(|(_, state)| *state == "ONLINE").map(|(id, _)| id);
    for server in online {
        let Some(address) = app.cluster.admin_address(server) else { continue };
        let url = format!("http://{address}{}", servers::path(&["segments", table, segment], &[]));
        let accept = if packed { PACKED } else { "*/*" };
        let asked = app.client.get(url).header(header::ACCEPT, accept).timeout(PEER_TIMEOUT).send().await;
        match asked {
            Ok(answer) if answer.status().is_success() => {
                let length = answer.content_length();
                let mut response = Response::new(Body::from_stream(answer.bytes_stream()));
                if let Some(length) = length {
                    response.headers_mut().insert(header::CONTENT_LENGTH, HeaderValue::from(length));
                }
                return Some(response);
            }
            Ok(answer) => tracing::warn!(server, segment, status = %answer.status(), "a peer does not give a segment"),
            Err(error) => tracing::warn!(server, segment, %error, "a peer does not give a segment"),
        }
    }
    None
}
