//! Time units, and periods as configs write them (`7d`, `1h30m`, `PT15M`).

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// A unit of time as configs spell it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum TimeUnit {
    Nanoseconds,
    Microseconds,
    Milliseconds,
    Seconds,
    Minutes,
    Hours,
    Days,
}

impl TimeUnit {
    pub const fn name(self) -> &'static str {
        match self {
            Self::Nanoseconds => "NANOSECONDS",
            Self::Microseconds => "MICROSECONDS",
            Self::Milliseconds => "MILLISECONDS",
            Self::Seconds => "SECONDS",
            Self::Minutes => "MINUTES",
            Self::Hours => "HOURS",
            Self::Days => "DAYS",
        }
    }

    /// Nanoseconds in one unit.
    pub const fn nanos(self) -> i64 {
        match self {
            Self::Nanoseconds => 1,
            Self::Microseconds => 1_000,
            Self::Milliseconds => 1_000_000,
            Self::Seconds => 1_000_000_000,
            Self::Minutes => 60_000_000_000,
            Self::Hours => 3_600_000_000_000,
            Self::Days => 86_400_000_000_000,
        }
    }

    /// `value` units in another unit, truncated toward zero, saturating at the limits of `i64`.
    pub fn convert(self, value: i64, to: Self) -> i64 {
        if self == to {
            return value;
        }
        let (from, to) = (self.nanos(), to.nanos());
        if from >= to { value.saturating_mul(from / to) } else { value / (to / from) }
    }

    /// `value` units in milliseconds, truncated toward zero, saturating.
    pub fn to_millis(self, value: i64) -> i64 {
        self.convert(value, Self::Milliseconds)
    }

    /// Milliseconds in this unit, truncated toward zero, saturating.
    pub fn from_millis(self, millis: i64) -> i64 {
        Self::Milliseconds.convert(millis, self)
    }
}

impl fmt::Display for TimeUnit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A text that names no time unit.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "unknown time unit '{0}', expected one of NANOSECONDS, MICROSECONDS, MILLISECONDS, SECONDS, MINUTES, HOURS, DAYS"
)]
pub struct UnknownTimeUnit(pub String);

impl FromStr for TimeUnit {
    type Err = UnknownTimeUnit;

    /// The unit's name in any case.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(match text.to_ascii_uppercase().as_str() {
            "NANOSECONDS" => Self::Nanoseconds,
            "MICROSECONDS" => Self::Microseconds,
            "MILLISECONDS" => Self::Milliseconds,
            "SECONDS" => Self::Seconds,
            "MINUTES" => Self::Minutes,
            "HOURS" => Self::Hours,
            "DAYS" => Self::Days,
            _ => return Err(UnknownTimeUnit(text.to_owned())),
        })
    }
}

/// A text that is no period.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "invalid time period '{0}', expected numbers with units d, h, m, s, ms such as '7d' or '1d2h30m', or ISO-8601 such as 'PT15M'"
)]
pub struct InvalidPeriod(pub String);

/// Milliseconds of a period such as `7d`, `1h30m`, `-1d`, `0d`, `500ms`, `PT15M`, `P1DT2H`. Case does not count.
pub fn parse_period(text: &str) -> Result<i64, InvalidPeriod> {
    let invalid = || InvalidPeriod(text.to_owned());
    let lower = text.trim().to_ascii_lowercase();
    let (sign, body) = match lower.strip_prefix('-') {
        Some(rest) => (-1, rest),
        None => (1, lower.as_str()),
    };
    let body = body.strip_prefix('p').unwrap_or(body);
    if body.is_empty() {
        return Err(invalid());
    }
    let mut total: i64 = 0;
    let mut rest = body;
    let mut any = false;
    while !rest.is_empty() {
        rest = rest.trim_start_matches(['t', ' ']);
        let digits = rest.bytes().take_while(|b| b.is_ascii_digit() || *b == b'.').count();
        let letters = rest[digits..].bytes().take_while(u8::is_ascii_alphabetic).count();
        // In `1dt2h` the `t` only separates.
        let unit = rest[digits..digits + letters].trim_end_matches('t');
        let factor = match unit {
            "w" => 604_800_000.0,
            "d" => 86_400_000.0,
            "h" => 3_600_000.0,
            "m" => 60_000.0,
            "s" => 1_000.0,
            "ms" => 1.0,
            _ => return Err(invalid()),
        };
        let number: f64 = rest[..digits].parse().map_err(|_| invalid())?;
        let millis = number * factor;
        if !(0.0..9.0e18).contains(&millis) {
            return Err(invalid());
        }
        total = total.checked_add(millis as i64).ok_or_else(invalid)?;
        rest = &rest[digits + letters..];
        any = true;
    }
    if any { Ok(sign * total) } else { Err(invalid()) }
}

/// Bytes of a size such as `100G`, `10M`, `1.5GB`, `512`; `None` when it is none. Units are powers of 1024.
pub fn parse_data_size(text: &str) -> Option<u64> {
    let upper = text.trim().to_ascii_uppercase();
    let digits = upper.bytes().take_while(|b| b.is_ascii_digit() || *b == b'.').count();
    let number: f64 = upper[..digits].parse().ok()?;
    let factor: f64 = match upper[digits..].trim() {
        "" | "B" => 1.0,
        "K" | "KB" => 1024.0,
        "M" | "MB" => 1_048_576.0,
        "G" | "GB" => 1_073_741_824.0,
        "T" | "TB" => 1_099_511_627_776.0,
        "P" | "PB" => 1_125_899_906_842_624.0,
        _ => return None,
    };
    let bytes = number * factor;
    (0.0..1.8e19).contains(&bytes).then_some(bytes as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn periods() {
        for (text, millis) in [
            ("7d", 604_800_000),
            ("0d", 0),
            ("-1d", -86_400_000),
            ("1h30m", 5_400_000),
            ("24H", 86_400_000),
            ("500ms", 500),
            ("PT15M", 900_000),
            ("P1DT2H", 93_600_000),
            ("PT1.5S", 1_500),
            ("1d 2h", 93_600_000),
        ] {
            assert_eq!(parse_period(text), Ok(millis), "{text}");
        }
        for bad in ["", "d", "7", "7x", "P", "soon", "1d-2h", "99999999999999999999d", "7é", "é"] {
            assert!(parse_period(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn sizes_and_units() {
        assert_eq!(parse_data_size("100G"), Some(107_374_182_400));
        assert_eq!(parse_data_size("1.5k"), Some(1536));
        assert_eq!(parse_data_size("10 cows"), None);
        assert_eq!(parse_data_size("é"), None);
        assert_eq!(TimeUnit::Days.to_millis(-3), -259_200_000);
        assert_eq!(TimeUnit::Seconds.from_millis(-1_999), -1);
        assert_eq!(TimeUnit::Days.to_millis(i64::MAX), i64::MAX);
        assert!("PARSECS".parse::<TimeUnit>().is_err());
    }
}
