//! How far an ingestion is, for whoever shows it.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use connectors::format::Meter;

/// Counters of one or many files that are ingested, on any number of threads. They only grow; reading them costs the
/// load nothing.
///
/// Put one `Arc` of it into every [`crate::batch::BatchJob`] of a run and call [`Progress::snapshot`] whenever a bar is
/// drawn.
#[derive(Debug, Default)]
pub struct Progress {
    files: AtomicU64,
    total_bytes: AtomicU64,
    files_done: AtomicU64,
    bytes: Arc<AtomicU64>,
    rows_read: AtomicU64,
    rows_indexed: AtomicU64,
    rows_rejected: AtomicU64,
    rows_filtered: AtomicU64,
}

/// The counters at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Snapshot {
    /// Files announced by [`Progress::expect`]; 0 when nobody did.
    pub files: u64,
    /// Files whose segment is built, and files that failed.
    pub files_done: u64,
    /// Bytes announced by [`Progress::expect`], as they lie on the disk, compressed or not.
    pub total_bytes: u64,
    /// Bytes of these that are read.
    pub bytes: u64,
    /// Records read, those that cannot be decoded included.
    pub rows_read: u64,
    /// Rows handed to the segment's creator: after unnesting and the filter.
    pub rows_indexed: u64,
    /// Records left out since they cannot be read.
    pub rows_rejected: u64,
    /// Rows dropped by the table's filter.
    pub rows_filtered: u64,
}

impl Progress {
    /// Announces files that will be ingested, with the sum of their sizes. May be called again when more are found.
    pub fn expect(&self, files: u64, bytes: u64) {
        self.files.fetch_add(files, Ordering::Relaxed);
        self.total_bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    pub fn snapshot(&self) -> Snapshot {
        let get = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Snapshot {
            files: get(&self.files),
            files_done: get(&self.files_done),
            total_bytes: get(&self.total_bytes),
            bytes: get(&self.bytes),
            rows_read: get(&self.rows_read),
            rows_indexed: get(&self.rows_indexed),
            rows_rejected: get(&self.rows_rejected),
            rows_filtered: get(&self.rows_filtered),
        }
    }

    /// The meter of one file.
    pub(crate) fn meter(&self, file_bytes: u64) -> Meter {
        Meter::new(file_bytes, self.bytes.clone())
    }

    pub(crate) fn add_rows(&self, read: u64, indexed: u64, rejected: u64, filtered: u64) {
        self.rows_read.fetch_add(read, Ordering::Relaxed);
        self.rows_indexed.fetch_add(indexed, Ordering::Relaxed);
        self.rows_rejected.fetch_add(rejected, Ordering::Relaxed);
        self.rows_filtered.fetch_add(filtered, Ordering::Relaxed);
    }

    pub(crate) fn file_done(&self) {
        self.files_done.fetch_add(1, Ordering::Relaxed);
    }
}

impl Snapshot {
    pub fn rows_per_second(&self, elapsed: Duration) -> f64 {
        per_second(self.rows_read, elapsed)
    }

    /// Input bytes a second, as they lie on the disk.
    pub fn bytes_per_second(&self, elapsed: Duration) -> f64 {
        per_second(self.bytes, elapsed)
    }

    /// The time that is left if it goes on like this. `None` as long as nothing can be said.
    pub fn remaining(&self, elapsed: Duration) -> Option<Duration> {
        let left = self.total_bytes.checked_sub(self.bytes)?;
        if self.bytes == 0 || elapsed.is_zero() {
            return None;
        }
        Duration::try_from_secs_f64(elapsed.as_secs_f64() / self.bytes as f64 * left as f64).ok()
    }
}

fn per_second(count: u64, elapsed: Duration) -> f64 {
    if elapsed.is_zero() { 0.0 } else { count as f64 / elapsed.as_secs_f64() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_and_time_left() {
        let progress = Progress::default();
        progress.expect(2, 1000);
        let second = Duration::from_secs(1);
        assert_eq!(progress.snapshot().remaining(second), None);
        progress.meter(500).add(250);
        progress.add_rows(40, 30, 2, 8);
        let snapshot = progress.snapshot();
        assert_eq!(snapshot.remaining(2 * second), Some(6 * second));
        assert_eq!(snapshot.rows_per_second(2 * second), 20.0);
        assert_eq!(snapshot.bytes_per_second(2 * second), 125.0);
        assert_eq!(snapshot.bytes_per_second(Duration::ZERO), 0.0);
        assert_eq!((snapshot.files, snapshot.files_done, snapshot.rows_indexed), (2, 0, 30));
    }
}
