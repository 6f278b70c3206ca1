//! A segment of this server as an archive, for peers and for people.

use std::path::PathBuf;
use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use axum::{
    body::Body,
    extract::{Path, State as Shared},
    response::Response,
};
use http::{HeaderMap, HeaderValue, header};
use service::ApiError;
use tokio::sync::Semaphore;
use tokio_util::io::ReaderStream;

use super::{segment, table};
use crate::server::State;

/// Archives that are made at the same time: it takes processors and disk.
static MAKING: Semaphore = Semaphore::const_new(2);
static COUNTER: AtomicU64 = AtomicU64::new(0);

/// Media type of the packed segment file.
pub(crate) const PACKED: &str = "application/vnd.cuvee.segment";

/// A file that goes when this is dropped.
struct Temporary(PathBuf);

impl Drop for Temporary {
    fn drop(&mut self) {
        // A leftover goes at the next start.
        let _ = std::fs::remove_file(&self.0);
    }
}

/// Download an immutable segment
///
/// A .tar.gz with one directory of the segment's name. For `Accept: application/vnd.cuvee.segment` the packed file that is in it.
#[utoipa::path(get, path = "/segments/{tableNameWithType}/{segmentName}", operation_id = "downloadSegment", tag = "Table", params(("tableNameWithType" = String, Path), ("segmentName" = String, Path)), responses((status = 200, content_type = "application/octet-stream"), (status = 400), (status = 404), (status = 500), (status = 503)))]
pub(super) async fn download(
    Shared(state): Shared<Arc<State>>,
    Path((table_name, segment_name)): Path<(String, String)>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let table = table(&state, &table_name)?;
    // Keeps the file from being replaced under the one who reads it.
    let loaded = segment(&table, &segment_name)?;
    let accepts = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
    let packed = accepts.flat_map(|value| value.split(',')).any(|range| range.trim() == PACKED);
    let _making = MAKING.acquire().await.map_err(|_| ApiError::unavailable("the server is stopping"))?;
    let number = COUNTER.fetch_add(1, Ordering::Relaxed);
    let to = Temporary(state.config.data_dir.join("tmp").join(format!("{number}.download")));
    let made = tokio::task::spawn_blocking(move || {
        let from = loaded.segment.path();
        let written = match packed {
            true => ::segment::packed::pack(from, &to.0).map(drop),
            false => ::segment::archive::write(from, &to.0).map(drop),
        };
        written.map(|()| to)
    });
    let failed = |reason: String| ApiError::internal(format!("Segment {segment_name} could not be packed: {reason}"));
    let file = match made.await {
        Ok(Ok(file)) => file,
        Ok(Err(error)) => return Err(failed(error.to_string())),
        Err(_) => return Err(failed("the work was stopped".to_owned())),
    };
    // On Unix the open file outlives its name.
    let opened = tokio::fs::File::open(&file.0).await.map_err(|error| failed(error.to_string()))?;
    let length = opened.metadata().await.map_err(|error| failed(error.to_string()))?.len();
    let mut response = Response::new(Body::from_stream(ReaderStream::with_capacity(opened, 256 << 10)));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"));
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from(length));
    let disposition = HeaderValue::from_str(&format!("attachment; filename={table_name}_{segment_name}.tar.gz"));
    headers.insert(header::CONTENT_DISPOSITION, disposition.unwrap_or(HeaderValue::from_static("attachment")));
    Ok(response)
}
