//! JSON: objects one after another (a line each, or not), or a top-level array of objects.

mod columns;
mod parse;
mod split;

#[cfg(test)]
mod tests;

use std::{collections::BTreeSet, io::Read, sync::Arc};

use self::{columns::Columns, parse::Parser, split::Splitter};
use super::{DecodeJob, Field, RawBatch, RawColumn, ReadOptions, RecordReader, RowLines, input, raw::RECORD_COLUMN};
use crate::Error;

const BOM: &[u8] = b"\xef\xbb\xbf";
const CHUNK_BYTES: usize = 1 << 20;
const MAX_RECORD_BYTES: usize = 256 << 20;

/// Reads a JSON file in chunks of whole objects.
pub(super) struct JsonReader<R> {
    input: R,
    shared: Arc<Shared>,
    pending: Vec<u8>,
    splitter: Splitter,
    /// The next chunk starts between the elements of a top-level array.
    in_array: bool,
    started: bool,
    ended: bool,
    chunk_bytes: usize,
}

struct Shared {
    file: String,
    wanted: Option<BTreeSet<String>>,
}

impl<R: Read + Send> JsonReader<R> {
    pub fn new(input: R, file: &str, options: &ReadOptions) -> Self {
        Self::with_chunk_size(input, file, options, CHUNK_BYTES)
    }

    fn with_chunk_size(input: R, file: &str, options: &ReadOptions, chunk_bytes: usize) -> Self {
        let shared = Shared { file: file.to_owned(), wanted: options.columns.clone() };
        Self {
            input,
            shared: Arc::new(shared),
            pending: Vec::new(),
            splitter: Splitter::default(),
            in_array: false,
            started: false,
            ended: false,
            chunk_bytes: chunk_bytes.max(BOM.len()),
        }
    }

    /// The first record, exactly as it is written. `None` when there is none.
    pub fn first_record(mut self) -> Result<Option<Field>, Error> {
        let end = self.fill()?;
        let mut parser = Parser::exact(&self.pending[..end]);
        if parser.peek() == Some(b'[') {
            parser.pass();
        }
        if matches!(parser.peek(), None | Some(b']')) {
            return Ok(None);
        }
        let line = u64::from(parser.line()) + 1;
        let record = parser.value();
        record.map(Some).map_err(|reason| Error::Record { file: self.shared.file.clone(), line, reason })
    }

    /// Reads on until `pending` holds a whole object, then says where the last one ends.
    fn fill(&mut self) -> Result<usize, Error> {
        let mut want = self.chunk_bytes;
        loop {
            let have = self.pending.len();
            if !self.ended && have < want {
                self.pending.resize(want, 0);
                let read = input::fill(&mut self.input, &mut self.pending[have..]);
                let got = read.map_err(|source| Error::Read { file: self.shared.file.clone(), source })?;
                self.pending.truncate(have + got);
                self.ended = have + got < want;
                if !self.started && self.pending.starts_with(BOM) {
                    self.pending.drain(..BOM.len());
                }
                self.started = true;
            }
            self.splitter.scan(&self.pending);
            if self.ended && !self.splitter.is_full() {
                // What is left may be broken off; the parser then says where.
                return Ok(self.pending.len());
            }
            if let Some(end) = self.splitter.last_end() {
                return Ok(end);
            }
            if want >= MAX_RECORD_BYTES {
                return Err(Error::Malformed {
                    file: self.shared.file.clone(),
                    format: "JSON",
                    reason: format!("a record is longer than {} MB", MAX_RECORD_BYTES >> 20),
                });
            }
            want *= 2;
        }
    }
}

impl<R: Read + Send> RecordReader for JsonReader<R> {
    fn next_job(&mut self) -> Result<Option<DecodeJob>, Error> {
        let end = self.fill()?;
        if end == 0 && !self.in_array {
            return Ok(None);
        }
        let mut next = Vec::with_capacity(self.chunk_bytes.max(self.pending.len() - end));
        next.extend_from_slice(&self.pending[end..]);
        let mut chunk = std::mem::replace(&mut self.pending, next);
        chunk.truncate(end);
        let in_array = self.in_array;
        // An array that is still open at the end gets a last, empty piece that says so.
        self.in_array = self.splitter.cut(end) && end > 0;
        let (shared, last) = (self.shared.clone(), self.ended && self.pending.is_empty());
        Ok(Some(Box::new(move || Ok(shared.decode(&chunk, in_array, last)))))
    }
}

impl Shared {
    fn decode(&self, chunk: &[u8], in_array: bool, last: bool) -> RawBatch {
        let mut parser = Parser::new(chunk);
        let mut rows = Rows::new(self.wanted.as_ref());
        let mut lines = Vec::new();
        let mut in_array = in_array;
        let mut rejected = Vec::new();
        loop {
            let Some(next) = parser.peek() else {
                if in_array && last {
                    rejected.push(parser.rejected("the array that holds the records is not closed"));
                }
                break;
            };
            match next {
                b'[' if !in_array => in_array = true,
                b']' if in_array => in_array = false,
                b',' if in_array => {}
                b'{' => {
                    let line = parser.line();
                    if let Err(fault) = rows.read(&mut parser) {
                        rejected.push(parser.rejected(&fault));
                        break;
                    }
                    lines.push(line);
                    continue;
                }
                _ => {
                    let found = parser.shown();
                    rejected.push(parser.rejected(&format!("expected a JSON object, found {found}")));
                    break;
                }
            }
            parser.pass();
        }
        let rows_read = lines.len();
        RawBatch {
            rows: rows_read,
            columns: rows.finish(rows_read),
            row_lines: RowLines::Each(lines),
            line_count: parser.lines_in_all(),
            rejected,
        }
    }
}

/// One value from a text, exactly as it is written.
pub(super) fn parse_exact(text: &str) -> Result<Field, String> {
    let mut parser = Parser::exact(text.as_bytes());
    let value = parser.value()?;
    match parser.peek() {
        None => Ok(value),
        Some(_) => Err(format!("{} stands behind the JSON value", parser.shown())),
    }
}

/// Where parsed objects go: into columns, or whole.
enum Rows<'a> {
    Columns(Columns<'a>),
    Whole(Vec<Field>),
}

impl<'a> Rows<'a> {
    fn new(wanted: Option<&'a BTreeSet<String>>) -> Self {
        match wanted {
            Some(wanted) => Self::Columns(Columns::new(wanted)),
            None => Self::Whole(Vec::new()),
        }
    }

    fn read(&mut self, parser: &mut Parser<'_>) -> Result<(), String> {
        match self {
            Self::Columns(columns) => columns.read(parser),
            Self::Whole(records) => {
                records.push(parser.value()?);
                Ok(())
            }
        }
    }

    fn finish(self, rows: usize) -> Vec<(Arc<str>, RawColumn)> {
        match self {
            Self::Columns(columns) => columns.finish(rows),
            Self::Whole(mut records) => {
                records.truncate(rows);
                vec![(RECORD_COLUMN.into(), RawColumn::Fields(records))]
            }
        }
    }
}
