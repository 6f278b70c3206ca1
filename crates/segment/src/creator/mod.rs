//! Builds a committed segment from batches of rows, in bounded memory.
//!
//! Ids of values go to unlinked temporary files once they outgrow the budget; dictionaries that outgrow it are given up
//! and their columns become raw (unless a configured index needs the dictionary). Rows keep their order: nothing is
//! sorted, a column that happens to ascend is stored as runs.

pub(crate) mod cells;
pub(crate) mod column;
pub(crate) mod finish;
pub(crate) mod keys;
pub(crate) mod sink;
pub(crate) mod spill;
#[cfg(test)]
mod tests;

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::Arc,
    time::{SystemTime, UNIX_EPOCH},
};

use arrow::array::RecordBatch;
use model::{IndexingConfig, Schema};
use parking_lot::Mutex;

pub use cells::batch_field;
use column::ColumnBuilder;
use finish::FinishedColumn;

use crate::{
    ColumnMetadata, Error, ImmutableSegment, Result, SegmentMetadata,
    format::{ContainerWriter, Form, SectionEntry},
    index::{Plan, attached, null::creator::NullVector},
    reload,
};

/// Batches below this many cells are appended on the calling thread alone.
const PARALLEL_CELLS: usize = 32 * 1024;

/// What to build and where.
#[derive(Clone, Debug)]
pub struct CreatorOptions {
    pub segment_name: String,
    /// Table name with type.
    pub table_name: String,
    pub schema: Arc<Schema>,
    pub indexing: IndexingConfig,
    pub time_column: Option<String>,
    /// The finished file; it appears under this name when it is whole.
    pub output_file: PathBuf,
    /// Directory of temporary files; they have no names.
    pub work_dir: PathBuf,
    /// Memory for collected values. The creator may go beyond it by about 100 MB while it finishes, and by the
    /// dictionaries that configured indexes need.
    pub memory_budget_bytes: usize,
}

/// A finished segment.
#[derive(Clone, Debug)]
pub struct BuiltSegment {
    pub file: PathBuf,
    pub crc: String,
    pub num_docs: u32,
    pub size_bytes: u64,
    pub metadata: SegmentMetadata,
}

/// Takes rows and writes a segment file. Dropping it leaves nothing behind.
pub struct SegmentCreator {
    options: CreatorOptions,
    columns: Vec<ColumnBuilder>,
    docs: u32,
    threads: usize,
    creation_time_ms: i64,
}

