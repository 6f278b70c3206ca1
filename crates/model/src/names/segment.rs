//! Segment names, free and those of stream segments.

use serde::{Deserialize, Serialize};

use super::{NameError, RawTableName, check_component, string_name};
use crate::date_time::civil;

const KIND: &str = "Segment name";

/// A segment's name, unique within its physical table.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct SegmentName(String);
string_name!(SegmentName);

impl SegmentName {
    pub fn parse(text: &str) -> Result<Self, NameError> {
        check_component(KIND, text)?;
        if text.starts_with('.') {
            return Err(NameError::new(KIND, text, "must not start with '.'"));
        }
        Ok(Self(text.to_owned()))
    }
}

/// The parts of a stream segment's name: `table__partition__sequence__yyyyMMddTHHmmZ`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct LlcSegmentName {
    pub table: RawTableName,
    pub partition: u32,
    pub sequence: u32,
    /// Creation minute as written, e.g. `20261123T0040Z`.
    pub creation: String,
}

impl LlcSegmentName {
    /// A name created at `now_ms` (epoch millis), to the minute in UTC.
    pub fn new(table: RawTableName, partition: u32, sequence: u32, now_ms: i64) -> Self {
        let fields = civil::Fields::from_millis(now_ms);
        let creation =
            format!("{:04}{:02}{:02}T{:02}{:02}Z", fields.year, fields.month, fields.day, fields.hour, fields.minute);
        Self { table, partition, sequence, creation }
    }

    /// `None` when the text is not of this form: an uploaded segment's name.
    pub fn parse(text: &str) -> Option<Self> {
        SegmentName::parse(text).ok()?;
        let mut parts = text.rsplitn(4, "__");
        let creation = parts.next()?;
        let sequence = parts.next()?.parse().ok()?;
        let partition = parts.next()?.parse().ok()?;
        let table = RawTableName::parse(parts.next()?).ok()?;
        let shape_ok = creation.len() == 14
            && creation.bytes().enumerate().all(|(i, b)| match i {
                8 => b == b'T',
                13 => b == b'Z',
                _ => b.is_ascii_digit(),
            });
        shape_ok.then(|| Self { table, partition, sequence, creation: creation.to_owned() })
    }

    pub fn to_segment_name(&self) -> SegmentName {
        SegmentName(format!("{}__{}__{}__{}", self.table, self.partition, self.sequence, self.creation))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn llc_round_trip() {
        let table = RawTableName::parse("events").unwrap();
        let name = LlcSegmentName::new(table, 3, 12, 1_795_394_410_000);
        let text = name.to_segment_name();
        assert_eq!(text.as_str(), "events__3__12__20261123T0040Z");
        assert_eq!(LlcSegmentName::parse(text.as_str()), Some(name));
        assert_eq!(LlcSegmentName::parse("movies_0"), None);
        assert_eq!(LlcSegmentName::parse("t__0__x__20261123T0040Z"), None);
    }

    #[test]
    fn free_names() {
        assert!(SegmentName::parse("movies 2021-01-01_2021 %done").is_ok());
        assert!(SegmentName::parse(".hidden").is_err());
    }
}
