//! The segments that queries can use, by table.

use std::{
    collections::{BTreeMap, HashMap},
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
};

use model::{Schema, TableConfig};
use parking_lot::RwLock;
use segment::{ImmutableSegment, SegmentReader};

use super::manager::now_ms;

/// A loaded segment. A query that pinned it keeps it, also when it is replaced or dropped meanwhile.
pub struct Loaded {
    pub segment: Arc<ImmutableSegment>,
    pub crc: String,
    /// Of the mapped file.
    pub size_bytes: u64,
    pub file: PathBuf,
    /// The controller's record of the segment, as it came.
    pub metadata_json: String,
    /// When it was loaded, or a reload last found nothing to change; epoch milliseconds.
    checked_at_ms: AtomicI64,
}

impl Loaded {
    pub fn new(segment: Arc<ImmutableSegment>, file: PathBuf, crc: String, metadata_json: String) -> Self {
        let size_bytes = segment.size_bytes();
        Self { segment, crc, size_bytes, file, metadata_json, checked_at_ms: AtomicI64::new(now_ms()) }
    }

    pub fn checked_at_ms(&self) -> i64 {
        self.checked_at_ms.load(Ordering::Relaxed)
    }

    /// A reload found nothing to change.
    pub fn touch(&self) {
        self.checked_at_ms.store(now_ms(), Ordering::Relaxed);
    }
}

/// Config and schema of a table at one version.
#[derive(Debug)]
pub struct TableInfo {
    pub version: u64,
    pub enabled: bool,
    pub config: TableConfig,
    pub schema: Arc<Schema>,
}

/// Why a segment is not loaded.
#[derive(Clone, Debug)]
pub struct Failure {
    pub at_ms: i64,
    pub message: String,
}

/// One table at this server.
pub struct Table {
    pub name: Arc<str>,
    info: RwLock<Arc<TableInfo>>,
    segments: RwLock<HashMap<Arc<str>, Arc<Loaded>>>,
    failures: RwLock<BTreeMap<Arc<str>, Failure>>,
}

/// What a query asked for: the segments that are here, and the names of those that are not.
pub struct Pinned {
    pub segments: Vec<Arc<dyn SegmentReader>>,
    pub missing: Vec<String>,
    pub total_docs: u64,
}

impl Table {
    fn new(name: Arc<str>, info: TableInfo) -> Self {
        Self { name, info: RwLock::new(Arc::new(info)), segments: RwLock::default(), failures: RwLock::default() }
    }

    pub fn info(&self) -> Arc<TableInfo> {
        Arc::clone(&self.info.read())
    }

    pub fn segment(&self, name: &str) -> Option<Arc<Loaded>> {
        self.segments.read().get(name).cloned()
    }

    /// All loaded segments, ascending by name.
    pub fn segments(&self) -> BTreeMap<Arc<str>, Arc<Loaded>> {
        self.segments.read().iter().map(|(name, loaded)| (Arc::clone(name), Arc::clone(loaded))).collect()
    }

    pub fn failures(&self) -> BTreeMap<Arc<str>, Failure> {
        self.failures.read().clone()
    }

    /// Takes hold of the named segments.
    pub fn pin(&self, names: &[String]) -> Pinned {
        let mut pinned = Pinned { segments: Vec::with_capacity(names.len()), missing: Vec::new(), total_docs: 0 };
        let segments = self.segments.read();
        for name in names {
            match segments.get(name.as_str()) {
                Some(loaded) => {
                    pinned.total_docs += u64::from(loaded.segment.num_docs());
                    pinned.segments.push(Arc::clone(&loaded.segment) as Arc<dyn SegmentReader>);
                }
                None => pinned.missing.push(name.clone()),
            }
        }
        pinned
    }

    /// Puts a segment in, in one step, in place of an earlier version, which is returned.
    pub fn put(&self, name: Arc<str>, loaded: Arc<Loaded>) -> Option<Arc<Loaded>> {
        self.failures.write().remove(&name);
        self.segments.write().insert(name, loaded)
    }

    pub fn take(&self, name: &str) -> Option<Arc<Loaded>> {
        self.failures.write().remove(name);
        self.segments.write().remove(name)
    }

    pub fn record_failure(&self, name: Arc<str>, failure: Failure) {
        self.failures.write().insert(name, failure);
    }
}

/// All tables of this server.
#[derive(Default)]
pub struct Tables {
    tables: RwLock<BTreeMap<Arc<str>, Arc<Table>>>,
}

impl Tables {
    pub fn get(&self, name: &str) -> Option<Arc<Table>> {
        self.tables.read().get(name).cloned()
    }

    /// Ascending by name.
    pub fn all(&self) -> Vec<Arc<Table>> {
        self.tables.read().values().cloned().collect()
    }

    /// Adds a table or gives it a new config and schema; its segments stay.
    pub fn put(&self, name: &str, info: TableInfo) -> Arc<Table> {
        let mut tables = self.tables.write();
        if let Some(table) = tables.get(name) {
            *table.info.write() = Arc::new(info);
            return Arc::clone(table);
        }
        let name: Arc<str> = Arc::from(name);
        let table = Arc::new(Table::new(Arc::clone(&name), info));
        tables.insert(name, Arc::clone(&table));
        table
    }

    pub fn remove(&self, name: &str) -> Option<Arc<Table>> {
        self.tables.write().remove(name)
    }
}
