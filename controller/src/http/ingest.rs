//! `/ingestFromFile` and `/ingestFromURI`.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use axum::extract::{Request, State};
use connectors::remote;
use http::StatusCode;
use serde_json::{Value, json};
use service::ApiError;
use service::http::Json;
use utoipa_axum::routes;

use super::multipart::{self, Bounds};
use super::params::{Params, parse_json};
use super::{App, Routes};
use crate::error::Error;
use crate::ingest::{CancelOnDrop, Ingested, Upload, chain};

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
#[utoipa::path(post, path = "/ingestFromFile", operation_id = "ingestFromFile", tag = "Table", params(("tableNameWithType" = String, Query, description = "For example movies_OFFLINE"), ("batchConfigMapStr" = String, Query, description = "JSON map; inputFormat is required")), request_body(content = FileUpload, content_type = "multipart/form-data"), responses((status = 200), (status = 400), (status = 404), (status = 500)))]
async fn from_file(State(app): State<Arc<App>>, params: Params, request: Request) -> Result<Json<Value>, ApiError> {
    if !multipart::is_multipart(&request) {
        return Err(ApiError::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "HTTP 415 Unsupported Media Type"));
    }
    let target = match target(&app, &params) {
        Ok(target) => target,
        Err(error) => {
            multipart::drain(request.into_body()).await;
            return Err(error);
        }
    };
    let table = target.table.clone();
    let receiving = app.uploads.acquire().await.map_err(|_| ApiError::unavailable("the controller is stopping"))?;
    let upload = receive(&app, target, request).await.map_err(|error| failed(&table, error))?;
    drop(receiving);
    ingest(app, upload).await
}

/// Streams the one part of the body to a file.
async fn receive(app: &App, target: Target, request: Request) -> Result<Upload, Error> {
    let work = app.ingestion.work()?;
    let config = &app.cluster.config;
    let bounds = Bounds { max_bytes: config.max_upload_bytes, timeout: config.upload_timeout };
    // The name decides only whether the file is taken to be compressed.
    let name_file = |given: Option<&str>| match plain_name(given).to_ascii_lowercase().ends_with(".gz") {
        true => "input.gz",
        false => "input",
    };
    let part = multipart::receive_one(request, work.path(), &bounds, name_file).await?;
    let part =
        part.ok_or_else(|| Error::Invalid("Found not exactly one file from the multi-part fields".to_owned()))?;
    if part.length == part.head.len() as u64
        && let Some(hint) = ::ingest::batch::looks_like_missing_at(&part.head, part.given.as_deref())
    {
        return Err(Error::Invalid(hint));
    }
    let file_name = plain_name(part.given.as_deref());
    Ok(Upload { work, input: part.path, file_name, table: target.table, batch_config: target.batch_config })
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

/// Ingest from the given URI
///
/// Builds a segment of a file and adds it to a table. `sourceURIStr` is a file:, http:, https:, s3:, gs:, abfs: or adl2: URI; what its file system needs comes from `batchConfigMapStr`, for example `{"inputFormat":"csv","input.fs.className":"org.apache.pinot.plugin.filesystem.S3PinotFS","input.fs.prop.region":"us-east-1","input.fs.prop.accessKey":"…","input.fs.prop.secretKey":"…"}`.
#[utoipa::path(post, path = "/ingestFromURI", operation_id = "ingestFromURI", tag = "Table", params(("tableNameWithType" = String, Query, description = "For example movies_OFFLINE"), ("batchConfigMapStr" = String, Query, description = "JSON map; inputFormat is required"), ("sourceURIStr" = String, Query, description = "For example file:///data/movies.csv")), responses((status = 200), (status = 400), (status = 404), (status = 500), (status = 503)))]
async fn from_uri(State(app): State<Arc<App>>, params: Params) -> Result<Json<Value>, ApiError> {
    let target = target(&app, &params)?;
    let table = target.table.clone();
    let refuse = |reason: String| failed(&table, Error::Invalid(reason));
    let uri = params.get("sourceURIStr").filter(|uri| !uri.is_empty());
    let uri = uri.ok_or_else(|| refuse("Parameter sourceURIStr is missing".to_owned()))?;
    let config = &app.cluster.config;
    // What the controller is configured with for the scheme, and over it what the request says.
    let (class, mut properties) = remote::properties_for(uri, &config.storage);
    let given: BTreeMap<String, String> = target
        .batch_config
        .iter()
        .filter_map(|(key, value)| Some((key.strip_prefix("input.fs.prop.")?.to_owned(), value.clone())))
        .collect();
    if given.contains_key("accessKey") || given.contains_key("endpoint") {
        // Another account, or another place: the controller's own credentials are none of its business.
        properties.clear();
    }
    properties.extend(given);
    let class = target.batch_config.get("input.fs.className").cloned().or(class);
    let work = app.ingestion.work().map_err(|error| failed(&table, error))?;
    let file_name = plain_name(uri.split(['?', '#']).next());
    let to = work.path().join(if file_name.to_ascii_lowercase().ends_with(".gz") { "input.gz" } else { "input" });
    let receiving = app.uploads.acquire().await.map_err(|_| ApiError::unavailable("the controller is stopping"))?;
    let fetching = remote::fetch(uri, class.as_deref(), &properties, &config.ingest_access, &to);
    let fetched = tokio::time::timeout(config.upload_timeout, fetching).await;
    drop(receiving);
    let fetched = fetched.map_err(|_| {
        let reason = format!("{uri} could not be read within {:?}", config.upload_timeout);
        failed(&table, Error::Internal(reason))
    })?;
    let input = fetched.map_err(|error| {
        let text = chain(&error);
        failed(
            &table,
            match error {
                connectors::Error::Refused { .. } | connectors::Error::NoSource { .. } => Error::Invalid(text),
                _ => Error::Internal(text),
            },
        )
    })?;
    ingest(app, Upload { work, input: input.path, file_name, table: target.table, batch_config: target.batch_config })
        .await
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
