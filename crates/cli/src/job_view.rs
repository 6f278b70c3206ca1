//! Runs a batch job in the terminal: a bar while it runs (plain lines where nobody watches), a summary at its end.

use std::{
    fmt::Write as _,
    io::IsTerminal as _,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use anyhow::{Result, bail};
use indicatif::{ProgressBar, ProgressStyle};
use ingest::{Progress, progress::Snapshot};
use jobs::{Event, JobSpec, Options, Summary};

/// How often the bar is drawn anew, and how often a line is printed where there is no bar.
const DRAW_EVERY: Duration = Duration::from_millis(200);
const LINE_EVERY: Duration = Duration::from_secs(5);

/// Milliseconds since 1970.
pub fn now_ms() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| i64::try_from(d.as_millis()).unwrap_or(i64::MAX))
}

/// The job's progress as the observer sees it.
#[derive(Default)]
struct Pushes {
    expected: AtomicU64,
    done: AtomicU64,
}

/// Runs a job and shows how it goes. Ctrl-C ends it.
pub async fn run(spec: &JobSpec) -> Result<Summary> {
    run_with(spec, |_| {}).await
}

/// As [`run`], with a look at each event.
pub async fn run_with(spec: &JobSpec, look: impl Fn(&Event) + Send + Sync + 'static) -> Result<Summary> {
    let progress = Arc::new(Progress::default());
    let bar = bar();
    let pushes = Arc::new(Pushes::default());
    let observer = {
        let (bar, pushes) = (bar.clone(), Arc::clone(&pushes));
        move |event: Event| {
            look(&event);
            count(&pushes, &event);
            if let Some(line) = line_of(&event) {
                bar.suspend(
                    || if matches!(event, Event::Warning(_)) { eprintln!("{line}") } else { println!("{line}") },
                );
            }
        }
    };
    let options = Options {
        now_ms: now_ms(),
        threads: std::thread::available_parallelism().map_or(1, |n| n.get()),
        work_dir: std::env::temp_dir(),
        progress: Arc::clone(&progress),
        observer: Arc::new(observer),
        cancel: Arc::new(AtomicBool::new(false)),
    };
    let began = Instant::now();
    let cancel = Arc::clone(&options.cancel);
    let ended = tokio::select! {
        ended = jobs::run(spec, &options) => ended,
        () = watch(&bar, &progress, &pushes, began) => bail!("the progress display has ended"),
        () = service::shutdown::signal() => {
            cancel.store(true, Ordering::Relaxed);
            bail!("interrupted; segments that are pushed stay, the rest can be run again")
        }
    };
    bar.finish_and_clear();
    ended.map_err(|error| anyhow::anyhow!("{}", error.chain()))
}

fn bar() -> ProgressBar {
    let bar = if std::io::stderr().is_terminal() { ProgressBar::new(0) } else { ProgressBar::hidden() };
    if let Ok(style) = ProgressStyle::with_template("{bar:30} {msg}") {
        bar.set_style(style);
    }
    bar
}

fn count(pushes: &Pushes, event: &Event) {
    match event {
        Event::Pushing { segments, controllers } => {
            pushes.expected.store((segments * controllers.len()) as u64, Ordering::Relaxed);
        }
        Event::Pushed { .. } => _ = pushes.done.fetch_add(1, Ordering::Relaxed),
        _ => {}
    }
}

/// Never ends by itself.
async fn watch(bar: &ProgressBar, progress: &Progress, pushes: &Pushes, began: Instant) {
    let mut printed = Instant::now();
    loop {
        tokio::time::sleep(DRAW_EVERY).await;
        let (expected, done) = (pushes.expected.load(Ordering::Relaxed), pushes.done.load(Ordering::Relaxed));
        let text = if expected > 0 {
            bar.set_length(expected);
            bar.set_position(done);
            format!("pushed {done} of {expected} segments")
        } else {
            let snapshot = progress.snapshot();
            bar.set_length(snapshot.total_bytes);
            bar.set_position(snapshot.bytes);
            state(&snapshot, began.elapsed())
        };
        bar.set_message(text.clone());
        if bar.is_hidden() && printed.elapsed() >= LINE_EVERY {
            println!("{text}");
            printed = Instant::now();
        }
    }
}

fn state(now: &Snapshot, elapsed: Duration) -> String {
    let mut text = format!(
        "{} of {} files, {} rows, {} rows/s, {}/s",
        now.files_done,
        now.files,
        grouped(now.rows_read),
        grouped(now.rows_per_second(elapsed) as u64),
        bytes(now.bytes_per_second(elapsed) as u64),
    );
    if let Some(left) = now.remaining(elapsed) {
        let _ = write!(text, ", {} left", duration(left));
    }
    text
}

