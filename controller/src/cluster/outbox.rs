//! What one session has still to be told.

use std::collections::{BTreeSet, HashMap};
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

#[derive(Debug, Default)]
pub(crate) struct Pending {
    pub tables: BTreeSet<String>,
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
    pub fn tables(&self, names: &BTreeSet<String>) {
        if !names.is_empty() {
            self.pending.lock().tables.extend(names.iter().cloned());
            self.wake.notify_one();
        }
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
