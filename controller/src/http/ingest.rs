//! `/ingestFromFile` and `/ingestFromURI`.

use std::collections::BTreeMap;
use std::path::{Path as FilePath, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use axum::body::Body;
use axum::extract::{FromRequest, Multipart, Request, State};
use futures::StreamExt;
use http::{StatusCode, header};
use serde_json::{Value, json};
use service::ApiError;
use service::http::Json;
use tokio::io::AsyncWriteExt;
use utoipa_axum::routes;

use super::params::{Params, parse_json};
use super::{App, Routes};
use crate::error::Error;
use crate::ingest::{CancelOnDrop, Ingested, Upload};

pub(crate) fn routes() -> Routes {
    // The file is streamed to disk with a bound of its own.
    let from_file = Routes::new().routes(routes!(from_file)).layer(axum::extract::DefaultBodyLimit::disable());
    Routes::new().merge(from_file).routes(routes!(from_uri))
}

/// A file upload.
#[derive(utoipa::ToSchema)]
#[allow(dead_code, reason = "describes the body")]
struct FileUpload {
    /// The file to ingest.
    #[schema(value_type = String, format = Binary)]
    file: Vec<u8>,
}

/// What the query parameters say.
struct Target {
    table: String,
    batch_config: BTreeMap<String, String>,
}

/// How a failure is told: the table, then the reason.
fn failed(table: &str, error: Error) -> ApiError {
    let verb = if error.status() == StatusCode::BAD_REQUEST { "Got illegal argument" } else { "Caught exception" };
    ApiError::new(error.status(), format!("{verb} when ingesting file into table: {table}. {error}"))
}

fn target(app: &App, params: &Params) -> Result<Target, ApiError> {
    let table = params.get("tableNameWithType").unwrap_or_default().to_owned();
    if table.is_empty() {
        return Err(ApiError::bad_request("Parameter tableNameWithType is missing: the table's name with its type"));
    }
    let refuse = |reason: String| failed(&table, Error::Invalid(reason));
    let text = params.get("batchConfigMapStr").ok_or_else(|| {
        refuse("Parameter batchConfigMapStr is missing: a JSON map with at least inputFormat".to_owned())
    })?;
    let Value::Object(map) =
        parse_json(text.as_bytes()).map_err(|reason| refuse(format!("batchConfigMapStr: {reason}")))?
    else {
        return Err(refuse("batchConfigMapStr has to be a JSON map of keys and texts".to_owned()));
    };
    let text = |value: Value| match value {
        Value::String(text) => text,
        other => other.to_string(),
    };
    let batch_config = map.into_iter().map(|(key, value)| (key, text(value))).collect();
    app.ingestion.target(&table).map_err(|error| failed(&table, error))?;
    Ok(Target { table, batch_config })
}

/// Builds a segment of an uploaded file and adds it to a table
///
/// For example `batchConfigMapStr={"inputFormat":"csv","recordReader.prop.delimiter":","}`.
#[utoipa::path(post, path = "/ingestFromFile", tag = "Table", params(("tableNameWithType" = String, Query, description = "For example movies_OFFLINE"), ("batchConfigMapStr" = String, Query, description = "JSON map; inputFormat is required")), request_body(content = FileUpload, content_type = "multipart/form-data"), responses((status = 200), (status = 400), (status = 404), (status = 500)))]
async fn from_file(State(app): State<Arc<App>>, params: Params, request: Request) -> Result<Json<Value>, ApiError> {
    let content_type = request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    if !content_type.is_some_and(|value| value.to_ascii_lowercase().starts_with("multipart/")) {
        return Err(ApiError::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "HTTP 415 Unsupported Media Type"));
    }
    let target = match target(&app, &params) {
        Ok(target) => target,
        Err(error) => {
            drain(request.into_body()).await;
            return Err(error);
        }
    };
    let table = target.table.clone();
    let receiving = app.uploads.acquire().await.map_err(|_| ApiError::unavailable("the controller is stopping"))?;
    let upload = receive(&app, target, request).await.map_err(|error| failed(&table, error))?;
    drop(receiving);
    ingest(app, upload).await
}

/// Reads what a client is still sending, within reason: a client that is cut off in the middle may not see the answer.
async fn drain(body: Body) {
    const MOST: usize = 32 << 20;
    let mut seen = 0;
    let mut chunks = body.into_data_stream();
    while let Some(Ok(chunk)) = chunks.next().await {
        seen += chunk.len();
        if seen > MOST {
            return;
        }
    }
}

