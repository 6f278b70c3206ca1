//! What one session has still to be told.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;
use proto::v1;
use tokio::sync::{Notify, oneshot};

/// Names of what has changed since the last message, and requests that wait for a reply. Bounded by the cluster's
/// size: a change that comes again before it was sent is one change.
#[derive(Debug, Default)]
pub(crate) struct Outbox {
    pending: Mutex<Pending>,
    replies: Mutex<HashMap<u64, oneshot::Sender<v1::RequestReply>>>,
    next_request: AtomicU64,
    pub wake: Notify,
}

/// What has changed of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum TableTouch {
    /// More than segments: config, schema, state, who serves it.
    Whole,
    /// These segments: they came, went, or are others now; of `replicas` only who has loaded them.
    Segments { records: BTreeSet<String>, replicas: BTreeSet<String> },
}

impl TableTouch {
    pub fn record(segment: String) -> Self {
        Self::Segments { records: BTreeSet::from([segment]), replicas: BTreeSet::new() }
    }

    pub fn replicas(segments: BTreeSet<String>) -> Self {
        Self::Segments { records: BTreeSet::new(), replicas: segments }
    }

    pub fn merge(&mut self, other: Self) {
        match (&mut *self, other) {
            (Self::Whole, _) => {}
            (_, Self::Whole) => *self = Self::Whole,
            (Self::Segments { records, replicas }, Self::Segments { records: more, replicas: others }) => {
                records.extend(more);
                replicas.extend(others);
            }
        }
    }
}

/// What has changed, by name with type.
pub(crate) type TableTouches = BTreeMap<String, TableTouch>;

/// Adds a touch to those of a table.
pub(crate) fn touch(touches: &mut TableTouches, table: String, touch: TableTouch) {
    match touches.entry(table) {
        std::collections::btree_map::Entry::Occupied(entry) => entry.into_mut().merge(touch),
        std::collections::btree_map::Entry::Vacant(entry) => {
            entry.insert(touch);
        }
    }
}

#[derive(Debug, Default)]
pub(crate) struct Pending {
    pub tables: TableTouches,
    pub instances: BTreeSet<String>,
    pub configs: bool,
    pub requests: Vec<v1::Request>,
}

impl Pending {
    pub fn is_empty(&self) -> bool {
        self.tables.is_empty() && self.instances.is_empty() && !self.configs && self.requests.is_empty()
    }
}

/// Requests that may wait in one session.
const MAX_REQUESTS: usize = 1024;

impl Outbox {
    pub fn tables(&self, touches: &TableTouches) {
        if !touches.is_empty() {
            let mut pending = self.pending.lock();
            for (table, touched) in touches {
                touch(&mut pending.tables, table.clone(), touched.clone());
            }
            drop(pending);
            self.wake.notify_one();
        }
    }

    /// Tables to be sent whole.
    pub fn whole_tables(&self, names: impl IntoIterator<Item = String>) {
        self.tables(&names.into_iter().map(|name| (name, TableTouch::Whole)).collect());
    }

    pub fn instances(&self, ids: &BTreeSet<String>) {
        if !ids.is_empty() {
            self.pending.lock().instances.extend(ids.iter().cloned());
            self.wake.notify_one();
        }
    }

    pub fn configs(&self) {
        self.pending.lock().configs = true;
        self.wake.notify_one();
    }

    /// Queues a request. None when too many wait already.
    pub fn request(&self, kind: &str, payload_json: String) -> Option<oneshot::Receiver<v1::RequestReply>> {
        let id = self.next_request.fetch_add(1, Ordering::Relaxed) + 1;
        let (sender, receiver) = oneshot::channel();
        {
            let mut replies = self.replies.lock();
            replies.retain(|_, waiting| !waiting.is_closed());
            if replies.len() >= MAX_REQUESTS {
                return None;
            }
            replies.insert(id, sender);
        }
        self.pending.lock().requests.push(v1::Request { id, kind: kind.to_owned(), payload_json });
        self.wake.notify_one();
        Some(receiver)
    }

    pub fn reply(&self, reply: v1::RequestReply) {
        if let Some(waiting) = self.replies.lock().remove(&reply.id) {
            let _ = waiting.send(reply);
        }
    }

    pub fn take(&self) -> Pending {
        std::mem::take(&mut *self.pending.lock())
    }

    /// The session is over: nobody will answer.
    pub fn close(&self) {
        self.replies.lock().clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn touches_add_up() {
        let mut touches = TableTouches::new();
        touch(&mut touches, "t".to_owned(), TableTouch::record("a".to_owned()));
        touch(&mut touches, "t".to_owned(), TableTouch::replicas(BTreeSet::from(["a".to_owned(), "b".to_owned()])));
        let Some(TableTouch::Segments { records, replicas }) = touches.get("t") else { panic!("{touches:?}") };
        assert_eq!((records.len(), replicas.len()), (1, 2));
        touch(&mut touches, "t".to_owned(), TableTouch::Whole);
        touch(&mut touches, "t".to_owned(), TableTouch::record("c".to_owned()));
        assert_eq!(touches["t"], TableTouch::Whole);
    }
}
