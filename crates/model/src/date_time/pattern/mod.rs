//! Letter patterns for dates and times, such as `yyyy-MM-dd'T'HH:mm:ss.SSSZ`.
//!
//! | letter | meaning | letter | meaning |
//! |---|---|---|---|
//! | `y` | year | `a` | AM or PM |
//! | `Y` | year of era | `H` | hour 0–23 |
//! | `C` | century of era | `k` | hour 1–24 |
//! | `G` | era | `K` | hour of half day 0–11 |
//! | `x`, `w` | week year, week | `h` | hour of half day 1–12 |
//! | `Q`, `q` | quarter | `m`, `s` | minute, second |
//! | `M` | month: `MMM` short, `MMMM` full name | `S` | fraction of a second |
//! | `D` | day of year | `z` | zone name (`zzzz` full id) |
//! | `d` | day of month | `Z` | offset `+0000`, `ZZ` `+00:00`, `ZZZ` zone id |
//! | `e`, `E` | day of week, its name | `'…'` | literal, `''` a quote |
//!
//! Names are English. Parsing is strict about the fields' ranges and lenient about leading zeros; a field that the
//! pattern lacks is that of 1970-01-01T00:00 (the year 2000 where a month or day but no year is given).

mod format;
mod parse;

use std::{fmt, str::FromStr};

pub use parse::ParseError;

use super::zone::TimeZone;

/// A compiled pattern. Cheap to use many times, from many threads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern {
    text: String,
    pub(crate) items: Vec<Item>,
}

/// Why a pattern cannot be compiled.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PatternError {
    #[error("Invalid pattern specification: the pattern is empty")]
    Empty,
    #[error("Illegal pattern component: {component} in pattern '{pattern}'")]
    Letter { component: String, pattern: String },
    #[error("Unterminated quote in pattern '{pattern}'")]
    Quote { pattern: String },
    #[error("pattern is longer than 1000 characters")]
    TooLong,
}

/// One part of a pattern. Widths are minimum digits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Item {
    Literal(String),
    Number {
        field: Field,
        width: usize,
        max_digits: usize,
    },
    /// `yy`, `YY`, `xx`: `lenient` when no digit-consuming part follows.
    TwoDigitYear {
        field: Field,
        lenient: bool,
    },
    MonthName {
        full: bool,
    },
    WeekdayName {
        full: bool,
    },
    Era,
    HalfDay,
    Fraction {
        digits: usize,
    },
    Offset {
        colon: bool,
    },
    ZoneId,
    ZoneName {
        full: bool,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Field {
    Year,
    YearOfEra,
    Century,
    WeekYear,
    Week,
    Quarter,
    Month,
    DayOfYear,
    Day,
    DayOfWeek,
    Hour24,
    ClockHour24,
    Hour12,
    ClockHour12,
    Minute,
    Second,
}

pub(crate) const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
pub(crate) const WEEKDAYS: [&str; 7] = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];

enum Token {
    Literal(String),
    Letters(char, usize),
}

impl Pattern {
    pub fn compile(text: &str) -> Result<Self, PatternError> {
        if text.is_empty() {
            return Err(PatternError::Empty);
        }
        if text.len() > 1000 {
            return Err(PatternError::TooLong);
        }
        let tokens = tokenize(text)?;
        let mut items = Vec::with_capacity(tokens.len());
        for (i, token) in tokens.iter().enumerate() {
            items.push(match token {
                Token::Literal(literal) => Item::Literal(literal.clone()),
                Token::Letters(letter, count) => {
                    let next_is_number = tokens.get(i + 1).is_some_and(Token::is_number);
                    item(*letter, *count, next_is_number).ok_or_else(|| PatternError::Letter {
                        component: letter.to_string().repeat(*count),
                        pattern: text.to_owned(),
                    })?
                }
            });
        }
        Ok(Self { text: text.to_owned(), items })
    }

    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Epoch milliseconds as text, local time of `zone`.
    pub fn format(&self, millis: i64, zone: TimeZone) -> String {
        let mut out = String::with_capacity(self.text.len() + 8);
        self.format_into(&mut out, millis, zone);
        out
    }

    /// As [`Self::format`], appended.
    pub fn format_into(&self, out: &mut String, millis: i64, zone: TimeZone) {
        format::format(&self.items, out, millis, zone);
    }

