//! `format` and `granularity` of date-time columns, in both spellings.

use std::{fmt, str::FromStr};

use super::{
    pattern::{ParseError, Pattern, PatternError},
    timestamp::{InvalidTimestamp, format_timestamp, parse_timestamp},
    zone::{TimeZone, UnknownTimeZone},
};
use crate::{TimeUnit, Value, render};

/// 1971-01-01T00:00:00Z: earlier times are taken for mistakes where times are checked.
pub const MIN_VALID_MS: i64 = 31_536_000_000;
/// 2071-01-01T00:00:00Z.
pub const MAX_VALID_MS: i64 = 3_187_296_000_000;

/// Whether epoch milliseconds lie in 1971–2071.
pub fn is_valid_time(millis: i64) -> bool {
    (MIN_VALID_MS..=MAX_VALID_MS).contains(&millis)
}

/// Why a format or granularity cannot be read, or a value does not fit one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FormatError {
    #[error("Must provide format")]
    Missing,
    #[error(
        "Invalid format: {format}, must be of format 'EPOCH|<timeUnit>(|<timeSize>)', 'SIMPLE_DATE_FORMAT|<pattern>(|<timeZone>)', 'TIMESTAMP' or '<timeSize>:<timeUnit>:<timeFormat>(:pattern)'"
    )]
    Shape { format: String },
    #[error("Invalid {part}: {text} in format: {format}")]
    Part { part: &'static str, text: String, format: String },
    #[error("Invalid SIMPLE_DATE_FORMAT pattern: {pattern} in format: {format}")]
    Pattern {
        pattern: String,
        format: String,
        #[source]
        source: PatternError,
    },
    #[error("Invalid time zone in format: {format}")]
    Zone {
        format: String,
        #[source]
        source: UnknownTimeZone,
    },
    #[error("Invalid granularity: {granularity}, must be of format 'timeUnit(|size)' or 'size:timeUnit'")]
    Granularity { granularity: String },
    #[error("'{value}' is not a whole number, as the format {format} asks")]
    NotANumber { value: String, format: String },
    #[error(transparent)]
    Text(#[from] ParseError),
    #[error(transparent)]
    Timestamp(#[from] InvalidTimestamp),
}

/// How a date-time column's values stand for instants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DateTimeFormat {
    /// Whole numbers of `size` × `unit` since 1970.
    Epoch { size: u32, unit: TimeUnit },
    /// TIMESTAMP values: epoch milliseconds, or their text.
    Timestamp,
    /// Texts of a pattern; ISO 8601 texts where the pattern is absent.
    SimpleDate { pattern: Option<Pattern>, zone: TimeZone },
}

impl DateTimeFormat {
    /// Reads `EPOCH|DAYS`, `1:DAYS:EPOCH`, `TIMESTAMP`, `SIMPLE_DATE_FORMAT|yyyyMMdd|UTC`,
    /// `1:DAYS:SIMPLE_DATE_FORMAT:yyyyMMdd tz(UTC)`.
    pub fn parse(text: &str) -> Result<Self, FormatError> {
        if text.is_empty() {
            return Err(FormatError::Missing);
        }
        if text.as_bytes()[0].is_ascii_digit() { Self::parse_colons(text) } else { Self::parse_pipes(text) }
    }

    fn parse_pipes(text: &str) -> Result<Self, FormatError> {
        let mut parts = text.splitn(3, '|');
        let kind = parts.next().unwrap_or_default();
        let (second, third) = (parts.next(), parts.next());
        match kind.to_ascii_uppercase().as_str() {
            "EPOCH" => {
                let unit = match second {
                    Some(unit) => parse_unit(unit, text)?,
                    None => TimeUnit::Milliseconds,
                };
                Ok(Self::Epoch { size: third.map_or(Ok(1), |size| parse_size(size, text))?, unit })
            }
            "TIMESTAMP" => Ok(Self::Timestamp),
            "SIMPLE_DATE_FORMAT" => {
                let zone = third.map_or(Ok(TimeZone::UTC), |zone| parse_zone(zone, text))?;
                Ok(Self::SimpleDate { pattern: parse_pattern(second.unwrap_or_default(), text)?, zone })
            }
            _ => Err(FormatError::Shape { format: text.to_owned() }),
        }
    }

    fn parse_colons(text: &str) -> Result<Self, FormatError> {
        let mut parts = text.splitn(4, ':');
        let (Some(size), Some(unit), Some(kind)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(FormatError::Shape { format: text.to_owned() });
        };
        let size = parse_size(size, text)?;
        match kind.to_ascii_uppercase().as_str() {
            "EPOCH" => Ok(Self::Epoch { size, unit: parse_unit(unit, text)? }),
            "TIMESTAMP" => Ok(Self::Timestamp),
            "SIMPLE_DATE_FORMAT" => {
                // The unit may also be WEEKS, MONTHS or YEARS here; it says nothing that the pattern does not say.
                let (pattern, zone) = split_zone(parts.next().unwrap_or_default());
                let zone = zone.map_or(Ok(TimeZone::UTC), |zone| parse_zone(zone, text))?;
                Ok(Self::SimpleDate { pattern: parse_pattern(pattern, text)?, zone })
            }
            _ => Err(FormatError::Part { part: "time format", text: kind.to_owned(), format: text.to_owned() }),
        }
    }

    /// Epoch milliseconds of a stored value. `Null` and arrays are refused.
    pub fn to_millis(&self, value: &Value) -> Result<i64, FormatError> {
        match (self, value) {
            (Self::Timestamp, Value::Timestamp(v) | Value::Long(v)) => Ok(*v),
            (Self::Epoch { size, unit }, Value::Int(v)) => Ok(epoch_millis(i64::from(*v), *size, *unit)),
            (Self::Epoch { size, unit }, Value::Long(v) | Value::Timestamp(v)) => Ok(epoch_millis(*v, *size, *unit)),
            (Self::Epoch { size, unit }, Value::Float(v)) => Ok(epoch_millis(*v as i64, *size, *unit)),
            (Self::Epoch { size, unit }, Value::Double(v)) => Ok(epoch_millis(*v as i64, *size, *unit)),
            (_, Value::String(text)) => self.text_to_millis(text),
            (_, other) => self.text_to_millis(&render::to_text(other)),
        }
    }

    /// Epoch milliseconds of a value's text.
    pub fn text_to_millis(&self, text: &str) -> Result<i64, FormatError> {
        match self {
            Self::Epoch { size, unit } => {
                let number: i64 = text
                    .trim()
                    .parse()
                    .map_err(|_| FormatError::NotANumber { value: text.to_owned(), format: self.to_string() })?;
                Ok(epoch_millis(number, *size, *unit))
            }
            Self::Timestamp => Ok(parse_timestamp(text, TimeZone::UTC)?),
            Self::SimpleDate { pattern: Some(pattern), zone } => Ok(pattern.parse(text, *zone)?),
            Self::SimpleDate { pattern: None, zone } => Ok(parse_timestamp(&complete_iso(text), *zone)?),
        }
    }

    /// The value for epoch milliseconds: `Long` for epochs, `Timestamp`, or `String`.
    pub fn from_millis(&self, millis: i64) -> Value {
        match self {
            Self::Epoch { size, unit } => Value::Long(unit.from_millis(millis) / i64::from(*size)),
            Self::Timestamp => Value::Timestamp(millis),
            Self::SimpleDate { .. } => Value::String(self.millis_to_text(millis)),
        }
    }

    /// The text for epoch milliseconds.
    pub fn millis_to_text(&self, millis: i64) -> String {
        match self {
            Self::Epoch { size, unit } => (unit.from_millis(millis) / i64::from(*size)).to_string(),
            Self::Timestamp => format_timestamp(millis, TimeZone::UTC),
            Self::SimpleDate { pattern: Some(pattern), zone } => pattern.format(millis, *zone),
            Self::SimpleDate { pattern: None, zone } => format_timestamp(millis, *zone).replacen(' ', "T", 1),
        }
    }

    /// Whether values of this format are texts.
    pub fn is_text(&self) -> bool {
        matches!(self, Self::SimpleDate { .. })
    }

    /// The unit in which the values count, where they are numbers.
    pub fn unit(&self) -> Option<TimeUnit> {
        match self {
            Self::Epoch { unit, .. } => Some(*unit),
            Self::Timestamp => Some(TimeUnit::Milliseconds),
            Self::SimpleDate { .. } => None,
        }
    }
}

impl fmt::Display for DateTimeFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Epoch { size: 1, unit } => write!(f, "EPOCH|{unit}"),
            Self::Epoch { size, unit } => write!(f, "EPOCH|{unit}|{size}"),
            Self::Timestamp => f.write_str("TIMESTAMP"),
            Self::SimpleDate { pattern: None, .. } => f.write_str("SIMPLE_DATE_FORMAT"),
            Self::SimpleDate { pattern: Some(pattern), zone } if *zone == TimeZone::UTC => {
                write!(f, "SIMPLE_DATE_FORMAT|{pattern}")
            }
            Self::SimpleDate { pattern: Some(pattern), zone } => write!(f, "SIMPLE_DATE_FORMAT|{pattern}|{zone}"),
        }
    }
}

