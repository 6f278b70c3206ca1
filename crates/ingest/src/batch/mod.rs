//! One file to one segment.
//!
//! [`ingest_file`] reads the file in pieces, decodes and converts them on all cores, hands them in order to the
//! segment's creator and names the segment when its time range is known. Memory does not grow with the file. All
//! temporary files lie in the job's work directory, most of them without a name; whatever way it ends, by an error or
//! a panic too, nothing is left there. After `kill -9` a role wipes its work directory when it starts.

mod hint;
mod job;
mod naming;
mod pool;
mod report;

#[cfg(test)]
mod tests;

use std::{fs, path::PathBuf, sync::Arc, sync::atomic::Ordering};

use connectors::format::{self, Meter, ReadOptions};
use segment::creator::{CreatorOptions, SegmentCreator};

pub use self::{
    hint::looks_like_missing_at,
    job::{BatchJob, DEFAULT_MEMORY_BUDGET_BYTES},
    naming::{NamingContext, SegmentNaming},
    report::BatchReport,
};
use self::{naming::TimeRange, pool::Piece, report::Tally};
use crate::{Error, Pipeline};

/// Ingests a file and builds its segment in `job.output_dir`, under the segment's name.
///
/// Blocks until it is done: not for the async runtime's threads. On an error no file is left in `output_dir` or
/// `work_dir`. Setting `job.cancel` ends it between two pieces.
pub fn ingest_file(job: &BatchJob) -> Result<BatchReport, Error> {
    let length = fs::metadata(&job.input).map_or(0, |found| found.len());
    let meter = job.progress.meter(length);
    let result = build(job, &meter, length);
    meter.finish();
    job.progress.file_done();
    result
}

fn build(job: &BatchJob, meter: &Meter, length: u64) -> Result<BatchReport, Error> {
    let pipeline = Arc::new(Pipeline::new(&job.schema, &job.table_config, job.now_ms)?);
    let options = ReadOptions {
        properties: job.reader_properties.clone(),
        columns: pipeline.input_columns(),
        meter: meter.clone(),
        work_dir: Some(job.work_dir.clone()),
    };
    let reader = format::open(&job.input, &job.file_name, job.format, &options)?;
    let work = tempfile::Builder::new()
        .prefix("ingest-")
        .tempdir_in(&job.work_dir)
        .map_err(|source| io("create a directory in", &job.work_dir, source))?;
    let built_file = work.path().join("segment");
    let mut creator = SegmentCreator::new(CreatorOptions {
        segment_name: job.file_name.clone(),
        table_name: job.table_config.table_name().as_str().to_owned(),
        schema: pipeline.schema().clone(),
        indexing: job.table_config.indexing().clone(),
        time_column: job.table_config.time_column().map(str::to_owned),
        output_file: built_file,
        work_dir: work.path().to_owned(),
        memory_budget_bytes: job.memory_budget_bytes,
    })?
    .with_threads(job.threads)
    .with_creation_time_ms(job.now_ms);

    let mut times = TimeRange::new(pipeline.schema(), job.table_config.time_column());
    let mut tally = Tally::new(&job.file_name, pipeline.continue_on_error());
    let process = |raw| pipeline.run(raw, job.now_ms);
    let consume = |piece: Piece| -> Result<(), Error> {
        if job.cancel.as_ref().is_some_and(|c| c.load(Ordering::Relaxed)) {
            return Err(Error::Cancelled { file: job.file_name.clone() });
        }
        tally.add(&piece)?;
        let processed = &piece.processed;
        let (indexed, rejected) = (processed.batch.num_rows() as u64, piece.rejected.len() as u64);
        job.progress.add_rows(processed.rows_read + rejected, indexed, rejected, processed.rows_filtered);
        if indexed > 0 {
            times.add(&piece.processed.batch);
            creator.append(&piece.processed.batch)?;
        }
        Ok(())
    };
    pool::run(reader, job.threads, &job.file_name, &process, consume)?;
    tally.finish()?;
    if creator.num_docs() == 0 && job.fail_on_empty_segment {
        return Err(Error::NoRows { file: job.file_name.clone() });
    }
    if job.table_config.ingestion().segment_time_value_check != Some(false) {
        times.check()?;
    }
    let name = job.naming.name(&times)?;
    creator.set_segment_name(&name);
    let mut segment = creator.finish()?;
    let target = job.output_dir.join(&name);
    // Within one file system this is a rename; the name was checked to be a plain file name.
    move_file(&segment.file, &target)?;
    segment.file = target;
    Ok(tally.report(segment, length))
}

fn move_file(from: &PathBuf, to: &PathBuf) -> Result<(), Error> {
    if fs::rename(from, to).is_ok() {
        return Ok(());
    }
    let copied = fs::copy(from, to);
    if copied.is_err() {
        // Half a copy must not stay; the copy's own error is the one to tell.
        let _ = fs::remove_file(to);
    }
    copied.map(|_| ()).map_err(|source| io("write", to, source))
}

fn io(action: &'static str, path: &std::path::Path, source: std::io::Error) -> Error {
    Error::Io { action, path: path.to_owned(), source }
}
