//! `POST /segments` and its kin: segments that were built elsewhere.

use std::sync::Arc;

use axum::extract::{Request, State};
use http::{HeaderMap, StatusCode};
use model::TableType;
use serde_json::Value;
use service::ApiError;
use service::http::Json;
use utoipa_axum::routes;

use super::multipart::{self, Bounds};
use super::params::Params;
use super::{App, Routes, answer};
use crate::error::Error;
use crate::ingest::{CustomMap, Received, Rules, Source, Target};

pub(crate) fn routes() -> Routes {
    // Files are streamed to disk with bounds of their own.
    Routes::new()
        .routes(routes!(upload))
        .routes(routes!(upload_v2))
        .routes(routes!(batch_upload))
        .routes(routes!(reingested))
        .layer(axum::extract::DefaultBodyLimit::disable())
}

/// A segment's archive.
#[derive(utoipa::ToSchema)]
#[allow(dead_code, reason = "describes the body")]
struct SegmentUpload {
    /// A .tar.gz with one directory of the segment's name.
    #[schema(value_type = String, format = Binary)]
    segment: Vec<u8>,
}

#[derive(Clone, Copy, PartialEq)]
enum UploadType {
    Segment,
    Uri,
    Metadata,
}

fn header<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok()).map(str::trim).filter(|value| !value.is_empty())
}

fn upload_type(headers: &HeaderMap) -> Result<UploadType, Error> {
    match header(headers, "UPLOAD_TYPE").unwrap_or("SEGMENT") {
        "SEGMENT" => Ok(UploadType::Segment),
        // The same under its old name.
        "URI" | "JSON" => Ok(UploadType::Uri),
        "METADATA" => Ok(UploadType::Metadata),
        other => Err(Error::Invalid(format!(
            "Exception while uploading segment: UPLOAD_TYPE is {other}; expected SEGMENT, URI or METADATA"
        ))),
    }
}

fn target(params: &Params) -> Result<Target, Error> {
    let table_type = params.table_type("tableType")?.unwrap_or(TableType::Offline);
    let name = params.get("tableName").filter(|name| !name.is_empty()).map(str::to_owned);
    Ok(Target { name, table_type })
}

fn rules(params: &Params, headers: &HeaderMap) -> Result<Rules, Error> {
    let crypter = header(headers, "CRYPTER").map(str::to_owned);
    if let Some(name) = crypter.as_deref().filter(|name| !name.ends_with("NoOpPinotCrypter")) {
        return Err(Error::Invalid(format!(
            "Exception while uploading segment: crypter {name} is not known; upload the segment unencrypted"
        )));
    }
    let custom = header(headers, "Pinot-SegmentZKMetadataCustomMapModifier").map(CustomMap::parse).transpose()?;
    Ok(Rules {
        allow_refresh: params.flag("allowRefresh", true),
        refresh_only: header(headers, "REFRESH_ONLY").is_some_and(|value| value.eq_ignore_ascii_case("true")),
        expected_crc: header(headers, "IF-MATCH").map(|crc| crc.trim_matches('"').to_owned()),
        exclusive: params.flag("enableParallelPushProtection", false),
        custom,
        crypter,
    })
}

/// Streams the file of a multipart request into a directory of its own. None: there is no part, or an empty one.
async fn receive(app: &App, request: Request) -> Result<Option<Received>, Error> {
    if !multipart::is_multipart(&request) {
        multipart::drain(request.into_body()).await;
        return Ok(None);
    }
    let config = &app.cluster.config;
    let _receiving =
        app.uploads.acquire().await.map_err(|_| Error::Unavailable("the controller is stopping".to_owned()))?;
    let work = app.ingestion.work()?;
    let bounds = Bounds { max_bytes: config.max_upload_bytes, timeout: config.upload_timeout };
    let part = multipart::receive_one(request, work.path(), &bounds, |_| "archive").await?;
    Ok(part.filter(|part| part.length > 0).map(|part| Received { work, file: part.path }))
}

