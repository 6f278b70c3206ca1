//! Delimited text.

mod config;
mod split;
mod tokens;

#[cfg(test)]
mod tests;

use std::{collections::HashSet, io::Read, sync::Arc};

use self::{
    config::Settings,
    tokens::{Cells, Layout, UNWANTED},
};
use super::{DecodeJob, RawBatch, RawColumn, ReadOptions, RecordReader, RowLines, TextColumn, TextTable, input};
use crate::Error;

const BOM: &[u8] = b"\xef\xbb\xbf";
/// About as much as fits a core's cache together with its cells.
const CHUNK_BYTES: usize = 1 << 20;
/// The longest record; a longer one most likely has a quote that never closes.
const MAX_RECORD_BYTES: usize = 64 << 20;

/// Reads a delimited file in chunks of whole records.
pub(super) struct CsvReader<R> {
    input: R,
    shared: Arc<Shared>,
    /// Read and not yet handed out.
    pending: Vec<u8>,
    /// Lines at the start of `pending` that belong to a header already read.
    header_lines: u32,
    /// Bytes of those lines.
    header_bytes: usize,
    started: bool,
    ended: bool,
    chunk_bytes: usize,
}

struct Shared {
    settings: Settings,
    file: String,
    names: Vec<Arc<str>>,
    targets: Vec<u32>,
}

impl<R: Read + Send> CsvReader<R> {
    pub fn new(input: R, file: &str, options: &ReadOptions) -> Result<Self, Error> {
        Self::with_chunk_size(input, file, options, CHUNK_BYTES)
    }

    fn with_chunk_size(input: R, file: &str, options: &ReadOptions, chunk_bytes: usize) -> Result<Self, Error> {
        let settings = Settings::new(options)?;
        let shared = Shared { settings, file: file.to_owned(), names: Vec::new(), targets: Vec::new() };
        let mut reader = Self {
            input,
            shared: Arc::new(shared),
            pending: Vec::new(),
            header_lines: 0,
            header_bytes: 0,
            started: false,
            ended: false,
            chunk_bytes: chunk_bytes.max(BOM.len()),
        };
        let header = reader.header()?;
        let (names, targets) = columns(&header, options, file)?;
        if let Some(shared) = Arc::get_mut(&mut reader.shared) {
            (shared.names, shared.targets) = (names, targets);
        }
        Ok(reader)
    }

    /// Reads on until a record ends in `pending` behind the first `beyond` bytes, then says where the last one ends.
    fn fill(&mut self, beyond: usize) -> Result<usize, Error> {
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
            if self.ended {
                return Ok(self.pending.len());
            }
            if let Some(end) = split::last_record_end(&self.shared.settings, &mut self.pending)
                && end > beyond
            {
                return Ok(end);
            }
            if want >= MAX_RECORD_BYTES {
                return Err(self.malformed(format!(
                    "a record is longer than {} MB, is there a quote that never closes?",
                    MAX_RECORD_BYTES >> 20
                )));
            }
            want *= 2;
        }
    }

    fn malformed(&self, reason: String) -> Error {
        Error::Malformed { file: self.shared.file.clone(), format: "CSV", reason }
    }

    /// The column names, from the settings or the file's first record.
    fn header(&mut self) -> Result<Vec<String>, Error> {
        let given = self.shared.settings.header.clone();
        let skip = self.shared.settings.skip_header;
        if given.is_none() || skip {
            let first = self.first_record(true)?;
            if given.is_none() {
                return Ok(first);
            }
        }
        let text = given.unwrap_or_default();
        let delimiter = String::from_utf8_lossy(&self.shared.settings.delimiter).into_owned();
        if !text.contains(&delimiter) && self.first_record(false)?.len() > 1 {
            return Err(Error::Property {
                key: "header".to_owned(),
                value: text,
                reason: format!("Header does not contain the configured delimiter '{delimiter}'"),
            });
        }
        if text.is_empty() {
            return Ok(Vec::new());
        }
        // Names may be quoted as cells are.
        let (mut bytes, mut cells) = (text.into_bytes(), Vec::new());
        tokens::general(&self.shared.settings, &mut bytes, 0, true, &mut cells);
        let name = |(start, end): (usize, usize)| String::from_utf8_lossy(&bytes[start..end]).trim().to_owned();
        Ok(cells.into_iter().map(name).collect())
    }

    /// The cells of the next record; with `take` it is passed over.
    fn first_record(&mut self, take: bool) -> Result<Vec<String>, Error> {
        let mut cells = Vec::new();
        let (mut pos, mut lines) = (self.header_bytes, self.header_lines);
        loop {
            let end = self.fill(pos)?;
            if end <= pos {
                return Ok(Vec::new());
            }
            // A copy, since the cells are decoded in place.
            let mut bytes = self.pending[..end].to_vec();
            while pos < end {
                let record = tokens::general(&self.shared.settings, &mut bytes, pos, true, &mut cells);
                pos = record.behind;
                lines += record.lines;
                if record.skip {
                    continue;
                }
                if record.problem.is_some() {
                    return Err(self.malformed("its header has a quote that is not closed as it should be".to_owned()));
                }
                if take {
                    (self.header_bytes, self.header_lines) = (pos, lines);
                }
                return Ok(cells.iter().map(|&(a, b)| String::from_utf8_lossy(&bytes[a..b]).into_owned()).collect());
            }
        }
    }
}

