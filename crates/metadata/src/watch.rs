//! Change events.

use std::sync::Arc;

use tokio::sync::broadcast::{self, error::RecvError};

use crate::{RecordPath, Version};

/// Changes a watcher may lag behind before it is told to read everything again.
const CAPACITY: usize = 4096;

/// One record was written or deleted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    pub path: RecordPath,
    pub version: Version,
    /// `None` when deleted.
    pub value: Option<Arc<[u8]>>,
}

/// What a watcher hears.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WatchEvent {
    Changed(Change),
    /// Changes were missed, since the watcher was too slow: list again. Later events follow as usual.
    Resync,
}

/// A stream of changes below a path. Dropping it ends the watch.
#[derive(Debug)]
pub struct Watch {
    path: RecordPath,
    receiver: broadcast::Receiver<Arc<Vec<Change>>>,
    /// The rest of a transaction that is being handed out, last change first.
    pending: Vec<Change>,
}

impl Watch {
    /// The next event; `None` when the store is gone. Safe to drop while waiting.
    pub async fn next(&mut self) -> Option<WatchEvent> {
        loop {
            if let Some(change) = self.pending.pop() {
                return Some(WatchEvent::Changed(change));
            }
            match self.receiver.recv().await {
                Ok(changes) => {
                    let of_path = changes.iter().rev().filter(|change| self.path.contains(&change.path));
                    self.pending.extend(of_path.cloned());
                }
                Err(RecvError::Lagged(_)) => return Some(WatchEvent::Resync),
                Err(RecvError::Closed) => return None,
            }
        }
    }

    /// As a stream.
    pub fn into_stream(self) -> impl futures::Stream<Item = WatchEvent> + Send {
        futures::stream::unfold(self, |mut watch| async move { watch.next().await.map(|event| (event, watch)) })
    }
}

/// The sending side, one a store.
#[derive(Debug)]
pub(crate) struct Watchers {
    sender: broadcast::Sender<Arc<Vec<Change>>>,
}

impl Watchers {
    pub(crate) fn new() -> Self {
        Self { sender: broadcast::Sender::new(CAPACITY) }
    }

    pub(crate) fn watch(&self, path: &RecordPath) -> Watch {
        Watch { path: path.clone(), receiver: self.sender.subscribe(), pending: Vec::new() }
    }

    /// Sends the changes of one transaction. Callers hold the store's write lock, so that order is that of commits.
    pub(crate) fn send(&self, changes: Vec<Change>) {
        if !changes.is_empty() {
            // No receiver is no error.
            let _ = self.sender.send(Arc::new(changes));
        }
    }
}