fn is_json(request: &Request) -> bool {
    header(request.headers(), "content-type")
        .is_some_and(|kind| kind.to_ascii_lowercase().starts_with("application/json"))
}

/// What the parameters and headers of an upload say.
type Plan = (Target, UploadType, String, bool, Rules);

fn plan(app: &App, params: &Params, headers: &HeaderMap) -> Result<Plan, Error> {
    let (target, kind) = (target(params)?, upload_type(headers)?);
    let uri = header(headers, "DOWNLOAD_URI").map(str::to_owned);
    let missing = |mode: &str| {
        Error::Invalid(format!("Source download URI is required in header field 'DOWNLOAD_URI' for {mode} upload mode"))
    };
    let uri = match (kind, uri) {
        (UploadType::Segment, _) => String::new(),
        (UploadType::Uri, Some(uri)) | (UploadType::Metadata, Some(uri)) => uri,
        (UploadType::Uri, None) => return Err(missing("URI")),
        (UploadType::Metadata, None) => return Err(missing("METADATA")),
    };
    if let Some(name) = &target.name {
        app.ingestion.table_of(name, target.table_type)?;
    }
    let copy = header(headers, "COPY_SEGMENT_TO_DEEP_STORE");
    let copy = copy.is_some_and(|value| value.eq_ignore_ascii_case("true"));
    Ok((target, kind, uri, copy, rules(params, headers)?))
}

async fn run(app: Arc<App>, params: Params, request: Request, stays: bool) -> Result<Json<Value>, ApiError> {
    if !multipart::is_multipart(&request) && !is_json(&request) {
        multipart::drain(request.into_body()).await;
        return Err(ApiError::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "HTTP 415 Unsupported Media Type"));
    }
    let headers = request.headers().clone();
    let plan = plan(&app, &params, &headers);
    let (target, kind, uri, copy, rules) = match plan {
        Ok(plan) => plan,
        Err(error) => {
            multipart::drain(request.into_body()).await;
            return Err(error.into());
        }
    };
    let received = receive(&app, request).await?;
    let need = |what: &str| Error::Invalid(format!("{what} (as multipart/form-data) is required for this upload mode"));
    let source = match kind {
        UploadType::Segment => Source::Segment(received.ok_or_else(|| need("Segment file"))?),
        UploadType::Uri => Source::Uri { uri, copy: !stays },
        UploadType::Metadata => {
            Source::Metadata { metadata: received.ok_or_else(|| need("Segment metadata file"))?, uri, copy }
        }
    };
    let worker = Arc::clone(&app);
    let uploaded = to_the_end(&app, "upload", async move { worker.ingestion.upload(&target, source, &rules).await });
    let uploaded = uploaded.await?;
    Ok(answer::status(format!("Successfully uploaded segment: {} of table: {}", uploaded.segment, uploaded.table)))
}

/// Runs work in a task of its own: what has begun to commit is not left half way when the client goes.
async fn to_the_end<T: Send + 'static>(
    app: &App,
    name: &'static str,
    work: impl Future<Output = Result<T, Error>> + Send + 'static,
) -> Result<T, Error> {
    let (sender, receiver) = tokio::sync::oneshot::channel();
    app.tasks.spawn_to_end(name, async move {
        let _ = sender.send(work.await);
    });
    receiver.await.map_err(|_| Error::Internal(format!("the {name} ended without a result")))?
}

