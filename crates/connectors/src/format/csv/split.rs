//! Finds where the last whole record of a buffer ends.

use super::{config::Settings, tokens};

/// The position behind the last record that ends inside `buffer`, which starts at a record. `None`: not even the
/// first record ends.
pub(super) fn last_record_end(settings: &Settings, buffer: &mut [u8]) -> Option<usize> {
    match (settings.simple_delimiter(), settings.quote) {
        (Some(_), None) => last_break(buffer),
        (Some(delimiter), Some(quote)) => quoted(buffer, delimiter, quote, settings.trim),
        (None, _) => general(settings, buffer),
    }
}

/// Files of old systems end their lines with CR alone; then the last byte stays, since an LF may follow.
fn last_break(buffer: &[u8]) -> Option<usize> {
    if let Some(at) = memchr::memrchr(b'\n', buffer) {
        return Some(at + 1);
    }
    let before_last = &buffer[..buffer.len().saturating_sub(1)];
    memchr::memrchr(b'\r', before_last).map(|at| at + 1)
}

/// Goes from quote to quote; only text outside of them is searched for line breaks. A quote opens only where a cell
/// starts.
fn quoted(buffer: &[u8], delimiter: u8, quote: u8, trim: bool) -> Option<usize> {
    let mut last = None;
    let mut outside = 0;
    let mut pos = 0;
    let mut note = |from: usize, to: usize| {
        if let Some(at) = last_break(&buffer[from..to]) {
            last = Some(from + at);
        }
    };
    while let Some(at) = memchr::memchr(quote, &buffer[pos..]).map(|i| pos + i) {
        if !opens(buffer, at, delimiter, trim) {
            pos = at + 1;
            continue;
        }
        note(outside, at);
        let mut inside = at + 1;
        loop {
            let Some(close) = memchr::memchr(quote, &buffer[inside..]).map(|i| inside + i) else { return last };
            if buffer.get(close + 1) == Some(&quote) {
                inside = close + 2;
                continue;
            }
            outside = close + 1;
            pos = close + 1;
            break;
        }
    }
    note(outside, buffer.len());
    last
}

fn opens(buffer: &[u8], at: usize, delimiter: u8, trim: bool) -> bool {
    let mut before = at;
    while before > 0 {
        let b = buffer[before - 1];
        if b == delimiter || b == b'\n' || b == b'\r' {
            return true;
        }
        if !(trim && tokens::is_space(b)) {
            return false;
        }
        before -= 1;
    }
    true
}

fn general(settings: &Settings, buffer: &mut [u8]) -> Option<usize> {
    let mut cells = Vec::new();
    let mut pos = 0;
    while pos < buffer.len() {
        let record = tokens::general(settings, buffer, pos, false, &mut cells);
        // A CR that ends the buffer may be half of a CR LF.
        if !record.complete || (record.behind == buffer.len() && buffer.ends_with(b"\r")) {
            break;
        }
        pos = record.behind;
    }
    if pos > 0 { Some(pos) } else { None }
}
