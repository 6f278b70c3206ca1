//! Instant to text.

use super::{
    super::{civil::Fields, timestamp::push_padded, zone::TimeZone},
    Field, Item, MONTHS, WEEKDAYS,
};

pub(super) fn format(items: &[Item], out: &mut String, millis: i64, zone: TimeZone) {
    let fields = Fields::from_millis(zone.to_local(millis));
    for item in items {
        match item {
            Item::Literal(text) => out.push_str(text),
            Item::Number { field, width, .. } => push_signed(out, value(*field, fields), *width),
            Item::TwoDigitYear { field, .. } => push_padded(out, value(*field, fields).unsigned_abs() % 100, 2),
            Item::MonthName { full } => push_name(out, MONTHS[fields.month as usize - 1], *full),
            Item::WeekdayName { full } => push_name(out, WEEKDAYS[fields.day_of_week() as usize - 1], *full),
            Item::Era => out.push_str(if fields.year > 0 { "AD" } else { "BC" }),
            Item::HalfDay => out.push_str(if fields.hour < 12 { "AM" } else { "PM" }),
            Item::Fraction { digits } => push_fraction(out, fields.millis, *digits),
            Item::Offset { colon } => out.push_str(&zone.offset_text(millis, *colon)),
            Item::ZoneId => out.push_str(&zone.to_string()),
            Item::ZoneName { full: true } => out.push_str(&zone.to_string()),
            Item::ZoneName { full: false } => out.push_str(&zone.short_name(millis)),
        }
    }
}

fn value(field: Field, fields: Fields) -> i64 {
    let year_of_era = if fields.year > 0 { fields.year } else { 1 - fields.year };
    match field {
        Field::Year => fields.year,
        Field::YearOfEra => year_of_era,
        Field::Century => year_of_era / 100,
        Field::WeekYear => fields.week().0,
        Field::Week => i64::from(fields.week().1),
        Field::Quarter => i64::from((fields.month - 1) / 3 + 1),
        Field::Month => i64::from(fields.month),
        Field::DayOfYear => i64::from(fields.day_of_year()),
        Field::Day => i64::from(fields.day),
        Field::DayOfWeek => i64::from(fields.day_of_week()),
        Field::Hour24 => i64::from(fields.hour),
        Field::ClockHour24 => i64::from(if fields.hour == 0 { 24 } else { fields.hour }),
        Field::Hour12 => i64::from(fields.hour % 12),
        Field::ClockHour12 => i64::from((fields.hour + 11) % 12 + 1),
        Field::Minute => i64::from(fields.minute),
        Field::Second => i64::from(fields.second),
    }
}

fn push_signed(out: &mut String, value: i64, width: usize) {
    if value < 0 {
        out.push('-');
    }
    push_padded(out, value.unsigned_abs(), width);
}

fn push_name(out: &mut String, name: &str, full: bool) {
    out.push_str(if full { name } else { &name[..3] });
}

fn push_fraction(out: &mut String, millis: u32, digits: usize) {
    let millis = u64::from(millis);
    match digits {
        1 => push_padded(out, millis / 100, 1),
        2 => push_padded(out, millis / 10, 2),
        _ => {
            push_padded(out, millis, 3);
            out.extend(std::iter::repeat_n('0', digits - 3));
        }
    }
}