impl FromStr for DateTimeFormat {
    type Err = FormatError;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text)
    }
}

fn epoch_millis(value: i64, size: u32, unit: TimeUnit) -> i64 {
    unit.to_millis(value.saturating_mul(i64::from(size)))
}

fn parse_unit(unit: &str, format: &str) -> Result<TimeUnit, FormatError> {
    unit.parse().map_err(|_| FormatError::Part { part: "time unit", text: unit.to_owned(), format: format.to_owned() })
}

fn parse_size(size: &str, format: &str) -> Result<u32, FormatError> {
    size.parse().ok().filter(|&size| size > 0).ok_or_else(|| FormatError::Part {
        part: "size",
        text: size.to_owned(),
        format: format.to_owned(),
    })
}

fn parse_zone(zone: &str, format: &str) -> Result<TimeZone, FormatError> {
    zone.parse().map_err(|source| FormatError::Zone { format: format.to_owned(), source })
}

fn parse_pattern(pattern: &str, format: &str) -> Result<Option<Pattern>, FormatError> {
    if pattern.is_empty() {
        return Ok(None);
    }
    Pattern::compile(pattern).map(Some).map_err(|source| FormatError::Pattern {
        pattern: pattern.to_owned(),
        format: format.to_owned(),
        source,
    })
}