/// Upload a segment
///
/// The body is a segment's archive, or with the header `UPLOAD_TYPE: METADATA` its metadata alone. With `UPLOAD_TYPE: URI` the segment is fetched from the header `DOWNLOAD_URI` and, when the body is JSON, stays there.
#[utoipa::path(post, path = "/segments", operation_id = "uploadSegmentAsMultiPart", tag = "Segment", params(("tableName" = Option<String>, Query, description = "Name of the table; without, the segment's metadata says"), ("tableType" = Option<String>, Query, description = "OFFLINE (default) or REALTIME"), ("enableParallelPushProtection" = Option<bool>, Query, description = "Refuse while another upload of the segment runs"), ("allowRefresh" = Option<bool>, Query, description = "Whether the segment may replace one of its name")), request_body(content = SegmentUpload, content_type = "multipart/form-data"), responses((status = 200, description = "Successfully uploaded segment"), (status = 400, description = "Bad Request"), (status = 403, description = "Segment validation fails"), (status = 408, description = "The body did not arrive in time"), (status = 409, description = "Segment already exists or another parallel push in progress"), (status = 410, description = "Segment to refresh does not exist"), (status = 412, description = "CRC check fails"), (status = 415, description = "Neither multipart nor JSON"), (status = 500, description = "Internal error"), (status = 503, description = "No server, or the controller is stopping")))]
async fn upload(State(app): State<Arc<App>>, params: Params, request: Request) -> Result<Json<Value>, ApiError> {
    let stays = is_json(&request);
    run(app, params, request, stays).await
}

/// Upload a segment
///
/// As `POST /segments`, but a segment that is named by its URI always goes to the deep store.
#[utoipa::path(post, path = "/v2/segments", operation_id = "uploadSegmentAsMultiPartV2", tag = "Segment", params(("tableName" = Option<String>, Query, description = "Name of the table; without, the segment's metadata says"), ("tableType" = Option<String>, Query, description = "OFFLINE (default) or REALTIME"), ("enableParallelPushProtection" = Option<bool>, Query, description = "Refuse while another upload of the segment runs"), ("allowRefresh" = Option<bool>, Query, description = "Whether the segment may replace one of its name")), request_body(content = SegmentUpload, content_type = "multipart/form-data"), responses((status = 200, description = "Successfully uploaded segment"), (status = 400, description = "Bad Request"), (status = 403, description = "Segment validation fails"), (status = 408, description = "The body did not arrive in time"), (status = 409, description = "Segment already exists or another parallel push in progress"), (status = 410, description = "Segment to refresh does not exist"), (status = 412, description = "CRC check fails"), (status = 415, description = "Neither multipart nor JSON"), (status = 500, description = "Internal error"), (status = 503, description = "No server, or the controller is stopping")))]
async fn upload_v2(State(app): State<Arc<App>>, params: Params, request: Request) -> Result<Json<Value>, ApiError> {
    run(app, params, request, false).await
}

/// Upload a batch of segments
///
/// The body is one tar.gz with `<segment>.metadata.json` of each segment and `all_segments_metadata`, a list of lines `<segment>,<URI>`. Needs the header `UPLOAD_TYPE: METADATA`.
#[utoipa::path(post, path = "/segments/batchUpload", operation_id = "uploadSegmentsAsMultiPart", tag = "Segment", params(("tableName" = String, Query), ("tableType" = String, Query), ("enableParallelPushProtection" = Option<bool>, Query), ("allowRefresh" = Option<bool>, Query)), request_body(content = SegmentUpload, content_type = "multipart/form-data"), responses((status = 200, description = "Successfully uploaded segment"), (status = 400, description = "Bad Request"), (status = 403, description = "Segment validation fails"), (status = 408, description = "The body did not arrive in time"), (status = 409, description = "Segment already exists or another parallel push in progress"), (status = 410, description = "Segment to refresh does not exist"), (status = 412, description = "CRC check fails"), (status = 415, description = "Not multipart"), (status = 500, description = "Internal error"), (status = 503, description = "No server, or the controller is stopping")))]
async fn batch_upload(State(app): State<Arc<App>>, params: Params, request: Request) -> Result<Json<Value>, ApiError> {
    if !multipart::is_multipart(&request) {
        multipart::drain(request.into_body()).await;
        return Err(ApiError::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "HTTP 415 Unsupported Media Type"));
    }
    let headers = request.headers().clone();
    let plan = || -> Result<_, Error> {
        for name in ["tableName", "tableType"] {
            if params.get(name).is_none_or(str::is_empty) {
                return Err(Error::Invalid(format!(
                    "{name} is a required field while uploading segments in batch mode."
                )));
            }
        }
        let target = target(&params)?;
        app.ingestion.table_of(target.name.as_deref().unwrap_or_default(), target.table_type)?;
        if upload_type(&headers)? != UploadType::Metadata {
            let given = header(&headers, "UPLOAD_TYPE").unwrap_or("SEGMENT");
            return Err(Error::Invalid(format!("Unsupported upload type: {given}")));
        }
        let copy = header(&headers, "COPY_SEGMENT_TO_DEEP_STORE").is_some_and(|v| v.eq_ignore_ascii_case("true"));
        Ok((target, copy, rules(&params, &headers)?))
    };
    let (target, copy, rules) = match plan() {
        Ok(plan) => plan,
        Err(error) => {
            multipart::drain(request.into_body()).await;
            return Err(error.into());
        }
    };
    let started = std::time::Instant::now();
    let batch = receive(&app, request).await?;
    let batch = batch.ok_or_else(|| Error::Invalid("A tar.gz with the segments' metadata is required".to_owned()))?;
    let table = app.ingestion.table_of(target.name.as_deref().unwrap_or_default(), target.table_type)?;
    let worker = Arc::clone(&app);
    let taken =
        to_the_end(
            &app,
            "batch upload",
            async move { worker.ingestion.upload_batch(&target, batch, copy, &rules).await },
        );
    let names = taken.await?;
    Ok(answer::status(format!(
        "Successfully uploaded segments: {} of table: {table} in {} ms",
        model::names::Names(&names),
        started.elapsed().as_millis()
    )))
}

