//! Which servers lately failed, so that queries go to a replica instead.

use std::{
    sync::atomic::{AtomicU32, AtomicU64, Ordering},
    time::{Duration, Instant},
};

/// First pause after a failure; doubled with each further one.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// The failure record of one server, shared by every query and kept over routing updates.
///
/// A server that failed is avoided until its pause is over, then tried again by ordinary queries. It is never refused
/// where no other replica can answer: a wrong suspicion must not make a segment unavailable.
#[derive(Debug)]
pub struct Health {
    born: Instant,
    failures: AtomicU32,
    /// Milliseconds after `born` from which the server may be tried again; 0 when it is healthy.
    retry_at_ms: AtomicU64,
}

impl Default for Health {
    fn default() -> Self {
        Self { born: Instant::now(), failures: AtomicU32::new(0), retry_at_ms: AtomicU64::new(0) }
    }
}

impl Health {
    /// Whether `now` is outside a pause.
    pub fn is_usable(&self, now: Instant) -> bool {
        let retry_at = self.retry_at_ms.load(Ordering::Relaxed);
        retry_at == 0 || self.millis(now) >= retry_at
    }

    /// The server answered, or the controller saw it come back.
    pub fn record_success(&self) {
        if self.failures.load(Ordering::Relaxed) != 0 {
            self.failures.store(0, Ordering::Relaxed);
            self.retry_at_ms.store(0, Ordering::Relaxed);
        }
    }

    /// The server could not be reached or broke off. A slow answer is no failure of this kind.
    pub fn record_failure(&self, now: Instant) {
        let failures = self.failures.fetch_add(1, Ordering::Relaxed).min(16);
        let pause = FIRST_PAUSE.saturating_mul(1 << failures).min(LONGEST_PAUSE);
        let retry_at = self.millis(now).saturating_add(pause.as_millis() as u64).max(1);
        self.retry_at_ms.store(retry_at, Ordering::Relaxed);
    }

    fn millis(&self, now: Instant) -> u64 {
        now.saturating_duration_since(self.born).as_millis() as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_and_end() {
        let health = Health::default();
        let start = Instant::now();
        assert!(health.is_usable(start));
        health.record_failure(start);
        assert!(!health.is_usable(start + Duration::from_millis(400)));
        assert!(health.is_usable(start + Duration::from_millis(600)));
        health.record_failure(start);
        assert!(!health.is_usable(start + Duration::from_millis(900)));
        assert!(health.is_usable(start + Duration::from_millis(1100)));
        for _ in 0..40 {
            health.record_failure(start);
        }
        assert!(health.is_usable(start + LONGEST_PAUSE + Duration::from_millis(100)));
        health.record_success();
        assert!(health.is_usable(start));
    }
}
