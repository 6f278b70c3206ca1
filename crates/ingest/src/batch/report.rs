//! What became of the rows.

use segment::creator::BuiltSegment;

use super::Piece;
use crate::{Error, RowError};

/// A finished ingestion.
#[derive(Clone, Debug)]
pub struct BatchReport {
    pub segment: BuiltSegment,
    /// Size of the file as it lies on the disk, compressed or not.
    pub bytes_read: u64,
    /// Records of the file, those that cannot be read included; unnesting and filtering come after.
    pub rows_read: u64,
    pub rows_indexed: u64,
    /// Records that cannot be read and were left out.
    pub rows_rejected: u64,
    /// Rows dropped by the table's filter.
    pub rows_filtered: u64,
    /// Rows indexed with nulls in place of values that do not convert (`continueOnError`).
    pub rows_incomplete: u64,
    /// Texts that were cut to their column's limit.
    pub values_sanitized: u64,
    /// The first [`RowError::KEPT`] errors, in file order.
    pub first_errors: Vec<RowError>,
}

/// Adds pieces up, in file order.
pub(super) struct Tally<'a> {
    file: &'a str,
    continue_on_error: bool,
    /// Lines before the next piece.
    lines: u64,
    rows_read: u64,
    rows_rejected: u64,
    rows_filtered: u64,
    rows_faulty: u64,
    values_sanitized: u64,
    errors: Vec<RowError>,
}

impl<'a> Tally<'a> {
    pub fn new(file: &'a str, continue_on_error: bool) -> Self {
        Self {
            file,
            continue_on_error,
            lines: 0,
            rows_read: 0,
            rows_rejected: 0,
            rows_filtered: 0,
            rows_faulty: 0,
            values_sanitized: 0,
            errors: Vec::new(),
        }
    }

    /// Counts a piece. An error when one of its records forbids to go on, or enough bad rows of a load that must not
    /// have any are known.
    pub fn add(&mut self, piece: &Piece) -> Result<(), Error> {
        let processed = &piece.processed;
        self.rows_read += processed.rows_read + piece.rejected.len() as u64;
        self.rows_rejected += piece.rejected.len() as u64;
        self.rows_filtered += processed.rows_filtered;
        self.rows_faulty += processed.faulty_rows;
        self.values_sanitized += processed.sanitized;
        let error = |line: u64, column: &str, reason: &str| RowError {
            file: self.file.to_owned(),
            line: self.lines + line + 1,
            column: column.to_owned(),
            reason: reason.to_owned(),
        };
        let rejected = piece.rejected.iter().map(|r| error(r.line, "", &r.reason));
        let faults = processed.faults.iter().map(|f| error(f.line, &f.column, &f.reason));
        let mut new: Vec<RowError> = rejected.chain(faults).collect();
        new.sort_by_key(|e| e.line);
        let fatal = piece.rejected.iter().find(|r| r.fatal);
        if let Some(fatal) = fatal {
            let (line, reason) = (self.lines + fatal.line + 1, fatal.reason.clone());
            return Err(connectors::Error::Record { file: self.file.to_owned(), line, reason }.into());
        }
        self.lines += piece.line_count;
        self.errors.extend(new);
        self.errors.truncate(RowError::KEPT);
        if !self.continue_on_error && self.rows_faulty >= RowError::KEPT as u64 {
            return self.finish();
        }
        Ok(())
    }

    /// An error when rows were faulty and the table does not go on with such.
    pub fn finish(&self) -> Result<(), Error> {
        if self.continue_on_error || self.rows_faulty == 0 {
            return Ok(());
        }
        Err(Error::Rows { file: self.file.to_owned(), bad_rows: self.rows_faulty, first: self.errors.clone() })
    }

    pub fn report(self, segment: BuiltSegment, bytes_read: u64) -> BatchReport {
        BatchReport {
            bytes_read,
            rows_read: self.rows_read,
            rows_indexed: segment.num_docs.into(),
            rows_rejected: self.rows_rejected,
            rows_filtered: self.rows_filtered,
            rows_incomplete: self.rows_faulty,
            values_sanitized: self.values_sanitized,
            first_errors: self.errors,
            segment,
        }
    }
}
