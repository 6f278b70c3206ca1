//! The properties of the CSV reader.

use crate::{Error, format::ReadOptions};

/// How a delimited file is cut into cells. Built from a preset (`fileFormat`) and the single properties over it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Settings {
    /// One character.
    pub delimiter: Vec<u8>,
    pub quote: Option<u8>,
    pub escape: Option<u8>,
    /// A line that starts with it is no record.
    pub comment: Option<Vec<u8>>,
    /// Splits one cell into several values; `None` when switched off.
    pub multi_value_delimiter: Option<char>,
    /// A cell of exactly this text is null. An empty cell always is.
    pub null_string: Option<Vec<u8>>,
    /// Column names given from outside, as one text.
    pub header: Option<String>,
    /// With `header`: the file has a header of its own, to be passed over.
    pub skip_header: bool,
    pub ignore_empty_lines: bool,
    /// White space around a cell does not count.
    pub trim: bool,
    /// What ends a record where it is no line break. Such a file has no lines: its records are counted instead.
    pub separator: Option<Vec<u8>>,
    /// A record that cannot be read ends the load instead of being left out.
    pub stop_on_error: bool,
}

struct Preset {
    delimiter: char,
    quote: Option<char>,
    escape: Option<char>,
    null_string: Option<&'static str>,
}

const DEFAULT: Preset = Preset { delimiter: ',', quote: Some('"'), escape: None, null_string: None };

fn preset(name: &str) -> Option<Preset> {
    let comma = DEFAULT;
    Some(match name.replace('_', "").to_ascii_uppercase().as_str() {
        "" | "DEFAULT" | "CUSTOM" | "EXCEL" | "RFC4180" | "INFORMIXUNLOADCSV" | "POSTGRESQLCSV" | "MONGODBCSV" => comma,
        "TDF" | "MONGODBTSV" => Preset { delimiter: '\t', ..comma },
        "MYSQL" | "POSTGRESQLTEXT" => {
            Preset { delimiter: '\t', quote: None, escape: Some('\\'), null_string: Some("\\N") }
        }
        "INFORMIXUNLOAD" => Preset { delimiter: '|', escape: Some('\\'), ..comma },
        "ORACLE" => Preset { escape: Some('\\'), null_string: Some("\\N"), ..comma },
        _ => return None,
    })
}

impl Settings {
    pub fn new(options: &ReadOptions) -> Result<Self, Error> {
        let text = |key: &str| options.properties.get(key).filter(|v| !v.is_empty());
        let format = text("fileFormat").map_or("", String::as_str);
        let preset = match preset(format) {
            Some(preset) => preset,
            // Configs in use name formats that never were any, such as CSV.
            None => {
                tracing::warn!("unknown fileFormat '{format}' of a CSV reader, reading as DEFAULT");
                DEFAULT
            }
        };
        let character = |key: &str, default: Option<char>| match text(key) {
            Some(value) => one_char(key, value).map(Some),
            None => Ok(default),
        };
        let delimiter = character("delimiter", Some(preset.delimiter))?.unwrap_or(',');
        let multi_value = options.flag("multiValueDelimiterEnabled", true)?;
        let settings = Self {
            delimiter: delimiter.to_string().into_bytes(),
            quote: ascii("quoteCharacter", character("quoteCharacter", preset.quote)?)?,
            escape: ascii("escapeCharacter", character("escapeCharacter", preset.escape)?)?,
            comment: character("commentMarker", None)?.map(|c| c.to_string().into_bytes()),
            multi_value_delimiter: if multi_value { character("multiValueDelimiter", Some(';'))? } else { None },
            null_string: text("nullStringValue")
                .map(String::as_str)
                .or(preset.null_string)
                .map(|t| t.as_bytes().to_vec()),
            header: text("header").cloned(),
            skip_header: options.flag("skipHeader", false)?,
            ignore_empty_lines: options.flag("ignoreEmptyLines", true)?,
            trim: options.flag("ignoreSurroundingSpaces", true)?,
            separator: text("recordSeparator").map(|value| separator(value)).transpose()?.flatten(),
            stop_on_error: options.flag("stopOnError", false)?,
        };
        settings.check(delimiter)?;
        Ok(settings)
    }

    /// Characters with two meanings would make the file ambiguous.
    fn check(&self, delimiter: char) -> Result<(), Error> {
        let shown = delimiter.to_string();
        if matches!(delimiter, '\n' | '\r') {
            return Err(invalid("delimiter", &shown, "a line break cannot be the delimiter"));
        }
        for (key, other) in [
            ("quoteCharacter", self.quote.map(|b| vec![b])),
            ("escapeCharacter", self.escape.map(|b| vec![b])),
            ("commentMarker", self.comment.clone()),
        ] {
            if other.as_ref() == Some(&self.delimiter) {
                return Err(invalid(key, &shown, "it is the delimiter, too"));
            }
        }
        if let Some(separator) = &self.separator {
            let starts = [Some(self.delimiter[0]), self.quote, self.escape];
            if starts.contains(&separator.first().copied()) {
                let shown = String::from_utf8_lossy(separator).into_owned();
                return Err(invalid(
                    "recordSeparator",
                    &shown,
                    "it starts as the delimiter, a quote or an escape does",
                ));
            }
        }
        if self.quote.is_some() && self.quote == self.escape {
            // A quote that escapes itself is what doubling a quote means anyway.
            return Err(invalid(
                "escapeCharacter",
                &shown_byte(self.escape),
                "it is the quoteCharacter, too; doubled quotes need no escapeCharacter",
            ));
        }
        Ok(())
    }

    /// The one-byte delimiter of a file that needs neither escapes nor comments: the fast path.
    pub fn simple_delimiter(&self) -> Option<u8> {
        match self.delimiter[..] {
            [b] if self.escape.is_none() && self.comment.is_none() && self.separator.is_none() => Some(b),
            _ => None,
        }
    }
}

/// What ends a record; `None` for line breaks of all kinds, which always end one unless something else is said.
fn separator(value: &str) -> Result<Option<Vec<u8>>, Error> {
    const MAX_BYTES: usize = 16;
    let plain = value.replace("\\r", "\r").replace("\\n", "\n").replace("\\t", "\t");
    if plain.chars().all(|c| matches!(c, '\r' | '\n')) {
        return Ok(None);
    }
    if plain.len() > MAX_BYTES {
        return Err(invalid("recordSeparator", value, "expected a line break or a text of at most 16 bytes"));
    }
    Ok(Some(plain.into_bytes()))
}

fn shown_byte(byte: Option<u8>) -> String {
    byte.map(|b| char::from(b).to_string()).unwrap_or_default()
}

fn invalid(key: &str, value: &str, reason: &str) -> Error {
    Error::Property { key: key.to_owned(), value: value.to_owned(), reason: reason.to_owned() }
}

fn one_char(key: &str, value: &str) -> Result<char, Error> {
    let mut chars = value.chars();
    match (chars.next(), chars.next()) {
        (Some(c), None) => Ok(c),
        // As it is typed in a shell or a properties file.
        (Some('\\'), Some('t')) if value.len() == 2 => Ok('\t'),
        (Some('\\'), Some('\\')) if value.len() == 2 => Ok('\\'),
        _ => Err(invalid(key, value, "expected one character")),
    }
}

fn ascii(key: &str, c: Option<char>) -> Result<Option<u8>, Error> {
    match c {
        None => Ok(None),
        Some(c) if c.is_ascii() && c != '\n' && c != '\r' => Ok(Some(c as u8)),
        Some(c) => Err(invalid(key, &c.to_string(), "expected an ASCII character other than a line break")),
    }
}
