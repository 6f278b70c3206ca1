//! Results that are kept for a while, to be read page by page.
//!
//! A query with `getCursor=true` is answered with the first page only. The rows lie in files of this broker, which
//! alone can give the further pages; a start of the broker finds them again. What is kept is bounded in number and
//! bytes, and goes when it expires.

mod files;
mod page;

use std::{
    collections::BTreeMap,
    path::PathBuf,
    sync::{Arc, atomic::AtomicU64, atomic::Ordering},
    time::Duration,
};

use parking_lot::Mutex;
use serde_json::{Map, Value};

pub use page::Page;

/// Bounds on what is kept.
#[derive(Clone, Debug)]
pub struct CursorConfig {
    /// Rows of a page where a request does not say. Default 10,000.
    pub fetch_rows: usize,
    /// Where the results lie. Default a folder of this instance below the temporary one.
    pub dir: Option<PathBuf>,
    /// How long a result is kept. Default 1 h.
    pub expiration: Duration,
    /// Results that are kept at a time; more are refused. Default 10,000.
    pub max_results: usize,
    /// Bytes of all results; more are refused. Default 1 GiB.
    pub max_bytes: u64,
}

impl Default for CursorConfig {
    fn default() -> Self {
        Self {
            fetch_rows: 10_000,
            dir: None,
            expiration: Duration::from_secs(3600),
            max_results: 10_000,
            max_bytes: 1 << 30,
        }
    }
}