/// Fills in what a shortened ISO 8601 text leaves out: month and day, day, minute.
fn complete_iso(text: &str) -> std::borrow::Cow<'_, str> {
    let rest = match (text.len(), text.as_bytes().get(4), text.as_bytes().get(10)) {
        (4, _, _) if text.bytes().all(|b| b.is_ascii_digit()) => "-01-01",
        (7, Some(b'-'), _) => "-01",
        (13, Some(b'-'), Some(b'T')) => ":00",
        _ => return text.into(),
    };
    format!("{text}{rest}").into()
}

/// `yyyyMMdd tz(UTC)` to pattern and zone.
fn split_zone(pattern: &str) -> (&str, Option<&str>) {
    let trimmed = pattern.trim_end();
    if let Some(inner) = trimmed.strip_suffix(')')
        && let Some(at) = inner.rfind("tz(")
    {
        return (inner[..at].trim_end(), Some(&inner[at + 3..]));
    }
    (pattern, None)
}

/// The step between values of a date-time column, e.g. 15 minutes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Granularity {
    pub size: u32,
    pub unit: TimeUnit,
}

impl Granularity {
    /// Reads `15:MINUTES`, `MINUTES|15`, `MINUTES`.
    pub fn parse(text: &str) -> Result<Self, FormatError> {
        let invalid = || FormatError::Granularity { granularity: text.to_owned() };
        let (size, unit) = match (text.split_once(':'), text.split_once('|')) {
            (Some((size, unit)), _) => (size, unit),
            (None, Some((unit, size))) => (size, unit),
            (None, None) => ("1", text),
        };
        let size: u32 = size.parse().map_err(|_| invalid())?;
        if size == 0 {
            return Err(invalid());
        }
        Ok(Self { size, unit: unit.parse().map_err(|_| invalid())? })
    }

    /// Milliseconds of one step; 0 for steps below a millisecond.
    pub fn millis(self) -> i64 {
        self.unit.to_millis(i64::from(self.size))
    }
}

