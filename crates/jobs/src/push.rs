//! Pushing the segments of a job to controllers.

use std::{path::Path, time::Duration};

use futures::{StreamExt as _, TryStreamExt as _};
use segment::archive::{self, BatchEntry};

use crate::{
    Controller, Error, Event, JobSpec, PathPattern, Place, PushMode,
    controller::Answer,
    create::{ARCHIVE_END, METADATA_END},
    place::blocking,
    run::Shared,
};

/// Pauses between attempts grow up to this.
const MAX_PAUSE: Duration = Duration::from_secs(60);
/// Factor between one pause and the next.
const BACKOFF: u32 = 5;

/// All archives of an output directory.
pub(crate) async fn archives(output: &Place) -> Result<Vec<String>, Error> {
    let all = output.list(true).await?.into_iter().map(|found| found.path);
    Ok(all.filter(|path| path.ends_with(ARCHIVE_END) && !path.ends_with(METADATA_END)).collect())
}

/// The paths that `pushFileNamePattern` chooses; all without one.
pub(crate) fn chosen(spec: &JobSpec, output: &Place, paths: Vec<String>) -> Result<Vec<String>, Error> {
    let Some(pattern) = &spec.push_spec.file_name_pattern else { return Ok(paths) };
    let pattern = PathPattern::new(pattern)?;
    Ok(paths.into_iter().filter(|path| pattern.matches(&output.shown(path))).collect())
}

/// Name of the segment in an archive.
pub(crate) fn segment_name(path: &str) -> &str {
    let file = path.rsplit('/').next().unwrap_or(path);
    file.strip_suffix(ARCHIVE_END).unwrap_or(file)
}

/// Pushes archives to every controller of the spec. Ends at the first that fails for good.
pub(crate) async fn push(
    spec: &JobSpec,
    mode: PushMode,
    shared: &Shared,
    output: &Place,
    paths: &[String],
    work: &Path,
) -> Result<(), Error> {
    let http = Controller::new(spec.auth_token.clone())?;
    if mode == PushMode::Metadata && spec.push_spec.batch {
        return batch(spec, shared, &http, output, paths, work).await;
    }
    futures::stream::iter(paths)
        .map(|path| one(spec, mode, shared, &http, output, path, work))
        .buffer_unordered(spec.push_spec.parallelism)
        .try_collect::<()>()
        .await
}

async fn one(
    spec: &JobSpec,
    mode: PushMode,
    shared: &Shared,
    http: &Controller,
    output: &Place,
    path: &str,
    work: &Path,
) -> Result<(), Error> {
    let segment = segment_name(path);
    let push = Push { spec, shared, segment };
    match mode {
        PushMode::Tar => {
            let archive = output.fetch(path, work).await?;
            let query =
                [("tableName", spec.table.name.clone()), ("tableType", table_type(&spec.table.name).to_owned())];
            push.everywhere(async |url| http.post_file(url, &query, &[], segment, &archive.path).await).await?;
        }
        PushMode::Uri => {
            let headers = [("UPLOAD_TYPE", "URI".to_owned()), ("DOWNLOAD_URI", download_uri(spec, output, path))];
            let query =
                [("tableName", spec.table.name.clone()), ("tableType", table_type(&spec.table.name).to_owned())];
            push.everywhere(async |url| http.post_headers(url, &query, &headers).await).await?;
        }
        PushMode::Metadata => {
            let metadata = metadata(spec, output, path, work).await?;
            let headers = [
                ("UPLOAD_TYPE", "METADATA".to_owned()),
                ("DOWNLOAD_URI", download_uri(spec, output, path)),
                ("COPY_SEGMENT_TO_DEEP_STORE", spec.push_spec.copy_to_deep_store.to_string()),
            ];
            let query =
                [("tableName", spec.table.name.clone()), ("tableType", table_type(&spec.table.name).to_owned())];
            push.everywhere(async |url| http.post_file(url, &query, &headers, segment, &metadata.path).await).await?;
        }
    }
    if spec.clean_up_output_dir {
        output.delete(path).await?;
        output.delete(&metadata_path(path)).await?;
    }
    Ok(())
}

/// The metadata of all segments in one request.
async fn batch(
    spec: &JobSpec,
    shared: &Shared,
    http: &Controller,
    output: &Place,
    paths: &[String],
    work: &Path,
) -> Result<(), Error> {
    let dir = tempfile::tempdir_in(work).map_err(Error::io("create a directory in", work))?;
    let entries: Vec<BatchEntry> = futures::stream::iter(paths)
        .map(async |path| {
            let archive = metadata(spec, output, path, work).await?;
            let (inside, name) = (dir.path().to_owned(), segment_name(path).to_owned());
            let download_uri = download_uri(spec, output, path);
            blocking(move || {
                let pack = Error::pack(&name);
                let inside = tempfile::tempdir_in(&inside).map_err(Error::io("create a directory in", &inside))?;
                let found = archive::read(&archive.path, inside.path(), &Default::default()).map_err(pack)?;
                Ok(BatchEntry { metadata: found.metadata, download_uri })
            })
            .await
        })
        .buffered(spec.push_spec.metadata_parallelism)
        .try_collect()
        .await?;
    let file = dir.path().join("batch.tar.gz");
    let to = file.clone();
    blocking(move || {
        let pack = Error::pack("batch");
        archive::write_metadata_batch(&entries, &to).map_err(pack)
    })
    .await?;
    let headers = [
        ("UPLOAD_TYPE", "METADATA".to_owned()),
        ("COPY_SEGMENT_TO_DEEP_STORE", spec.push_spec.copy_to_deep_store.to_string()),
    ];
    let query = [("tableName", spec.table.name.clone()), ("tableType", table_type(&spec.table.name).to_owned())];
    for controller in &spec.controllers {
        let url = format!("{controller}/segments/batchUpload");
        let act = async || http.post_file(&url, &query, &headers, "segments", &file).await;
        let answer = retrying(spec, shared, "the batch of segments", controller, act).await?;
        for path in paths {
            shared.pushed(Event::Pushed {
                table: spec.table.name.clone(),
                segment: segment_name(path).to_owned(),
                location: controller.clone(),
                status: answer.status,
                reply: answer.text.clone(),
            });
        }
    }
    if spec.clean_up_output_dir {
        for path in paths {
            output.delete(path).await?;
            output.delete(&metadata_path(path)).await?;
        }
    }
    Ok(())
}

