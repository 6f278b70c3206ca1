//! `/loggers`: levels of loggers, and log files, the same at every role.

use std::collections::BTreeSet;
use std::path::{Path as FilePath, PathBuf};
use std::sync::Arc;

use axum::Extension;
use axum::body::Body;
use axum::extract::{Path, Query};
use axum::response::Response;
use http::{HeaderValue, StatusCode, header};
use serde_json::{Value, json};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{ApiError, Json};
use crate::telemetry::{self, Level, LevelError};

/// Files that are listed at most, and folders below the root that are looked into.
const MAX_FILES: usize = 10_000;
const MAX_DEPTH: usize = 8;

/// The folder of log files that the API shows, if the operator has named one.
#[derive(Clone, Debug, Default)]
pub struct LogFiles {
    root: Option<Arc<FilePath>>,
}

impl LogFiles {
    pub fn new(root: Option<PathBuf>) -> Self {
        Self { root: root.map(Arc::from) }
    }

    fn root(&self) -> Result<Arc<FilePath>, ApiError> {
        let missing =
            || ApiError::internal("Root log directory is not configured; set `*.logger.root.dir` of the role");
        self.root.clone().ok_or_else(missing)
    }

    /// Paths of the files below the folder, relative to it. Links are not followed.
    async fn list(&self) -> Result<BTreeSet<String>, ApiError> {
        let root = self.root()?;
        let listed = tokio::task::spawn_blocking(move || {
            let mut found = BTreeSet::new();
            walk(&root, "", 0, &mut found).map(|()| found)
        });
        match listed.await {
            Ok(Ok(found)) => Ok(found),
            Ok(Err(error)) => Err(ApiError::internal(format!("the log directory cannot be read: {error}"))),
            Err(error) => Err(ApiError::internal(error.to_string())),
        }
    }
}

fn walk(dir: &FilePath, prefix: &str, depth: usize, found: &mut BTreeSet<String>) -> std::io::Result<()> {
    for entry in std::fs::read_dir(dir)? {
        let entry = entry?;
        let kind = entry.file_type()?;
        let Ok(name) = entry.file_name().into_string() else { continue };
        if found.len() >= MAX_FILES {
            return Ok(());
        }
        if kind.is_file() {
            found.insert(format!("{prefix}{name}"));
        } else if kind.is_dir() && depth < MAX_DEPTH {
            walk(&entry.path(), &format!("{prefix}{name}/"), depth + 1, found)?;
        }
    }
    Ok(())
}

/// The routes, to be merged into a role's.
pub fn routes<S: Clone + Send + Sync + 'static>(files: LogFiles) -> OpenApiRouter<S> {
    OpenApiRouter::new()
        .routes(routes!(list))
        .routes(routes!(get, set))
        .routes(routes!(log_files))
        .routes(routes!(download))
        .layer(Extension(files))
}

fn shown(name: &str, level: Level) -> Json<Value> {
    Json::new(json!({ "name": name, "level": level.to_string(), "filter": null }))
}

/// Names of the loggers
#[utoipa::path(get, path = "/loggers", tag = "Logger", responses((status = 200, body = Vec<String>)))]
async fn list() -> Json<Vec<String>> {
    Json::new(telemetry::loggers())
}

/// A logger and its level
#[utoipa::path(get, path = "/loggers/{loggerName}", tag = "Logger", params(("loggerName" = String, Path)), responses((status = 200), (status = 404)))]
async fn get(Path(name): Path<String>) -> Result<Json<Value>, ApiError> {
    let level = telemetry::level(&name);
    level.map(|level| shown(&name, level)).ok_or_else(|| ApiError::not_found(format!("Logger {name} not found")))
}

#[derive(serde::Deserialize)]
struct LevelQuery {
    level: Option<String>,
}

/// Sets the level of a logger, until the process ends
#[utoipa::path(put, path = "/loggers/{loggerName}", tag = "Logger", params(("loggerName" = String, Path), ("level" = Option<String>, Query, description = "OFF, FATAL, ERROR, WARN, INFO, DEBUG, TRACE or ALL")), responses((status = 200), (status = 404), (status = 500)))]
async fn set(Path(name): Path<String>, Query(query): Query<LevelQuery>) -> Result<Json<Value>, ApiError> {
    // Pinot's answer to a wrong level is a failure, not a refusal.
    let failed = |error: LevelError| match error {
        LevelError::NoLogger(_) => ApiError::not_found(error.to_string()),
        _ => ApiError::internal(error.to_string()),
    };
    let level = query.level.as_deref().unwrap_or("null").parse().map_err(failed)?;
    telemetry::set_level(&name, level).map_err(failed)?;
    tracing::info!(logger = name, %level, "a log level was set");
    Ok(shown(&name, level))
}