    /// Epoch milliseconds of a text. `zone` counts unless the pattern reads an offset or a zone.
    pub fn parse(&self, text: &str, zone: TimeZone) -> Result<i64, ParseError> {
        parse::parse(&self.items, text, zone)
    }

    /// Whether texts of this pattern sort as their times do, as far as order of fields goes: year, month, day, hour
    /// (0–23), minute, second, fraction stand in this order, where they stand at all. Other fields do not count.
    pub fn sorts_like_time(&self) -> bool {
        let ranks = self.items.iter().filter_map(|item| match item {
            Item::TwoDigitYear { field: Field::Year, .. } | Item::Number { field: Field::Year, .. } => Some(1),
            Item::MonthName { .. } | Item::Number { field: Field::Month, .. } => Some(2),
            Item::Number { field: Field::Day, .. } => Some(3),
            Item::Number { field: Field::Hour24, .. } => Some(4),
            Item::Number { field: Field::Minute, .. } => Some(5),
            Item::Number { field: Field::Second, .. } => Some(6),
            Item::Fraction { .. } => Some(7),
            _ => None,
        });
        ranks.is_sorted()
    }

    /// Whether a part of the pattern names the zone or offset.
    pub fn has_zone(&self) -> bool {
        self.items.iter().any(|item| matches!(item, Item::Offset { .. } | Item::ZoneId | Item::ZoneName { .. }))
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl FromStr for Pattern {
    type Err = PatternError;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::compile(text)
    }
}

impl Token {
    fn is_number(&self) -> bool {
        match self {
            Self::Literal(_) => false,
            Self::Letters('M', count) => *count <= 2,
            Self::Letters(letter, _) => "CxyYdhHmsSeDwkKQq".contains(*letter),
        }
    }
}

fn tokenize(text: &str) -> Result<Vec<Token>, PatternError> {
    let mut tokens: Vec<Token> = Vec::new();
    let mut literal = String::new();
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        if c.is_ascii_alphabetic() {
            if !literal.is_empty() {
                tokens.push(Token::Literal(std::mem::take(&mut literal)));
            }
            let mut count = 1;
            while chars.next_if_eq(&c).is_some() {
                count += 1;
            }
            tokens.push(Token::Letters(c, count));
        } else if c == '\'' {
            if chars.next_if_eq(&'\'').is_some() {
                literal.push('\'');
                continue;
            }
            loop {
                match chars.next() {
                    Some('\'') if chars.next_if_eq(&'\'').is_some() => literal.push('\''),
                    Some('\'') => break,
                    Some(inner) => literal.push(inner),
                    None => return Err(PatternError::Quote { pattern: text.to_owned() }),
                }
            }
        } else {
            literal.push(c);
        }
    }
    if !literal.is_empty() {
        tokens.push(Token::Literal(literal));
    }
    Ok(tokens)
}

fn item(letter: char, count: usize, next_is_number: bool) -> Option<Item> {
    let number = |field, max_digits| Some(Item::Number { field, width: count, max_digits });
    let year = |field| {
        if count == 2 {
            return Some(Item::TwoDigitYear { field, lenient: !next_is_number });
        }
        Some(Item::Number { field, width: count, max_digits: if next_is_number { count } else { 9 } })
    };
    match letter {
        'G' => Some(Item::Era),
        'C' => number(Field::Century, count.max(2)),
        'y' => year(Field::Year),
        'Y' => year(Field::YearOfEra),
        'x' => year(Field::WeekYear),
        'w' => number(Field::Week, 2),
        'Q' | 'q' => number(Field::Quarter, 1),
        'M' if count >= 3 => Some(Item::MonthName { full: count >= 4 }),
        'M' => number(Field::Month, 2),
        'D' => number(Field::DayOfYear, 3),
        'd' => number(Field::Day, 2),
        'e' => number(Field::DayOfWeek, 1),
        'E' => Some(Item::WeekdayName { full: count >= 4 }),
        'a' => Some(Item::HalfDay),
        'H' => number(Field::Hour24, 2),
        'k' => number(Field::ClockHour24, 2),
        'K' => number(Field::Hour12, 2),
        'h' => number(Field::ClockHour12, 2),
        'm' => number(Field::Minute, 2),
        's' => number(Field::Second, 2),
        'S' => Some(Item::Fraction { digits: count }),
        'z' => Some(Item::ZoneName { full: count >= 4 }),
        'Z' => Some(match count {
            1 => Item::Offset { colon: false },
            2 => Item::Offset { colon: true },
            _ => Item::ZoneId,
        }),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
