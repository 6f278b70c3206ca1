//! Background work of a role: named, cancelled together, never lost in silence.

use std::future::Future;
use std::time::Duration;

use futures::FutureExt;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// The tasks of one role. Clones are the same set.
#[derive(Clone, Debug, Default)]
pub struct Tasks {
    tracker: TaskTracker,
    cancel: CancellationToken,
    /// Cancelled when a task that the role cannot live without has ended.
    failed: CancellationToken,
}

impl Tasks {
    pub fn new() -> Self {
        Self::default()
    }

    /// Cancelled when the role stops. Long waits select on it.
    pub fn cancelled(&self) -> CancellationToken {
        self.cancel.clone()
    }

    /// Resolves when a critical task has ended before the role was stopped.
    pub async fn failed(&self) {
        self.failed.cancelled().await;
    }

    /// Work that may end at any time. It is dropped when the role stops; a panic in it is logged.
    pub fn spawn(&self, name: &'static str, work: impl Future<Output = ()> + Send + 'static) {
        let cancel = self.cancel.clone();
        self.tracker.spawn(async move {
            let guarded = std::panic::AssertUnwindSafe(work).catch_unwind();
            tokio::select! {
                () = cancel.cancelled() => {}
                result = guarded => {
                    if result.is_err() {
                        tracing::error!(task = name, "a task panicked; the role goes on without it");
                    }
                }
            }
        });
    }

    /// Work that sees the cancellation itself and ends in its own time, for example to flush.
    pub fn spawn_to_end(&self, name: &'static str, work: impl Future<Output = ()> + Send + 'static) {
        self.tracker.spawn(async move {
            if std::panic::AssertUnwindSafe(work).catch_unwind().await.is_err() {
                tracing::error!(task = name, "a task panicked; the role goes on without it");
            }
        });
    }

    /// Work that the role cannot live without: its end, or a panic in it, ends [`Tasks::failed`].
    pub fn spawn_critical(&self, name: &'static str, work: impl Future<Output = ()> + Send + 'static) {
        let cancel = self.cancel.clone();
        let failed = self.failed.clone();
        self.tracker.spawn(async move {
            let guarded = std::panic::AssertUnwindSafe(work).catch_unwind();
            tokio::select! {
                () = cancel.cancelled() => {}
                _ = guarded => {
                    tracing::error!(task = name, "a task that the role needs has ended");
                    failed.cancel();
                }
            }
        });
    }

    /// Runs `step` again and again, `pause` after each end. A panic in one run is logged, and the next one comes.
    pub fn spawn_loop<F, R>(&self, name: &'static str, pause: Duration, mut step: F)
    where
        F: FnMut() -> R + Send + 'static,
        R: Future<Output = ()> + Send + 'static,
    {
        self.spawn(name, async move {
            loop {
                if std::panic::AssertUnwindSafe(step()).catch_unwind().await.is_err() {
                    tracing::error!(task = name, "a run of a task panicked; the next one follows");
                }
                tokio::time::sleep(pause).await;
            }
        });
    }

    /// Cancels everything and waits until it has ended, at most `deadline`. False when something is still running.
    pub async fn stop(&self, deadline: Duration) -> bool {
        self.cancel.cancel();
        self.tracker.close();
        tokio::time::timeout(deadline, self.tracker.wait()).await.is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn stops_what_waits_and_outlives_panics() {
        let tasks = Tasks::new();
        tasks.spawn("waits", std::future::pending());
        tasks.spawn("panics", async { panic!("on purpose") });
        assert!(tasks.stop(Duration::from_secs(5)).await);
    }

    #[tokio::test]
    async fn a_critical_end_is_told() {
        let tasks = Tasks::new();
        tasks.spawn_critical("ends", async {});
        tokio::time::timeout(Duration::from_secs(5), tasks.failed()).await.unwrap();
        assert!(tasks.stop(Duration::from_secs(5)).await);
    }
}
