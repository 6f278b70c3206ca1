//! Text to instant.

use std::str::FromStr;

use super::{
    super::{civil, zone::TimeZone},
    Field, Item, MONTHS, WEEKDAYS,
};

/// Why a text does not fit a pattern.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ParseError {
    #[error("Invalid format: \"{text}\" is malformed at \"{rest}\"")]
    Malformed { text: String, rest: String },
    #[error("Invalid format: \"{text}\" is too short")]
    TooShort { text: String },
    #[error("Cannot parse \"{text}\": Value {value} for {field} must be in the range [{min},{max}]")]
    OutOfRange { text: String, field: &'static str, value: i64, min: i64, max: i64 },
    #[error("Cannot parse \"{text}\": this local time does not exist in time zone {zone}, the clock skips it")]
    Skipped { text: String, zone: String },
}

#[derive(Default)]
struct Parsed {
    year: Option<i64>,
    year_of_era: Option<i64>,
    century: Option<i64>,
    bc: bool,
    week_year: Option<i64>,
    week: Option<i64>,
    quarter: Option<i64>,
    month: Option<i64>,
    day_of_year: Option<i64>,
    day: Option<i64>,
    day_of_week: Option<i64>,
    pm: bool,
    hour24: Option<i64>,
    hour12: Option<i64>,
    minute: i64,
    second: i64,
    millis: i64,
    zone: Option<TimeZone>,
}

pub(super) fn parse(items: &[Item], text: &str, zone: TimeZone) -> Result<i64, ParseError> {
    let mut parsed = Parsed::default();
    let mut rest = text;
    for item in items {
        rest = match step(item, rest, &mut parsed) {
            Some(after) => after,
            None if rest.is_empty() => return Err(ParseError::TooShort { text: text.to_owned() }),
            None => return Err(malformed(text, rest)),
        };
    }
    if !rest.is_empty() {
        return Err(malformed(text, rest));
    }
    parsed.resolve(text, zone)
}

fn malformed(text: &str, rest: &str) -> ParseError {
    ParseError::Malformed { text: text.to_owned(), rest: rest.to_owned() }
}

/// Reads one item from the front of `rest`; `None` when it does not fit.
fn step<'a>(item: &Item, rest: &'a str, parsed: &mut Parsed) -> Option<&'a str> {
    match item {
        Item::Literal(literal) => strip_ignore_case(rest, literal),
        Item::Number { field, max_digits, .. } => {
            let (value, after) = number(rest, *max_digits, is_year(*field))?;
            parsed.set(*field, value);
            Some(after)
        }
        Item::TwoDigitYear { field, lenient } => two_digit_year(*field, *lenient, rest, parsed),
        Item::MonthName { .. } => {
            let (index, after) = name(rest, &MONTHS)?;
            parsed.month = Some(index + 1);
            Some(after)
        }
        Item::WeekdayName { .. } => {
            let (index, after) = name(rest, &WEEKDAYS)?;
            parsed.day_of_week = Some(index + 1);
            Some(after)
        }
        Item::Era => {
            let (bc, after) = either(rest, ["BCE", "BC"], ["AD", "CE"])?;
            parsed.bc = bc;
            Some(after)
        }
        Item::HalfDay => {
            let (pm, after) = either(rest, ["PM", "PM"], ["AM", "AM"])?;
            parsed.pm = pm;
            Some(after)
        }
        Item::Fraction { digits } => {
            let taken = rest.bytes().take(*digits).take_while(u8::is_ascii_digit).count();
            if taken == 0 {
                return None;
            }
            let mut millis = 0;
            for i in 0..3 {
                let digit = rest.as_bytes().get(i).filter(|_| i < taken).map_or(0, |b| i64::from(b - b'0'));
                millis = millis * 10 + digit;
            }
            parsed.millis = millis;
            Some(&rest[taken..])
        }
        Item::Offset { .. } => offset(rest, parsed),
        Item::ZoneId | Item::ZoneName { .. } => zone_name(rest, parsed),
    }
}

fn is_year(field: Field) -> bool {
    matches!(field, Field::Year | Field::YearOfEra | Field::WeekYear | Field::Century)
}

