//! Building the segments of a job.

use std::{
    collections::BTreeMap,
    path::Path,
    sync::{Arc, Mutex, PoisonError, atomic::Ordering},
};

use futures::StreamExt as _;
use ingest::batch::{BatchJob, BatchReport, DEFAULT_MEMORY_BUDGET_BYTES, NamingContext, SegmentNaming, ingest_file};
use model::{DataType, Schema, TableConfig};
use tokio::sync::Semaphore;

use crate::{
    Error, Event, JobSpec, Options, Place,
    input::{self, InputFile},
    place::blocking,
    run::Shared,
};

/// Files up to this size are built by one core each; larger ones are split among cores.
const SMALL_FILE_BYTES: u64 = 4 << 20;
const LEAST_BUDGET_BYTES: usize = 32 << 20;

pub(crate) const ARCHIVE_END: &str = ".tar.gz";
pub(crate) const METADATA_END: &str = ".metadata.tar.gz";

/// What all files of a job have in common.
struct Plan {
    schema: Arc<Schema>,
    table: Arc<TableConfig>,
    input: Place,
    output: Place,
    cores: usize,
    work: std::path::PathBuf,
    /// Archive below the output, and the file that it came from.
    taken: Mutex<BTreeMap<String, String>>,
}

/// Builds a segment of each input file and puts its archive into the output. Gives the archives' paths below it.
pub(crate) async fn create(
    spec: &JobSpec,
    options: &Options,
    shared: &Shared,
    (schema, table): (Schema, TableConfig),
    output: &Place,
    work: &Path,
) -> Result<Vec<String>, Error> {
    let input = Place::to_read(&spec.input_dir_uri, &spec.store_options()).await?;
    let files = input::list(spec, &input).await?;
    options.progress.expect(files.len() as u64, files.iter().map(|f| f.found.size_bytes).sum());
    shared.report(Event::Files { count: files.len(), from: input.uri().to_owned() });
    let plan = Arc::new(Plan {
        schema: Arc::new(schema),
        table: Arc::new(table),
        input,
        output: output.clone(),
        cores: options.threads.max(1),
        work: work.to_owned(),
        taken: Mutex::default(),
    });
    let cores = Arc::new(Semaphore::new(plan.cores));
    let at_once = plan.cores.max(spec.parallelism.min(plan.cores)) + 2;
    let mut building = futures::stream::iter(files)
        .map(|file| one(spec, options, shared, Arc::clone(&plan), Arc::clone(&cores), file))
        .buffer_unordered(at_once);
    let mut paths = Vec::new();
    let mut failed: Option<Error> = None;
    while let Some(built) = building.next().await {
        match built {
            Ok(path) => paths.push(path),
            // What still runs stops at its next piece and is waited for: its files lie in the work directory.
            Err(error) => {
                shared.cancel.store(true, Ordering::Relaxed);
                if failed.as_ref().is_none_or(|first| matches!(first, Error::Cancelled)) {
                    failed = Some(error);
                }
            }
        }
    }
    match failed {
        Some(error) => Err(error),
        None => {
            paths.sort();
            Ok(paths)
        }
    }
}

async fn one(
    spec: &JobSpec,
    options: &Options,
    shared: &Shared,
    plan: Arc<Plan>,
    cores: Arc<Semaphore>,
    file: InputFile,
) -> Result<String, Error> {
    let small = file.found.size_bytes <= SMALL_FILE_BYTES;
    let threads = if small { 1 } else { (plan.cores / spec.parallelism.min(plan.cores)).max(1) };
    let permits = u32::try_from(threads).unwrap_or(1);
    if shared.cancel.load(Ordering::Relaxed) {
        return Err(Error::Cancelled);
    }
    let fetched = plan.input.fetch(&file.found.path, &plan.work).await?;
    let _cores = cores.acquire_many(permits).await.map_err(|e| Error::Internal(e.to_string()))?;
    if shared.cancel.load(Ordering::Relaxed) {
        return Err(Error::Cancelled);
    }
    let dir = tempfile::tempdir_in(&plan.work).map_err(Error::io("create a directory in", &plan.work))?;
    let naming = naming(spec, &plan, &file, options.now_ms)?;
    let job = BatchJob {
        input: fetched.path.clone(),
        file_name: file.found.path.clone(),
        format: spec.reader.format,
        reader_properties: spec.reader.properties.clone(),
        schema: Arc::clone(&plan.schema),
        table_config: Arc::clone(&plan.table),
        naming,
        work_dir: dir.path().to_owned(),
        output_dir: dir.path().to_owned(),
        threads,
        memory_budget_bytes: (DEFAULT_MEMORY_BUDGET_BYTES / plan.cores * threads).max(LEAST_BUDGET_BYTES),
        fail_on_empty_segment: spec.fail_on_empty_segment,
        now_ms: options.now_ms,
        cancel: Some(Arc::clone(&shared.cancel)),
        progress: Arc::clone(&options.progress),
    };
    let shown = plan.input.shown(&file.found.path);
    let (report, archive) = {
        let (shown, dir, with_metadata) = (shown.clone(), dir.path().to_owned(), spec.create_metadata_tar);
        blocking(move || build(&job, &shown, &dir, with_metadata)).await?
    };
    drop(fetched);
    let segment = report.segment.metadata.segment_name.clone();
    shared.add(&report);
    let path = format!("{}{segment}{ARCHIVE_END}", file.folder());
    claim(&plan, &segment, &path, &shown)?;
    let kept = !spec.overwrite_output && plan.output.exists(&path).await?;
    if kept {
        shared.report(Event::Kept { segment, uri: plan.output.uri_of(&path) });
        return Ok(path);
    }
    plan.output.put(&path, &archive).await?;
    if spec.create_metadata_tar {
        let metadata = format!("{}{segment}{METADATA_END}", file.folder());
        plan.output.put(&metadata, &dir.path().join("metadata.tar.gz")).await?;
    }
    let rows = report.rows_indexed;
    shared.report(Event::Built { segment, file: shown, rows, uri: plan.output.uri_of(&path) });
    Ok(path)
}