/// The URI that controller and servers load a segment from.
fn download_uri(spec: &JobSpec, output: &Place, path: &str) -> String {
    let uri = output.uri_of(path);
    let (prefix, suffix) = (&spec.push_spec.segment_uri_prefix, &spec.push_spec.segment_uri_suffix);
    if prefix.is_empty() && suffix.is_empty() {
        return uri;
    }
    // The path alone stands between the two.
    let rest = uri.split_once("://").map_or(uri.as_str(), |(_, rest)| rest);
    let path = rest.find('/').map_or(rest, |at| &rest[at..]);
    format!("{prefix}{path}{suffix}")
}

pub(crate) fn table_type(table: &str) -> &'static str {
    if table.ends_with("_REALTIME") { "REALTIME" } else { "OFFLINE" }
}

fn metadata_path(path: &str) -> String {
    format!("{}{METADATA_END}", path.strip_suffix(ARCHIVE_END).unwrap_or(path))
}

/// An archive of the metadata alone: the one that lies beside the segment, or a new one.
async fn metadata(spec: &JobSpec, output: &Place, path: &str, work: &Path) -> Result<Metadata, Error> {
    let dir = tempfile::tempdir_in(work).map_err(Error::io("create a directory in", work))?;
    let beside = metadata_path(path);
    if spec.push_spec.prefer_metadata_tar && output.exists(&beside).await? {
        let fetched = output.fetch(&beside, work).await?;
        return Ok(Metadata { path: fetched.path.clone(), _fetched: Some(fetched), _dir: dir });
    }
    let fetched = output.fetch(path, work).await?;
    let to = dir.path().join("metadata.tar.gz");
    let (segment, inside, out) = (segment_name(path).to_owned(), dir.path().join("inside"), to.clone());
    blocking(move || {
        let pack = Error::pack(&segment);
        std::fs::create_dir(&inside).map_err(Error::io("create", &inside))?;
        let found = archive::read(&fetched.path, &inside, &Default::default()).map_err(pack)?;
        let Some(packed) = found.packed else {
            return Err(Error::Value {
                what: "segment archive",
                value: fetched.path.display().to_string(),
                reason: "it holds metadata alone".to_owned(),
            });
        };
        archive::write_metadata(&packed, &out).map_err(pack)?;
        Ok(())
    })
    .await?;
    Ok(Metadata { path: to, _fetched: None, _dir: dir })
}

struct Metadata {
    path: std::path::PathBuf,
    _fetched: Option<crate::place::Fetched>,
    _dir: tempfile::TempDir,
}

struct Push<'a> {
    spec: &'a JobSpec,
    shared: &'a Shared,
    segment: &'a str,
}

impl Push<'_> {
    /// To each controller, with as many attempts as the spec allows.
    async fn everywhere(&self, send: impl AsyncFn(&str) -> Result<Answer, Error>) -> Result<(), Error> {
        for controller in &self.spec.controllers {
            let url = format!("{controller}/v2/segments");
            let answer = retrying(self.spec, self.shared, self.segment, controller, async || send(&url).await).await?;
            self.shared.pushed(Event::Pushed {
                table: self.spec.table.name.clone(),
                segment: self.segment.to_owned(),
                location: controller.clone(),
                status: answer.status,
                reply: answer.text,
            });
        }
        Ok(())
    }
}

pub(crate) async fn retrying<T>(
    spec: &JobSpec,
    shared: &Shared,
    what: &str,
    controller: &str,
    act: impl AsyncFn() -> Result<T, Error>,
) -> Result<T, Error> {
    let mut pause = Duration::from_millis(spec.push_spec.retry_interval_ms).min(MAX_PAUSE);
    let mut attempt = 1;
    loop {
        match act().await {
            Err(error) if error.is_retryable() && attempt < spec.push_spec.attempts => {
                shared.report(Event::Warning(format!(
                    "attempt {attempt} of {} for {what} at {controller} failed, trying again in {} ms: {}",
                    spec.push_spec.attempts,
                    pause.as_millis(),
                    error.chain()
                )));
                tokio::time::sleep(pause).await;
                pause = pause.saturating_mul(BACKOFF).min(MAX_PAUSE);
                attempt += 1;
            }
            other => return other,
        }
    }
}
