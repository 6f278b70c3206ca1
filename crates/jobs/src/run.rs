//! A job from its beginning to its end.

use std::{
    borrow::Cow,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use ingest::{Progress, RowError, batch::BatchReport};
use model::{Schema, TableConfig};

use crate::{Controller, Error, JobSpec, Place, PushMode, Replace, controller, create, push, replace};

/// What a job needs besides its spec.
pub struct Options {
    /// The clock, for `now()` in transforms and for names.
    pub now_ms: i64,
    /// Cores for building segments.
    pub threads: usize,
    /// Temporary files go into a directory of their own below it; must exist.
    pub work_dir: PathBuf,
    pub progress: Arc<Progress>,
    /// Told what happens, from any thread.
    pub observer: Arc<dyn Fn(Event) + Send + Sync>,
    /// Set to true to end the job early.
    pub cancel: Arc<AtomicBool>,
}

/// Something that happened.
#[derive(Clone, Debug)]
pub enum Event {
    /// What is not an error, and worth reading.
    Warning(String),
    /// The input is known.
    Files { count: usize, from: String },
    /// A segment's archive is in the output.
    Built { segment: String, file: String, rows: u64, uri: String },
    /// The output had such an archive, which stays (`overwriteOutput: false`).
    Kept { segment: String, uri: String },
    /// Pushing begins.
    Pushing { segments: usize, controllers: Vec<String> },
    /// A controller has taken a segment.
    Pushed { table: String, segment: String, location: String, status: u16, reply: String },
}

/// What a job did.
#[derive(Clone, Debug, Default)]
pub struct Summary {
    /// Files read.
    pub files: u64,
    /// Segments whose archive was written; without those that were there already.
    pub segments_built: u64,
    /// Segments pushed, counted once for each controller.
    pub segments_pushed: u64,
    pub rows_read: u64,
    pub rows_indexed: u64,
    pub rows_rejected: u64,
    pub rows_filtered: u64,
    pub rows_incomplete: u64,
    pub bytes_read: u64,
    /// The first bad rows of all files.
    pub first_errors: Vec<RowError>,
    pub elapsed: Duration,
}

/// What all parts of a running job share.
pub(crate) struct Shared {
    pub cancel: Arc<AtomicBool>,
    observer: Arc<dyn Fn(Event) + Send + Sync>,
    summary: Mutex<Summary>,
}

impl Shared {
    pub fn report(&self, event: Event) {
        if let Event::Built { .. } = event {
            self.change(|s| s.segments_built += 1);
        }
        (self.observer)(event);
    }

    pub fn pushed(&self, event: Event) {
        self.change(|s| s.segments_pushed += 1);
        (self.observer)(event);
    }

    pub fn add(&self, report: &BatchReport) {
        self.change(|s| {
            s.files += 1;
            s.rows_read += report.rows_read;
            s.rows_indexed += report.rows_indexed;
            s.rows_rejected += report.rows_rejected;
            s.rows_filtered += report.rows_filtered;
            s.rows_incomplete += report.rows_incomplete;
            s.bytes_read += report.bytes_read;
            let room = RowError::KEPT.saturating_sub(s.first_errors.len());
            s.first_errors.extend(report.first_errors.iter().take(room).cloned());
        });
    }

    fn change(&self, change: impl FnOnce(&mut Summary)) {
        change(&mut self.summary.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

/// Runs a job. When the future is dropped half way, segments that are built or pushed stay.
///
/// Nothing is pushed unless every file became a segment. What is pushed are the segments of this run; a job that only
/// pushes takes every archive below its output directory.
pub async fn run(spec: &JobSpec, options: &Options) -> Result<Summary, Error> {
    let mut spec = Cow::Borrowed(spec);
    let began = Instant::now();
    let shared = Shared {
        cancel: Arc::clone(&options.cancel),
        observer: Arc::clone(&options.observer),
        summary: Mutex::default(),
    };
    for warning in &spec.warnings {
        shared.report(Event::Warning(warning.clone()));
    }
    let work = tempfile::Builder::new()
        .prefix("ingestion-job-")
        .tempdir_in(&options.work_dir)
        .map_err(Error::io("create a directory in", &options.work_dir))?;
    let configs = spec.store_options();
    let (output, paths) = if spec.creates {
        // Asked first: a table that is not there is known before hours of work.
        let target = target(&spec).await?;
        if spec.replace.is_none() && is_refreshed_as_a_whole(&target.1) && spec.push.is_some() {
            spec.to_mut().replace = Some(Replace::All);
        }
        let output = Place::to_write(&spec.output_dir_uri, &configs)?;
        let paths = create::create(&spec, options, &shared, target, &output, work.path()).await?;
        (output, paths)
    } else {
        let output = Place::to_read(&spec.output_dir_uri, &configs).await?;
        let paths = push::archives(&output).await?;
        (output, paths)
    };
    if let Some(mode) = spec.push {
        let paths = push::chosen(&spec, &output, paths)?;
        if paths.is_empty() {
            return Err(Error::NoInput(format!("there is no segment (*.tar.gz) to push in {}", output.uri())));
        }
        shared.report(Event::Pushing { segments: paths.len(), controllers: spec.controllers.clone() });
        push(&spec, mode, &shared, &output, &paths, work.path()).await?;
    }
    if shared.cancel.load(Ordering::Relaxed) {
        return Err(Error::Cancelled);
    }
    let mut summary = shared.summary.into_inner().unwrap_or_else(PoisonError::into_inner);
    summary.elapsed = began.elapsed();
    Ok(summary)
}

/// Tables that are replaced as a whole at each load, without a moment in which queries see a part.
fn is_refreshed_as_a_whole(table: &TableConfig) -> bool {
    let batch = table.ingestion().batch.as_ref();
    table.push_type().eq_ignore_ascii_case("REFRESH") && batch.is_some_and(|batch| batch.consistent_data_push)
}

/// Pushes, and puts the pushed segments in the place of others where the job says so.
async fn push(
    spec: &JobSpec,
    mode: PushMode,
    shared: &Shared,
    output: &Place,
    paths: &[String],
    work: &Path,
) -> Result<(), Error> {
    let Some(replace) = &spec.replace else { return push::push(spec, mode, shared, output, paths, work).await };
    let http = Controller::new(spec.auth_token.clone())?;
    let names: Vec<String> = paths.iter().map(|path| push::segment_name(path).to_owned()).collect();
    let begun = replace::begin(spec, replace, shared, &http, &names).await?;
    let done = match push::push(spec, mode, shared, output, paths, work).await {
        Ok(()) => replace::end(spec, shared, &http, &begun).await,
        Err(error) => Err(error),
    };
    if done.is_err() {
        replace::revert(spec, &http, &begun).await;
    }
    done
}

/// Schema and config of the table, from where the spec says or from the first controller.
async fn target(spec: &JobSpec) -> Result<(Schema, TableConfig), Error> {
    let http = Controller::new(spec.auth_token.clone())?;
    let first = spec.controllers.first().map_or("", String::as_str);
    let schema = match &spec.table.schema_uri {
        Some(uri) => controller::parse_schema(&text_of(spec, &http, uri).await?, uri)?,
        None => http.schema(first, &spec.table.name).await?,
    };
    let config = match &spec.table.config_uri {
        Some(uri) => controller::parse_table_config(&text_of(spec, &http, uri).await?, uri)?,
        None => http.table_config(first, &spec.table.name).await?,
    };
    Ok((schema, config))
}

/// The content of a small file.
async fn text_of(spec: &JobSpec, http: &Controller, uri: &str) -> Result<String, Error> {
    const MAX_BYTES: u64 = 64 << 20;
    if uri.starts_with("http://") || uri.starts_with("https://") {
        return Ok(http.get(uri).await?.text);
    }
    let place = Place::to_read(uri, &spec.store_options()).await?;
    let files = place.list(false).await?;
    let bad = |reason: &str| Error::Value { what: "URI", value: uri.to_owned(), reason: reason.to_owned() };
    let [file] = &files[..] else { return Err(bad("it does not name a file")) };
    if file.size_bytes > MAX_BYTES {
        return Err(bad("the file is too large for a schema or a table config"));
    }
    let dir = tempfile::tempdir().map_err(Error::io("create a directory in", std::env::temp_dir()))?;
    let fetched = place.fetch(&file.path, dir.path()).await?;
    std::fs::read_to_string(&fetched.path).map_err(Error::io("read", &fetched.path))
}