fn number(rest: &str, max_digits: usize, signed: bool) -> Option<(i64, &str)> {
    let bytes = rest.as_bytes();
    let negative = signed && bytes.first() == Some(&b'-');
    let start = usize::from(negative || (signed && bytes.first() == Some(&b'+')));
    let digits = bytes[start..].iter().take(max_digits.min(18)).take_while(|b| b.is_ascii_digit()).count();
    if digits == 0 {
        return None;
    }
    let value = bytes[start..start + digits].iter().fold(0i64, |n, b| n * 10 + i64::from(b - b'0'));
    Some((if negative { -value } else { value }, &rest[start + digits..]))
}

fn two_digit_year<'a>(field: Field, lenient: bool, rest: &'a str, parsed: &mut Parsed) -> Option<&'a str> {
    let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
    if lenient && digits != 2 {
        let (value, after) = number(rest, 9, true)?;
        parsed.set(field, value);
        return Some(after);
    }
    if digits < 2 {
        return None;
    }
    let (value, after) = number(rest, 2, false)?;
    // The century that puts the year within 50 years of the pivot, which itself lies 30 years back.
    const PIVOT: i64 = 1996;
    let low = PIVOT - 50;
    parsed.set(field, low + (value - low).rem_euclid(100));
    Some(after)
}

fn strip_ignore_case<'a>(text: &'a str, prefix: &str) -> Option<&'a str> {
    let head = text.get(..prefix.len())?;
    head.eq_ignore_ascii_case(prefix).then(|| &text[prefix.len()..])
}

/// A full or short English name, the longest that fits.
fn name<'a>(rest: &'a str, names: &[&str]) -> Option<(i64, &'a str)> {
    let full = names.iter().position(|name| strip_ignore_case(rest, name).is_some());
    if let Some(index) = full {
        return Some((index as i64, &rest[names[index].len()..]));
    }
    let short = names.iter().position(|name| strip_ignore_case(rest, &name[..3]).is_some())?;
    Some((short as i64, &rest[3..]))
}

fn either<'a>(rest: &'a str, yes: [&str; 2], no: [&str; 2]) -> Option<(bool, &'a str)> {
    for text in yes {
        if let Some(after) = strip_ignore_case(rest, text) {
            return Some((true, after));
        }
    }
    no.into_iter().find_map(|text| strip_ignore_case(rest, text)).map(|after| (false, after))
}

fn offset<'a>(rest: &'a str, parsed: &mut Parsed) -> Option<&'a str> {
    if let Some(after) = rest.strip_prefix(['Z', 'z']) {
        parsed.zone = Some(TimeZone::UTC);
        return Some(after);
    }
    let bytes = rest.as_bytes();
    let sign = match bytes.first()? {
        b'+' => 1,
        b'-' => -1,
        _ => return None,
    };
    let two = |at: usize| -> Option<i32> {
        let pair = bytes.get(at..at + 2)?;
        pair.iter().all(u8::is_ascii_digit).then(|| i32::from(pair[0] - b'0') * 10 + i32::from(pair[1] - b'0'))
    };
    let hours = two(1)?;
    let minutes_at = if bytes.get(3) == Some(&b':') { 4 } else { 3 };
    let (minutes, end) = match two(minutes_at) {
        Some(minutes) => (minutes, minutes_at + 2),
        None => (0, 3),
    };
    if hours > 23 || minutes > 59 {
        return None;
    }
    parsed.zone = Some(TimeZone::Fixed(sign * (hours * 60 + minutes) * 60));
    Some(&rest[end..])
}

fn zone_name<'a>(rest: &'a str, parsed: &mut Parsed) -> Option<&'a str> {
    const ABBREVIATIONS: [(&str, i32); 10] = [
        ("UTC", 0),
        ("GMT", 0),
        ("EST", -5),
        ("EDT", -4),
        ("CST", -6),
        ("CDT", -5),
        ("MST", -7),
        ("MDT", -6),
        ("PST", -8),
        ("PDT", -7),
    ];
    let length =
        rest.bytes().take_while(|b| b.is_ascii_alphanumeric() || matches!(b, b'/' | b'_' | b'+' | b'-' | b':')).count();
    // The longest prefix that names a zone.
    for end in (1..=length).rev() {
        let candidate = &rest[..end];
        let zone = ABBREVIATIONS
            .iter()
            .find(|(name, _)| *name == candidate)
            .map(|(_, hours)| TimeZone::Fixed(hours * 3600))
            .or_else(|| TimeZone::from_str(candidate).ok());
        if let Some(zone) = zone {
            parsed.zone = Some(zone);
            return Some(&rest[end..]);
        }
    }
    None
}

