//! `dateTrunc`: the start of the unit that a point in time lies in.

use model::{
    TimeUnit, TimeZone,
    date_time::civil::{self, Fields},
};

use super::zone;
use crate::{
    call::{Long, Memo, Str},
    families::Family,
    function,
};

pub static FUNCTIONS: Family = &[&function!("datetrunc";
    (unit: Str, v: Long) -> Result<i64, String>, with { let units = Memo::new(Unit::parse); } =>
        Ok(units.get(unit)?.floor(v, TimeZone::UTC)),
    (unit: Str, v: Long, from: Str) -> Result<i64, String>, with {
        let units = Memo::new(Unit::parse);
        let froms = Memo::new(time_unit);
    } => {
        let from = *froms.get(from)?;
        Ok(from.from_millis(units.get(unit)?.floor(from.to_millis(v), TimeZone::UTC)))
    },
    (unit: Str, v: Long, from: Str, tz: Str) -> Result<i64, String>, with {
        let units = Memo::new(Unit::parse);
        let froms = Memo::new(time_unit);
        let zones = Memo::new(zone);
    } => {
        let from = *froms.get(from)?;
        Ok(from.from_millis(units.get(unit)?.floor(from.to_millis(v), *zones.get(tz)?)))
    },
    (unit: Str, v: Long, from: Str, tz: Str, to: Str) -> Result<i64, String>, with {
        let units = Memo::new(Unit::parse);
        let froms = Memo::new(time_unit);
        let zones = Memo::new(zone);
        let tos = Memo::new(time_unit);
    } => Ok(tos.get(to)?.from_millis(units.get(unit)?.floor(froms.get(from)?.to_millis(v), *zones.get(tz)?))))];

fn time_unit(name: &str) -> Result<TimeUnit, String> {
    name.parse().map_err(|e: model::period::UnknownTimeUnit| e.to_string())
}

/// A unit of the calendar.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Unit {
    Millisecond,
    Second,
    Minute,
    Hour,
    Day,
    Week,
    Month,
    Quarter,
    Year,
}

impl Unit {
    pub(crate) fn parse(name: &str) -> Result<Self, String> {
        Ok(match name.to_ascii_uppercase().as_str() {
            "MILLISECOND" => Self::Millisecond,
            "SECOND" => Self::Second,
            "MINUTE" => Self::Minute,
            "HOUR" => Self::Hour,
            "DAY" => Self::Day,
            "WEEK" => Self::Week,
            "MONTH" => Self::Month,
            "QUARTER" => Self::Quarter,
            "YEAR" => Self::Year,
            other => {
                return Err(format!(
                    "'{other}' is not a valid unit, expected MILLISECOND, SECOND, MINUTE, HOUR, DAY, WEEK, MONTH, QUARTER or YEAR"
                ));
            }
        })
    }

    /// Length in millis, where it is always the same in local time.
    pub(crate) fn millis(self) -> Option<i64> {
        Some(match self {
            Self::Millisecond => 1,
            Self::Second => 1_000,
            Self::Minute => 60_000,
            Self::Hour => 3_600_000,
            Self::Day => civil::MILLIS_PER_DAY,
            Self::Week => 7 * civil::MILLIS_PER_DAY,
            Self::Month | Self::Quarter | Self::Year => return None,
        })
    }

    /// The start of the unit at `millis` on the clock of `zone`.
    pub(crate) fn floor(self, millis: i64, zone: TimeZone) -> i64 {
        if let Self::Millisecond | Self::Second | Self::Minute | Self::Hour = self {
            // Within a unit of time the offset holds, also where the clock shows an hour twice.
            let offset = zone.offset_millis(millis);
            return floor_to(millis.saturating_add(offset), self.millis().unwrap_or(1)).saturating_sub(offset);
        }
        let local = self.floor_local(zone.to_local(millis));
        zone.to_utc_lenient(local)
    }

    fn floor_local(self, local: i64) -> i64 {
        let start = |year: i64, month: u32| {
            Fields { year, month, day: 1, hour: 0, minute: 0, second: 0, millis: 0 }.to_millis()
        };
        match self {
            // The epoch was a Thursday; weeks start on Monday.
            Self::Week => {
                const MONDAY: i64 = 4 * civil::MILLIS_PER_DAY;
                floor_to(local.saturating_sub(MONDAY), 7 * civil::MILLIS_PER_DAY).saturating_add(MONDAY)
            }
            Self::Month | Self::Quarter | Self::Year => {
                let fields = Fields::from_millis(local);
                start(
                    fields.year,
                    match self {
                        Self::Month => fields.month,
                        Self::Quarter => (fields.month - 1) / 3 * 3 + 1,
                        _ => 1,
                    },
                )
            }
            fixed => floor_to(local, fixed.millis().unwrap_or(1)),
        }
    }
}

fn floor_to(value: i64, step: i64) -> i64 {
    value.div_euclid(step).saturating_mul(step)
}

#[cfg(test)]
mod tests {
    use crate::testing::{check, check_errors};

    #[test]
    fn starts() {
        check(&[
            ("datetrunc('month', 1709210096789)", "LONG 1706745600000"),
            ("date_trunc('DAY', 1709210096789)", "LONG 1709164800000"),
            ("datetrunc('WEEK', 1709210096789)", "LONG 1708905600000"),
            ("datetrunc('QUARTER', 1709210096789)", "LONG 1704067200000"),
            ("datetrunc('YEAR', 1709210096789)", "LONG 1704067200000"),
            ("datetrunc('hour', 1709210096789)", "LONG 1709208000000"),
            ("datetrunc('minute', 1709210096789)", "LONG 1709210040000"),
            ("datetrunc('second', 1709210096789)", "LONG 1709210096000"),
            ("datetrunc('millisecond', 1709210096789)", "LONG 1709210096789"),
            ("datetrunc('day', -1)", "LONG -86400000"),
            ("datetrunc('day', 1709210096, 'SECONDS')", "LONG 1709164800"),
            ("datetrunc('day', 1709210096789, 'MILLISECONDS', 'America/Los_Angeles')", "LONG 1709193600000"),
            ("datetrunc('day', 1709210096789, 'MILLISECONDS', 'UTC', 'DAYS')", "LONG 19782"),
            ("datetrunc('week', 0)", "LONG -259200000"),
            ("datetrunc('day', null)", "LONG null"),
            ("datetrunc('year', -9223372036854775808)", "LONG -9223372036854775808"),
        ]);
        let units = "MILLISECOND, SECOND, MINUTE, HOUR, DAY, WEEK, MONTH, QUARTER or YEAR";
        check_errors(&[("datetrunc('eon', 1)", &format!("datetrunc: 'EON' is not a valid unit, expected {units}"))]);
    }
}
