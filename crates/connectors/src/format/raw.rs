//! Rows as a file gives them, column by column, before any schema is applied.

use std::sync::Arc;

use arrow::array::ArrayRef;

use super::Field;

/// The name of the one column of a batch of whole records: each value is a [`Field::Map`] of all that the record has.
pub const RECORD_COLUMN: &str = "";

/// The rows of one piece of a file.
#[derive(Debug, Default)]
pub struct RawBatch {
    pub rows: usize,
    /// Columns in the file's order; each has `rows` values (see [`RawColumn::Fields`]). A wanted column that the piece lacks is absent.
    pub columns: Vec<(Arc<str>, RawColumn)>,
    /// Where each row stands within the piece.
    pub row_lines: RowLines,
    /// Lines that the piece covers, header and comments included; for binary formats its records.
    pub line_count: u64,
    /// Records that cannot be read and were left out of `rows`.
    pub rejected: Vec<Rejected>,
}

impl RawBatch {
    /// The column of this name.
    pub fn column(&self, name: &str) -> Option<&RawColumn> {
        self.columns.iter().find(|(n, _)| &**n == name).map(|(_, c)| c)
    }
}

/// A record that cannot be read; `line` counts from 0 at the piece's start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejected {
    pub line: u64,
    pub reason: String,
    /// The reader's settings, or the nature of the damage, forbid to go on without the record.
    pub fatal: bool,
}

/// Row to line, counted from 0 at the piece's start.
#[derive(Clone, Debug, Default)]
pub enum RowLines {
    /// Row 0 is line 0, row 1 line 1, …
    #[default]
    Consecutive,
    Each(Vec<u32>),
}

impl RowLines {
    pub fn line(&self, row: usize) -> u64 {
        match self {
            Self::Consecutive => row as u64,
            Self::Each(lines) => lines.get(row).copied().unwrap_or_default().into(),
        }
    }

    /// The lines of the given rows, in their order.
    pub fn select(&self, rows: &[u32]) -> Self {
        Self::Each(rows.iter().map(|&r| u32::try_from(self.line(r as usize)).unwrap_or(u32::MAX)).collect())
    }
}

/// The values of one column.
#[derive(Clone, Debug)]
pub enum RawColumn {
    /// Text cells of a delimited file.
    Text(TextColumn),
    /// Values of any kind. Rows behind the last value have none.
    Fields(Vec<Field>),
    /// A typed array: INT, LONG, FLOAT, DOUBLE, BOOLEAN, BYTES or texts (flat, or a dictionary with 32-bit keys and no
    /// null among its values).
    Array(ArrayRef),
}

/// All text cells of one piece: one buffer, and where in it each cell lies. No allocation per cell.
#[derive(Debug, Default)]
pub struct TextTable {
    pub(super) buffer: Vec<u8>,
    /// Row-major, `width` cells a row: start and length.
    pub(super) cells: Vec<(u32, u32)>,
    pub(super) width: usize,
    /// Splits a cell into several values; `None` when no cell of this piece holds it.
    pub(super) multi_value_delimiter: Option<char>,
    pub(super) has_nul: bool,
}

pub(super) const NULL_CELL: (u32, u32) = (0, u32::MAX);

impl TextTable {
    /// The bytes of a cell, valid UTF-8; `None` for null.
    #[inline]
    fn cell(&self, row: usize, column: usize) -> Option<&[u8]> {
        let (start, len) = self.cells[row * self.width + column];
        if len == u32::MAX { None } else { Some(&self.buffer[start as usize..start as usize + len as usize]) }
    }
}

/// One column of a [`TextTable`].
#[derive(Clone, Debug)]
pub struct TextColumn {
    pub(super) table: Arc<TextTable>,
    pub(super) column: usize,
}

impl TextColumn {
    pub fn len(&self) -> usize {
        self.table.cells.len() / self.table.width.max(1)
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The bytes of a cell, valid UTF-8; `None` for null (an empty cell is null, too).
    #[inline]
    pub fn bytes(&self, row: usize) -> Option<&[u8]> {
        self.table.cell(row, self.column)
    }

    /// The text of a cell.
    pub fn text(&self, row: usize) -> Option<&str> {
        self.bytes(row).map(|b| std::str::from_utf8(b).unwrap_or_default())
    }

    /// The character at which cells of this piece split into several values, when any cell holds it.
    pub fn multi_value_delimiter(&self) -> Option<char> {
        self.table.multi_value_delimiter
    }

    /// Whether any cell of the piece holds the character U+0000.
    pub fn may_hold_nul(&self) -> bool {
        self.table.has_nul
    }

    /// The cell as a value: null, a text, or a list of texts where it splits into more than one non-empty part.
    pub fn field(&self, row: usize) -> Field {
        let Some(text) = self.text(row) else { return Field::Null };
        if let Some(parts) = self.parts(text) {
            return Field::List(parts.map(|p| Field::Text(p.to_owned())).collect());
        }
        Field::Text(text.to_owned())
    }

    /// The parts of a cell that holds more than one non-empty part.
    pub fn parts<'a>(&self, text: &'a str) -> Option<impl Iterator<Item = &'a str> + Clone> {
        let delimiter = self.table.multi_value_delimiter?;
        let parts = text.split(delimiter).filter(|p| !p.is_empty());
        if parts.clone().nth(1).is_some() { Some(parts) } else { None }
    }
}
