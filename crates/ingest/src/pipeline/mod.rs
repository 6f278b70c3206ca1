//! The steps between a raw row and a row of the schema, compiled once per table and run batch by batch.
//!
//! Order: complex types, transforms, filter, catch-all columns, type conversion (with special values and sanitising), time check. What a
//! step cannot do for a row becomes a fault of that row; who runs the pipeline applies the table's policy to it. Under
//! `continueOnError` a faulty value has already become null here.

mod complex;
mod conforming;
mod expression;
mod order;
mod rows;
mod time;
mod transform;

#[cfg(test)]
mod tests;

use std::{
    collections::{BTreeMap, BTreeSet, HashSet},
    sync::Arc,
};

use arrow::{
    array::{Array, ArrayRef, AsArray, BooleanArray, RecordBatch, RecordBatchOptions},
    compute::filter_record_batch,
    datatypes::{Field as ArrowField, Schema as ArrowSchema, SchemaRef},
};
use connectors::format::{Field, RawBatch, RawColumn};
use functions::Data;
use model::{Schema, TableConfig};

pub(crate) use self::rows::texts_fit;
use self::{
    complex::ComplexTypes,
    conforming::Conforming,
    expression::Expression,
    rows::{Column, Rows},
    time::TimeColumn,
    transform::Transforms,
};
use crate::{
    Error,
    convert::{ColumnRules, ColumnWriter, Fault, text_column},
};

/// A table's ingestion, ready to run. Shared by all threads of a load.
pub struct Pipeline {
    schema: Arc<Schema>,
    columns: Vec<ColumnRules>,
    arrow_schema: SchemaRef,
    complex: Option<ComplexTypes>,
    transforms: Transforms,
    filter: Option<Expression>,
    conforming: Option<Conforming>,
    time: Option<TimeColumn>,
    continue_on_error: bool,
}

/// A faulty value of a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RowFault {
    /// From 0 at the batch's start.
    pub line: u64,
    /// Empty where the row as a whole is at fault.
    pub column: Arc<str>,
    pub reason: String,
}

/// What came out of one raw batch.
#[derive(Debug)]
pub struct Processed {
    /// The schema's columns as far as the input has them, in schema order; a null slot has no value, nor has a column
    /// that is absent. Texts may be a dictionary array with 32-bit keys, except in the time column.
    pub batch: RecordBatch,
    /// Rows of the raw batch.
    pub rows_read: u64,
    /// Rows dropped by the filter.
    pub rows_filtered: u64,
    /// In row order; at most [`Processed::KEPT_FAULTS`].
    pub faults: Vec<RowFault>,
    /// Rows with at least one faulty value.
    pub faulty_rows: u64,
    /// Texts that were cut or replaced.
    pub sanitized: u64,
}

impl Processed {
    pub const KEPT_FAULTS: usize = 10;
}

/// Rows that no schema was applied to.
pub(crate) struct Loose {
    pub rows: Vec<BTreeMap<String, Field>>,
    pub rows_read: u64,
    pub rows_filtered: u64,
    pub faults: Vec<RowFault>,
    pub faulty_rows: u64,
}

/// The faults of one batch while it is processed.
#[derive(Default)]
struct Faults<'a> {
    rows: HashSet<usize>,
    kept: Vec<(usize, Arc<str>, String)>,
    dropped: Option<&'a [bool]>,
}

impl Faults<'_> {
    fn add(&mut self, row: usize, column: &str, reason: String) {
        if self.dropped.is_some_and(|d| d[row]) {
            return;
        }
        self.rows.insert(row);
        // Faults come column by column; the first rows are wanted.
        if self.kept.len() >= 4 * Processed::KEPT_FAULTS {
            self.kept.sort_by_key(|(row, _, _)| *row);
            self.kept.truncate(Processed::KEPT_FAULTS);
            if self.kept.last().is_some_and(|(last, _, _)| row >= *last) {
                return;
            }
        }
        self.kept.push((row, column.into(), reason));
    }
}

