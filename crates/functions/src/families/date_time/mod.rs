//! Dates and times: epoch millis in UTC unless a unit or zone is given.

use model::TimeZone;

pub mod convert;
pub mod epoch;
pub mod fields;
pub mod multi_value;
pub mod shift;
pub mod truncate;

/// A zone argument: a region's name or an offset.
pub(super) fn zone(name: &str) -> Result<TimeZone, String> {
    name.parse::<TimeZone>().map_err(|e| e.to_string())
}
