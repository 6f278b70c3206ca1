//! Bounded retries with growing pauses.

use std::{collections::BTreeMap, time::Duration};

use crate::Error;

/// How often and how patiently a store operation is tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RetryPolicy {
    /// At least 1.
    pub attempts: u32,
    /// Pause before the second attempt; doubles with each further one.
    pub initial_delay: Duration,
    pub max_delay: Duration,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self { attempts: 3, initial_delay: Duration::from_millis(100), max_delay: Duration::from_secs(5) }
    }
}

impl RetryPolicy {
    pub(super) fn from_options(options: &BTreeMap<String, String>) -> Result<Self, String> {
        let default = Self::default();
        let number = |key: &str, default: u64| match options.get(key) {
            None => Ok(default),
            Some(text) => text.trim().parse().map_err(|_| format!("option {key} = '{text}' is not a number")),
        };
        let ms = |d: Duration| u64::try_from(d.as_millis()).unwrap_or(u64::MAX);
        Ok(Self {
            attempts: u32::try_from(number("retry.attempts", default.attempts.into())?.clamp(1, 20)).unwrap_or(1),
            initial_delay: Duration::from_millis(number("retry.initial.delay.ms", ms(default.initial_delay))?),
            max_delay: Duration::from_millis(number("retry.max.delay.ms", ms(default.max_delay))?),
        })
    }

    /// Runs `action` until it succeeds, fails for good, or has been tried often enough.
    pub(super) async fn run<T, F: Future<Output = Result<T, Error>>>(
        &self,
        mut action: impl FnMut() -> F,
    ) -> Result<T, Error> {
        let mut delay = self.initial_delay;
        let mut attempt = 1;
        loop {
            match action().await {
                Err(e) if e.is_retryable() && attempt < self.attempts => {
                    tracing::warn!(attempt, error = %e, "deep store operation failed, trying again");
                    tokio::time::sleep(delay.min(self.max_delay)).await;
                    delay = delay.saturating_mul(2);
                    attempt += 1;
                }
                Err(Error::Store { action, path, source, .. }) => {
                    return Err(Error::Store { action, path, attempts: attempt, source });
                }
                other => return other,
            }
        }
    }
}