impl Pipeline {
    /// Compiles a table's ingestion config. `now_ms` is the ingestion time that stands where a row has no time.
    pub fn new(schema: &Schema, table: &TableConfig, now_ms: i64) -> Result<Self, Error> {
        let config = table.ingestion();
        let time = table.time_column().and_then(|name| TimeColumn::new(schema, name, config.row_time_value_check));
        let schema = Arc::new(match &time {
            Some(time) => time.with_default(schema, now_ms),
            None => schema.clone(),
        });
        let stored = || schema.fields.iter().filter(|f| !f.is_virtual());
        let mut columns: Vec<ColumnRules> = stored().map(ColumnRules::new).collect();
        // The time range of a batch is read from its values.
        let times = columns.iter_mut().filter(|c| table.time_column() == Some(c.name.as_str()));
        times.for_each(|column| column.passes_dictionaries = false);
        let arrow_fields = stored().map(|f| ArrowField::new(&f.name, f.column_type().arrow(), true));
        let arrow_schema = Arc::new(ArrowSchema::new(arrow_fields.collect::<Vec<_>>()));
        Ok(Self {
            transforms: Transforms::new(&schema, config)?,
            filter: config.filter.as_deref().map(Expression::filter).transpose()?,
            conforming: config.schema_conforming.as_ref().map(|c| Conforming::new(c, &schema)).transpose()?,
            complex: config.complex_types.as_ref().map(ComplexTypes::new),
            columns,
            arrow_schema,
            time,
            continue_on_error: config.continue_on_error,
            schema,
        })
    }

    /// The schema that the segment is to be built with: as given, but for the default of the time column where that
    /// is no valid time.
    pub fn schema(&self) -> &Arc<Schema> {
        &self.schema
    }

    /// Faulty values become nulls instead of failing the load.
    pub fn continue_on_error(&self) -> bool {
        self.continue_on_error
    }

    /// The input fields that are needed; `None` for all, as whole records.
    pub fn input_columns(&self) -> Option<BTreeSet<String>> {
        if self.complex.is_some() || self.conforming.is_some() {
            return None;
        }
        let mut names: BTreeSet<String> = self.columns.iter().map(|c| c.name.clone()).collect();
        names.extend(self.transforms.arguments().map(str::to_owned));
        names.extend(self.filter.iter().flat_map(|f| f.arguments().iter().cloned()));
        Some(names)
    }

    /// Takes a batch through all steps. `now_ms` is what `now()` gives.
    pub fn run(&self, raw: RawBatch, now_ms: i64) -> Result<Processed, Error> {
        let rows_read = raw.rows as u64;
        let mut faults = Faults::default();
        let wanted = self.conforming.is_none().then(|| self.wanted());
        let (mut rows, dropped) = self.rows(raw, now_ms, wanted.as_ref(), &mut faults);
        if let Some(conforming) = &self.conforming {
            rows = conforming.apply(&rows, &mut faults);
        }
        faults.dropped = dropped.as_deref();
        let mut sanitized = 0;
        let mut arrays = Vec::with_capacity(self.columns.len());
        let mut fields = Vec::with_capacity(self.columns.len());
        for (rules, field) in self.columns.iter().zip(self.arrow_schema.fields()) {
            if let Some(column) = rows.get(&rules.name) {
                let array = convert(rules, column, rows.len, dropped.as_deref(), &mut faults, &mut sanitized)?;
                let same = array.data_type() == field.data_type();
                let typed = || Arc::new(field.as_ref().clone().with_data_type(array.data_type().clone()));
                fields.push(if same { field.clone() } else { typed() });
                arrays.push(array);
            }
        }
        if let Some(time) = &self.time
            && let Some(at) = fields.iter().position(|f| f.name() == time.name())
        {
            let reported = &mut |row, reason| faults.add(row, time.name(), reason);
            arrays[at] = time.check(arrays[at].clone(), self.continue_on_error, reported);
        }
        let lines = rows.lines;
        let (kept, faulty_rows) = (faults.kept, faults.rows.len() as u64);
        let options = RecordBatchOptions::new().with_row_count(Some(rows.len));
        let batch = RecordBatch::try_new_with_options(Arc::new(ArrowSchema::new(fields)), arrays, &options)
            .map_err(internal)?;
        let (batch, rows_filtered) = match dropped {
            None => (batch, 0),
            Some(dropped) => {
                let filtered = dropped.iter().filter(|&&d| d).count() as u64;
                let keep: BooleanArray = dropped.iter().map(|d| Some(!d)).collect();
                (filter_record_batch(&batch, &keep).map_err(internal)?, filtered)
            }
        };
        Ok(Processed { batch, rows_read, rows_filtered, faults: first_faults(kept, &lines), faulty_rows, sanitized })
    }