impl FromStr for Granularity {
    type Err = FormatError;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_spellings() {
        for (text, canonical) in [
            ("1:MILLISECONDS:EPOCH", "EPOCH|MILLISECONDS"),
            ("EPOCH|DAYS", "EPOCH|DAYS"),
            ("EPOCH", "EPOCH|MILLISECONDS"),
            ("5:MINUTES:EPOCH", "EPOCH|MINUTES|5"),
            ("EPOCH|MINUTES|5", "EPOCH|MINUTES|5"),
            ("TIMESTAMP", "TIMESTAMP"),
            ("1:MILLISECONDS:TIMESTAMP", "TIMESTAMP"),
            ("SIMPLE_DATE_FORMAT|yyyyMMdd", "SIMPLE_DATE_FORMAT|yyyyMMdd"),
            ("SIMPLE_DATE_FORMAT|yyyyMMdd|CET", "SIMPLE_DATE_FORMAT|yyyyMMdd|CET"),
            ("1:DAYS:SIMPLE_DATE_FORMAT:yyyyMMdd", "SIMPLE_DATE_FORMAT|yyyyMMdd"),
            (
                "1:DAYS:SIMPLE_DATE_FORMAT:yyyy-MM-dd HH:mm tz(America/Chicago)",
                "SIMPLE_DATE_FORMAT|yyyy-MM-dd HH:mm|America/Chicago",
            ),
            ("1:SECONDS:SIMPLE_DATE_FORMAT:yyyy-MM-dd'T'HH:mm:ss'Z'", "SIMPLE_DATE_FORMAT|yyyy-MM-dd'T'HH:mm:ss'Z'"),
            ("SIMPLE_DATE_FORMAT", "SIMPLE_DATE_FORMAT"),
        ] {
            assert_eq!(DateTimeFormat::parse(text).unwrap().to_string(), canonical, "{text}");
        }
    }

    #[test]
    fn refuses() {
        let message = |text: &str| DateTimeFormat::parse(text).unwrap_err().to_string();
        assert_eq!(message(""), "Must provide format");
        assert_eq!(message("EPOCH|PARSECS"), "Invalid time unit: PARSECS in format: EPOCH|PARSECS");
        assert_eq!(message("1:DAYS:SUNDIAL"), "Invalid time format: SUNDIAL in format: 1:DAYS:SUNDIAL");
        assert!(message("nonsense").starts_with("Invalid format: nonsense"));
        assert!(message("1:DAYS").starts_with("Invalid format: 1:DAYS"));
        assert!(message("0:DAYS:EPOCH").starts_with("Invalid size: 0"));
        assert!(message("SIMPLE_DATE_FORMAT|bb").starts_with("Invalid SIMPLE_DATE_FORMAT pattern: bb"));
        for bad in ["", "often", "0:DAYS", "1:PARSECS", "DAYS|x"] {
            assert!(Granularity::parse(bad).is_err(), "{bad}");
        }
        assert_eq!(Granularity::parse("15:MINUTES").unwrap().millis(), 900_000);
        assert_eq!(Granularity::parse("MINUTES|15").unwrap(), Granularity::parse("15:minutes").unwrap());
    }

    #[test]
    fn values() {
        let days = DateTimeFormat::parse("EPOCH|DAYS").unwrap();
        assert_eq!(days.to_millis(&Value::Int(2)), Ok(172_800_000));
        assert_eq!(days.from_millis(172_800_001), Value::Long(2));
        assert!(days.text_to_millis("x").is_err());
        let date = DateTimeFormat::parse("SIMPLE_DATE_FORMAT|yyyyMMdd").unwrap();
        assert_eq!(date.to_millis(&Value::Long(19_700_102)), Ok(86_400_000));
        assert_eq!(date.from_millis(86_400_000), Value::String("19700102".to_owned()));
        assert_eq!(DateTimeFormat::Timestamp.text_to_millis("1970-01-02"), Ok(86_400_000));
        let iso = DateTimeFormat::parse("SIMPLE_DATE_FORMAT").unwrap();
        assert_eq!(iso.text_to_millis("1970-01-02T00:00:00Z"), Ok(86_400_000));
        for (text, hours) in [("1970", 0), ("1970-01", 0), ("1970-01-01T05", 5), ("1970-01-01T05:00", 5)] {
            assert_eq!(iso.text_to_millis(text), Ok(hours * 3_600_000), "{text}");
        }
        assert!(iso.text_to_millis("19x0").is_err());
        assert_eq!(days.to_millis(&Value::Long(i64::MAX)), Ok(i64::MAX));
    }
}
