//! From an uploaded file to a queryable segment, and the files of the deep store.
//!
//! The order makes a crash harmless: the intent to store a file is recorded, the file is stored, then one transaction
//! records the segment and forgets the intent. A file whose intent is still there when the controller starts belongs
//! to an ingestion that was never acknowledged, and is deleted.

use std::collections::{BTreeMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use ::ingest::batch::{BatchJob, BatchReport, ingest_file};
use connectors::deep_store::DeepStore;
use model::{Schema, SegmentName, TableConfig};
use parking_lot::Mutex;
use segment::metadata::SegmentMetadata;
use tempfile::TempDir;
use tokio::sync::{Notify, Semaphore};

use crate::clock::Clock;
use crate::cluster::{self, Change, Cluster, SegmentEntry, SegmentRecord, Tombstone};
use crate::config::local_path;
use crate::error::Error;
use crate::tables;

/// Runs ingestions and owns the deep store.
pub(crate) struct Ingestion {
    cluster: Arc<Cluster>,
    store: DeepStore,
    /// The deep store's directory, where it is one on this machine.
    local_root: Option<PathBuf>,
    work_dir: PathBuf,
    slots: Semaphore,
    /// Segments that are being committed, by table name and segment name.
    busy: Mutex<HashSet<(String, String)>>,
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

/// Marks a segment as being committed.
struct Busy<'a> {
    set: &'a Mutex<HashSet<(String, String)>>,
    key: (String, String),
}

impl Drop for Busy<'_> {
    fn drop(&mut self) {
        self.set.lock().remove(&self.key);
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
            cluster,
            store,
            local_root,
            work_dir,
            busy: Mutex::default(),
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
        self.commit(&table, &schema, &report.segment.metadata, &packed, now_ms).await?;
        self.wait_online(&table, &segment).await;
        Ok(Ingested { segment, report })
    }

    /// Stores a packed segment and records it: a new segment, or a new version of one that is there.
    async fn commit(
        &self,
        table: &str,
        schema: &Schema,
        metadata: &SegmentMetadata,
        packed: &Path,
        now_ms: i64,
    ) -> Result<(), Error> {
        let name = SegmentName::parse(&metadata.segment_name).map_err(|error| Error::Invalid(error.to_string()))?;
        let key = (table.to_owned(), name.to_string());
        if !self.busy.lock().insert(key.clone()) {
            return Err(Error::Conflict(format!("Another upload of segment {name} of table {table} is in progress")));
        }
        let _busy = Busy { set: &self.busy, key };
        // A file that a record or a tombstone names is never written over.
        let raw = table.rsplit_once('_').map_or(table, |(raw, _)| raw);
        let path = self
            .cluster
            .write(|state| {
                let plain = format!("{raw}/{name}");
                let taken = state.tombstones.contains_key(&plain)
                    || state.tables.get(table).is_some_and(|table| {
                        table.segments.values().any(|s| s.record.deep_store_path.as_deref() == Some(plain.as_str()))
                    });
                let path = if taken { format!("{plain}.{}", uuid::Uuid::new_v4().simple()) } else { plain };
                let intent = Tombstone { path: path.clone(), due_ms: i64::MAX, pending: true };
                Ok((vec![Change::PutTombstone(intent)], path))
            })
            .await?;
        let stored = self.store.put_file(&path, packed).await;
        let committed = match stored {
            Ok(transfer) => {
                let record = self.record(schema, metadata, raw, &path, transfer.size_bytes, now_ms);
                self.record_segment(table, name.as_str(), record, &path, now_ms).await
            }
            Err(error) => Err(Error::Internal(format!("segment {name} could not be stored: {}", chain(&error)))),
        };
        if committed.is_err() {
            // What is there of the file goes now; should this fail, too, it goes at the next start.
            let due = Tombstone { path, due_ms: now_ms, pending: false };
            let _ = self.cluster.write(|_| Ok((vec![Change::PutTombstone(due)], ()))).await;
            self.sweep();
        }
        committed
    }

    async fn record_segment(
        &self,
        table: &str,
        segment: &str,
        mut record: SegmentRecord,
        path: &str,
        now_ms: i64,
    ) -> Result<(), Error> {
        let live = self.cluster.live_ids();
        self.cluster
            .write(|state| {
                let found = state.table(table);
                let found = found.ok_or_else(|| Error::NotFound(format!("Table: {table} not found")))?;
                let config = &found.entry.config;
                let mut changes = vec![Change::RemoveTombstone(path.to_owned())];
                let ideal = match found.segments.get(segment) {
                    Some(old) => {
                        record.creation_time_ms = old.record.creation_time_ms;
                        record.push_time_ms = old.record.push_time_ms;
                        record.refresh_time_ms = Some(now_ms);
                        if let Some(path) = old.record.deep_store_path.clone() {
                            changes.push(Change::PutTombstone(Tombstone { path, due_ms: now_ms, pending: false }));
                        }
                        old.ideal.clone()
                    }
                    None => {
                        let servers = tables::candidates(state, config, &live);
                        if servers.is_empty() {
                            return Err(Error::Unavailable(format!(
                                "No enabled server with tag: {} for table: {table}",
                                cluster::server_tag(config)
                            )));
                        }
                        let replication =
                            if config.is_dimension_table() { servers.len() } else { config.replication() as usize };
                        cluster::balanced(found, &servers, replication)
                    }
                };
                let entry = SegmentEntry::new(record, ideal);
                changes.push(Change::PutSegment { table: table.to_owned(), segment: segment.to_owned(), entry });
                Ok((changes, ()))
            })
            .await?;
        self.sweep();
        Ok(())
    }

    fn record(
        &self,
        schema: &Schema,
        metadata: &SegmentMetadata,
        raw: &str,
        path: &str,
        packed_size_bytes: u64,
        now_ms: i64,
    ) -> SegmentRecord {
        let name = &metadata.segment_name;
        let download_url = if self.local_root.is_some() {
            format!("{}{}", self.cluster.base_url, crate::http::encoded_path(&["segments", raw, name]))
        } else {
            self.store.url_of(path)
        };
        let (start_time_ms, end_time_ms) = time_range_ms(schema, metadata).unzip();
        SegmentRecord {
            download_url,
            deep_store_uri: Some(self.store.url_of(path)),
            deep_store_path: Some(path.to_owned()),
            crc: metadata.crc.clone(),
            packed_size_bytes,
            total_docs: u64::from(metadata.num_docs),
            creation_time_ms: metadata.creation_time_ms,
            push_time_ms: now_ms,
            refresh_time_ms: None,
            start_time_ms,
            end_time_ms,
            start_time_raw: start_time_ms.and(metadata.min_time),
            end_time_raw: end_time_ms.and(metadata.max_time),
            metadata: serde_json::to_value(metadata).unwrap_or_default(),
        }
    }

    /// Waits until every replica has loaded the segment or given up, so that a query that follows sees it.
    async fn wait_online(&self, table: &str, segment: &str) {
        let loaded = |cluster: &Cluster| {
            let state = cluster.read();
            let Some(entry) = state.table(table).and_then(|table| table.segments.get(segment)) else { return true };
            let live = cluster.live();
            let replicas = live.replicas(table, segment);
            // Dead servers are not waited for.
            entry.ideal.keys().filter(|id| live.is_live(id)).all(|id| {
                replicas.get(id).is_some_and(|current| {
                    current.state == "ERROR" || (current.state == "ONLINE" && current.crc == entry.record.crc)
                })
            })
        };
        if !self.cluster.wait_until(self.cluster.config.online_wait, loaded).await {
            tracing::warn!(table, segment, "the segment is committed, but not every replica has loaded it yet");
        }
    }

    /// Opens a stored file. Gives its length, too.
    pub async fn open_stored(&self, path: &str) -> Result<(tokio::fs::File, u64), Error> {
        let what = || format!("cannot open {path} in the deep store");
        let file = match &self.local_root {
            Some(root) => match tokio::fs::File::open(root.join(path)).await {
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Err(Error::NotFound(what())),
                opened => opened.map_err(Error::io(what()))?,
            },
            None => {
                // On Unix the open file outlives its directory.
                let work = self.work()?;
                let local = work.path().join("segment");
                self.store.get_file(path, &local).await.map_err(|error| match error {
                    connectors::Error::NotFound { .. } => Error::NotFound(what()),
                    error => Error::Internal(format!("{}: {}", what(), chain(&error))),
                })?;
                tokio::fs::File::open(&local).await.map_err(Error::io(what()))?
            }
        };
        let length = file.metadata().await.map_err(Error::io(what()))?.len();
        Ok((file, length))
    }

    /// Deletes the files that are due. With `starting`, also those of ingestions that a crash has ended.
    pub async fn delete_due(&self, starting: bool) {
        let now_ms = self.clock.now_ms();
        let due: Vec<String> = {
            let state = self.cluster.read();
            let due = state.tombstones.values().filter(|t| if t.pending { starting } else { t.due_ms <= now_ms });
            due.map(|tombstone| tombstone.path.clone()).collect()
        };
        for path in due {
            if let Err(error) = self.store.delete(&path).await {
                tracing::warn!(path, error = chain(&error), "a file could not be deleted from the deep store");
                continue;
            }
            self.remove_unfinished(&path).await;
            let forgotten = self.cluster.write(|_| Ok((vec![Change::RemoveTombstone(path.clone())], ()))).await;
            if let Err(error) = forgotten {
                tracing::warn!(path, %error, "a deletion could not be recorded");
                return;
            }
            tracing::info!(path, "deleted from the deep store");
        }
    }

    /// A local store writes to `<file>#<number>` and renames: a crash in between leaves that file.
    async fn remove_unfinished(&self, path: &str) {
        let Some(target) = self.local_root.as_ref().map(|root| root.join(path)) else { return };
        let (Some(folder), Some(name)) = (target.parent(), target.file_name().and_then(|name| name.to_str())) else {
            return;
        };
        let prefix = format!("{name}#");
        // A folder that is not there holds nothing.
        let Ok(mut entries) = tokio::fs::read_dir(folder).await else { return };
        while let Ok(Some(entry)) = entries.next_entry().await {
            let found = entry.file_name();
            let number = found.to_str().and_then(|found| found.strip_prefix(&prefix));
            if number.is_some_and(|number| !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit()))
                && let Err(error) = tokio::fs::remove_file(entry.path()).await
            {
                tracing::warn!(file = %entry.path().display(), %error, "a half-written file could not be deleted");
            }
        }
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
fn time_range_ms(schema: &Schema, metadata: &SegmentMetadata) -> Option<(i64, i64)> {
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
