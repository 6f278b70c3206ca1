//! Writes a committed segment again with other indexes, other encodings or new columns, without its source data.
//!
//! The new file replaces the old one; a query that holds the old one is not disturbed. The checksum stays, since the
//! content does.

use std::{path::Path, sync::Arc};

use arrow::{
    array::{Array, ArrayRef, make_array},
    buffer::NullBuffer,
};
use model::{FieldSpec, IndexingConfig, Schema};

use crate::{
    BuiltSegment, ColumnReader, Error, ImmutableSegment, Result, SegmentMetadata, SegmentReader,
    creator::{
        self, assemble,
        column::ColumnBuilder,
        finish::{FinishedColumn, attach_bloom, size_name},
        sink::Part,
    },
    format::Kind,
    index::{
        Plan,
        attached::{self, ATTACHED, Source},
        bloom,
        column_scan::{ColumnIds, ColumnNumbers, counts, hashes},
        derived,
        dictionary::config::Choice,
    },
    reader::Column,
};

/// Rows fed to a column builder at a time.
const ROWS: u32 = 1 << 16;

/// What happens to one column.
enum Action {
    /// Sections stay, except that these are dropped and those planned are built.
    Keep { drop: Vec<Kind>, build: Plan },
    /// The column is built anew from its values: dictionary to raw or back.
    Rebuild { field: FieldSpec, plan: Plan },
    /// A column that the schema gained: every doc has its default null value.
    Add { field: FieldSpec, plan: Plan },
}

impl Action {
    fn changes(&self) -> bool {
        match self {
            Self::Keep { drop, build } => {
                let builds = build.inverted || build.range || build.bloom.is_some() || !build.attached.is_empty();
                !drop.is_empty() || builds
            }
            Self::Rebuild { .. } | Self::Add { .. } => true,
        }
    }
}

struct Task {
    name: String,
    column: Option<u32>,
    action: Action,
}

/// Whether [`reload`] would change the segment.
pub fn needs_reload(segment: &ImmutableSegment, schema: &Schema, indexing: &IndexingConfig) -> bool {
    tasks(segment, schema, indexing).iter().any(|task| task.action.changes())
}

/// Writes `segment` to `to` as `indexing` and `schema` now want it. `None`, and no file, when nothing changes.
///
/// Applied are: inverted, range and bloom indexes, dictionary to raw and back, new columns. Not applied are sort order,
/// partitioning, null vectors of existing columns and changes of type; columns that the schema lost stay.
pub fn reload(
    segment: &ImmutableSegment,
    to: &Path,
    schema: &Schema,
    indexing: &IndexingConfig,
) -> Result<Option<BuiltSegment>> {
    let tasks = tasks(segment, schema, indexing);
    if !tasks.iter().any(|task| task.action.changes()) {
        return Ok(None);
    }
    let anew = |task: &Task| match &task.action {
        Action::Rebuild { plan, .. } | Action::Add { plan, .. } => !plan.attached.is_empty(),
        Action::Keep { .. } => false,
    };
    let attach = tasks.iter().any(anew);
    let built = rewrite(segment, tasks, to)?;
    if !attach {
        return Ok(Some(built));
    }
    // Columns that were built anew get theirs now that their values lie in a file.
    let segment = ImmutableSegment::open(to)?;
    let tasks = self::tasks(&segment, schema, indexing);
    rewrite(&segment, tasks, to).map(Some)
}

/// Writes `segment` to `to` with the inverted and range indexes that its metadata names and its file lacks.
pub(crate) fn complete(segment: &ImmutableSegment, to: &Path) -> Result<BuiltSegment> {
    let task = |(index, column): (usize, &Column)| {
        let meta = column.metadata();
        let mut build = Plan::nothing();
        build.inverted = meta.index_sizes.contains_key("inverted_index");
        build.range = meta.index_sizes.contains_key("range_index");
        Task { name: meta.name.clone(), column: Some(index as u32), action: Action::Keep { drop: Vec::new(), build } }
    };
    let tasks = segment.columns().iter().enumerate().map(task).collect();
    rewrite(segment, tasks, to)
}