/// Two files must not give one segment: the rows of one would be lost.
fn claim(plan: &Plan, segment: &str, path: &str, file: &str) -> Result<(), Error> {
    let mut taken = plan.taken.lock().unwrap_or_else(PoisonError::into_inner);
    // Segments of a table are known by name, whatever directory their archives are in.
    match taken.insert(segment.to_owned(), file.to_owned()) {
        None => Ok(()),
        Some(other) => Err(Error::Value {
            what: "segment name",
            value: segment.to_owned(),
            reason: format!(
                "{other} and {file} would both be this segment ({path}), and the second would replace the first; in \
                 segmentNameGeneratorSpec.configs set use.global.directory.sequence.id: true, or take another type \
                 than fixed"
            ),
        }),
    }
}

fn build(
    job: &BatchJob,
    shown: &str,
    dir: &Path,
    with_metadata: bool,
) -> Result<(BatchReport, std::path::PathBuf), Error> {
    let report = ingest_file(job).map_err(|source| match source {
        ingest::Error::Cancelled { .. } => Error::Cancelled,
        source => Error::Ingest { file: shown.to_owned(), source: Box::new(source) },
    })?;
    let pack = Error::pack(&report.segment.metadata.segment_name);
    let archive = dir.join("archive.tar.gz");
    segment::archive::write(&report.segment.file, &archive).map_err(pack)?;
    if with_metadata {
        segment::archive::write_metadata(&report.segment.file, &dir.join("metadata.tar.gz")).map_err(pack)?;
    }
    // The archive is all that is needed; this makes room.
    let _ = std::fs::remove_file(&report.segment.file);
    Ok((report, archive))
}

/// The name generator of one file. Names begin with the table's name with its type.
fn naming(spec: &JobSpec, plan: &Plan, file: &InputFile, now_ms: i64) -> Result<SegmentNaming, Error> {
    let kind = match &spec.naming.kind {
        Some(kind) => kind.as_str(),
        None if is_text_time(&plan.schema, &plan.table) => "normalizedDate",
        None => "simple",
    };
    let mut map: BTreeMap<String, String> =
        spec.naming.configs.iter().map(|(k, v)| (format!("segmentNameGenerator.configs.{k}"), v.clone())).collect();
    map.insert("segmentNameGenerator.type".to_owned(), kind.to_owned());
    let uri = plan.input.shown(&file.found.path);
    let path = match uri.split_once("://") {
        // Generators see the path of a URI, without the bucket.
        Some((_, rest)) => rest.find('/').map_or(rest, |at| &rest[at..]),
        None => &uri,
    };
    if spec.replace.is_some() {
        // The old segments stay until the new ones are all there: the names must differ.
        let key = "segmentNameGenerator.configs.segment.name.postfix".to_owned();
        let postfix = map.get(&key).map_or_else(|| now_ms.to_string(), |given| format!("{given}_{now_ms}"));
        map.insert(key, postfix);
    }
    let context = NamingContext {
        raw_table: if spec.naming.raw_name { plan.table.raw_name().as_str() } else { plan.table.table_name().as_str() }
            .to_owned(),
        push_type: plan.table.push_type().to_owned(),
        push_frequency: plan.table.push_frequency().map(str::to_owned),
        input_path: path.to_owned(),
        sequence_id: Some(file.sequence),
        now_ms,
    };
    let named = SegmentNaming::from_config_map(&map, context);
    let failed = |source| Error::Ingest { file: plan.input.shown(&file.found.path), source: Box::new(source) };
    named.map_err(failed)
}

/// Whether the time column holds dates as texts.
fn is_text_time(schema: &Schema, table: &TableConfig) -> bool {
    let field = table.time_column().and_then(|column| schema.field(column));
    field.is_some_and(|f| f.data_type == DataType::String)
}
