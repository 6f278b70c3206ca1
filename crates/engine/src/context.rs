//! What one execution is allowed: time, memory, and whether someone still wants the answer.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Instant,
};

use crate::error::{Error, Result};

/// Cancels a running query from another thread. Clones share the flag.
#[derive(Clone, Debug, Default)]
pub struct CancelToken(Arc<AtomicBool>);

impl CancelToken {
    pub fn new() -> Self {
        Self::default()
    }

    pub fn cancel(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    pub fn is_cancelled(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// The circumstances of one execution; the query itself does not know them.
#[derive(Clone, Debug, Default)]
pub struct ExecuteContext {
    /// When the answer stops being of use. `None`: never.
    pub deadline: Option<Instant>,
    pub cancel: CancelToken,
    /// Answer with one final column per aggregate instead of its partial state.
    pub final_values: bool,
    /// The value of `$hostName`.
    pub host_name: String,
    /// Bytes that one query may hold; 0 takes the engine's own limit.
    pub memory_limit_bytes: usize,
}

/// Shared by the workers of one query and looked at once a block.
pub(crate) struct Control {
    started: Instant,
    deadline: Option<Instant>,
    cancel: CancelToken,
    stopped: AtomicBool,
    memory_bytes: AtomicUsize,
    memory_limit_bytes: usize,
    segments: usize,
}

impl Control {
    pub(crate) fn new(context: &ExecuteContext, engine_limit_bytes: usize, segments: usize) -> Self {
        let own = context.memory_limit_bytes;
        Self {
            started: Instant::now(),
            deadline: context.deadline,
            cancel: context.cancel.clone(),
            stopped: AtomicBool::new(false),
            memory_bytes: AtomicUsize::new(0),
            memory_limit_bytes: if own == 0 { engine_limit_bytes } else { own },
            segments,
        }
    }

    /// Refuses a query whose time was up before it began.
    pub(crate) fn admit(&self) -> Result<()> {
        match self.deadline {
            Some(deadline) if deadline <= self.started => Err(Error::NotStarted),
            _ if self.cancel.is_cancelled() => Err(Error::Cancelled),
            _ => Ok(()),
        }
    }

    /// Fails when the query should not go on.
    pub(crate) fn check(&self) -> Result<()> {
        if self.stopped.load(Ordering::Relaxed) {
            return Err(Error::Stopped);
        }
        if self.cancel.is_cancelled() {
            return Err(Error::Cancelled);
        }
        let Some(deadline) = self.deadline else { return Ok(()) };
        let now = Instant::now();
        if now < deadline {
            return Ok(());
        }
        let elapsed_ms = u64::try_from((now - self.started).as_millis()).unwrap_or(u64::MAX);
        Err(Error::Timeout { elapsed_ms, segments: self.segments })
    }

    /// Ends the other workers at their next block.
    pub(crate) fn stop(&self) {
        self.stopped.store(true, Ordering::Relaxed);
    }

    /// Books memory that a worker holds until the end of the query: `held` is what it booked before, updated here.
    pub(crate) fn book(&self, held: &mut usize, now_bytes: usize) -> Result<()> {
        let total = if now_bytes >= *held {
            self.memory_bytes.fetch_add(now_bytes - *held, Ordering::Relaxed) + now_bytes - *held
        } else {
            self.memory_bytes.fetch_sub(*held - now_bytes, Ordering::Relaxed)
        };
        *held = now_bytes;
        if total > self.memory_limit_bytes {
            return Err(Error::Memory { limit_bytes: self.memory_limit_bytes });
        }
        Ok(())
    }
}
