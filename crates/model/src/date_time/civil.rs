//! Calendar arithmetic on epoch milliseconds in the proleptic Gregorian calendar, over the whole range of `i64`.

pub const MILLIS_PER_DAY: i64 = 86_400_000;

/// Date and time of day of one instant, without zone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fields {
    /// Astronomical year: 0 is 1 BC.
    pub year: i64,
    /// 1–12.
    pub month: u32,
    /// 1–31.
    pub day: u32,
    pub hour: u32,
    pub minute: u32,
    pub second: u32,
    pub millis: u32,
}

impl Fields {
    /// The fields of epoch milliseconds, taken as they are (add a zone's offset first for local fields).
    pub fn from_millis(millis: i64) -> Self {
        let days = millis.div_euclid(MILLIS_PER_DAY);
        let rest = millis.rem_euclid(MILLIS_PER_DAY) as u32;
        let (year, month, day) = date_of_days(days);
        Self {
            year,
            month,
            day,
            hour: rest / 3_600_000,
            minute: rest / 60_000 % 60,
            second: rest / 1000 % 60,
            millis: rest % 1000,
        }
    }

    /// Epoch milliseconds of the fields, saturating. Fields must be in range.
    pub fn to_millis(self) -> i64 {
        let time = i64::from(((self.hour * 60 + self.minute) * 60 + self.second) * 1000 + self.millis);
        let days = i128::from(days_of_date(self.year, self.month, self.day));
        let millis = days * i128::from(MILLIS_PER_DAY) + i128::from(time);
        millis.clamp(i128::from(i64::MIN), i128::from(i64::MAX)) as i64
    }

    /// 1–366.
    pub fn day_of_year(self) -> u32 {
        (days_of_date(self.year, self.month, self.day) - days_of_date(self.year, 1, 1)) as u32 + 1
    }

    /// ISO: Monday is 1, Sunday 7.
    pub fn day_of_week(self) -> u32 {
        day_of_week(days_of_date(self.year, self.month, self.day))
    }

    /// ISO week year and week (1–53).
    pub fn week(self) -> (i64, u32) {
        week_of_days(days_of_date(self.year, self.month, self.day))
    }
}

/// Days since 1970-01-01 of a date.
pub fn days_of_date(year: i64, month: u32, day: u32) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let month_from_march = i64::from((month + 9) % 12);
    let day_of_year = (153 * month_from_march + 2) / 5 + i64::from(day) - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

/// Year, month, day of days since 1970-01-01.
pub fn date_of_days(days: i64) -> (i64, u32, u32) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = (day_of_year - (153 * month_from_march + 2) / 5 + 1) as u32;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 } as u32;
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, month, day)
}

/// ISO day of the week (Monday 1) of days since 1970-01-01, a Thursday.
pub fn day_of_week(days: i64) -> u32 {
    (days + 3).rem_euclid(7) as u32 + 1
}

/// ISO week year and week of days since 1970-01-01.
pub fn week_of_days(days: i64) -> (i64, u32) {
    // The week belongs to the year of its Thursday.
    let thursday = days + 4 - i64::from(day_of_week(days));
    let (year, _, _) = date_of_days(thursday);
    let week = (thursday - days_of_date(year, 1, 1)) / 7 + 1;
    (year, week as u32)
}

/// Days since 1970-01-01 of the Monday of an ISO week.
pub fn days_of_week(week_year: i64, week: u32) -> i64 {
    let january_4 = days_of_date(week_year, 1, 4);
    january_4 - i64::from(day_of_week(january_4) - 1) + (i64::from(week) - 1) * 7
}

/// 52 or 53.
pub fn weeks_in_year(week_year: i64) -> u32 {
    ((days_of_week(week_year + 1, 1) - days_of_week(week_year, 1)) / 7) as u32
}

pub fn is_leap_year(year: i64) -> bool {
    year.rem_euclid(4) == 0 && (year.rem_euclid(100) != 0 || year.rem_euclid(400) == 0)
}

/// 28–31.
pub fn days_in_month(year: i64, month: u32) -> u32 {
    match month {
        2 => 28 + u32::from(is_leap_year(year)),
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agrees_with_chrono() {
        use chrono::Datelike;
        let mut days = -800_000_i64;
        while days < 800_000 {
            let date = chrono::NaiveDate::from_ymd_opt(1970, 1, 1).unwrap() + chrono::Duration::days(days);
            assert_eq!(date_of_days(days), (i64::from(date.year()), date.month(), date.day()));
            assert_eq!(days_of_date(i64::from(date.year()), date.month(), date.day()), days);
            let week = date.iso_week();
            assert_eq!(week_of_days(days), (i64::from(week.year()), week.week()));
            assert_eq!(day_of_week(days), date.weekday().number_from_monday());
            days += 97;
        }
        assert_eq!(days_of_week(2020, 53), days_of_date(2020, 12, 28));
        assert_eq!((weeks_in_year(2020), weeks_in_year(2021)), (53, 52));
    }

    #[test]
    fn whole_range() {
        for millis in [i64::MIN, -1, 0, 1, i64::MAX] {
            assert_eq!(Fields::from_millis(millis).to_millis(), millis);
        }
    }
}
