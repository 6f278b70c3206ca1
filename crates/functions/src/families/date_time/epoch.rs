//! The clock, and millis from and to counts of other units and texts.

use model::{
    TimeUnit, TimeZone,
    date_time::{Pattern, civil::Fields},
};

use super::zone;
use crate::{
    call::{Long, Memo, Millis, Str, Time},
    families::Family,
    function, text,
};

const SECOND: i64 = 1_000;
const MINUTE: i64 = 60 * SECOND;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

macro_rules! epoch {
    ($millis:ident, $to:literal, $rounded:literal, $bucket:literal, $from:literal, $from_bucket:literal) => {
        [
            &function!($to; (ms: Long) -> i64 => ms / $millis),
            &function!($rounded; (ms: Long, n: Long) -> Result<i64, String> => Ok(divide(ms / $millis, n)?.wrapping_mul(n))),
            &function!($bucket; (ms: Long, n: Long) -> Result<i64, String> => divide(ms / $millis, n)),
            &function!($from; (v: Long) -> i64 => v.wrapping_mul($millis)),
            &function!($from_bucket; (v: Long, n: Long) -> i64 => v.wrapping_mul(n).wrapping_mul($millis)),
        ]
    };
}

pub static SECONDS: Family = &epoch!(
    SECOND,
    "toepochseconds",
    "toepochsecondsrounded",
    "toepochsecondsbucket",
    "fromepochseconds",
    "fromepochsecondsbucket"
);
pub static MINUTES: Family = &epoch!(
    MINUTE,
    "toepochminutes",
    "toepochminutesrounded",
    "toepochminutesbucket",
    "fromepochminutes",
    "fromepochminutesbucket"
);
pub static HOURS: Family = &epoch!(
    HOUR,
    "toepochhours",
    "toepochhoursrounded",
    "toepochhoursbucket",
    "fromepochhours",
    "fromepochhoursbucket"
);
pub static DAYS: Family =
    &epoch!(DAY, "toepochdays", "toepochdaysrounded", "toepochdaysbucket", "fromepochdays", "fromepochdaysbucket");

pub static FUNCTIONS: Family = &[
    &function!("now"; |ctx| () -> i64 => ctx.now_ms),
    &function!("ago"; |ctx| (period: Str) -> Result<i64, String> => {
        let period = model::parse_period(period).map_err(|e| e.to_string())?;
        Ok(ctx.now_ms.saturating_sub(period))
    }),
    &function!("totimestamp"; (ms: Long) -> Millis => Millis(ms)),
    &function!("fromtimestamp"; (ms: Time) -> i64 => ms),
    &function!("toiso8601"; (ms: Long) -> String => to_iso(ms)),
    &function!("fromiso8601"; (s: Str) -> Result<i64, String> => {
        text::parse_timestamp(s).ok_or_else(|| format!("Invalid format: \"{}\"", crate::convert::clip(s)))
    }),
    &function!("todatetime";
        (ms: Long, pattern: Str) -> Result<String, String>, with { let patterns = Memo::new(pattern_of); } =>
            Ok(patterns.get(pattern)?.format(ms, TimeZone::UTC)),
        (ms: Long, pattern: Str, tz: Str) -> Result<String, String>, with {
            let patterns = Memo::new(pattern_of);
            let zones = Memo::new(zone);
        } => Ok(patterns.get(pattern)?.format(ms, *zones.get(tz)?))),
    &function!("fromdatetime";
    (s: Str, pattern: Str) -> Result<i64, String>, with { let patterns = Memo::new(pattern_of); } =>
        parse(&patterns, s, pattern, TimeZone::UTC),
    (s: Str, pattern: Str, tz: Str) -> Result<i64, String>, with {
        let patterns = Memo::new(pattern_of);
        let zones = Memo::new(zone);
    } => parse(&patterns, s, pattern, *zones.get(tz)?),
    (s: Str, pattern: Str, tz: Str, default: Long) -> Result<i64, String>, with {
        let patterns = Memo::new(pattern_of);
        let zones = Memo::new(zone);
    } => {
        let (pattern, tz) = (patterns.get(pattern)?, *zones.get(tz)?);
        Ok(pattern.parse(s, tz).unwrap_or(default))
    }),
    &function!("round"; (v: Long, n: Long) -> Result<i64, String> => Ok(divide(v, n)?.wrapping_mul(n))),
    &function!("timezonehour";
        (tz: Str) -> Result<i32, String> => offset_hours(tz, 0),
        (tz: Str, ms: Long) -> Result<i32, String> => offset_hours(tz, ms)),
    &function!("timezoneminute";
        (tz: Str) -> Result<i32, String> => offset_minutes(tz, 0),
        (tz: Str, ms: Long) -> Result<i32, String> => offset_minutes(tz, ms)),
    &function!("timeconvert";
        (v: Long, from: Str, to: Str) -> Result<i64, String>, with {
            let from_units = Memo::new(Unit::parse);
            let to_units = Memo::new(Unit::parse);
        } => Ok(from_units.get(from)?.convert(v, *to_units.get(to)?))),
];

fn divide(v: i64, n: i64) -> Result<i64, String> {
    if n == 0 { Err("/ by zero".to_owned()) } else { Ok(v.wrapping_div(n)) }
}

fn pattern_of(text: &str) -> Result<Pattern, String> {
    Pattern::compile(text).map_err(|e| e.to_string())
}

fn parse(patterns: &Memo<Pattern>, text: &str, pattern: &str, zone: TimeZone) -> Result<i64, String> {
    patterns.get(pattern)?.parse(text, zone).map_err(|e| e.to_string())
}

