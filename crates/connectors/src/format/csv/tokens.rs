//! Cuts delimited text into cells.
//!
//! Two tokenisers give the same cells: [`simple`] for a one-byte delimiter without escapes and comments, which finds
//! delimiters and line breaks 64 bytes at a time, and [`general`] for everything else. Quoted cells that hold doubled
//! quotes or escapes are decoded in place (what is decoded is never longer than what was read), so no cell allocates.

use super::config::Settings;
use crate::format::{Rejected, raw::NULL_CELL};

/// No output column wants this input column.
pub(super) const UNWANTED: u32 = u32::MAX;

/// Cells of one piece. A piece has about as many bytes, most of its cells being a delimiter at least.
const MAX_CELLS: usize = 8 << 20;

/// Cells of wanted columns, row by row.
#[derive(Default)]
pub(super) struct Cells {
    pub cells: Vec<(u32, u32)>,
    pub row_lines: Vec<u32>,
    pub rejected: Vec<Rejected>,
    /// Lines read.
    pub lines: u32,
}

impl Cells {
    /// Rows that are much shorter than the header promises could take memory without bound; a file of them is refused.
    fn has_room(&mut self, width: usize) -> bool {
        if self.cells.len() + width <= MAX_CELLS {
            return true;
        }
        let reason = format!("the header has {width} wanted columns and far too many rows have next to none of them");
        self.rejected.push(Rejected { line: self.lines.into(), reason, fatal: true });
        false
    }
}

/// What is the same for all pieces of a file.
pub(super) struct Layout<'a> {
    pub settings: &'a Settings,
    /// Input column to output column or [`UNWANTED`].
    pub targets: &'a [u32],
    pub width: usize,
}

impl Layout<'_> {
    /// Cuts whole records. `out.lines` says how many lines were passed before.
    pub fn tokenize(&self, buffer: &mut [u8], from: usize, out: &mut Cells) {
        match self.settings.simple_delimiter() {
            Some(delimiter) => simple(self, delimiter, buffer, from, out),
            None => general_all(self, buffer, from, out),
        }
    }

    #[inline]
    fn store(&self, row: &mut [(u32, u32)], column: usize, buffer: &[u8], start: usize, end: usize) {
        let Some(&target) = self.targets.get(column) else { return };
        if target != UNWANTED && end > start && !self.is_null_string(&buffer[start..end]) {
            row[target as usize] = (start as u32, (end - start) as u32);
        }
    }

    #[inline]
    fn is_null_string(&self, cell: &[u8]) -> bool {
        self.settings.null_string.as_deref().is_some_and(|n| n == cell)
    }
}

/// White space that surrounds a cell, line breaks excepted.
#[inline]
pub(super) fn is_space(b: u8) -> bool {
    matches!(b, b' ' | b'\t' | 0x0b | 0x0c | 0x1c..=0x1f)
}

fn trimmed_end(buffer: &[u8], start: usize, mut end: usize) -> usize {
    while end > start && is_space(buffer[end - 1]) {
        end -= 1;
    }
    end
}

/// The position behind what ends a record at `at`; `None` where nothing does.
#[inline]
fn behind_end(settings: &Settings, buffer: &[u8], at: usize) -> Option<usize> {
    match &settings.separator {
        None => matches!(buffer[at], b'\n' | b'\r').then(|| behind_break(buffer, at)),
        Some(separator) => buffer[at..].starts_with(separator).then(|| at + separator.len()),
    }
}

/// The position behind a line break at `at`.
fn behind_break(buffer: &[u8], at: usize) -> usize {
    if buffer[at] == b'\r' && buffer.get(at + 1) == Some(&b'\n') { at + 2 } else { at + 1 }
}

