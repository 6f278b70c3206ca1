//! A JSON parser that gives [`Field`]s: whole numbers of any size stay exact, booleans become texts.

use std::borrow::Cow;

use crate::format::{Field, Rejected, builder::ColumnBuilder};

const MAX_DEPTH: u32 = 500;

/// Reads values from one piece of a file. Faults are reasons; [`Parser::rejected`] adds the line.
pub(super) struct Parser<'a> {
    bytes: &'a [u8],
    pos: usize,
    /// Line breaks before `counted`.
    lines: u32,
    counted: usize,
    /// Booleans stay booleans and numbers with a point keep their text.
    exact: bool,
}

type Parsed<T> = Result<T, String>;

impl<'a> Parser<'a> {
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, pos: 0, lines: 0, counted: 0, exact: false }
    }

    pub fn exact(bytes: &'a [u8]) -> Self {
        Self { exact: true, ..Self::new(bytes) }
    }

    /// The next byte that is no white space.
    pub fn peek(&mut self) -> Option<u8> {
        while let Some(&b) = self.bytes.get(self.pos) {
            if !matches!(b, b' ' | b'\n' | b'\r' | b'\t') {
                return Some(b);
            }
            self.pos += 1;
        }
        None
    }

    /// Passes one byte.
    pub fn pass(&mut self) {
        self.pos += 1;
    }

    /// The current line, from 0.
    pub fn line(&mut self) -> u32 {
        let upto = self.pos.min(self.bytes.len());
        self.lines += memchr::memchr_iter(b'\n', &self.bytes[self.counted..upto]).count() as u32;
        self.counted = upto;
        self.lines
    }

    /// Line breaks in the whole piece.
    pub fn lines_in_all(&mut self) -> u64 {
        let rest = &self.bytes[self.counted..];
        u64::from(self.lines) + memchr::memchr_iter(b'\n', rest).count() as u64
    }

    /// A fault at the current place. JSON has no way to find the next record behind a damaged one for sure.
    pub fn rejected(&mut self, reason: &str) -> Rejected {
        Rejected { line: self.line().into(), reason: reason.to_owned(), fatal: true }
    }

    /// What stands at the current place, for an error.
    pub fn shown(&self) -> String {
        let rest = &self.bytes[self.pos.min(self.bytes.len())..];
        if rest.is_empty() {
            return "the end of the file".to_owned();
        }
        let word = rest.iter().take(20).take_while(|b| b.is_ascii_alphanumeric()).count().max(1);
        format!("'{}'", String::from_utf8_lossy(&rest[..word]))
    }

    fn expect(&mut self, wanted: u8) -> Parsed<()> {
        if self.peek() == Some(wanted) {
            self.pos += 1;
            return Ok(());
        }
        Err(format!("expected '{}', found {}", char::from(wanted), self.shown()))
    }

    /// Any value.
    pub fn value(&mut self) -> Parsed<Field> {
        self.nested(0)
    }

    fn nested(&mut self, depth: u32) -> Parsed<Field> {
        if depth > MAX_DEPTH {
            return Err(format!("values are nested more than {MAX_DEPTH} deep"));
        }
        match self.peek() {
            Some(b'"') => Ok(Field::Text(self.text()?.into_owned())),
            Some(b'{') => {
                let mut entries = Vec::new();
                self.object(|parser, key| {
                    entries.push((key.into_owned(), parser.nested(depth + 1)?));
                    Ok(())
                })?;
                Ok(Field::Map(last_of_each(entries)))
            }
            Some(b'[') => self.list(depth),
            Some(b'-' | b'0'..=b'9') => self.number(),
            Some(b't') => self.boolean("true", true),
            Some(b'f') => self.boolean("false", false),
            Some(b'n') => self.word("null", Field::Null),
            _ => Err(format!("expected a JSON value, found {}", self.shown())),
        }
    }

    /// Reads a value as that of `row` of a column.
    pub fn value_into(&mut self, column: &mut ColumnBuilder, row: usize) -> Parsed<()> {
        match self.peek() {
            Some(b'"') => {
                let text = self.text()?;
                column.push_text(row, &text);
            }
            Some(b't') => {
                self.word("true", Field::Null)?;
                column.push_text(row, "true");
            }
            Some(b'f') => {
                self.word("false", Field::Null)?;
                column.push_text(row, "false");
            }
            _ => column.push(row, self.value()?),
        }
        Ok(())
    }

    /// Passes over a value, which has to be one.
    pub fn skip(&mut self) -> Parsed<()> {
        self.skip_nested(0)
    }

    fn skip_nested(&mut self, depth: u32) -> Parsed<()> {
        if depth > MAX_DEPTH {
            return Err(format!("values are nested more than {MAX_DEPTH} deep"));
        }
        match self.peek() {
            Some(b'"') => self.text().map(|_| ()),
            Some(b'{') => self.object(|parser, _| parser.skip_nested(depth + 1)),
            Some(b'[') => {
                self.pos += 1;
                if self.peek() == Some(b']') {
                    self.pos += 1;
                    return Ok(());
                }
                loop {
                    self.skip_nested(depth + 1)?;
                    match self.peek() {
                        Some(b',') => self.pos += 1,
                        Some(b']') => {
                            self.pos += 1;
                            return Ok(());
                        }
                        _ => return Err(format!("expected ',' or ']', found {}", self.shown())),
                    }
                }
            }
            // Numbers and words take no memory.
            _ => self.nested(depth).map(|_| ()),
        }
    }

    fn boolean(&mut self, word: &str, value: bool) -> Parsed<Field> {
        self.word(word, if self.exact { Field::Bool(value) } else { Field::Text(word.to_owned()) })
    }

    fn word(&mut self, word: &str, value: Field) -> Parsed<Field> {
        if self.bytes[self.pos..].starts_with(word.as_bytes()) {
            self.pos += word.len();
            return Ok(value);
        }
        Err(format!("expected a JSON value, found {}", self.shown()))
    }

    fn list(&mut self, depth: u32) -> Parsed<Field> {
        self.pos += 1;
        let mut items = Vec::new();
        if self.peek() == Some(b']') {
            self.pos += 1;
            return Ok(Field::List(items));
        }
        loop {
            items.push(self.nested(depth + 1)?);
            match self.peek() {
                Some(b',') => self.pos += 1,
                Some(b']') => {
                    self.pos += 1;
                    return Ok(Field::List(items));
                }
                _ => return Err(format!("expected ',' or ']', found {}", self.shown())),
            }
        }
    }

    /// Reads an object: `entry` is called behind each key's colon and has to read the value.
    pub fn object(&mut self, mut entry: impl FnMut(&mut Self, Cow<'a, str>) -> Parsed<()>) -> Parsed<()> {
        self.expect(b'{')?;
        if self.peek() == Some(b'}') {
            self.pos += 1;
            return Ok(());
        }
        loop {
            if self.peek() != Some(b'"') {
                return Err(format!("expected a key in double quotes, found {}", self.shown()));
            }
            let key = self.text()?;
            self.expect(b':')?;
            entry(self, key)?;
            match self.peek() {
                Some(b',') => self.pos += 1,
                Some(b'}') => {
                    self.pos += 1;
                    return Ok(());
                }
                _ => return Err(format!("expected ',' or '}}', found {}", self.shown())),
            }
        }
    }

    fn number(&mut self) -> Parsed<Field> {
        let start = self.pos;
        let digits = |parser: &mut Self| {
            let from = parser.pos;
            while parser.bytes.get(parser.pos).is_some_and(u8::is_ascii_digit) {
                parser.pos += 1;
            }
            parser.pos > from
        };
        if self.bytes[self.pos] == b'-' {
            self.pos += 1;
        }
        let leading_zero = matches!(self.bytes[self.pos..], [b'0', b'0'..=b'9', ..]);
        let mut good = digits(self) && !leading_zero;
        let mut whole = true;
        if self.bytes.get(self.pos) == Some(&b'.') {
            whole = false;
            self.pos += 1;
            good &= digits(self);
        }
        if matches!(self.bytes.get(self.pos), Some(b'e' | b'E')) {
            whole = false;
            self.pos += 1;
            if matches!(self.bytes.get(self.pos), Some(b'+' | b'-')) {
                self.pos += 1;
            }
            good &= digits(self);
        }
        let text = std::str::from_utf8(&self.bytes[start..self.pos]).unwrap_or_default();
        if !good {
            return Err(format!("'{text}' is not a number"));
        }
        if !whole && self.exact {
            return Ok(Field::Number(text.to_owned()));
        }
        if !whole {
            return text.parse().map(Field::Double).map_err(|_| format!("'{text}' is not a number"));
        }
        Ok(match text.parse::<i64>() {
            Ok(n) => i32::try_from(n).map_or(Field::Long(n), Field::Int),
            Err(_) => Field::Number(text.to_owned()),
        })
    }

    /// A string; borrowed unless it holds escapes.
    fn text(&mut self) -> Parsed<Cow<'a, str>> {
        self.pos += 1;
        let start = self.pos;
        let rest = &self.bytes[start..];
        let stop = memchr::memchr2(b'"', b'\\', rest).ok_or("a string is not closed")?;
        if rest[stop] == b'"' {
            self.pos = start + stop + 1;
            return Ok(Cow::Borrowed(utf8(&rest[..stop])?));
        }
        let mut out = utf8(&rest[..stop])?.to_owned();
        self.pos = start + stop;
        loop {
            let rest = &self.bytes[self.pos..];
            let stop = memchr::memchr2(b'"', b'\\', rest).ok_or("a string is not closed")?;
            out.push_str(utf8(&rest[..stop])?);
            self.pos += stop + 1;
            if rest[stop] == b'"' {
                return Ok(Cow::Owned(out));
            }
            out.push(self.escape()?);
        }
    }

    /// The character of an escape whose backslash has been passed.
    fn escape(&mut self) -> Parsed<char> {
        let Some(&b) = self.bytes.get(self.pos) else { return Err("a string is not closed".to_owned()) };
        self.pos += 1;
        Ok(match b {
            b'"' | b'\\' | b'/' => char::from(b),
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => {
                let first = self.hex4()?;
                if (0xd800..0xdc00).contains(&first) && self.bytes[self.pos..].starts_with(b"\\u") {
                    let before = self.pos;
                    self.pos += 2;
                    let second = self.hex4()?;
                    if (0xdc00..0xe000).contains(&second) {
                        let code = 0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00);
                        return Ok(char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER));
                    }
                    self.pos = before;
                }
                char::from_u32(first).unwrap_or(char::REPLACEMENT_CHARACTER)
            }
            _ => return Err(format!("'\\{}' is not an escape of JSON", char::from(b))),
        })
    }

    fn hex4(&mut self) -> Parsed<u32> {
        let digits = self.bytes.get(self.pos..self.pos + 4).and_then(|d| std::str::from_utf8(d).ok());
        let code = digits.filter(|d| d.bytes().all(|b| b.is_ascii_hexdigit())).map(|d| u32::from_str_radix(d, 16));
        self.pos += 4;
        match code {
            Some(Ok(code)) => Ok(code),
            _ => Err("'\\u' is not followed by four hexadecimal digits".to_owned()),
        }
    }
}

fn utf8(bytes: &[u8]) -> Parsed<&str> {
    std::str::from_utf8(bytes).map_err(|_| "a string is not valid UTF-8".to_owned())
}

/// A key that comes twice has its last value, at its first place.
fn last_of_each(entries: Vec<(String, Field)>) -> Vec<(String, Field)> {
    if entries.len() <= 16 {
        let twice = entries.iter().enumerate().any(|(i, (key, _))| entries[..i].iter().any(|(k, _)| k == key));
        if !twice {
            return entries;
        }
    }
    let mut places = std::collections::HashMap::with_capacity(entries.len());
    let mut out: Vec<(String, Field)> = Vec::with_capacity(entries.len());
    for (key, value) in entries {
        match places.get(&key) {
            Some(&place) => {
                let (_, old): &mut (String, Field) = &mut out[place];
                *old = value;
            }
            None => {
                places.insert(key.clone(), out.len());
                out.push((key, value));
            }
        }
    }
    out
}
