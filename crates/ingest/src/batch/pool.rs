//! Decodes and converts the pieces of a file on several threads and gives the results back in file order.

use std::{
    any::Any,
    collections::BTreeMap,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Mutex, PoisonError,
        mpsc::{Receiver, SyncSender, sync_channel},
    },
    thread,
};

use connectors::format::{DecodeJob, RawBatch, RecordReader, Rejected};

use crate::{Error, pipeline::Processed};

/// One piece, decoded and converted.
pub(super) struct Piece {
    pub processed: Processed,
    pub rejected: Vec<Rejected>,
    pub line_count: u64,
}

type Numbered<T> = (u64, T);

/// Runs a whole file. `consume` is called on this thread, in file order. Pieces in flight are bounded by a few per
/// thread, so a slow consumer slows the reader.
pub(super) fn run(
    mut reader: Box<dyn RecordReader>,
    threads: usize,
    file: &str,
    process: &(dyn Fn(RawBatch) -> Result<Processed, Error> + Sync),
    mut consume: impl FnMut(Piece) -> Result<(), Error>,
) -> Result<(), Error> {
    let piece = |job: DecodeJob| guarded(file, || one(job, process));
    let mut next = || guarded(file, || Ok(reader.next_job()?));
    let Some(first) = next()? else { return Ok(()) };
    let Some(second) = next()? else { return consume(piece(first)?) };
    if threads <= 1 {
        consume(piece(first)?)?;
        consume(piece(second)?)?;
        while let Some(job) = next()? {
            consume(piece(job)?)?;
        }
        return Ok(());
    }
    let in_flight = 2 * threads + 2;
    let (tokens, spent) = sync_channel::<()>(in_flight);
    let (jobs, queue) = sync_channel::<Numbered<DecodeJob>>(in_flight);
    let (done, results) = sync_channel::<Numbered<Result<Piece, Error>>>(in_flight + 1);
    let queue = Mutex::new(queue);
    thread::scope(|scope| {
        let failed = done.clone();
        scope.spawn(move || read([first, second], next, &tokens, &jobs, &failed));
        for _ in 0..threads {
            let (done, queue, piece) = (done.clone(), &queue, &piece);
            scope.spawn(move || work(queue, &done, piece));
        }
        drop(done);
        // The receivers live in here: when this ends early, all senders fail and their threads end.
        in_order(results, spent, &mut consume)
    })
}

/// Hands the jobs out; an error of the reader goes to the results under the number of the job that is not there.
fn read(
    first: [DecodeJob; 2],
    mut next: impl FnMut() -> Result<Option<DecodeJob>, Error>,
    tokens: &SyncSender<()>,
    jobs: &SyncSender<Numbered<DecodeJob>>,
    failed: &SyncSender<Numbered<Result<Piece, Error>>>,
) {
    let mut number = 0;
    let mut first = first.into_iter();
    loop {
        if tokens.send(()).is_err() {
            return;
        }
        let job = match first.next() {
            Some(job) => Ok(Some(job)),
            None => next(),
        };
        let sent = match job {
            Ok(None) => return,
            Ok(Some(job)) => jobs.send((number, job)).is_ok(),
            Err(e) => {
                // Nobody listens any more when this fails.
                let _ = failed.send((number, Err(e)));
                return;
            }
        };
        if !sent {
            return;
        }
        number += 1;
    }
}

fn work(
    queue: &Mutex<Receiver<Numbered<DecodeJob>>>,
    done: &SyncSender<Numbered<Result<Piece, Error>>>,
    piece: &(dyn Fn(DecodeJob) -> Result<Piece, Error> + Sync),
) {
    loop {
        let received = queue.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok((number, job)) = received else { return };
        let result = piece(job);
        let stop = result.is_err();
        if done.send((number, result)).is_err() || stop {
            return;
        }
    }
}

fn in_order(
    results: Receiver<Numbered<Result<Piece, Error>>>,
    spent: Receiver<()>,
    consume: &mut impl FnMut(Piece) -> Result<(), Error>,
) -> Result<(), Error> {
    let mut waiting = BTreeMap::new();
    let mut next = 0;
    for (number, result) in results {
        waiting.insert(number, result);
        while let Some(result) = waiting.remove(&next) {
            consume(result?)?;
            next += 1;
            // One piece less in flight; the sender never waits for this.
            let _ = spent.try_recv();
        }
    }
    // All threads have ended. What still waits comes behind a piece that failed or was never made.
    match waiting.into_values().find_map(Result::err) {
        Some(error) => Err(error),
        None => Ok(()),
    }
}

fn one(job: DecodeJob, process: &(dyn Fn(RawBatch) -> Result<Processed, Error> + Sync)) -> Result<Piece, Error> {
    let mut raw = job()?;
    let rejected = std::mem::take(&mut raw.rejected);
    let line_count = raw.line_count;
    Ok(Piece { processed: process(raw)?, rejected, line_count })
}

/// A panic, which no input should be able to cause, ends the load and not the role.
fn guarded<T>(file: &str, work: impl FnOnce() -> Result<T, Error>) -> Result<T, Error> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| {
        let reason = panic_text(panic.as_ref());
        Err(Error::Internal { file: file.to_owned(), reason })
    })
}

fn panic_text(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref::<&str>().copied());
    text.unwrap_or("a panic").to_owned()
}