fn simple(layout: &Layout<'_>, delimiter: u8, buffer: &mut [u8], from: usize, out: &mut Cells) {
    let Settings { trim, ignore_empty_lines, .. } = *layout.settings;
    // A byte that UTF-8 never has stands for "no quote character".
    let quote = layout.settings.quote.unwrap_or(0xff);
    let n = buffer.len();
    let mut marks = Marks::new(delimiter);
    let mut pos = from;
    while pos < n {
        if ignore_empty_lines && matches!(buffer[pos], b'\n' | b'\r') {
            pos = behind_break(buffer, pos);
            out.lines += 1;
            continue;
        }
        let row_start = out.cells.len();
        if !out.has_room(layout.width) {
            return;
        }
        out.cells.resize(row_start + layout.width, NULL_CELL);
        let row_line = out.lines;
        let mut column = 0;
        let mut problem = None;
        loop {
            let mut start = pos;
            if trim {
                while start < n && is_space(buffer[start]) && buffer[start] != delimiter {
                    start += 1;
                }
            }
            let (end, next);
            if start < n && buffer[start] == quote {
                let quoted = unquote(buffer, start, quote, None);
                out.lines += quoted.lines;
                if !quoted.closed {
                    problem.get_or_insert(Problem::NeverClosed);
                }
                let mark = marks.next(buffer, quoted.behind);
                if trimmed_end(buffer, quoted.behind, mark) > quoted.behind {
                    problem.get_or_insert(Problem::BehindQuote { column });
                }
                (start, end, next) = (quoted.start, quoted.end, mark);
            } else {
                next = marks.next(buffer, start);
                end = if trim { trimmed_end(buffer, start, next) } else { next };
            }
            layout.store(&mut out.cells[row_start..], column, buffer, start, end);
            column += 1;
            if next >= n {
                pos = n;
                out.lines += 1;
                break;
            }
            if buffer[next] == delimiter {
                pos = next + 1;
                if pos == n {
                    out.lines += 1;
                    break;
                }
                continue;
            }
            pos = behind_break(buffer, next);
            out.lines += 1;
            break;
        }
        finish_row(layout.settings, out, row_start, row_line, problem);
    }
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Problem {
    NeverClosed,
    BehindQuote { column: usize },
}

fn finish_row(settings: &Settings, out: &mut Cells, row_start: usize, row_line: u32, problem: Option<Problem>) {
    let Some(problem) = problem else {
        out.row_lines.push(row_line);
        return;
    };
    out.cells.truncate(row_start);
    let reason = match problem {
        Problem::NeverClosed => "a quote opens and never closes".to_owned(),
        Problem::BehindQuote { column } => {
            format!("text stands between the closing quote of field {} and the delimiter", column + 1)
        }
    };
    // A quote that never closes has swallowed all records behind it.
    let fatal = settings.stop_on_error || problem == Problem::NeverClosed;
    out.rejected.push(Rejected { line: row_line.into(), reason, fatal });
}

struct Quoted {
    start: usize,
    end: usize,
    /// Position behind the closing quote.
    behind: usize,
    closed: bool,
    /// Line breaks inside.
    lines: u32,
}

/// Reads a quoted cell that opens at `open` and decodes it in place.
fn unquote(buffer: &mut [u8], open: usize, quote: u8, escape: Option<u8>) -> Quoted {
    let start = open + 1;
    let mut read = start;
    let mut write = start;
    let mut closed = false;
    // Escapes may decode to line breaks that are none in the file.
    let lines_before = escape.map(|_| pass_quoted(buffer, open, quote, escape).lines);
    while read < buffer.len() {
        let b = buffer[read];
        if b == quote {
            if buffer.get(read + 1) != Some(&quote) {
                read += 1;
                closed = true;
                break;
            }
            buffer[write] = quote;
            read += 2;
            write += 1;
        } else if escape == Some(b) {
            let (bytes, used) = unescaped(buffer, read, quote, b, None);
            for byte in bytes.into_iter().flatten() {
                buffer[write] = byte;
                write += 1;
            }
            read += used;
        } else {
            // Up to the next special byte in one move.
            let rest = &buffer[read..];
            let found = match escape {
                Some(e) => memchr::memchr2(quote, e, rest),
                None => memchr::memchr(quote, rest),
            };
            let len = found.unwrap_or(rest.len());
            if write != read {
                buffer.copy_within(read..read + len, write);
            }
            read += len;
            write += len;
        }
    }
    let lines = lines_before.unwrap_or_else(|| count_breaks(&buffer[start..write]));
    Quoted { start, end: write, behind: read, closed, lines }
}

/// Line breaks in a text; CR LF is one.
pub(super) fn count_breaks(text: &[u8]) -> u32 {
    let mut lines = 0;
    for at in memchr::memchr2_iter(b'\n', b'\r', text) {
        if text[at] == b'\n' || text.get(at + 1) != Some(&b'\n') {
            lines += 1;
        }
    }
    lines
}

/// What an escape at `at` stands for (one or two bytes) and how many bytes it takes.
fn unescaped(buffer: &[u8], at: usize, quote: u8, escape: u8, delimiter: Option<u8>) -> ([Option<u8>; 2], usize) {
    let Some(&next) = buffer.get(at + 1) else { return ([Some(escape), None], 1) };
    let meaning = match next {
        b'n' => b'\n',
        b'r' => b'\r',
        b't' => b'\t',
        b'b' => 0x08,
        b'f' => 0x0c,
        b'\n' | b'\r' | b'\t' | 0x08 | 0x0c => next,
        b if b == quote || b == escape || Some(b) == delimiter => b,
        // Not an escape: both bytes stand for themselves.
        _ => return ([Some(escape), Some(next)], 2),
    };
    ([Some(meaning), None], 2)
}

/// One record of the general tokeniser.
pub(super) struct Scanned {
    /// Position behind the record's line break, or the buffer's end.
    pub behind: usize,
    /// The record ended with a line break; otherwise with the buffer.
    pub complete: bool,
    pub lines: u32,
    pub problem: Option<Problem>,
    /// A comment or an ignored empty line.
    pub skip: bool,
}

/// Reads one record at `from`; `cells` gets the bounds of every field. With `decode` quoted and escaped text is
/// decoded in place; without it the buffer keeps its bytes (and bounds are those of the undecoded text).
pub(super) fn general(
    settings: &Settings,
    buffer: &mut [u8],
    from: usize,
    decode: bool,
    cells: &mut Vec<(usize, usize)>,
) -> Scanned {
    cells.clear();
    let n = buffer.len();
    let mut lines = 0;
    if let Some(behind) = behind_end(settings, buffer, from).filter(|_| settings.ignore_empty_lines) {
        return Scanned { behind, complete: true, lines: 1, problem: None, skip: true };
    }
    if settings.comment.as_deref().is_some_and(|c| buffer[from..].starts_with(c)) {
        let end = (from..n).find_map(|at| behind_end(settings, buffer, at));
        return Scanned { behind: end.unwrap_or(n), complete: end.is_some(), lines: 1, problem: None, skip: true };
    }
    let quote = settings.quote.unwrap_or(0xff);
    // Where records end otherwise, a line break is text as any other.
    let counted = u32::from(settings.separator.is_none());
    let mut pos = from;
    let mut problem = None;
    loop {
        let mut start = pos;
        if settings.trim {
            while start < n && is_space(buffer[start]) && !buffer[start..].starts_with(&settings.delimiter) {
                start += 1;
            }
        }
        let (end, next);
        if start < n && buffer[start] == quote {
            let quoted = if decode {
                unquote(buffer, start, quote, settings.escape)
            } else {
                pass_quoted(buffer, start, quote, settings.escape)
            };
            lines += counted * quoted.lines;
            if !quoted.closed {
                problem.get_or_insert(Problem::NeverClosed);
            }
            let plain = plain_field(settings, buffer, quoted.behind, false);
            lines += counted * plain.lines;
            if trimmed_end(buffer, quoted.behind, plain.next) > quoted.behind {
                problem.get_or_insert(Problem::BehindQuote { column: cells.len() });
            }
            (start, end, next) = (quoted.start, quoted.end, plain.next);
        } else {
            let plain = plain_field(settings, buffer, start, decode);
            lines += counted * plain.lines;
            next = plain.next;
            end = if settings.trim { trimmed_end(buffer, start, plain.end) } else { plain.end };
        }
        cells.push((start, end));
        if next >= n {
            return Scanned { behind: n, complete: false, lines: lines + 1, problem, skip: false };
        }
        if let Some(behind) = behind_end(settings, buffer, next) {
            return Scanned { behind, complete: true, lines: lines + 1, problem, skip: false };
        }
        pos = next + settings.delimiter.len();
        if pos >= n {
            return Scanned { behind: n, complete: false, lines: lines + 1, problem, skip: false };
        }
    }
}

struct Plain {
    end: usize,
    /// Position of the delimiter or line break that ends the field, or the buffer's end.
    next: usize,
    lines: u32,
}

/// Reads an unquoted field; escapes are decoded in place when `decode`.
fn plain_field(settings: &Settings, buffer: &mut [u8], start: usize, decode: bool) -> Plain {
    let single = if let [b] = settings.delimiter[..] { Some(b) } else { None };
    let mut lines = 0;
    let (mut read, mut write) = (start, start);
    while read < buffer.len() {
        let b = buffer[read];
        if behind_end(settings, buffer, read).is_some() || buffer[read..].starts_with(&settings.delimiter) {
            break;
        }
        if settings.escape == Some(b) {
            let (bytes, used) = unescaped(buffer, read, settings.quote.unwrap_or(b), b, single);
            lines += count_breaks(&buffer[read..(read + used).min(buffer.len())]);
            if decode {
                for byte in bytes.into_iter().flatten() {
                    buffer[write] = byte;
                    write += 1;
                }
            }
            read += used;
            continue;
        }
        if decode {
            buffer[write] = b;
            write += 1;
        }
        read += 1;
    }
    Plain { end: if decode { write } else { read }, next: read, lines }
}

/// As [`unquote`] without decoding.
fn pass_quoted(buffer: &[u8], open: usize, quote: u8, escape: Option<u8>) -> Quoted {
    let start = open + 1;
    let mut read = start;
    while read < buffer.len() {
        let rest = &buffer[read..];
        let found = match escape {
            Some(e) => memchr::memchr2(quote, e, rest),
            None => memchr::memchr(quote, rest),
        };
        let Some(at) = found.map(|i| read + i) else { break };
        let doubled = buffer[at] == quote && buffer.get(at + 1) == Some(&quote);
        if doubled || escape == Some(buffer[at]) {
            read = at + 2;
            continue;
        }
        let lines = count_breaks(&buffer[start..at]);
        return Quoted { start, end: at, behind: at + 1, closed: true, lines };
    }
    let lines = count_breaks(&buffer[start..]);
    Quoted { start, end: buffer.len(), behind: buffer.len(), closed: false, lines }
}

fn general_all(layout: &Layout<'_>, buffer: &mut [u8], from: usize, out: &mut Cells) {
    let mut fields = Vec::new();
    let mut pos = from;
    while pos < buffer.len() {
        let record = general(layout.settings, buffer, pos, true, &mut fields);
        let row_line = out.lines;
        out.lines += record.lines;
        pos = record.behind;
        if record.skip {
            continue;
        }
        let row_start = out.cells.len();
        if !out.has_room(layout.width) {
            return;
        }
        out.cells.resize(row_start + layout.width, NULL_CELL);
        for (column, &(start, end)) in fields.iter().enumerate() {
            layout.store(&mut out.cells[row_start..], column, buffer, start, end);
        }
        finish_row(layout.settings, out, row_start, row_line, record.problem);
    }
}

/// Finds delimiters and line breaks, 64 bytes at a time.
struct Marks {
    delimiters: u64,
    /// The block that `mask` describes starts here.
    base: usize,
    /// Bit i: byte `base + i` is a delimiter or a line break.
    mask: u64,
}

const ONES: u64 = u64::from_ne_bytes([1; 8]);
const LOW_BITS: u64 = u64::from_ne_bytes([0x7f; 8]);

impl Marks {
    fn new(delimiter: u8) -> Self {
        Self { delimiters: ONES * u64::from(delimiter), base: usize::MAX - 63, mask: 0 }
    }

    /// The first delimiter or line break at or behind `from`, or the buffer's length.
    #[inline]
    fn next(&mut self, buffer: &[u8], from: usize) -> usize {
        if from.wrapping_sub(self.base) >= 64 {
            if from >= buffer.len() {
                return buffer.len();
            }
            self.base = from & !63;
            self.mask = self.block(buffer, self.base);
        }
        let mut mask = self.mask & (u64::MAX << (from - self.base));
        while mask == 0 {
            self.base += 64;
            if self.base >= buffer.len() {
                self.mask = 0;
                return buffer.len();
            }
            self.mask = self.block(buffer, self.base);
            mask = self.mask;
        }
        self.base + mask.trailing_zeros() as usize
    }

    #[inline]
    fn block(&self, buffer: &[u8], base: usize) -> u64 {
        if let Some(block) = buffer.get(base..base + 64) {
            return self.bits(block);
        }
        let mut padded = [0u8; 64];
        let rest = &buffer[base..];
        padded[..rest.len()].copy_from_slice(rest);
        // Padding must not look like a mark, whatever the delimiter is.
        self.bits(&padded) & (u64::MAX >> (64 - rest.len()))
    }

    #[inline]
    fn bits(&self, block: &[u8]) -> u64 {
        let mut mask = 0u64;
        for (i, bytes) in block.as_chunks::<8>().0.iter().enumerate() {
            let word = u64::from_le_bytes(*bytes);
            let found = zero_bytes(word ^ self.delimiters)
                | zero_bytes(word ^ (ONES * b'\n' as u64))
                | zero_bytes(word ^ (ONES * b'\r' as u64));
            // Gathers the top bit of each byte into one byte.
            let gathered = (found >> 7).wrapping_mul(0x0102_0408_1020_4080) >> 56;
            mask |= gathered << (8 * i);
        }
        mask
    }
}

/// The top bit of every byte that is zero; exact.
#[inline]
fn zero_bytes(x: u64) -> u64 {
    !(((x & LOW_BITS) + LOW_BITS) | x | LOW_BITS)
}
