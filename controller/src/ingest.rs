//! From an uploaded file to a queryable segment, and the files of the deep store.
//!
//! The order makes a crash harmless: the intent to store a file is recorded, the file is stored, then one transaction
//! records the segment and forgets the intent. A file whose intent is still there when the controller starts belongs
//! to an ingestion that was never acknowledged, and is deleted.

mod commit;
mod files;
mod upload;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use ::ingest::batch::{BatchJob, BatchReport, ingest_file};
use connectors::{deep_store::DeepStore, remote};
use model::{Schema, TableConfig};
use segment::metadata::SegmentMetadata;
use tempfile::TempDir;
use tokio::sync::{Notify, Semaphore};

pub(crate) use commit::{CustomMap, Place, Rules};
pub(crate) use upload::{Received, Source, Target};

use crate::clock::Clock;
use crate::cluster::Cluster;
use crate::config::local_path;
use crate::error::Error;
use crate::tables;
use commit::BusySegments;

/// Uploads that are worked on at the same time; further ones wait.
const MAX_UPLOADS: usize = 8;

/// Runs ingestions and owns the deep store.
pub(crate) struct Ingestion {
    cluster: Arc<Cluster>,
    store: DeepStore,
    /// The deep store's directory, where it is one on this machine.
    local_root: Option<PathBuf>,
    work_dir: PathBuf,
    slots: Semaphore,
    /// Uploads that are worked on at the same time.
    upload_slots: Semaphore,
    busy: BusySegments,
    clock: Arc<dyn Clock>,
    /// Wakes the sweeper.
    pub swept: Notify,
}

/// A file to be made into a segment.
pub(crate) struct Upload {
    /// Holds `input` when it was uploaded; removed with everything in it when the ingestion is over.
    pub work: TempDir,
    pub input: PathBuf,
    /// As the sender calls it.
    pub file_name: String,
    /// With type.
    pub table: String,
    pub batch_config: BTreeMap<String, String>,
}

/// A segment that was committed.
pub(crate) struct Ingested {
    pub segment: String,
    pub report: BatchReport,
}

/// Sets the flag when dropped: whoever waited for the ingestion is gone.
pub(crate) struct CancelOnDrop(pub Arc<AtomicBool>);

impl Drop for CancelOnDrop {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

impl Ingestion {
    /// Opens the deep store and empties the work directory.
    pub fn new(cluster: Arc<Cluster>, clock: Arc<dyn Clock>) -> Result<Self, Error> {
        let config = &cluster.config;
        let opened =
            |error: connectors::Error| Error::Internal(format!("the deep store cannot be opened: {}", chain(&error)));
        let (store, local_root) = match local_path(&config.data_dir) {
            Some(dir) => {
                std::fs::create_dir_all(&dir).map_err(Error::io(format!("cannot create {}", dir.display())))?;
                let dir = dir.canonicalize().map_err(Error::io(format!("cannot open {}", dir.display())))?;
                let url = format!("file://{}", dir.display());
                (DeepStore::new(&url, &config.storage).map_err(opened)?, Some(dir))
            }
            None => (DeepStore::new(&config.data_dir, &config.storage).map_err(opened)?, None),
        };
        let work_dir = config.work_dir.clone();
        empty(&work_dir)?;
        Ok(Self {
            slots: Semaphore::new(config.max_ingestions),
            upload_slots: Semaphore::new(MAX_UPLOADS),
            cluster,
            store,
            local_root,
            work_dir,
            busy: BusySegments::default(),
            clock,
            swept: Notify::new(),
        })
    }

    /// A directory for one ingestion.
    pub fn work(&self) -> Result<TempDir, Error> {
        let what = format!("cannot create a directory in {}", self.work_dir.display());
        tempfile::Builder::new().prefix("upload-").tempdir_in(&self.work_dir).map_err(Error::io(what))
    }

    /// Asks the sweeper to look for files that are due.
    pub fn sweep(&self) {
        self.swept.notify_one();
    }

    /// The table that an ingestion is for. It has to be named with its type and has to be OFFLINE.
    pub fn target(&self, table: &str) -> Result<(Arc<TableConfig>, Arc<Schema>), Error> {
        let name = model::TableNameWithType::parse(table).map_err(|error| {
            Error::Invalid(format!("Must provide table name with type suffix for table: {table} ({error})"))
        })?;
        if name.table_type() == model::TableType::Realtime {
            return Err(Error::Invalid(format!("Cannot ingest file to REALTIME table: {name}")));
        }
        let state = self.cluster.read();
        let found = state.table(name.as_str());
        let found = found.ok_or_else(|| Error::NotFound(format!("Table: {name} not found")))?;
        let config = Arc::clone(&found.entry.config);
        let schema = tables::schema_of(&state, &config)?;
        Ok((config, schema))
    }

