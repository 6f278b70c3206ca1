//! The queries that run now, so that they can be cancelled.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use engine::CancelToken;
use parking_lot::Mutex;

/// Running queries by the broker's request id. Several brokers may use the same id at the same time.
#[derive(Clone, Debug, Default)]
pub struct Running {
    queries: Arc<Mutex<HashMap<u64, Vec<Entry>>>>,
    next: Arc<AtomicU64>,
}

/// Number of the query within this process, and the way to stop it.
type Entry = (u64, CancelToken);

/// A running query. Dropping it, finished or not, stops the work that still goes on for it.
#[derive(Debug)]
pub struct RunningQuery {
    request_id: u64,
    number: u64,
    cancel: CancelToken,
    running: Running,
}

impl Running {
    pub fn add(&self, request_id: u64) -> RunningQuery {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let cancel = CancelToken::new();
        self.queries.lock().entry(request_id).or_default().push((number, cancel.clone()));
        RunningQuery { request_id, number, cancel, running: self.clone() }
    }

    /// Stops every running query with this id. False when there is none.
    pub fn cancel(&self, request_id: u64) -> bool {
        match self.queries.lock().get(&request_id) {
            Some(queries) => {
                queries.iter().for_each(|(_, cancel)| cancel.cancel());
                true
            }
            None => false,
        }
    }

    pub fn ids(&self) -> Vec<u64> {
        let mut ids: Vec<u64> = self.queries.lock().keys().copied().collect();
        ids.sort_unstable();
        ids
    }
}

impl RunningQuery {
    pub fn cancel_token(&self) -> CancelToken {
        self.cancel.clone()
    }
}

impl Drop for RunningQuery {
    fn drop(&mut self) {
        self.cancel.cancel();
        let mut queries = self.running.queries.lock();
        if let Some(same) = queries.get_mut(&self.request_id) {
            same.retain(|(number, _)| *number != self.number);
            if same.is_empty() {
                queries.remove(&self.request_id);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cancel_reaches_the_query_and_the_end_forgets_it() {
        let running = Running::default();
        let first = running.add(7);
        let second = running.add(7);
        let other = running.add(8);
        assert_eq!(running.ids(), [7, 8]);
        assert!(running.cancel(7));
        assert!(first.cancel_token().is_cancelled() && second.cancel_token().is_cancelled());
        assert!(!other.cancel_token().is_cancelled());
        drop(first);
        assert!(running.cancel(7));
        drop(second);
        assert!(!running.cancel(7));
        let token = other.cancel_token();
        drop(other);
        assert!(token.is_cancelled());
    }
}