fn to_iso(ms: i64) -> String {
    let f = Fields::from_millis(ms);
    let (year, month, day) = (f.year, f.month, f.day);
    format!("{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}.{:03}Z", f.hour, f.minute, f.second, f.millis)
}

fn offset_hours(tz: &str, ms: i64) -> Result<i32, String> {
    Ok((zone(tz)?.offset_millis(ms) / HOUR) as i32)
}

fn offset_minutes(tz: &str, ms: i64) -> Result<i32, String> {
    Ok((zone(tz)?.offset_millis(ms) / MINUTE % 60) as i32)
}

/// A unit of time that may be longer than a day; those count from the epoch.
#[derive(Clone, Copy)]
enum Unit {
    Exact(TimeUnit),
    Weeks,
    Months,
    Years,
}

impl Unit {
    fn parse(name: &str) -> Result<Self, String> {
        Ok(match name.to_ascii_uppercase().as_str() {
            "WEEKS" => Self::Weeks,
            "MONTHS" => Self::Months,
            "YEARS" => Self::Years,
            exact => Self::Exact(exact.parse().map_err(|e: model::period::UnknownTimeUnit| e.to_string())?),
        })
    }

    fn convert(self, value: i64, to: Self) -> i64 {
        if let (Self::Exact(from), Self::Exact(to)) = (self, to) {
            return from.convert(value, to);
        }
        let start_of = |year: i64, month: u32| {
            Fields { year, month, day: 1, hour: 0, minute: 0, second: 0, millis: 0 }.to_millis()
        };
        // Beyond the calendar's use, and before its arithmetic could overflow.
        let bounded = value.clamp(-3_000_000_000, 3_000_000_000);
        let millis = match self {
            Self::Exact(unit) => unit.to_millis(value),
            Self::Weeks => value.saturating_mul(7 * DAY),
            Self::Months => start_of(1970 + bounded.div_euclid(12), bounded.rem_euclid(12) as u32 + 1),
            Self::Years => start_of(1970 + bounded, 1),
        };
        let fields = Fields::from_millis(millis);
        match to {
            Self::Exact(unit) => unit.from_millis(millis),
            Self::Weeks => millis / (7 * DAY),
            Self::Months => (fields.year - 1970) * 12 + i64::from(fields.month) - 1,
            Self::Years => fields.year - 1970,
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::{check, check_errors};

    #[test]
    fn counts_of_units() {
        check(&[
            ("now()", "LONG 1709210096789"),
            ("ago('PT1H')", "LONG 1709206496789"),
            ("ago('P1D')", "LONG 1709123696789"),
            ("toepochseconds(1709210096789)", "LONG 1709210096"),
            ("toEpochMinutes(1709210096789)", "LONG 28486834"),
            ("toepochhours(1709210096789)", "LONG 474780"),
            ("to_epoch_days(1709210096789)", "LONG 19782"),
            ("toepochsecondsrounded(1709210096789, 10)", "LONG 1709210090"),
            ("toepochminutesbucket(1709210096789, 10)", "LONG 2848683"),
            ("fromepochdays(19782)", "LONG 1709164800000"),
            ("fromepochdaysbucket(2826, 7)", "LONG 1709164800000"),
            ("fromepochseconds(null)", "LONG null"),
            ("totimestamp(5)", "TIMESTAMP 5"),
            ("fromtimestamp(totimestamp(5))", "LONG 5"),
            ("round(1234, 100)", "LONG 1200"),
            ("timeconvert(1709210096789, 'MILLISECONDS', 'DAYS')", "LONG 19782"),
            ("timeconvert(650, 'MONTHS', 'YEARS')", "LONG 54"),
            ("timeconvert(1709210096789, 'milliseconds', 'weeks')", "LONG 2826"),
            ("timezonehour('Asia/Kolkata')", "INT 5"),
            ("timezoneminute('Asia/Kolkata')", "INT 30"),
        ]);
        check_errors(&[
            ("round(1, 0)", "round: / by zero"),
            ("toepochdaysbucket(1, 0)", "toepochdaysbucket: / by zero"),
        ]);
        assert!(
            crate::evaluate_constant(
                &crate::Expr::Call {
                    function: "timeconvert".into(),
                    args: [
                        model::Value::Long(1),
                        model::Value::String("EONS".into()),
                        model::Value::String("DAYS".into())
                    ]
                    .map(crate::Expr::Literal)
                    .to_vec(),
                    ty: model::DataType::Long.sv(),
                },
                &crate::testing::context()
            )
            .is_err()
        );
    }

    #[test]
    fn texts() {
        check(&[
            ("todatetime(1709210096789, 'yyyy-MM-dd')", "STRING 2024-02-29"),
            ("todatetime(1709210096789, 'yyyy-MM-dd HH:mm', 'America/New_York')", "STRING 2024-02-29 07:34"),
            ("fromdatetime('2024-01-01', 'yyyy-MM-dd')", "LONG 1704067200000"),
            ("fromdatetime('2024-01-01 00:00', 'yyyy-MM-dd HH:mm', 'Asia/Kolkata')", "LONG 1704047400000"),
            ("fromdatetime('x', 'yyyy', 'UTC', -1)", "LONG -1"),
            ("toiso8601(1709210096789)", "STRING 2024-02-29T12:34:56.789Z"),
            ("fromiso8601('2024-02-29T12:34:56.789Z')", "LONG 1709210096789"),
            ("todatetime(9223372036854775807, 'yyyy')", "STRING 292278994"),
        ]);
        check_errors(&[("fromiso8601('x')", "fromiso8601: Invalid format: \"x\"")]);
    }
}