/// Log files of this process
#[utoipa::path(get, path = "/loggers/files", tag = "Logger", responses((status = 200, body = Vec<String>), (status = 500)))]
async fn log_files(Extension(files): Extension<LogFiles>) -> Result<Json<BTreeSet<String>>, ApiError> {
    Ok(Json::new(files.list().await?))
}

#[derive(serde::Deserialize)]
#[serde(rename_all = "camelCase")]
struct FileQuery {
    file_path: Option<String>,
}

/// One log file
#[utoipa::path(get, path = "/loggers/download", tag = "Logger", params(("filePath" = String, Query)), responses((status = 200, content_type = "application/octet-stream"), (status = 403), (status = 500)))]
async fn download(Extension(files): Extension<LogFiles>, Query(query): Query<FileQuery>) -> Result<Response, ApiError> {
    let wanted = query.file_path.unwrap_or_default();
    // Only what the list shows: no path of a request reaches the file system unchecked.
    if !files.list().await?.contains(&wanted) {
        return Err(ApiError::forbidden(format!("Invalid file path: {}", wanted.escape_default())));
    }
    let path = files.root()?.join(&wanted);
    let opened = tokio::fs::File::open(&path).await;
    let file = opened.map_err(|error| ApiError::internal(format!("{wanted} cannot be read: {error}")))?;
    let mut response = Response::new(Body::from_stream(tokio_util::io::ReaderStream::new(file)));
    *response.status_mut() = StatusCode::OK;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"));
    let name = wanted.rsplit('/').next().unwrap_or_default();
    if let Ok(value) = HeaderValue::from_str(&format!("attachment; filename={name}")) {
        headers.insert(header::CONTENT_DISPOSITION, value);
    }
    Ok(response)
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt;
    use tower::ServiceExt;

    use super::*;
    use crate::http::{ErrorStyle, Limits, finish};

    async fn ask(files: &LogFiles, method: &str, path: &str) -> (u16, String) {
        let (router, _) = routes::<()>(files.clone()).split_for_parts();
        let router = finish(router, ErrorStyle::Controller, Limits::default(), &[]);
        let request = http::Request::builder().method(method).uri(path).body(Body::empty()).unwrap();
        let response = router.oneshot(request).await.unwrap();
        let status = response.status().as_u16();
        let body = response.into_body().collect().await.unwrap().to_bytes();
        (status, String::from_utf8_lossy(&body).into_owned())
    }

    #[tokio::test]
    async fn loggers_and_their_levels() {
        let none = LogFiles::default();
        let (status, list) = ask(&none, "GET", "/loggers").await;
        assert!(status == 200 && list.starts_with("[\"root\""), "{list}");
        assert_eq!(ask(&none, "GET", "/loggers/root").await.0, 200);
        assert_eq!(ask(&none, "GET", "/loggers/nothing").await.0, 404);
        assert_eq!(ask(&none, "PUT", "/loggers/nothing?level=INFO").await.0, 404);
        assert_eq!(ask(&none, "PUT", "/loggers/root?level=LOUD").await.0, 500);
        assert_eq!(ask(&none, "GET", "/loggers/files").await.0, 500);
    }

    #[tokio::test]
    async fn only_files_of_the_folder() {
        let dir = std::env::temp_dir().join(format!("cuvee-loggers-{}", std::process::id()));
        std::fs::create_dir_all(dir.join("old")).unwrap();
        std::fs::write(dir.join("a.log"), "line").unwrap();
        std::fs::write(dir.join("old/b.log"), "older").unwrap();
        std::os::unix::fs::symlink("/etc/hostname", dir.join("link.log")).ok();
        let files = LogFiles::new(Some(dir.clone()));
        assert_eq!(ask(&files, "GET", "/loggers/files").await, (200, "[\"a.log\",\"old/b.log\"]".to_owned()));
        assert_eq!(ask(&files, "GET", "/loggers/download?filePath=old/b.log").await, (200, "older".to_owned()));
        for bad in ["../a.log", "link.log", "/etc/hostname", "nothing", ""] {
            assert_eq!(ask(&files, "GET", &format!("/loggers/download?filePath={bad}")).await.0, 403, "{bad}");
        }
        std::fs::remove_dir_all(&dir).unwrap();
    }
}
