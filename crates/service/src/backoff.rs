//! Pauses between attempts.

use std::time::Duration;

/// Pauses that double up to a limit, each shortened by a share that differs between callers, so that many instances
/// do not come back in the same moment.
#[derive(Clone, Debug)]
pub struct Backoff {
    first: Duration,
    longest: Duration,
    attempt: u32,
    seed: u64,
}

impl Backoff {
    pub fn new(first: Duration, longest: Duration) -> Self {
        // The address of a fresh allocation and the clock differ between processes; this needs no better randomness.
        let seed = std::time::SystemTime::now()
            .duration_since(std::time::UNIX_EPOCH)
            .map_or(1, |age| age.subsec_nanos() as u64 ^ (std::process::id() as u64) << 32);
        Self::with_seed(first, longest, seed)
    }

    /// The same pauses each time, for tests.
    pub fn with_seed(first: Duration, longest: Duration, seed: u64) -> Self {
        Self { first, longest, attempt: 0, seed: seed | 1 }
    }

    /// The next pause: between half of the doubled pause and all of it.
    pub fn next_pause(&mut self) -> Duration {
        let full = self.first.saturating_mul(1u32 << self.attempt.min(20)).min(self.longest);
        self.attempt = self.attempt.saturating_add(1);
        // xorshift64
        self.seed ^= self.seed << 13;
        self.seed ^= self.seed >> 7;
        self.seed ^= self.seed << 17;
        let share = (self.seed >> 11) as f64 / (1u64 << 53) as f64;
        full.mul_f64(0.5 + 0.5 * share)
    }

    /// Begins again with the shortest pause: call it after a success.
    pub fn reset(&mut self) {
        self.attempt = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_the_limit_and_start_again() {
        let mut backoff = Backoff::with_seed(Duration::from_millis(10), Duration::from_millis(100), 7);
        for expected in [10, 20, 40, 80, 100, 100] {
            let pause = backoff.next_pause();
            assert!(
                pause >= Duration::from_millis(expected) / 2 && pause <= Duration::from_millis(expected),
                "{pause:?}"
            );
        }
        backoff.reset();
        assert!(backoff.next_pause() <= Duration::from_millis(10));
    }
}