impl Parsed {
    fn set(&mut self, field: Field, value: i64) {
        match field {
            Field::Year => self.year = Some(value),
            Field::YearOfEra => self.year_of_era = Some(value),
            Field::Century => self.century = Some(value),
            Field::WeekYear => self.week_year = Some(value),
            Field::Week => self.week = Some(value),
            Field::Quarter => self.quarter = Some(value),
            Field::Month => self.month = Some(value),
            Field::DayOfYear => self.day_of_year = Some(value),
            Field::Day => self.day = Some(value),
            Field::DayOfWeek => self.day_of_week = Some(value),
            // An hour of the day of either kind beats half days; ranges are checked in `resolve`.
            Field::Hour24 => self.hour24 = Some(value),
            Field::ClockHour24 => self.hour24 = Some(if value == 24 { 0 } else { value }),
            Field::Hour12 => self.hour12 = Some(value),
            Field::ClockHour12 => self.hour12 = Some(if value == 12 { 0 } else { value }),
            Field::Minute => self.minute = value,
            Field::Second => self.second = value,
        }
    }

    fn resolve(&self, text: &str, zone: TimeZone) -> Result<i64, ParseError> {
        let days = self.days(text)?;
        let check = |field, value, min, max| check_range(text, field, value, min, max);
        let hour = match (self.hour24, self.hour12) {
            (Some(hour), _) => check("hourOfDay", hour, 0, 23)?,
            (None, hour12) => check("hourOfHalfday", hour12.unwrap_or(0), 0, 11)? + if self.pm { 12 } else { 0 },
        };
        let minute = check("minuteOfHour", self.minute, 0, 59)?;
        let second = check("secondOfMinute", self.second, 0, 59)?;
        let time = ((hour * 60 + minute) * 60 + second) * 1000 + self.millis;
        let local = days.saturating_mul(civil::MILLIS_PER_DAY).saturating_add(time);
        let zone = self.zone.unwrap_or(zone);
        zone.to_utc(local).ok_or_else(|| ParseError::Skipped { text: text.to_owned(), zone: zone.to_string() })
    }

    fn days(&self, text: &str) -> Result<i64, ParseError> {
        let check = |field, value, min, max| check_range(text, field, value, min, max);
        let day_of_week = self.day_of_week.map(|day| check("dayOfWeek", day, 1, 7)).transpose()?;
        let year = self.year();
        if self.week_year.is_some() || self.week.is_some() {
            let week_year = self.week_year.or(year).unwrap_or(1970);
            let max = i64::from(civil::weeks_in_year(week_year));
            let week = check("weekOfWeekyear", self.week.unwrap_or(1), 1, max)?;
            return Ok(civil::days_of_week(week_year, week as u32) + day_of_week.unwrap_or(1) - 1);
        }
        let small_field = self.month.or(self.day).or(self.day_of_week).or(self.quarter);
        let year = year.unwrap_or(if small_field.is_some() { 2000 } else { 1970 });
        if let Some(day_of_year) = self.day_of_year {
            let day = check("dayOfYear", day_of_year, 1, 365 + i64::from(civil::is_leap_year(year)))?;
            return Ok(civil::days_of_date(year, 1, 1) + day - 1);
        }
        let quarter = check("quarterOfYear", self.quarter.unwrap_or(1), 1, 4)?;
        let month = check("monthOfYear", self.month.unwrap_or((quarter - 1) * 3 + 1), 1, 12)? as u32;
        let day = check("dayOfMonth", self.day.unwrap_or(1), 1, i64::from(civil::days_in_month(year, month)))?;
        let days = civil::days_of_date(year, month, day as u32);
        // A weekday moves the date within its week.
        Ok(day_of_week.map_or(days, |wanted| days + wanted - i64::from(civil::day_of_week(days))))
    }

    fn year(&self) -> Option<i64> {
        let of_era = match (self.century, self.year_of_era) {
            (Some(century), year) => Some(century * 100 + year.unwrap_or(0) % 100),
            (None, year) => year,
        };
        self.year.or(of_era).map(|year| if self.bc { 1 - year } else { year })
    }
}

fn check_range(text: &str, field: &'static str, value: i64, min: i64, max: i64) -> Result<i64, ParseError> {
    if (min..=max).contains(&value) {
        Ok(value)
    } else {
        Err(ParseError::OutOfRange { text: text.to_owned(), field, value, min, max })
    }
}
