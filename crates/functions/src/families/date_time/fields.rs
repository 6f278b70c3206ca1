//! Fields of a point in time: `year(ms[, zone])` … `millisecond(ms[, zone])`, and `extract(unit, ms)`.

use model::{TimeZone, date_time::civil::Fields};

use super::zone;
use crate::{
    call::{Long, Memo, Str},
    families::Family,
    function,
};

macro_rules! field {
    ($name:literal $(| $alias:literal)*, $get:expr) => {
        &function!($name $(| $alias)*;
            (ms: Long) -> i32 => local(ms, TimeZone::UTC, $get),
            (ms: Long, tz: Str) -> Result<i32, String>, with { let zones = Memo::new(zone); } =>
                Ok(local(ms, *zones.get(tz)?, $get)))
    };
}

pub static FUNCTIONS: Family = &[
    field!("year", year),
    field!("yearofweek" | "yow", week_year),
    field!("quarter", quarter),
    field!("month" | "monthofyear", month),
    field!("week" | "weekofyear", week),
    field!("dayofyear" | "doy", day_of_year),
    field!("dayofmonth" | "day", day),
    field!("dayofweek" | "dow", day_of_week),
    field!("hour", hour),
    field!("minute", minute),
    field!("second", second),
    field!("millisecond", millis),
    &function!("extract"; (unit: Str, ms: Long) -> Result<i32, String> => {
        let get = match unit.to_ascii_uppercase().as_str() {
            "YEAR" => year,
            "QUARTER" => quarter,
            "MONTH" => month,
            "WEEK" => week,
            "DAY" => day,
            "DOY" => day_of_year,
            "DOW" => day_of_week,
            "HOUR" => hour,
            "MINUTE" => minute,
            "SECOND" => second,
            other => return Err(format!("Unsupported unit: {other}, expected YEAR, QUARTER, MONTH, WEEK, DAY, DOY, DOW, HOUR, MINUTE or SECOND")),
        };
        Ok(local(ms, TimeZone::UTC, get))
    }),
];

fn local(ms: i64, zone: TimeZone, get: fn(Fields) -> i32) -> i32 {
    get(Fields::from_millis(zone.to_local(ms)))
}

fn year(f: Fields) -> i32 {
    f.year as i32
}

fn week_year(f: Fields) -> i32 {
    f.week().0 as i32
}

fn quarter(f: Fields) -> i32 {
    (f.month as i32 - 1) / 3 + 1
}

fn month(f: Fields) -> i32 {
    f.month as i32
}

fn week(f: Fields) -> i32 {
    f.week().1 as i32
}

fn day_of_year(f: Fields) -> i32 {
    f.day_of_year() as i32
}

fn day(f: Fields) -> i32 {
    f.day as i32
}

fn day_of_week(f: Fields) -> i32 {
    f.day_of_week() as i32
}

fn hour(f: Fields) -> i32 {
    f.hour as i32
}

fn minute(f: Fields) -> i32 {
    f.minute as i32
}

fn second(f: Fields) -> i32 {
    f.second as i32
}

fn millis(f: Fields) -> i32 {
    f.millis as i32
}

#[cfg(test)]
mod tests {
    use crate::testing::check;

    #[test]
    fn fields() {
        check(&[
            ("year(1709210096789)", "INT 2024"),
            ("year(0)", "INT 1970"),
            ("quarter(1709210096789)", "INT 1"),
            ("month_of_year(1709210096789)", "INT 2"),
            ("week(1709210096789)", "INT 9"),
            ("weekofyear(1609459200000)", "INT 53"),
            ("yow(1609459200000)", "INT 2020"),
            ("doy(1709210096789)", "INT 60"),
            ("day(1709210096789)", "INT 29"),
            ("dayofweek(1709210096789)", "INT 4"),
            ("hour(1709210096789)", "INT 12"),
            ("hour(1709210096789, 'America/Los_Angeles')", "INT 4"),
            ("minute(1709210096789)", "INT 34"),
            ("second(1709210096789)", "INT 56"),
            ("millisecond(1709210096789)", "INT 789"),
            ("day(-1)", "INT 31"),
            ("year(totimestamp(0))", "INT 1970"),
            ("extract('DOW', 1709210096789)", "INT 4"),
            ("extract('year', 1709210096789)", "INT 2024"),
        ]);
    }
}
