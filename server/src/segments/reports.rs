//! State changes on their way to the controller.

use std::{collections::BTreeMap, sync::Arc};

use parking_lot::Mutex;
use tokio::sync::Notify;

/// State of one segment at this server, as the controller is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SegmentReport {
    pub table: Arc<str>,
    pub segment: Arc<str>,
    pub state: ReportedState,
    pub crc: String,
    pub size_bytes: u64,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReportedState {
    Online,
    Offline,
    /// With a sentence that says why.
    Error(String),
    /// This server has forgotten the segment.
    Dropped,
}

/// Table and segment.
type Key = (Arc<str>, Arc<str>);

/// The latest unreported state of each segment: bounded by the number of segments, whatever happens to the session.
#[derive(Debug, Default)]
pub struct Reports {
    waiting: Mutex<BTreeMap<Key, SegmentReport>>,
    changed: Notify,
}

impl Reports {
    pub fn add(&self, report: SegmentReport) {
        let key = (Arc::clone(&report.table), Arc::clone(&report.segment));
        self.waiting.lock().insert(key, report);
        self.changed.notify_one();
    }

    /// Forgets what is waiting: a registration is about to tell everything.
    pub fn clear(&self) {
        self.waiting.lock().clear();
    }

    /// Waits until something is waiting and takes all of it. Dropping the future loses nothing.
    pub async fn next(&self) -> Vec<SegmentReport> {
        loop {
            let waiting = std::mem::take(&mut *self.waiting.lock());
            if !waiting.is_empty() {
                return waiting.into_values().collect();
            }
            self.changed.notified().await;
        }
    }
}
