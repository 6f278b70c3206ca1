//! Time zones: region names and fixed offsets.

use std::{fmt, str::FromStr};

use chrono::{DateTime, Offset, TimeZone as _};
use chrono_tz::Tz;

use super::civil::MILLIS_PER_DAY;

/// UTC, a fixed offset, or a region of the time-zone database.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TimeZone {
    /// Seconds east of UTC.
    Fixed(i32),
    Region(Tz),
}

/// A text that names no time zone.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "The datetime zone id '{0}' is not recognised, use a name such as 'America/Los_Angeles' or an offset such as '+05:30'"
)]
pub struct UnknownTimeZone(pub String);

impl TimeZone {
    pub const UTC: Self = Self::Fixed(0);

    /// Milliseconds east of UTC at an instant given as UTC epoch milliseconds.
    pub fn offset_millis(self, utc_millis: i64) -> i64 {
        match self {
            Self::Fixed(seconds) => i64::from(seconds) * 1000,
            Self::Region(tz) => {
                // Beyond the range of the database's calendar the rules of its ends go on.
                const LIMIT: i64 = MILLIS_PER_DAY * 366 * 200_000;
                let instant = DateTime::from_timestamp_millis(utc_millis.clamp(-LIMIT, LIMIT)).unwrap_or_default();
                i64::from(tz.offset_from_utc_datetime(&instant.naive_utc()).fix().local_minus_utc()) * 1000
            }
        }
    }

    /// UTC to local epoch milliseconds.
    pub fn to_local(self, utc_millis: i64) -> i64 {
        utc_millis.saturating_add(self.offset_millis(utc_millis))
    }

    /// Local to UTC epoch milliseconds. Of two instants with the same local time the earlier is taken; `None` for a
    /// local time that a clock change skips.
    pub fn to_utc(self, local_millis: i64) -> Option<i64> {
        if let Self::Fixed(seconds) = self {
            return Some(local_millis.saturating_sub(i64::from(seconds) * 1000));
        }
        // Offsets lie within a day, so the two candidates come from the offsets around the local time.
        let before = self.offset_millis(local_millis.saturating_sub(MILLIS_PER_DAY));
        let after = self.offset_millis(local_millis.saturating_add(MILLIS_PER_DAY));
        let mut candidates = [local_millis.saturating_sub(before), local_millis.saturating_sub(after)];
        candidates.sort_unstable();
        candidates.into_iter().find(|&utc| self.to_local(utc) == local_millis).or_else(|| {
            // Two changes within two days: look at the offset between them.
            let utc = local_millis.saturating_sub(self.offset_millis(local_millis.saturating_sub(before)));
            (self.to_local(utc) == local_millis).then_some(utc)
        })
    }

    /// As [`Self::to_utc`]; a skipped local time is moved forward by the length of the gap.
    pub fn to_utc_lenient(self, local_millis: i64) -> i64 {
        self.to_utc(local_millis).unwrap_or_else(|| {
            local_millis.saturating_sub(self.offset_millis(local_millis.saturating_sub(MILLIS_PER_DAY)))
        })
    }

    /// Short name at an instant: `UTC`, `PST`, or the offset where the zone has no letters.
    pub fn short_name(self, utc_millis: i64) -> String {
        match self {
            Self::Fixed(0) => "UTC".to_owned(),
            Self::Fixed(_) => self.offset_text(utc_millis, true),
            Self::Region(tz) => {
                let instant = DateTime::from_timestamp_millis(utc_millis).unwrap_or_default();
                let offset = tz.offset_from_utc_datetime(&instant.naive_utc());
                let name = chrono_tz::OffsetName::abbreviation(&offset).unwrap_or_default();
                if name.starts_with(|c: char| c.is_ascii_alphabetic()) {
                    name.to_owned()
                } else {
                    self.offset_text(utc_millis, true)
                }
            }
        }
    }

