//! Dates and times as configs, queries and rows write them.
//!
//! [`DateTimeFormat`] is a date-time column's `format`, [`Granularity`] its `granularity`. [`pattern`] holds the
//! letter patterns (`yyyy-MM-dd`), [`zone`] time zones, [`timestamp`] the texts of TIMESTAMP values.

pub mod civil;
mod format;
pub mod pattern;
pub mod timestamp;
pub mod zone;

pub use format::{DateTimeFormat, FormatError, Granularity, MAX_VALID_MS, MIN_VALID_MS, is_valid_time};
pub use pattern::{Pattern, PatternError};
pub use timestamp::{format_timestamp, parse_timestamp};
pub use zone::{TimeZone, UnknownTimeZone};