fn line_of(event: &Event) -> Option<String> {
    match event {
        Event::Warning(text) => Some(format!("Note: {text}")),
        Event::Files { count, from } => Some(format!("Found {} in {from}", plural(*count as u64, "file"))),
        Event::Kept { segment, uri } => Some(format!("Kept {uri} (segment {segment}): overwriteOutput is false")),
        Event::Pushing { segments, controllers } => {
            Some(format!("Pushing {} to {}", plural(*segments as u64, "segment"), controllers.join(", ")))
        }
        Event::Pushed { table, segment, location, status, reply } => Some(format!(
            "Response for pushing table {table} segment {segment} to location {location} - {status}: {}",
            reply.trim()
        )),
        Event::Built { .. } => None,
    }
}

/// What a job did, in a few lines.
pub fn summary(done: &Summary) -> String {
    let seconds = done.elapsed.as_secs_f64().max(0.001);
    let mut out = String::new();
    if done.files > 0 {
        let _ = writeln!(
            out,
            "Read {} from {} ({}) in {}: {} rows/s, {}/s",
            plural(done.rows_read, "row"),
            plural(done.files, "file"),
            bytes(done.bytes_read),
            duration(done.elapsed),
            grouped((done.rows_read as f64 / seconds) as u64),
            bytes((done.bytes_read as f64 / seconds) as u64),
        );
        let _ = write!(
            out,
            "Indexed {} in {}; rejected {}, filtered {}",
            plural(done.rows_indexed, "row"),
            plural(done.files, "segment"),
            grouped(done.rows_rejected),
            grouped(done.rows_filtered)
        );
        if done.rows_incomplete > 0 {
            let _ = write!(out, ", {} with nulls in place of unusable values", grouped(done.rows_incomplete));
        }
        out.push('\n');
    }
    if done.segments_pushed > 0 {
        let _ = writeln!(out, "Pushed {}", plural(done.segments_pushed, "segment"));
    }
    out
}

/// Prints a summary. Bad rows go to standard error: what follows their colons is text of others.
pub fn show(done: &Summary) {
    print!("{}", summary(done));
    if !done.first_errors.is_empty() {
        eprintln!("The first bad rows:");
        for row in &done.first_errors {
            eprintln!("  {row}");
        }
    }
}

fn plural(count: u64, what: &str) -> String {
    format!("{} {what}{}", grouped(count), if count == 1 { "" } else { "s" })
}

fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

fn bytes(count: u64) -> String {
    match count {
        0..1_000 => format!("{count} B"),
        1_000..1_000_000 => format!("{:.1} KB", count as f64 / 1e3),
        1_000_000..1_000_000_000 => format!("{:.1} MB", count as f64 / 1e6),
        _ => format!("{:.2} GB", count as f64 / 1e9),
    }
}

fn duration(time: Duration) -> String {
    let seconds = time.as_secs();
    match seconds {
        0..10 => format!("{:.1} s", time.as_secs_f64()),
        10..120 => format!("{seconds} s"),
        120..7200 => format!("{} min {} s", seconds / 60, seconds % 60),
        _ => format!("{} h {} min", seconds / 3600, seconds / 60 % 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_summary_for_people() {
        let done = Summary {
            files: 2,
            segments_pushed: 2,
            rows_read: 1_234_567,
            rows_indexed: 1_234_560,
            rows_rejected: 7,
            bytes_read: 20_000_000,
            elapsed: Duration::from_secs(2),
            ..Summary::default()
        };
        assert_eq!(
            summary(&done),
            "Read 1,234,567 rows from 2 files (20.0 MB) in 2.0 s: 617,283 rows/s, 10.0 MB/s\n\
             Indexed 1,234,560 rows in 2 segments; rejected 7, filtered 0\nPushed 2 segments\n"
        );
        assert_eq!(summary(&Summary { segments_pushed: 1, ..Summary::default() }), "Pushed 1 segment\n");
    }

    #[test]
    fn rates_and_what_is_left() {
        let now =
            Snapshot { files: 4, files_done: 1, total_bytes: 4000, bytes: 1000, rows_read: 50, ..Snapshot::default() };
        assert_eq!(state(&now, Duration::from_secs(50)), "1 of 4 files, 50 rows, 1 rows/s, 20 B/s, 2 min 30 s left");
    }
}
