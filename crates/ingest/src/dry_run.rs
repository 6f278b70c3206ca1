//! What a table's ingestion config makes of a file, without a schema and without a segment.

use std::{collections::BTreeMap, path::Path};

use connectors::format::{self, Field, Format, ReadOptions};
use model::{Schema, TableConfig};

use crate::{Error, Pipeline, RowError};

/// What became of the rows of a dry run.
#[derive(Clone, Debug, Default)]
pub struct DryRun {
    pub rows_read: u64,
    pub rows_filtered: u64,
    /// Records that cannot be read.
    pub rows_rejected: u64,
    /// Rows with a value that a transform could not make.
    pub rows_faulty: u64,
    /// The first [`RowError::KEPT`] of both.
    pub first_errors: Vec<RowError>,
}

/// Takes every record of a file through the complex types, transforms and filter of a table and hands out what a row
/// then has, sorted by name: the fields of the input and the results of the transforms. Ends early on an error of
/// `row`.
///
/// Reads on this thread; the file may be of any size.
pub fn run(
    input: &Path,
    format: Format,
    reader_properties: &BTreeMap<String, String>,
    table: &TableConfig,
    now_ms: i64,
    row: &mut dyn FnMut(BTreeMap<String, Field>) -> Result<(), Error>,
) -> Result<DryRun, Error> {
    let name = input.file_name().map_or_else(String::new, |n| n.to_string_lossy().into_owned());
    let pipeline = Pipeline::new(&Schema::new(table.raw_name().as_str(), Vec::new()), table, now_ms)?;
    let options = ReadOptions { properties: reader_properties.clone(), ..ReadOptions::default() };
    let mut reader = format::open(input, &name, format, &options)?;
    let mut out = DryRun::default();
    let mut lines = 0;
    while let Some(job) = reader.next_job()? {
        let raw = job()?;
        let (line_count, rejected) = (raw.line_count, raw.rejected.clone());
        let loose = pipeline.run_loose(raw, now_ms);
        out.rows_read += loose.rows_read + rejected.len() as u64;
        out.rows_rejected += rejected.len() as u64;
        out.rows_filtered += loose.rows_filtered;
        out.rows_faulty += loose.faulty_rows;
        let error = |line: u64, column: &str, reason: String| RowError {
            file: name.clone(),
            line: lines + line + 1,
            column: column.to_owned(),
            reason,
        };
        let fatal = rejected.iter().find(|r| r.fatal).map(|r| error(r.line, "", r.reason.clone()));
        let faults = loose.faults.into_iter().map(|f| error(f.line, &f.column, f.reason));
        out.first_errors.extend(rejected.into_iter().map(|r| error(r.line, "", r.reason)).chain(faults));
        out.first_errors.truncate(RowError::KEPT);
        for fields in loose.rows {
            row(fields)?;
        }
        if let Some(fatal) = fatal {
            let RowError { file, line, reason, .. } = fatal;
            return Err(connectors::Error::Record { file, line, reason }.into());
        }
        lines += line_count;
    }
    Ok(out)
}
