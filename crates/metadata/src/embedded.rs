//! A store in one file, durable before it acknowledges.
//!
//! The file is a redb database: table `records` (path → version, value) and table `meta` (`format`, `revision`).
//! One process at a time has it open. Work on the file runs on the blocking pool.

use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

use async_trait::async_trait;
use parking_lot::Mutex;
use redb::{Database, DatabaseError, Durability, ReadableDatabase, ReadableTable, StorageError, TableDefinition};

use crate::{
    Change, Error, MetadataStore, Op, Record, RecordPath, Result, Version, Watch, store::check_ops, watch::Watchers,
};

const RECORDS: TableDefinition<'static, &str, (u64, &[u8])> = TableDefinition::new("records");
const META: TableDefinition<'static, &str, u64> = TableDefinition::new("meta");
const FORMAT: u64 = 1;
const CACHE_BYTES: usize = 16 << 20;

/// See the module.
pub struct EmbeddedStore {
    inner: Arc<Inner>,
}

struct Inner {
    file: PathBuf,
    database: Database,
    watchers: Watchers,
    /// Held over commit and notification, so that watchers hear of commits in their order.
    writer: Mutex<()>,
}

impl std::fmt::Debug for EmbeddedStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("EmbeddedStore").field("file", &self.inner.file).finish()
    }
}

impl EmbeddedStore {
    /// Opens the file, creating it and its directory where they are missing. Checks every page: a damaged file is
    /// [`Error::Corrupt`], one that another process holds [`Error::InUse`].
    pub async fn open(file: impl Into<PathBuf>) -> Result<Self> {
        let file = file.into();
        let for_panic = file.clone();
        let opened = tokio::task::spawn_blocking(move || Inner::open(file)).await;
        let inner = match opened {
            Ok(inner) => inner?,
            // The database gives up with a panic on some damages.
            Err(_) => {
                return Err(Error::Corrupt { file: for_panic, reason: "its content makes no sense".to_owned() });
            }
        };
        Ok(Self { inner: Arc::new(inner) })
    }

    pub fn file(&self) -> &Path {
        &self.inner.file
    }

    async fn blocking<T: Send + 'static>(
        &self,
        doing: &'static str,
        work: impl FnOnce(&Inner) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let inner = self.inner.clone();
        tokio::task::spawn_blocking(move || work(&inner))
            .await
            .map_err(|error| Error::Storage { doing, source: Box::new(error) })?
    }
}

fn storage(doing: &'static str) -> impl Fn(redb::Error) -> Error {
    move |source| Error::Storage { doing, source: Box::new(source) }
}

/// Runs redb calls, whose errors are of many types, as one fallible step.
fn step<T>(doing: &'static str, work: impl FnOnce() -> std::result::Result<T, redb::Error>) -> Result<T> {
    work().map_err(storage(doing))
}

impl Inner {
    fn open(file: PathBuf) -> Result<Self> {
        let open_failed = |source: io::Error| Error::Open { file: file.clone(), source };
        let directory = file.parent().filter(|parent| !parent.as_os_str().is_empty());
        if let Some(directory) = directory {
            fs::create_dir_all(directory).map_err(open_failed)?;
        }
        let is_new = fs::metadata(&file).map_or(true, |metadata| metadata.len() == 0);
        let database = Database::builder()
            .set_cache_size(CACHE_BYTES)
            .set_check_integrity_on_open(true)
            .create(&file)
            .map_err(|error| open_error(&file, error))?;
        if is_new && let Some(directory) = directory {
            // The file's own entry has to be durable, too.
            File::open(directory).and_then(|directory| directory.sync_all()).map_err(open_failed)?;
        }
        let inner = Self { file, database, watchers: Watchers::new(), writer: Mutex::new(()) };
        inner.check_format()?;
        Ok(inner)
    }

    /// Creates the tables, or refuses what a newer version wrote.
    fn check_format(&self) -> Result<()> {
        let found = step("opening the metadata store", || {
            let mut transaction = self.database.begin_write()?;
            transaction.set_durability(Durability::Immediate)?;
            let mut meta = transaction.open_table(META)?;
            let found = meta.get("format")?.map(|format| format.value());
            if found.is_none() {
                meta.insert("format", FORMAT)?;
                transaction.open_table(RECORDS)?;
            }
            drop(meta);
            if found.is_none() {
                transaction.commit()?;
            } else {
                transaction.abort()?;
            }
            Ok(found)
        })?;
        match found {
            Some(found) if found > FORMAT => Err(Error::NewerFormat { file: self.file.clone(), found, known: FORMAT }),
            _ => Ok(()),
        }
    }

    fn get(&self, path: &RecordPath) -> Result<Option<Record>> {
        step("reading a record", || {
            let table = self.database.begin_read()?.open_table(RECORDS)?;
            Ok(table.get(path.as_str())?.map(|found| {
                let (version, value) = found.value();
                Record { path: path.clone(), value: value.into(), version }
            }))
        })
    }

