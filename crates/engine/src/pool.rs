//! A bounded set of threads that help the calling thread with one query's segments.
//!
//! The caller always takes part, so a query makes progress even when every thread is busy, and a small query never
//! waits for a thread to wake.

use std::{
    any::Any,
    collections::VecDeque,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread::JoinHandle,
};

use parking_lot::{Condvar, Mutex};

use crate::{
    context::Control,
    error::{Error, Result},
};

/// Threads that live as long as the engine.
pub(crate) struct Pool {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
}

#[derive(Default)]
struct Shared {
    queue: Mutex<Queue>,
    wake: Condvar,
}

#[derive(Default)]
struct Queue {
    /// One entry per thread wanted; bounded by (running queries) × (threads).
    tickets: VecDeque<Arc<Job>>,
    stop: bool,
}

/// Work that borrows from the caller's stack. `work` may be called only between a successful `enter` and its `leave`;
/// the caller leaves the frame that owns it only after `close` has seen every helper leave.
struct Job {
    work: *const (dyn Fn() + Sync),
    gate: Mutex<Gate>,
    left: Condvar,
}

#[derive(Default)]
struct Gate {
    active: usize,
    closed: bool,
}

// SAFETY: `work` points to a `Sync` closure and is dereferenced only while the gate keeps its owner waiting.
unsafe impl Send for Job {}
// SAFETY: as above; all other fields are synchronised.
unsafe impl Sync for Job {}

impl Job {
    fn help(&self) {
        {
            let mut gate = self.gate.lock();
            if gate.closed {
                return;
            }
            gate.active += 1;
        }
        // SAFETY: the gate is open and counts us, so the owner of the closure is still waiting in `close`.
        let work = unsafe { &*self.work };
        let _ = catch_unwind(AssertUnwindSafe(work));
        let mut gate = self.gate.lock();
        gate.active -= 1;
        if gate.active == 0 {
            self.left.notify_all();
        }
    }

    /// Lets no further helper in and waits until those inside have left.
    fn close(&self) {
        let mut gate = self.gate.lock();
        gate.closed = true;
        while gate.active > 0 {
            self.left.wait(&mut gate);
        }
    }
}

/// Closes the job on every way out of the owner's frame, unwinding included.
struct CloseOnDrop<'j>(&'j Job);

impl Drop for CloseOnDrop<'_> {
    fn drop(&mut self) {
        self.0.close();
    }
}

impl Pool {
    /// `threads` helpers; 0 is allowed and leaves all work to the callers.
    pub(crate) fn new(threads: usize) -> Self {
        let shared = Arc::new(Shared::default());
        let threads = (0..threads)
            .filter_map(|i| {
                let shared = Arc::clone(&shared);
                std::thread::Builder::new().name(format!("query-{i}")).spawn(move || serve(&shared)).ok()
            })
            .collect();
        Self { shared, threads }
    }

    /// Runs `work` here and on up to `helpers` threads at once; returns when all have finished.
    fn assist(&self, helpers: usize, work: &(dyn Fn() + Sync)) {
        let helpers = helpers.min(self.threads.len());
        if helpers == 0 {
            return work();
        }
        // SAFETY: only the lifetime is erased; `CloseOnDrop` keeps this frame alive while anyone may use the pointer.
        let work_static: &'static (dyn Fn() + Sync) = unsafe { std::mem::transmute(work) };
        let job = Arc::new(Job { work: work_static, gate: Mutex::default(), left: Condvar::new() });
        {
            let mut queue = self.shared.queue.lock();
            for _ in 0..helpers {
                queue.tickets.push_back(Arc::clone(&job));
            }
        }
        for _ in 0..helpers {
            self.shared.wake.notify_one();
        }
        let guard = CloseOnDrop(&job);
        work();
        drop(guard);
        // Tickets nobody took would only hold memory.
        self.shared.queue.lock().tickets.retain(|ticket| !Arc::ptr_eq(ticket, &job));
    }

    /// Hands out `0..tasks` to at most `workers` workers, each with its own state, and returns the states in no
    /// particular order. The first error (a panic is one) stops the others and is returned.
    pub(crate) fn run<W: Send>(
        &self,
        control: &Control,
        tasks: usize,
        workers: usize,
        init: &(dyn Fn() -> W + Sync),
        step: &(dyn Fn(&mut W, usize) -> Result<()> + Sync),
    ) -> Result<Vec<W>> {
        let next = AtomicUsize::new(0);
        let done: Mutex<(Vec<W>, Option<Error>)> = Mutex::new((Vec::new(), None));
        let work = || {
            if next.load(Ordering::Relaxed) >= tasks {
                return;
            }
            let outcome = catch_unwind(AssertUnwindSafe(|| {
                let mut state = init();
                loop {
                    let task = next.fetch_add(1, Ordering::Relaxed);
                    if task >= tasks {
                        return Ok(state);
                    }
                    step(&mut state, task)?;
                }
            }));
            let outcome = outcome.unwrap_or_else(|payload| Err(Error::Panic(panic_text(payload.as_ref()))));
            let mut done = done.lock();
            match outcome {
                Ok(state) => done.0.push(state),
                Err(error) => {
                    control.stop();
                    if done.1.is_none() || matches!(done.1, Some(Error::Stopped)) {
                        done.1 = Some(error);
                    }
                }
            }
        };
        self.assist(workers.min(tasks).saturating_sub(1), &work);
        let (states, error) = done.into_inner();
        match error {
            Some(error) => Err(error),
            None => Ok(states),
        }
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.shared.queue.lock().stop = true;
        self.shared.wake.notify_all();
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

fn serve(shared: &Shared) {
    loop {
        let ticket = {
            let mut queue = shared.queue.lock();
            loop {
                if let Some(ticket) = queue.tickets.pop_front() {
                    break ticket;
                }
                if queue.stop {
                    return;
                }
                shared.wake.wait(&mut queue);
            }
        };
        ticket.help();
    }
}

/// What a panic said, as far as it said it in words.
pub(crate) fn panic_text(payload: &(dyn Any + Send)) -> String {
    payload
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned())
        .or_else(|| payload.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "no message".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::context::ExecuteContext;

    fn control() -> Control {
        Control::new(&ExecuteContext::default(), usize::MAX, 1)
    }

    #[test]
    fn every_task_runs_once_on_any_number_of_threads() {
        for threads in [0, 1, 3] {
            let pool = Pool::new(threads);
            for tasks in [0, 1, 2, 100] {
                let step = |state: &mut usize, task: usize| {
                    *state += task + 1;
                    Ok(())
                };
                let states = pool.run(&control(), tasks, 4, &|| 0usize, &step).unwrap();
                assert_eq!(states.iter().sum::<usize>(), tasks * (tasks + 1) / 2);
            }
        }
    }

    #[test]
    fn a_panic_is_an_error_and_the_pool_lives_on() {
        let pool = Pool::new(2);
        let step = |(): &mut (), task: usize| if task == 3 { panic!("broken page") } else { Ok(()) };
        let error = pool.run(&control(), 8, 3, &|| (), &step).unwrap_err();
        assert!(error.to_string().contains("broken page"), "{error}");
        assert!(pool.run(&control(), 8, 3, &|| (), &|_, _| Ok(())).is_ok());
    }
}
