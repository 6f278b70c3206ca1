//! The queries that run now: listed, and cancelled on request.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, atomic::AtomicBool, atomic::Ordering},
};

use parking_lot::Mutex;
use proto::QueryClient;
use tokio::sync::Notify;

/// Running queries by request id.
#[derive(Debug, Default)]
pub struct Running {
    queries: Mutex<HashMap<u64, Arc<Entry>>>,
}

struct Entry {
    sql: String,
    client_id: Option<String>,
    cancelled: AtomicBool,
    cancel: Notify,
    /// The servers that work on it.
    servers: Mutex<Vec<Arc<dyn QueryClient>>>,
}

impl std::fmt::Debug for Entry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Entry").field("sql", &self.sql).finish_non_exhaustive()
    }
}

/// Membership of one query in the list; its end takes it out.
#[derive(Debug)]
pub struct RunningQuery {
    running: Arc<Running>,
    request_id: u64,
    entry: Arc<Entry>,
}

impl Running {
    pub fn add(self: &Arc<Self>, request_id: u64, sql: &str, client_id: Option<&str>) -> RunningQuery {
        let entry = Arc::new(Entry {
            sql: sql.to_owned(),
            client_id: client_id.map(str::to_owned),
            cancelled: AtomicBool::new(false),
            cancel: Notify::new(),
            servers: Mutex::default(),
        });
        self.queries.lock().insert(request_id, Arc::clone(&entry));
        RunningQuery { running: Arc::clone(self), request_id, entry }
    }

    /// Request id to statement.
    pub fn list(&self) -> BTreeMap<String, String> {
        self.queries.lock().iter().map(|(id, entry)| (id.to_string(), entry.sql.clone())).collect()
    }

    /// Stops a query by the broker's id or, with `by_client_id`, by the client's. Gives the servers to be told; `None`
    /// when no such query runs.
    pub fn cancel(&self, id: &str, by_client_id: bool) -> Option<(u64, Vec<Arc<dyn QueryClient>>)> {
        let queries = self.queries.lock();
        let found = queries.iter().find(|(number, entry)| {
            if by_client_id { entry.client_id.as_deref() == Some(id) } else { id.parse() == Ok(**number) }
        });
        let (number, entry) = found?;
        entry.cancelled.store(true, Ordering::Release);
        entry.cancel.notify_one();
        Some((*number, entry.servers.lock().clone()))
    }

    pub fn len(&self) -> usize {
        self.queries.lock().len()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl RunningQuery {
    /// Names the servers that will have to be told of a cancellation.
    pub fn set_servers(&self, servers: impl Iterator<Item = Arc<dyn QueryClient>>) {
        *self.entry.servers.lock() = servers.collect();
    }

    pub fn is_cancelled(&self) -> bool {
        self.entry.cancelled.load(Ordering::Acquire)
    }

    /// Resolves when the query is cancelled.
    pub async fn cancelled(&self) {
        while !self.is_cancelled() {
            self.entry.cancel.notified().await;
        }
    }
}

impl Drop for RunningQuery {
    fn drop(&mut self) {
        self.running.queries.lock().remove(&self.request_id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn listed_cancelled_and_gone() {
        let running = Arc::new(Running::default());
        let first = running.add(12, "select 1", None);
        let second = running.add(13, "select 2", Some("mine"));
        let listed: Vec<_> = running.list().into_iter().collect();
        assert_eq!(listed, [("12".into(), "select 1".into()), ("13".into(), "select 2".into())]);
        assert!(running.cancel("99", false).is_none());
        assert!(running.cancel("mine", false).is_none());
        assert_eq!(running.cancel("mine", true).map(|(id, _)| id), Some(13));
        second.cancelled().await;
        assert!(!first.is_cancelled());
        drop((first, second));
        assert!(running.is_empty());
    }
}