    /// The steps before the schema: complex types, transforms, filter. Gives the rows and which of them are dropped.
    fn rows(
        &self,
        raw: RawBatch,
        now_ms: i64,
        wanted: Option<&HashSet<&str>>,
        faults: &mut Faults<'_>,
    ) -> (Rows, Option<Vec<bool>>) {
        let mut rows = match &self.complex {
            Some(complex) => {
                let lines = raw.row_lines.clone();
                let records = if self.transforms.comes_before_complex() {
                    let mut early = Rows::new(rows::opened(raw));
                    self.transforms.apply_before_complex(&mut early, now_ms, &self.schema, faults);
                    (0..early.len).map(|row| early.record(row).into_iter().collect()).collect()
                } else {
                    complex::whole_records(raw)
                };
                complex.apply(records, &lines, wanted, faults)
            }
            None => {
                let raw = if wanted.is_none() { rows::opened(raw) } else { raw };
                let mut rows = Rows::new(raw);
                self.transforms.apply_before_complex(&mut rows, now_ms, &self.schema, faults);
                rows
            }
        };
        self.transforms.apply(&mut rows, now_ms, &self.schema, faults);
        let dropped = self.filter.as_ref().and_then(|f| transform::filter(f, &mut rows, now_ms, &self.schema, faults));
        if let Some(dropped) = &dropped {
            faults.rows.retain(|&row| !dropped[row]);
            faults.kept.retain(|(row, _, _)| !dropped[*row]);
        }
        (rows, dropped)
    }

    /// The steps before the schema, for a batch of whole records: every field that a row then has.
    pub(crate) fn run_loose(&self, raw: RawBatch, now_ms: i64) -> Loose {
        let rows_read = raw.rows as u64;
        let mut faults = Faults::default();
        let (rows, dropped) = self.rows(raw, now_ms, None, &mut faults);
        let is_dropped = |row: usize| dropped.as_ref().is_some_and(|d| d[row]);
        let kept: Vec<BTreeMap<String, Field>> =
            (0..rows.len).filter(|&row| !is_dropped(row)).map(|row| rows.record(row)).collect();
        Loose {
            rows_read,
            rows_filtered: (rows.len - kept.len()) as u64,
            rows: kept,
            faulty_rows: faults.rows.len() as u64,
            faults: first_faults(faults.kept, &rows.lines),
        }
    }

    /// Every name that a later step may ask for.
    fn wanted(&self) -> HashSet<&str> {
        let filter = self.filter.iter().flat_map(|f| f.arguments().iter().map(String::as_str));
        self.columns.iter().map(|c| c.name.as_str()).chain(self.transforms.arguments()).chain(filter).collect()
    }
}

/// The column's array of the schema's type.
fn convert(
    rules: &ColumnRules,
    column: &Column,
    rows: usize,
    dropped: Option<&[bool]>,
    faults: &mut Faults<'_>,
    sanitized: &mut u64,
) -> Result<ArrayRef, Error> {
    if let Column::Raw(RawColumn::Text(text)) = column {
        let converted = text_column(text, rows, rules, dropped).map_err(internal)?;
        for Fault { row, reason } in converted.faults {
            faults.add(row, &rules.name, reason);
        }
        *sanitized += converted.sanitized;
        return Ok(converted.array);
    }
    if let Some(array) = column.as_stored(rules) {
        return Ok(array);
    }
    let mut out = ColumnWriter::new(rules, rows);
    if let Column::Raw(RawColumn::Array(array)) = column
        && let Some(texts) = rows::flat(array).as_string_opt::<i32>()
    {
        // One text is used again and again, so that none is made for each row.
        let mut field = Field::Text(String::new());
        for row in 0..rows {
            if texts.is_null(row) || dropped.is_some_and(|d| d[row]) {
                out.push_null();
                continue;
            }
            if let Field::Text(text) = &mut field {
                text.clear();
                text.push_str(texts.value(row));
            }
            if let Err(reason) = out.push(&field) {
                faults.add(row, &rules.name, reason);
            }
        }
        *sanitized += out.sanitized();
        return out.finish().map_err(internal);
    }
    for row in 0..rows {
        if dropped.is_some_and(|d| d[row]) {
            out.push_null();
        } else if let Err(reason) = column.with_field(row, |field| out.push(field)) {
            faults.add(row, &rules.name, reason);
        }
    }
    *sanitized += out.sanitized();
    out.finish().map_err(internal)
}

fn first_faults(mut kept: Vec<(usize, Arc<str>, String)>, lines: &connectors::format::RowLines) -> Vec<RowFault> {
    kept.sort_by_key(|(row, _, _)| *row);
    kept.truncate(Processed::KEPT_FAULTS);
    kept.into_iter().map(|(row, column, reason)| RowFault { line: lines.line(row), column, reason }).collect()
}

fn internal(e: arrow::error::ArrowError) -> Error {
    Error::Internal { file: "a batch".to_owned(), reason: e.to_string() }
}

/// Whether a vector holds no value at all.
fn is_null_constant(data: &Data) -> bool {
    matches!(data, Data::Constant(v) if v.is_null())
}
