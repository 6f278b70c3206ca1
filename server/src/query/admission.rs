//! How many queries run and wait at a time.

use std::{
    sync::atomic::{AtomicUsize, Ordering},
    time::Instant,
};

use tokio::sync::{Semaphore, SemaphorePermit};

/// Lets a bounded number of queries run and a bounded number wait.
#[derive(Debug)]
pub struct Admission {
    running: Semaphore,
    waiting: AtomicUsize,
    queue_limit: usize,
}

/// Why a query was not admitted.
#[derive(Debug, PartialEq, Eq)]
pub enum Refused {
    /// As many queries wait as may wait.
    QueueFull,
    /// The deadline passed while it waited.
    TimedOut,
}

/// Counts a waiting query for as long as it waits, also when it is dropped.
struct Waiting<'a>(&'a AtomicUsize);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Admission {
    pub fn new(running: usize, queue_limit: usize) -> Self {
        Self { running: Semaphore::new(running.max(1)), waiting: AtomicUsize::new(0), queue_limit }
    }

    /// Waits for its turn, at most until `deadline`.
    pub async fn admit(&self, deadline: Instant) -> Result<SemaphorePermit<'_>, Refused> {
        if let Ok(permit) = self.running.try_acquire() {
            return Ok(permit);
        }
        let before = self.waiting.fetch_add(1, Ordering::Relaxed);
        let _waiting = Waiting(&self.waiting);
        if before >= self.queue_limit {
            return Err(Refused::QueueFull);
        }
        match tokio::time::timeout_at(deadline.into(), self.running.acquire()).await {
            Ok(Ok(permit)) => Ok(permit),
            Ok(Err(_)) | Err(_) => Err(Refused::TimedOut),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test]
    async fn bounds_running_and_waiting() {
        let admission = Admission::new(1, 1);
        let soon = || Instant::now() + Duration::from_millis(20);
        let first = admission.admit(soon()).await.unwrap();
        let full = Admission::new(1, 0);
        let _running = full.admit(soon()).await.unwrap();
        assert_eq!(full.admit(soon()).await.unwrap_err(), Refused::QueueFull);
        assert_eq!(admission.admit(soon()).await.unwrap_err(), Refused::TimedOut);
        drop(first);
        assert!(admission.admit(soon()).await.is_ok());
        assert_eq!(admission.waiting.load(Ordering::Relaxed), 0);
    }
}