/// The wanted columns and, for each column of the file, which of them it is.
fn columns(header: &[String], options: &ReadOptions, file: &str) -> Result<(Vec<Arc<str>>, Vec<u32>), Error> {
    let mut names: Vec<Arc<str>> = Vec::new();
    let mut targets = Vec::with_capacity(header.len());
    let mut seen = HashSet::with_capacity(header.len());
    for name in header {
        if !name.is_empty() && !seen.insert(name) {
            return Err(Error::Malformed {
                file: file.to_owned(),
                format: "CSV",
                reason: format!("its header has the name '{name}' twice"),
            });
        }
        if name.is_empty() || !options.wants(name) {
            targets.push(UNWANTED);
            continue;
        }
        targets.push(names.len() as u32);
        names.push(name.as_str().into());
    }
    Ok((names, targets))
}

impl<R: Read + Send> RecordReader for CsvReader<R> {
    fn next_job(&mut self) -> Result<Option<DecodeJob>, Error> {
        let end = self.fill(self.header_bytes)?;
        if end == 0 {
            return Ok(None);
        }
        let mut next = Vec::with_capacity(self.chunk_bytes.max(self.pending.len() - end));
        next.extend_from_slice(&self.pending[end..]);
        let mut chunk = std::mem::replace(&mut self.pending, next);
        chunk.truncate(end);
        let header = (std::mem::take(&mut self.header_bytes), std::mem::take(&mut self.header_lines));
        let shared = self.shared.clone();
        Ok(Some(Box::new(move || shared.decode(chunk, header))))
    }
}

impl Shared {
    fn decode(&self, chunk: Vec<u8>, (from, lines): (usize, u32)) -> Result<RawBatch, Error> {
        let mut from = from;
        let mut buffer = chunk;
        if let Err(_broken) = std::str::from_utf8(&buffer) {
            let head = String::from_utf8_lossy(&buffer[..from]).len();
            buffer = String::from_utf8_lossy(&buffer).into_owned().into_bytes();
            from = head;
        }
        let width = self.names.len();
        let layout = Layout { settings: &self.settings, targets: &self.targets, width };
        let mut out = Cells { lines, ..Cells::default() };
        layout.tokenize(&mut buffer, from, &mut out);
        let text = std::str::from_utf8(&buffer).unwrap_or_default();
        let table = Arc::new(TextTable {
            multi_value_delimiter: self.settings.multi_value_delimiter.filter(|c| text.contains(*c)),
            has_nul: memchr::memchr(0, &buffer).is_some(),
            buffer,
            cells: out.cells,
            width,
        });
        let columns = self.names.iter().enumerate();
        Ok(RawBatch {
            rows: out.row_lines.len(),
            columns: columns
                .map(|(column, name)| (name.clone(), RawColumn::Text(TextColumn { table: table.clone(), column })))
                .collect(),
            row_lines: RowLines::Each(out.row_lines),
            line_count: out.lines.into(),
            rejected: out.rejected,
        })
    }
}
