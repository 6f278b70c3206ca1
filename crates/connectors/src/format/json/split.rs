//! Finds where objects end without parsing them.

/// Follows strings and nesting through the bytes of a file; keeps its place from one piece to the next.
#[derive(Default)]
pub(super) struct Splitter {
    /// Bytes of the current buffer already seen.
    seen: usize,
    depth: usize,
    in_string: bool,
    /// The last byte seen was a backslash inside a string.
    escaped: bool,
    /// The outermost bracket open now is an array, so its elements are the records.
    array: bool,
    /// Position behind the last whole record and whether it stood in a top-level array.
    last: Option<(usize, bool)>,
    /// Records up to there.
    records: usize,
}

/// Records of one piece: tiny ones take far more memory than bytes in the file.
const MAX_RECORDS: usize = 16 << 10;

impl Splitter {
    /// Looks at the bytes that were added to the buffer since the last call.
    pub fn scan(&mut self, buffer: &[u8]) {
        let mut at = self.seen;
        while at < buffer.len() && self.records < MAX_RECORDS {
            if self.in_string {
                at = self.scan_string(buffer, at);
                continue;
            }
            match buffer[at] {
                b'"' => self.in_string = true,
                b'{' => self.depth += 1,
                b'[' => {
                    self.array |= self.depth == 0;
                    self.depth += 1;
                }
                b'}' | b']' => self.close(buffer[at], at),
                _ => {}
            }
            at += 1;
        }
        self.seen = at;
    }

    fn scan_string(&mut self, buffer: &[u8], from: usize) -> usize {
        if self.escaped {
            self.escaped = false;
            return from + 1;
        }
        match memchr::memchr2(b'"', b'\\', &buffer[from..]) {
            None => buffer.len(),
            Some(i) => {
                if buffer[from + i] == b'"' {
                    self.in_string = false;
                } else {
                    self.escaped = true;
                }
                from + i + 1
            }
        }
    }

    fn close(&mut self, bracket: u8, at: usize) {
        self.depth = self.depth.saturating_sub(1);
        if self.depth == 0 && bracket == b']' {
            self.array = false;
        }
        if self.depth == 0 || (self.depth == 1 && self.array) {
            self.last = Some((at + 1, self.array));
            self.records += 1;
        }
    }

    /// As many records as one piece may have were seen; bytes behind them were not looked at.
    pub fn is_full(&self) -> bool {
        self.records >= MAX_RECORDS
    }

    /// The position behind the last whole record seen.
    pub fn last_end(&self) -> Option<usize> {
        self.last.map(|(end, _)| end)
    }

    /// The first `bytes` of the buffer are gone. True when what follows stands in a top-level array.
    pub fn cut(&mut self, bytes: usize) -> bool {
        self.records = 0;
        self.seen = self.seen.saturating_sub(bytes);
        self.last.take().is_some_and(|(_, array)| array)
    }
}