    /// Builds a segment of the file, stores it, and makes it part of the table. `cancel` ends it while it builds.
    pub async fn run(&self, upload: Upload, cancel: Arc<AtomicBool>) -> Result<Ingested, Error> {
        let (config, schema) = self.target(&upload.table)?;
        let _slot =
            self.slots.acquire().await.map_err(|_| Error::Unavailable("The controller is stopping".to_owned()))?;
        if cancel.load(Ordering::Relaxed) {
            return Err(Error::Unavailable("The client has gone away".to_owned()));
        }
        let upload = self.with_reader_files(upload).await?;
        let now_ms = self.clock.now_ms();
        let memory = usize::try_from(self.cluster.config.ingest_memory_bytes).unwrap_or(usize::MAX);
        let (table, job_schema) = (upload.table.clone(), Arc::clone(&schema));
        let built = tokio::task::spawn_blocking(move || {
            build(&upload, job_schema, config, memory, now_ms, cancel).map(|built| (built, upload))
        });
        let built = built.await.map_err(|error| {
            Error::Internal(match error.try_into_panic() {
                Ok(panic) => format!("the ingestion panicked: {}", panic_text(&*panic)),
                Err(_) => "the ingestion was stopped".to_owned(),
            })
        })?;
        // The upload's directory lives until the packed file is stored.
        let ((report, packed), _upload) = built?;
        let segment = report.segment.metadata.segment_name.clone();
        let rules = Rules::default();
        self.commit(&table, &report.segment.metadata, Place::Local(&packed), &rules).await?;
        self.wait_online(&table, &segment).await;
        Ok(Ingested { segment, report })
    }

    /// Makes the file that a reader's property names one of this machine. The same rules say where a request may lead
    /// as for the input itself.
    async fn with_reader_files(&self, mut upload: Upload) -> Result<Upload, Error> {
        const DESCRIPTOR: &str = "recordReader.prop.descriptorFile";
        let Some(uri) = upload.batch_config.get(DESCRIPTOR).filter(|uri| !uri.is_empty()) else { return Ok(upload) };
        let config = &self.cluster.config;
        let (class, properties) = remote::properties_for(uri, &config.storage);
        let to = upload.work.path().join("descriptor");
        let fetching = remote::fetch(uri, class.as_deref(), &properties, &config.ingest_access, &to);
        let fetched = tokio::time::timeout(config.upload_timeout, fetching).await;
        let late = |_| Error::Internal(format!("{uri} could not be read within {:?}", config.upload_timeout));
        let fetched = fetched.map_err(late)?.map_err(|error| {
            let text = format!("{DESCRIPTOR}: {}", chain(&error));
            match error {
                connectors::Error::Refused { .. } | connectors::Error::NoSource { .. } => Error::Invalid(text),
                _ => Error::Internal(text),
            }
        })?;
        upload.batch_config.insert(DESCRIPTOR.to_owned(), fetched.path.display().to_string());
        Ok(upload)
    }
}

/// Builds and packs. Blocks.
fn build(
    upload: &Upload,
    schema: Arc<Schema>,
    config: Arc<TableConfig>,
    memory_budget_bytes: usize,
    now_ms: i64,
    cancel: Arc<AtomicBool>,
) -> Result<(BatchReport, PathBuf), Error> {
    let dirs = (upload.work.path().to_owned(), upload.work.path().join("built"));
    std::fs::create_dir_all(&dirs.1).map_err(Error::io("cannot create a directory for the segment"))?;
    let refused = |error: ::ingest::Error| {
        let text = chain(&error);
        if error.is_user_error() { Error::Invalid(text) } else { Error::Internal(text) }
    };
    let mut job = BatchJob::from_config_map(
        &upload.batch_config,
        upload.input.clone(),
        &upload.file_name,
        schema,
        config,
        dirs,
        now_ms,
    )
    .map_err(refused)?;
    job.memory_budget_bytes = job.memory_budget_bytes.min(memory_budget_bytes);
    job.cancel = Some(cancel);
    let report = ingest_file(&job).map_err(refused)?;
    let packed = upload.work.path().join("packed");
    segment::packed::pack(&report.segment.file, &packed)
        .map_err(|error| Error::Internal(format!("the segment could not be packed: {}", chain(&error))))?;
    Ok((report, packed))
}

/// First and last time of a segment in epoch milliseconds.
pub(crate) fn time_range_ms(schema: &Schema, metadata: &SegmentMetadata) -> Option<(i64, i64)> {
    let column = metadata.time_column.as_deref()?;
    let format = schema.date_time_field(column)?.date_time_format()?;
    let millis = |raw: Option<i64>, text: Option<&String>| match raw {
        Some(raw) => format.to_millis(&model::Value::Long(raw)).ok(),
        None => format.text_to_millis(text?).ok(),
    };
    let of_column = metadata.column(column);
    let first = millis(metadata.min_time, of_column.and_then(|c| c.min.as_ref()))?;
    let last = millis(metadata.max_time, of_column.and_then(|c| c.max.as_ref()))?;
    Some((first, last))
}

/// An error and what it came from, in one line.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(source) = next {
        let part = source.to_string();
        if !text.ends_with(&part) {
            text.push_str(": ");
            text.push_str(&part);
        }
        next = source.source();
    }
    text
}

fn panic_text(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "no message".to_owned())
}

/// Makes a directory that is empty.
fn empty(dir: &Path) -> Result<(), Error> {
    match std::fs::remove_dir_all(dir) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            return Err(Error::Io { what: format!("cannot empty {}", dir.display()), source: error });
        }
        _ => {}
    }
    std::fs::create_dir_all(dir).map_err(Error::io(format!("cannot create {}", dir.display())))
}