fn tasks(segment: &ImmutableSegment, schema: &Schema, indexing: &IndexingConfig) -> Vec<Task> {
    let mut tasks = Vec::new();
    for (index, column) in segment.columns().iter().enumerate() {
        let name = column.metadata().name.clone();
        let action = match schema.field(&name) {
            Some(field) if field.column_type() == column.ty() => {
                let plan = Plan::resolve(schema, field, indexing);
                change(segment, index as u32, column, field, plan)
            }
            // Unknown, or of another type now: as it is.
            _ => Action::Keep { drop: Vec::new(), build: Plan::nothing() },
        };
        tasks.push(Task { name, column: Some(index as u32), action });
    }
    for field in schema.fields.iter().filter(|field| segment.column(&field.name).is_none()) {
        let plan = Plan::resolve(schema, field, indexing);
        tasks.push(Task { name: field.name.clone(), column: None, action: Action::Add { field: field.clone(), plan } });
    }
    tasks
}

fn change(segment: &ImmutableSegment, index: u32, column: &Column, field: &FieldSpec, mut plan: Plan) -> Action {
    let has_dictionary = column.dictionary().is_some();
    let rebuild = match plan.dictionary {
        Choice::Raw => has_dictionary,
        Choice::Required => !has_dictionary,
        Choice::Automatic => false,
    };
    if rebuild {
        // Nulls of the file are kept whatever the config says now.
        plan.null_vector = column.nulls().is_some();
        return Action::Rebuild { field: field.clone(), plan };
    }
    let mut drop = Vec::new();
    let mut toggle = |kind: Kind, wanted: bool| -> bool {
        let present = segment.container().section(index, kind).is_some();
        if present && !wanted {
            drop.push(kind);
        }
        wanted && !present
    };
    let mut build = Plan::nothing();
    build.inverted = toggle(Kind::Inverted, plan.inverted);
    let numbers = has_dictionary || !matches!(column.forward(), crate::Forward::Var) || column.ty().multi_value;
    build.range = toggle(Kind::Range, plan.range && numbers);
    let add_bloom = toggle(Kind::Bloom, plan.bloom.is_some());
    build.bloom = plan.bloom.filter(|_| add_bloom);
    if let (Some(config), Some(present), true) = (plan.bloom, column.bloom(), has_dictionary) {
        let wanted = bloom::config::section_bytes(&config, u64::from(column.cardinality()));
        if wanted != present.size_bytes() {
            drop.push(Kind::Bloom);
            build.bloom = Some(config);
        }
    }
    for attached in ATTACHED {
        let name = size_name(attached.kind);
        let present = segment.container().section(index, attached.kind).is_some();
        let wanted = plan.attached.iter().find(|(kind, _)| *kind == attached.kind).map(|(_, settings)| settings);
        // An index that could not be built on this column is not tried again while its settings stay.
        if wanted == column.metadata().index_settings.get(name) {
            continue;
        }
        if present || wanted.is_none() {
            drop.push(attached.kind);
        }
        if let Some(settings) = wanted {
            build.attached.push((attached.kind, settings.clone()));
        }
    }
    Action::Keep { drop, build }
}

/// Writes `segment` again, to the same name, with the indexes that have settings: the last step of creation.
pub(crate) fn attach(segment: &ImmutableSegment, schema: &Schema, indexing: &IndexingConfig) -> Result<BuiltSegment> {
    let task = |(index, column): (usize, &Column)| {
        let name = column.metadata().name.clone();
        let mut build = Plan::nothing();
        build.attached = schema.field(&name).map(|_| attached::wanted(indexing, &name)).unwrap_or_default();
        Task { name, column: Some(index as u32), action: Action::Keep { drop: Vec::new(), build } }
    };
    rewrite(segment, segment.columns().iter().enumerate().map(task).collect(), segment.path())
}

fn rewrite(segment: &ImmutableSegment, tasks: Vec<Task>, to: &Path) -> Result<BuiltSegment> {
    let work_dir = to.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let threads = std::thread::available_parallelism().map_or(1, |n| n.get());
    let metadata = SegmentMetadata { columns: Vec::new(), size_bytes: 0, ..segment.metadata().clone() };
    let tasks = tasks.into_iter().map(|task| creator::Task { name: task.name.clone(), work: Some(task) }).collect();
    let built = assemble(metadata, tasks, threads, to, |task| perform(segment, &task, work_dir))?;
    segment.container().release_pages();
    Ok(built)
}