/// Why a result cannot be kept or read.
#[derive(Debug, thiserror::Error)]
pub enum CursorError {
    #[error(
        "the store of query results is full ({results} results, {bytes} bytes); delete some under /responseStore, or \
         ask without getCursor"
    )]
    Full { results: usize, bytes: u64 },
    #[error("cannot {what} the kept result {id}")]
    File { what: &'static str, id: String, source: std::io::Error },
    #[error("Query results for {0} not found.")]
    Missing(String),
    /// Pinot's words.
    #[error("Offset {offset} should be lesser than totalRecords {total}")]
    BeyondEnd { offset: i64, total: u64 },
    #[error("{name} = {value}")]
    Negative { name: &'static str, value: i64 },
    #[error("a worker thread broke off: {0}")]
    Worker(String),
}

/// One kept result.
#[derive(Debug)]
pub struct Kept {
    /// The answer without its rows, in the order in which it is shown.
    pub head: Map<String, Value>,
    /// `dataSchema`.
    schema: String,
    num_rows: u64,
    bytes: u64,
    expires_ms: i64,
}

/// A result that is to be kept.
pub struct NewResult {
    pub request_id: String,
    pub head: Map<String, Value>,
    pub schema: String,
    /// `[…],[…]`
    pub rows: String,
    /// Where each row ends in `rows`.
    pub ends: Vec<u64>,
}

/// The kept results of one broker.
#[derive(Debug)]
pub struct ResponseStore {
    config: CursorConfig,
    dir: PathBuf,
    kept: Mutex<BTreeMap<String, Arc<Kept>>>,
    bytes: AtomicU64,
}

impl ResponseStore {
    /// Opens the store and finds what an earlier life has kept. Reads files.
    pub fn open(config: CursorConfig, instance_id: &str, now_ms: i64) -> Self {
        let dir = match &config.dir {
            Some(dir) => dir.clone(),
            None => std::env::temp_dir().join("PinotBroker").join(instance_id).join("responseStore"),
        };
        let store = Self { config, dir, kept: Mutex::default(), bytes: AtomicU64::new(0) };
        let found = files::scan(&store.dir);
        let bytes = found.values().map(|kept| kept.bytes).sum();
        store.bytes.store(bytes, Ordering::Relaxed);
        *store.kept.lock() = found;
        store.expire(now_ms);
        store
    }

    pub fn config(&self) -> &CursorConfig {
        &self.config
    }

    /// Keeps a result and gives it back as its pages are read.
    pub async fn keep(self: &Arc<Self>, result: NewResult, expires_ms: i64) -> Result<Arc<Kept>, CursorError> {
        let bytes = (result.rows.len() + result.ends.len() * 8 + result.schema.len()) as u64;
        let before = self.bytes.fetch_add(bytes, Ordering::Relaxed);
        let results = self.kept.lock().len();
        if before.saturating_add(bytes) > self.config.max_bytes || results >= self.config.max_results {
            self.bytes.fetch_sub(bytes, Ordering::Relaxed);
            return Err(CursorError::Full { results, bytes: before });
        }
        let id = result.request_id.clone();
        let dir = self.dir.join(&id);
        let written = blocking(move || {
            let num_rows = result.ends.len() as u64;
            let kept = Kept { head: result.head, schema: result.schema, num_rows, bytes, expires_ms };
            files::write(&dir, &kept, &result.rows, &result.ends).map(|()| kept)
        })
        .await
        .and_then(|written| written.map_err(|source| CursorError::File { what: "write", id: id.clone(), source }));
        match written {
            Ok(kept) => {
                let kept = Arc::new(kept);
                self.kept.lock().insert(id, Arc::clone(&kept));
                Ok(kept)
            }
            Err(error) => {
                self.bytes.fetch_sub(bytes, Ordering::Relaxed);
                Err(error)
            }
        }
    }

    /// A kept result that has not expired.
    pub fn find(&self, id: &str, now_ms: i64) -> Result<Arc<Kept>, CursorError> {
        let found = self.kept.lock().get(id).cloned();
        found.filter(|kept| kept.expires_ms > now_ms).ok_or_else(|| CursorError::Missing(id.to_owned()))
    }

    /// All that have not expired, by id.
    pub fn list(&self, now_ms: i64) -> Vec<Arc<Kept>> {
        self.kept.lock().values().filter(|kept| kept.expires_ms > now_ms).cloned().collect()
    }

    /// Rows from `offset` on, as an answer. `num_rows` of them or fewer at the end.
    pub async fn page(&self, id: &str, page: Page, now_ms: i64) -> Result<String, CursorError> {
        let kept = self.find(id, now_ms)?;
        let rows = page.rows(kept.num_rows)?;
        let dir = self.dir.join(id);
        let id = id.to_owned();
        blocking(move || {
            let began = std::time::Instant::now();
            let text = files::read(&dir, rows.clone()).map_err(|source| CursorError::File {
                what: "read",
                id: id.clone(),
                source,
            })?;
            Ok(page::render(&kept.head, &kept.schema, &text, &rows, Some(began.elapsed())))
        })
        .await?
    }

    /// Forgets a result.
    pub async fn delete(&self, id: &str) -> Result<(), CursorError> {
        let Some(kept) = self.kept.lock().remove(id) else { return Err(CursorError::Missing(id.to_owned())) };
        self.bytes.fetch_sub(kept.bytes, Ordering::Relaxed);
        let (dir, name) = (self.dir.join(id), id.to_owned());
        blocking(move || files::remove(&dir)).await?.map_err(|source| CursorError::File {
            what: "remove",
            id: name,
            source,
        })
    }

    /// Forgets what has expired. Touches files.
    pub fn expire(&self, now_ms: i64) {
        let expired: Vec<(String, u64)> = {
            let mut kept = self.kept.lock();
            let ids: Vec<String> =
                kept.iter().filter(|(_, one)| one.expires_ms <= now_ms).map(|(id, _)| id.clone()).collect();
            ids.into_iter().filter_map(|id| kept.remove(&id).map(|one| (id, one.bytes))).collect()
        };
        for (id, bytes) in expired {
            self.bytes.fetch_sub(bytes, Ordering::Relaxed);
            if let Err(error) = files::remove(&self.dir.join(&id)) {
                tracing::warn!(id, %error, "an expired query result could not be removed");
            }
        }
    }
}

impl Kept {
    /// The first page of a result that has just been written; its text is still at hand.
    pub fn first_page(&self, rows: &str, ends: &[u64], num_rows: usize) -> String {
        let shown = (num_rows as u64).min(self.num_rows);
        let end = shown.checked_sub(1).and_then(|last| ends.get(last as usize)).copied().unwrap_or(0);
        let text = rows.get(..end as usize).unwrap_or(rows);
        page::render(&self.head, &self.schema, text, &(0..shown), None)
    }
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, CursorError> {
    tokio::task::spawn_blocking(work).await.map_err(|error| CursorError::Worker(error.to_string()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn result(id: &str, rows: &[&str]) -> NewResult {
        let mut ends = Vec::new();
        let mut text = String::new();
        for row in rows {
            if !text.is_empty() {
                text.push(',');
            }
            text.push_str(row);
            ends.push(text.len() as u64);
        }
        let head = json!({ "numRowsResultSet": rows.len(), "offset": 0, "numRows": rows.len() });
        let Value::Object(head) = head else { unreachable!() };
        NewResult { request_id: id.to_owned(), head, schema: "{}".to_owned(), rows: text, ends }
    }

    async fn rows(store: &ResponseStore, id: &str, offset: i64, num_rows: i64) -> Result<Value, CursorError> {
        let text = store.page(id, Page { offset, num_rows }, 5).await?;
        let value: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(value["offset"], offset);
        Ok(value["resultTable"]["rows"].clone())
    }

    #[tokio::test]
    async fn pages_survive_a_restart_and_go_when_they_expire() {
        let dir = tempfile::tempdir().unwrap();
        let config = CursorConfig {
            dir: Some(dir.path().to_owned()),
            max_results: 2,
            max_bytes: 1000,
            ..CursorConfig::default()
        };
        let store = Arc::new(ResponseStore::open(config.clone(), "b", 0));
        let kept = store.keep(result("7", &["[1]", "[\"ü\"]", "[3]"]), 10).await.unwrap();
        let first: Value = serde_json::from_str(&kept.first_page("[1],[2]", &[3, 7], 1)).unwrap();
        assert_eq!((&first["resultTable"]["rows"], &first["numRows"]), (&json!([[1]]), &json!(1)));
        store.keep(result("8", &[]), 20).await.unwrap();
        assert!(matches!(store.keep(result("9", &[]), 20).await, Err(CursorError::Full { results: 2, .. })));
        drop(store);

        let store = Arc::new(ResponseStore::open(config.clone(), "b", 0));
        assert_eq!(rows(&store, "7", 1, 2).await.unwrap(), json!([["ü"], [3]]));
        assert_eq!(rows(&store, "7", 2, 50).await.unwrap(), json!([[3]]));
        assert_eq!(rows(&store, "8", 0, 50).await.unwrap(), json!([]));
        let errors = [
            (rows(&store, "7", 3, 1).await, "Offset 3 should be lesser than totalRecords 3"),
            (rows(&store, "7", -1, 1).await, "fromIndex = -1"),
            (rows(&store, "none", 0, 1).await, "Query results for none not found."),
            (rows(&store, "../7", 0, 1).await, "Query results for ../7 not found."),
        ];
        for (answer, text) in errors {
            assert_eq!(answer.unwrap_err().to_string(), text);
        }
        store.expire(10);
        assert!(store.find("7", 5).is_err() && !dir.path().join("7").exists());
        store.delete("8").await.unwrap();
        assert!(store.delete("8").await.is_err() && store.list(0).is_empty());
        assert_eq!(store.bytes.load(Ordering::Relaxed), 0);
        let big = "[1]".repeat(400);
        assert!(matches!(store.keep(result("10", &[&big]), 20).await, Err(CursorError::Full { .. })));
    }
}