impl SegmentCreator {
    pub fn new(options: CreatorOptions) -> Result<Self> {
        let columns = options
            .schema
            .fields
            .iter()
            .map(|field| {
                let plan = Plan::resolve(&options.schema, field, &options.indexing);
                ColumnBuilder::new(field, plan, &options.work_dir)
            })
            .collect::<Result<Vec<_>>>()?;
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_millis() as i64);
        let threads = std::thread::available_parallelism().map_or(1, |n| n.get());
        Ok(Self { options, columns, docs: 0, threads, creation_time_ms: now })
    }

    /// Threads for appending and finishing; default: all cores.
    #[must_use]
    pub fn with_threads(mut self, threads: usize) -> Self {
        self.threads = threads.max(1);
        self
    }

    /// The creation time to record; default: now.
    #[must_use]
    pub fn with_creation_time_ms(mut self, time: i64) -> Self {
        self.creation_time_ms = time;
        self
    }

    /// Gives the segment another name: that of a batch is known only when its time range is.
    pub fn set_segment_name(&mut self, name: &str) {
        self.options.segment_name = name.to_owned();
    }

    pub fn num_docs(&self) -> u32 {
        self.docs
    }

    /// Appends rows. Columns are found by name; one that the batch lacks has no value in these rows, one that the
    /// schema lacks is ignored. After an error the creator must be dropped.
    pub fn append(&mut self, batch: &RecordBatch) -> Result<()> {
        let rows = batch.num_rows();
        let docs = u32::try_from(rows).ok().and_then(|rows| self.docs.checked_add(rows)).filter(|&d| d < u32::MAX);
        let Some(docs) = docs else {
            return Err(self.too_large(format!("it would have more than {} docs", u32::MAX - 1)));
        };
        let threads = if rows * self.columns.len() < PARALLEL_CELLS { 1 } else { self.threads };
        let segment = &self.options.segment_name;
        each(segment, threads, self.columns.iter_mut().collect(), |column| {
            column.append(batch.column_by_name(column.name()), rows)
        })?;
        self.docs = docs;
        self.keep_budget()
    }

    fn too_large(&self, what: String) -> Error {
        Error::TooLarge { segment: self.options.segment_name.clone(), what }
    }

    /// Spills ids above half of the budget, gives dictionaries up above all of it.
    fn keep_budget(&mut self) -> Result<()> {
        let budget = self.options.memory_budget_bytes;
        let used = |columns: &[ColumnBuilder]| columns.iter().map(ColumnBuilder::memory_bytes).sum::<usize>();
        if used(&self.columns) <= budget / 2 {
            return Ok(());
        }
        self.columns.iter_mut().try_for_each(ColumnBuilder::spill)?;
        while used(&self.columns) > budget {
            let largest = self.columns.iter_mut().max_by_key(|column| column.dictionary_bytes());
            match largest {
                Some(column) if column.dictionary_bytes() > 0 => column.give_up_dictionary()?,
                _ => break,
            }
        }
        Ok(())
    }

    /// Writes the file. Columns are finished in parallel and written in schema order.
    pub fn finish(mut self) -> Result<BuiltSegment> {
        let columns = std::mem::take(&mut self.columns);
        let metadata = SegmentMetadata {
            segment_name: self.options.segment_name.clone(),
            table_name: self.options.table_name.clone(),
            crc: String::new(),
            num_docs: self.docs,
            creation_time_ms: self.creation_time_ms,
            size_bytes: 0,
            time_column: self.options.time_column.clone(),
            min_time: None,
            max_time: None,
            columns: Vec::new(),
        };
        let task = |column: ColumnBuilder| Task { name: column.name().to_owned(), work: Some(column) };
        let tasks = columns.into_iter().map(task).collect();
        let built = assemble(metadata, tasks, self.threads, &self.options.output_file, ColumnBuilder::finish)?;
        let indexing = &self.options.indexing;
        if self.options.schema.fields.iter().all(|field| attached::wanted(indexing, &field.name).is_empty()) {
            return Ok(built);
        }
        let segment = ImmutableSegment::open(&built.file)?;
        reload::attach(&segment, &self.options.schema, indexing)
    }
}

impl Named for ColumnBuilder {
    fn name(&self) -> &str {
        ColumnBuilder::name(self)
    }
}

/// Something done for a column.
pub(crate) trait Named {
    fn name(&self) -> &str;
}

/// Calls `f` for each item on up to `threads` threads. The first error wins; a panic becomes an error.
pub(crate) fn each<T: Named + Send>(
    segment: &str,
    threads: usize,
    mut items: Vec<&mut T>,
    f: impl Fn(&mut T) -> Result<()> + Sync,
) -> Result<()> {
    if threads <= 1 || items.len() <= 1 {
        return items.into_iter().try_for_each(f);
    }
    let threads = threads.min(items.len());
    items.reverse();
    let queue = Mutex::new(items);
    let last = Mutex::new(String::new());
    let work = || -> Result<()> {
        loop {
            let Some(item) = queue.lock().pop() else { return Ok(()) };
            *last.lock() = item.name().to_owned();
            if let Err(error) = f(item) {
                queue.lock().clear();
                return Err(error);
            }
        }
    };
    std::thread::scope(|scope| {
        let others: Vec<_> = (1..threads).map(|_| scope.spawn(work)).collect();
        let mut outcome = work();
        for other in others {
            let panicked = || Error::Worker { segment: segment.to_owned(), column: last.lock().clone() };
            let result = other.join().unwrap_or_else(|_| Err(panicked()));
            if outcome.is_ok() {
                outcome = result;
            }
        }
        outcome
    })
}

fn name_segment(error: Error, name: &str) -> Error {
    match error {
        Error::TooLarge { what, .. } => Error::TooLarge { segment: name.to_owned(), what },
        other => other,
    }
}