fn perform(segment: &ImmutableSegment, task: &Task, work_dir: &Path) -> Result<FinishedColumn> {
    let num_docs = segment.num_docs();
    match (&task.action, task.column) {
        (Action::Keep { drop, build }, Some(index)) => keep(segment, index, drop, build, work_dir),
        (Action::Rebuild { field, plan }, Some(index)) => {
            let column = &segment.columns()[index as usize];
            let mut builder = ColumnBuilder::new(field, plan.clone(), work_dir)?;
            for first in (0..num_docs).step_by(ROWS as usize) {
                let rows = first..num_docs.min(first.saturating_add(ROWS));
                let values = with_nulls(column, column.values_range(rows.clone()), rows.start);
                builder.append(Some(&values), rows.len())?;
            }
            let mut finished = builder.finish()?;
            finished.metadata.auto_generated = column.metadata().auto_generated;
            finished.metadata.default_null_value = column.metadata().default_null_value.clone();
            Ok(finished)
        }
        (Action::Add { field, plan }, _) => {
            let mut builder = ColumnBuilder::new(field, plan.clone(), work_dir)?;
            for first in (0..num_docs).step_by(ROWS as usize) {
                builder.append(None, (num_docs - first).min(ROWS) as usize)?;
            }
            let mut finished = builder.finish()?;
            finished.metadata.auto_generated = true;
            Ok(finished)
        }
        (Action::Keep { .. } | Action::Rebuild { .. }, None) => {
            Err(Error::Worker { segment: segment.name().to_owned(), column: task.name.clone() })
        }
    }
}

/// The values with the null vector's docs made null again.
fn with_nulls(column: &Column, values: ArrayRef, first: u32) -> ArrayRef {
    let Some(nulls) = column.nulls() else { return values };
    let validity: NullBuffer = (0..values.len() as u32).map(|row| !nulls.contains(first + row)).collect();
    match values.to_data().into_builder().nulls(Some(validity)).build() {
        Ok(data) => make_array(data),
        Err(_) => Arc::clone(&values),
    }
}

fn keep(
    segment: &ImmutableSegment,
    index: u32,
    drop: &[Kind],
    build: &Plan,
    work_dir: &Path,
) -> Result<FinishedColumn> {
    let container = segment.container();
    let column = &segment.columns()[index as usize];
    let mut kept = Vec::new();
    for entry in container.directory().sections.iter().filter(|s| s.column == index && !drop.contains(&s.kind)) {
        if let Some(section) = container.section(index, entry.kind) {
            kept.push((entry.kind, Part::Kept { bytes: section.buffer(), crc: entry.crc }));
        }
    }
    let mut meta = column.metadata().clone();
    let mut built = Vec::new();
    let num_docs = segment.num_docs();
    if column.dictionary().is_none() {
        let total = column.total_entries();
        derived::build_on_numbers(build, total, &mut ColumnNumbers { column }, work_dir, &mut built)?;
    } else if build.inverted || build.range {
        let counts = counts(column, num_docs)?;
        derived::build_on_ids(build, &counts, &mut ColumnIds { column, num_docs }, work_dir, &mut built)?;
    }
    derived::build_bloom(build, &mut |insert| hashes(column, insert), work_dir, &mut built)?;
    if build.bloom.is_some() || drop.contains(&Kind::Bloom) {
        attach_bloom(&mut meta, &mut built)?;
    }
    for kind in drop {
        meta.index_settings.remove(size_name(*kind));
    }
    for (kind, settings) in &build.attached {
        let Some(attached) = attached::of_kind(*kind) else { continue };
        let source = Source { column, num_docs, work_dir };
        if let Some(section) = (attached.build)(&source, settings)? {
            built.push((*kind, section));
        }
        meta.index_settings.insert(size_name(*kind).to_owned(), settings.clone());
    }
    Ok(FinishedColumn::new(meta, kept, built))
}