    fn list(&self, below: &RecordPath) -> Result<Vec<Record>> {
        let (first, last) = below.range_below();
        let rows = step("listing records", || {
            let table = self.database.begin_read()?.open_table(RECORDS)?;
            let range = match &last {
                Some(last) => table.range::<&str>(first.as_str()..last.as_str())?,
                None => table.range::<&str>(first.as_str()..)?,
            };
            let mut rows = Vec::new();
            for row in range {
                let (path, found) = row?;
                let (version, value) = found.value();
                rows.push((path.value().to_owned(), version, Arc::<[u8]>::from(value)));
            }
            Ok(rows)
        })?;
        rows.into_iter()
            .map(|(path, version, value)| Ok(Record { path: RecordPath::parse(&path)?, value, version }))
            .collect()
    }

    fn children(&self, path: &RecordPath) -> Result<Vec<String>> {
        let (first, last) = path.range_below();
        let mut names: Vec<String> = step("listing children", || {
            let table = self.database.begin_read()?.open_table(RECORDS)?;
            let mut names = Vec::new();
            let mut from = first.clone();
            let mut after = false;
            loop {
                let lower = if after {
                    std::ops::Bound::Excluded(from.as_str())
                } else {
                    std::ops::Bound::Included(from.as_str())
                };
                let upper = last.as_deref().map_or(std::ops::Bound::Unbounded, std::ops::Bound::Excluded);
                let Some(row) = table.range::<&str>((lower, upper))?.next() else { break };
                let found = row?.0.value().to_owned();
                let rest = &found[first.len()..];
                match rest.split_once('/') {
                    // Everything below the child sorts before `child0`.
                    Some((name, _)) => {
                        names.push(name.to_owned());
                        (from, after) = (format!("{first}{name}0"), false);
                    }
                    None => {
                        names.push(rest.to_owned());
                        (from, after) = (found, true);
                    }
                }
            }
            Ok(names)
        })?;
        names.sort_unstable();
        names.dedup();
        Ok(names)
    }

    fn commit(&self, ops: Vec<Op>) -> Result<Version> {
        let _writer = self.writer.lock();
        let mut conflict = None;
        let (version, changes) = step("writing records", || {
            let mut transaction = self.database.begin_write()?;
            transaction.set_durability(Durability::Immediate)?;
            let mut changes = Vec::new();
            let mut version;
            {
                let mut meta = transaction.open_table(META)?;
                let mut records = transaction.open_table(RECORDS)?;
                version = meta.get("revision")?.map_or(0, |revision| revision.value());
                for op in &ops {
                    let found = records.get(op.path().as_str())?.map(|record| record.value().0);
                    if !op.expect().holds(found) {
                        conflict = Some(Error::Conflict { path: op.path().to_string(), expected: op.expect(), found });
                        break;
                    }
                }
                if conflict.is_none() {
                    for op in ops {
                        match op {
                            Op::Put { path, value, .. } => {
                                records.insert(path.as_str(), (version + 1, value.as_slice()))?;
                                changes.push(Change { path, version: version + 1, value: Some(value.into()) });
                            }
                            Op::Delete { path, .. } => {
                                let existed = records.remove(path.as_str())?.is_some();
                                if existed {
                                    changes.push(Change { path, version: version + 1, value: None });
                                }
                            }
                            Op::Check { .. } => {}
                        }
                    }
                }
                if !changes.is_empty() {
                    version += 1;
                    meta.insert("revision", version)?;
                }
            }
            if changes.is_empty() {
                transaction.abort()?;
            } else {
                transaction.commit()?;
            }
            Ok((version, changes))
        })?;
        if let Some(conflict) = conflict {
            return Err(conflict);
        }
        self.watchers.send(changes);
        Ok(version)
    }
}

fn open_error(file: &Path, error: DatabaseError) -> Error {
    let file = file.to_owned();
    match error {
        DatabaseError::DatabaseAlreadyOpen | DatabaseError::LockProtocolMismatch => Error::InUse { file },
        DatabaseError::Storage(StorageError::Io(source)) => match source.kind() {
            io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof => {
                Error::Corrupt { file, reason: source.to_string() }
            }
            _ => Error::Open { file, source },
        },
        other => Error::Corrupt { file, reason: other.to_string() },
    }
}

#[async_trait]
impl MetadataStore for EmbeddedStore {
    async fn get(&self, path: &RecordPath) -> Result<Option<Record>> {
        let path = path.clone();
        self.blocking("reading a record", move |inner| inner.get(&path)).await
    }

    async fn list(&self, below: &RecordPath) -> Result<Vec<Record>> {
        let below = below.clone();
        self.blocking("listing records", move |inner| inner.list(&below)).await
    }

    async fn children(&self, path: &RecordPath) -> Result<Vec<String>> {
        let path = path.clone();
        self.blocking("listing children", move |inner| inner.children(&path)).await
    }

    async fn commit(&self, ops: Vec<Op>) -> Result<Version> {
        check_ops(&ops)?;
        self.blocking("writing records", move |inner| inner.commit(ops)).await
    }

    fn watch(&self, path: &RecordPath) -> Watch {
        self.inner.watchers.watch(path)
    }
}

#[cfg(test)]
mod tests;