/// A column on its way into a file.
pub(crate) struct Task<T> {
    pub(crate) name: String,
    pub(crate) work: Option<T>,
}

/// Columns finished out of order wait here for their turn.
struct Assembly {
    writer: ContainerWriter,
    waiting: BTreeMap<usize, FinishedColumn>,
    written: Vec<ColumnMetadata>,
}

impl Assembly {
    fn put(&mut self, index: usize, column: FinishedColumn) -> Result<()> {
        self.waiting.insert(index, column);
        while let Some(column) = self.waiting.remove(&self.written.len()) {
            for (kind, part) in column.sections {
                part.copy_to(&mut self.writer, self.written.len() as u32, kind)?;
            }
            self.written.push(column.metadata);
        }
        Ok(())
    }
}

struct Numbered<T> {
    index: usize,
    task: Task<T>,
}

impl<T> Named for Numbered<T> {
    fn name(&self) -> &str {
        &self.task.name
    }
}

/// Runs `make` for each task, in parallel, and writes the columns in the order of the tasks into a file that appears
/// under its name when it is whole. Fills the metadata's columns, time range and, where it is empty, checksum.
pub(crate) fn assemble<T: Send>(
    mut metadata: SegmentMetadata,
    tasks: Vec<Task<T>>,
    threads: usize,
    file: &Path,
    make: impl Fn(T) -> Result<FinishedColumn> + Sync,
) -> Result<BuiltSegment> {
    let mut partial = file.to_owned().into_os_string();
    partial.push(".partial");
    let partial = PathBuf::from(partial);
    let writer = ContainerWriter::create(&partial, Form::Hot)?;
    let assembly = Mutex::new(Assembly { writer, waiting: BTreeMap::new(), written: Vec::new() });
    let segment = metadata.segment_name.clone();
    let mut work: Vec<_> = tasks.into_iter().enumerate().map(|(index, task)| Numbered { index, task }).collect();
    each(&segment, threads, work.iter_mut().collect(), |numbered| {
        let Some(work) = numbered.task.work.take() else { return Ok(()) };
        let column = make(work).map_err(|e| name_segment(e, &segment))?;
        assembly.lock().put(numbered.index, column)
    })?;
    let Assembly { writer, written, .. } = assembly.into_inner();
    metadata.columns = written;
    (metadata.min_time, metadata.max_time) = time_range(&metadata).unzip();
    if metadata.crc.is_empty() {
        metadata.crc = content_crc(metadata.num_docs, &metadata.columns, writer.sections()).to_string();
    }
    let size_bytes = writer.finish(metadata.clone())?;
    if let Err(e) = std::fs::rename(&partial, file) {
        // The error that counts is the one returned.
        let _ = std::fs::remove_file(&partial);
        return Err(Error::io("rename the finished segment file to", file, e));
    }
    metadata.size_bytes = size_bytes;
    let (crc, num_docs) = (metadata.crc.clone(), metadata.num_docs);
    Ok(BuiltSegment { file: file.to_owned(), crc, num_docs, size_bytes, metadata })
}

/// Lowest and highest value of the time column, where it is a whole number.
fn time_range(metadata: &SegmentMetadata) -> Option<(i64, i64)> {
    let column = metadata.column(metadata.time_column.as_deref()?)?;
    if column.multi_value {
        return None;
    }
    let (min, max) = (column.min.as_deref()?, column.max.as_deref()?);
    Some((min.parse().ok()?, max.parse().ok()?))
}

/// Checksum over the sections that hold content, by column and kind, not by place.
pub(crate) fn content_crc(docs: u32, columns: &[ColumnMetadata], sections: &[SectionEntry]) -> u32 {
    let mut crc = crc32fast::Hasher::new();
    crc.update(&docs.to_le_bytes());
    for section in sections.iter().filter(|s| !s.kind.is_derived()) {
        let name = columns.get(section.column as usize).map_or("", |c| c.name.as_str());
        crc.update(name.as_bytes());
        crc.update(&(section.kind as u16).to_le_bytes());
        crc.update(&section.decoded_len.to_le_bytes());
        crc.update(&section.decoded_crc.to_le_bytes());
    }
    crc.finalize()
}