/// Streams the one part of the body to a file.
async fn receive(app: &App, target: Target, request: Request) -> Result<Upload, Error> {
    let unreadable = |error: &axum::extract::multipart::MultipartError| {
        Error::Invalid(format!("the multipart body cannot be read: {}", error.body_text()))
    };
    let mut parts = Multipart::from_request(request, &())
        .await
        .map_err(|error| Error::Invalid(format!("the multipart body cannot be read: {}", error.body_text())))?;
    let work = app.ingestion.work()?;
    let limit = app.cluster.config.max_upload_bytes;
    let mut found: Option<(PathBuf, String)> = None;
    while let Some(mut part) = parts.next_field().await.map_err(|error| unreadable(&error))? {
        if found.is_some() {
            return Err(Error::Invalid("Found not exactly one file from the multi-part fields".to_owned()));
        }
        let given = part.file_name().map(str::to_owned);
        let shown = plain_name(given.as_deref());
        // The name decides only whether the file is taken to be compressed.
        let path = work.path().join(if shown.to_ascii_lowercase().ends_with(".gz") { "input.gz" } else { "input" });
        let what = || format!("cannot write the uploaded file to {}", path.display());
        let mut file = tokio::fs::File::create(&path).await.map_err(Error::io(what()))?;
        let mut length = 0u64;
        let mut head = Vec::new();
        while let Some(chunk) = part.chunk().await.map_err(|error| unreadable(&error))? {
            length += chunk.len() as u64;
            if length > limit {
                return Err(Error::Invalid(format!("the file is larger than {limit} bytes, the most that is taken")));
            }
            if head.len() <= 1024 {
                head.extend_from_slice(&chunk[..chunk.len().min(2048)]);
            }
            file.write_all(&chunk).await.map_err(Error::io(what()))?;
        }
        file.flush().await.map_err(Error::io(what()))?;
        if length == head.len() as u64
            && let Some(hint) = ::ingest::batch::looks_like_missing_at(&head, given.as_deref())
        {
            return Err(Error::Invalid(hint));
        }
        found = Some((path, shown));
    }
    let (input, file_name) =
        found.ok_or_else(|| Error::Invalid("Found not exactly one file from the multi-part fields".to_owned()))?;
    Ok(Upload { work, input, file_name, table: target.table, batch_config: target.batch_config })
}

/// The last component of what the sender calls the file, for messages and names.
fn plain_name(given: Option<&str>) -> String {
    let name = given.unwrap_or_default().rsplit(['/', '\\']).next().unwrap_or_default();
    let clean: String = name.chars().filter(|c| !c.is_control()).take(200).collect();
    if clean.is_empty() || clean == "." || clean == ".." { "upload".to_owned() } else { clean }
}

/// Runs an ingestion to its end, or until the client is gone.
async fn ingest(app: Arc<App>, upload: Upload) -> Result<Json<Value>, ApiError> {
    let table = upload.table.clone();
    let cancel = Arc::new(AtomicBool::new(false));
    let _gone = CancelOnDrop(Arc::clone(&cancel));
    let (sender, receiver) = tokio::sync::oneshot::channel();
    let ingestion = Arc::clone(&app.ingestion);
    // A task of its own: what has begun to commit is not left half way when the client goes.
    app.tasks.spawn_to_end("ingestion", async move {
        let _ = sender.send(ingestion.run(upload, cancel).await);
    });
    let gone = || failed(&table, Error::Internal("the ingestion ended without a result".to_owned()));
    let ingested = receiver.await.map_err(|_| gone())?.map_err(|error| failed(&table, error))?;
    Ok(Json::new(success(&table, &ingested)))
}

fn success(table: &str, ingested: &Ingested) -> Value {
    let report = &ingested.report;
    let status = format!("Successfully ingested file into table: {table} as segment: {}", ingested.segment);
    if report.first_errors.is_empty() && report.rows_rejected == 0 {
        return json!({ "status": status });
    }
    let errors: Vec<String> = report.first_errors.iter().map(ToString::to_string).collect();
    json!({
        "status": status,
        "rowsRead": report.rows_read,
        "rowsIndexed": report.rows_indexed,
        "rowsRejected": report.rows_rejected,
        "rowsIncomplete": report.rows_incomplete,
        "errors": errors,
    })
}

/// Builds a segment of a file that the controller can reach and adds it to a table
#[utoipa::path(post, path = "/ingestFromURI", tag = "Table", params(("tableNameWithType" = String, Query), ("batchConfigMapStr" = String, Query, description = "JSON map; inputFormat is required"), ("sourceURIStr" = String, Query, description = "For example file:///data/movies.csv")), responses((status = 200), (status = 400), (status = 404), (status = 500)))]
async fn from_uri(State(app): State<Arc<App>>, params: Params) -> Result<Json<Value>, ApiError> {
    let target = target(&app, &params)?;
    let table = target.table.clone();
    let refuse = |reason: String| failed(&table, Error::Invalid(reason));
    let uri = params.get("sourceURIStr").ok_or_else(|| refuse("Parameter sourceURIStr is missing".to_owned()))?;
    let path = match uri.split_once(':') {
        Some(("file", rest)) => rest.strip_prefix("//").unwrap_or(rest),
        Some((scheme, _)) if scheme.len() > 1 => {
            return Err(refuse(format!("Scheme '{scheme}' of {uri} is not supported; give a file: URI")));
        }
        _ => uri,
    };
    let input = FilePath::new(path).to_owned();
    if !input.is_absolute() {
        return Err(refuse(format!("{uri} has to name a file by its whole path")));
    }
    let is_file = tokio::fs::metadata(&input).await.is_ok_and(|found| found.is_file());
    if !is_file {
        return Err(refuse(format!("{uri} is not a file that the controller can read")));
    }
    let work = app.ingestion.work().map_err(|error| failed(&table, error))?;
    let file_name = plain_name(Some(path));
    ingest(app, Upload { work, input, file_name, table: target.table, batch_config: target.batch_config }).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_uploads_are_harmless() {
        for (given, name) in [
            (Some("movies.csv"), "movies.csv"),
            (Some("../../etc/passwd"), "passwd"),
            (Some("C:\\x\\y.csv"), "y.csv"),
            (Some(".."), "upload"),
            (Some("a\0b\n"), "ab"),
            (None, "upload"),
        ] {
            assert_eq!(plain_name(given), name);
        }
    }
}
