//! Adding units to a point in time and counting units between two.

use model::date_time::civil::{self, Fields};

use super::truncate::Unit;
use crate::{
    call::{Long, Memo, Str},
    families::Family,
    function,
};

pub static FUNCTIONS: Family = &[
    &function!("timestampadd" | "dateadd";
        (unit: Str, n: Long, ms: Long) -> Result<i64, String>, with { let units = Memo::new(Unit::parse); } =>
            Ok(add(*units.get(unit)?, n, ms))),
    &function!("timestampdiff" | "datediff";
        (unit: Str, from: Long, to: Long) -> Result<i64, String>, with { let units = Memo::new(Unit::parse); } =>
            Ok(difference(*units.get(unit)?, from, to))),
];

/// A month's last day is taken where the day does not exist.
fn add(unit: Unit, n: i64, ms: i64) -> i64 {
    let months = match unit {
        Unit::Month => n,
        Unit::Quarter => n.saturating_mul(3),
        Unit::Year => n.saturating_mul(12),
        fixed => return ms.saturating_add(n.saturating_mul(fixed.millis().unwrap_or(1))),
    };
    let fields = Fields::from_millis(ms);
    // Years beyond this are beyond the range of millis anyway.
    let months = months.clamp(-12_000_000_000, 12_000_000_000);
    let total = fields.year * 12 + i64::from(fields.month) - 1 + months;
    let (year, month) = (total.div_euclid(12), total.rem_euclid(12) as u32 + 1);
    if year.abs() > 300_000_000 {
        return if year > 0 { i64::MAX } else { i64::MIN };
    }
    Fields { year, month, day: fields.day.min(civil::days_in_month(year, month)), ..fields }.to_millis()
}

/// Whole units from `from` to `to`, negative when `to` is earlier.
fn difference(unit: Unit, from: i64, to: i64) -> i64 {
    let size = match unit {
        Unit::Month => 1,
        Unit::Quarter => 3,
        Unit::Year => 12,
        fixed => return to.saturating_sub(from) / fixed.millis().unwrap_or(1),
    };
    if to < from {
        return -difference(unit, to, from);
    }
    let (a, b) = (Fields::from_millis(from), Fields::from_millis(to));
    let mut months = (b.year - a.year) * 12 + i64::from(b.month) - i64::from(a.month);
    if add(Unit::Month, months, from) > to {
        months -= 1;
    }
    months / size
}

#[cfg(test)]
mod tests {
    use crate::testing::check;

    #[test]
    fn shifts() {
        check(&[
            ("dateadd('DAY', 3, 1709210096789)", "LONG 1709469296789"),
            ("timestampadd('MONTH', 1, 1706659200000)", "LONG 1709164800000"),
            ("timestampadd('YEAR', -1, 1709164800000)", "LONG 1677542400000"),
            ("timestampadd('quarter', 1, 0)", "LONG 7776000000"),
            ("dateadd('week', 1, 0)", "LONG 604800000"),
            ("dateadd('year', 9223372036854775807, 0)", "LONG 9223372036854775807"),
            ("datediff('DAY', 1704067200000, 1709210096789)", "LONG 59"),
            ("datediff('DAY', 1709210096789, 1704067200000)", "LONG -59"),
            ("datediff('MONTH', 1706659200000, 1709164800000)", "LONG 1"),
            ("timestampdiff('month', 1706659200001, 1709164800000)", "LONG 0"),
            ("timestampdiff('year', 0, 1709164800000)", "LONG 54"),
            ("datediff('day', -9223372036854775808, 9223372036854775807)", "LONG 106751991167"),
        ]);
    }
}