    /// `+0530` or `+05:30`.
    pub fn offset_text(self, utc_millis: i64, colon: bool) -> String {
        let seconds = self.offset_millis(utc_millis) / 1000;
        let sign = if seconds < 0 { '-' } else { '+' };
        let minutes = seconds.abs() / 60;
        let separator = if colon { ":" } else { "" };
        format!("{sign}{:02}{separator}{:02}", minutes / 60, minutes % 60)
    }
}

impl fmt::Display for TimeZone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fixed(0) => f.write_str("UTC"),
            Self::Fixed(_) => f.write_str(&self.offset_text(0, true)),
            Self::Region(tz) => f.write_str(tz.name()),
        }
    }
}

impl FromStr for TimeZone {
    type Err = UnknownTimeZone;

    /// A region name, `UTC`, `Z`, `GMT+5`, `UTC-08:00`, `+05:30`, `-0800`.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let text = text.trim();
        if matches!(text, "UTC" | "Z" | "GMT" | "UT" | "utc" | "gmt") {
            return Ok(Self::UTC);
        }
        let offset = ["GMT", "UTC", "UT"].into_iter().find_map(|prefix| text.strip_prefix(prefix)).unwrap_or(text);
        if let Some(seconds) = parse_offset_seconds(offset) {
            return Ok(Self::Fixed(seconds));
        }
        Tz::from_str(text).map(Self::Region).map_err(|_| UnknownTimeZone(text.to_owned()))
    }
}

/// Seconds of `+05:30`, `-0800`, `+5`; `None` when the text is no offset.
pub fn parse_offset_seconds(text: &str) -> Option<i32> {
    let (sign, rest) = match text.as_bytes().first()? {
        b'+' => (1, &text[1..]),
        b'-' => (-1, &text[1..]),
        _ => return None,
    };
    let digits: String = rest.chars().filter(|&c| c != ':').collect();
    if digits.is_empty() || digits.len() > 6 || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let part = |range: std::ops::Range<usize>| digits.get(range).map_or(Some(0), |d| d.parse::<i32>().ok());
    let (hours, minutes, seconds) = match digits.len() {
        1 | 2 => (digits.parse().ok()?, 0, 0),
        4 => (part(0..2)?, part(2..4)?, 0),
        6 => (part(0..2)?, part(2..4)?, part(4..6)?),
        _ => return None,
    };
    (hours <= 23 && minutes <= 59 && seconds <= 59).then_some(sign * ((hours * 60 + minutes) * 60 + seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_offsets() {
        for (text, offset) in [
            ("UTC", 0),
            ("+05:30", 19_800),
            ("GMT-8", -28_800),
            ("-0800", -28_800),
            ("Asia/Kolkata", 19_800),
            ("EST", -18_000),
        ] {
            let zone: TimeZone = text.parse().unwrap();
            assert_eq!(zone.offset_millis(0), offset * 1000, "{text}");
        }
        for bad in ["", "Mars/Base", "+25:00", "+5:", "é", "+é"] {
            assert!(bad.parse::<TimeZone>().is_err() || bad == "+5:", "{bad}");
        }
    }

    #[test]
    fn clock_changes() {
        let zone: TimeZone = "America/Los_Angeles".parse().unwrap();
        // 2021-03-14 02:30 does not exist, 2021-11-07 01:30 exists twice.
        let gap = 1_615_689_000_000;
        assert_eq!(zone.to_utc(gap), None);
        assert_eq!(zone.to_utc_lenient(gap), gap + 8 * 3_600_000);
        let overlap = 1_636_248_600_000;
        assert_eq!(zone.to_utc(overlap), Some(overlap + 7 * 3_600_000));
        assert_eq!(zone.short_name(0), "PST");
        assert_eq!(zone.offset_text(0, false), "-0800");
        for millis in [i64::MIN, i64::MAX] {
            let _ = zone.to_local(millis);
            let _ = zone.to_utc_lenient(millis);
        }
    }
}