/// Reingest a realtime segment
///
/// Replaces a segment of a REALTIME table that is being committed.
#[utoipa::path(post, path = "/segments/reingested", operation_id = "uploadReingestedSegment", tag = "Segment", params(("tableName" = String, Query)), request_body(content = SegmentUpload, content_type = "multipart/form-data"), responses((status = 200, description = "Successfully uploaded segment"), (status = 400, description = "Bad Request"), (status = 404, description = "No such segment"), (status = 408, description = "The body did not arrive in time"), (status = 409, description = "The segment is not being committed"), (status = 415, description = "Not multipart"), (status = 500, description = "Internal error")))]
async fn reingested(State(app): State<Arc<App>>, params: Params, request: Request) -> Result<Json<Value>, ApiError> {
    if !multipart::is_multipart(&request) {
        multipart::drain(request.into_body()).await;
        return Err(ApiError::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "HTTP 415 Unsupported Media Type"));
    }
    let headers = request.headers().clone();
    let received = receive(&app, request).await?;
    if header(&headers, "UPLOAD_TYPE") != Some("METADATA") {
        return Err(Error::Invalid("Reingestion upload type must be METADATA".to_owned()).into());
    }
    if header(&headers, "DOWNLOAD_URI").is_none() {
        return Err(Error::Invalid("Source download URI is required".to_owned()).into());
    }
    if !header(&headers, "COPY_SEGMENT_TO_DEEP_STORE").is_some_and(|value| value.eq_ignore_ascii_case("true")) {
        let text = "COPY_SEGMENT_TO_DEEP_STORE must be true for reingestion upload";
        return Err(Error::Invalid(text.to_owned()).into());
    }
    let received = received.ok_or_else(|| Error::Invalid("Segment metadata file is required".to_owned()))?;
    let name = params.get("tableName").unwrap_or_default();
    let table = app.ingestion.table_of(name, TableType::Realtime)?;
    let segment = app.ingestion.archived_name(&received).await?;
    // Only a segment that is being committed may be replaced so, and this version commits none.
    let known = app.cluster.read().table(&table).is_some_and(|table| table.segments.contains_key(&segment));
    Err(match known {
        false => Error::NotFound(format!("Failed to find segment ZK metadata for segment: {segment}")),
        true => {
            Error::Conflict(format!("Reingested segment: {segment} must be in COMMITTING status, but found: UPLOADED"))
        }
    }
    .into())
}
