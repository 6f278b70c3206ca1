//! `dateTimeConvert`: from one format to another, at a granularity.

use model::{
    ColumnType, DataType, DateTimeFormat, Granularity, TimeUnit, TimeZone, Value,
    date_time::civil::{self, Fields},
};

use super::zone;
use crate::{
    arrays, call,
    families::Family,
    registry::{Argument, Context, Error, ScalarFunction},
    vector::{Data, Vector},
};

pub static FUNCTIONS: Family = &[&DateTimeConvert];

/// `datetimeconvert(value, inputFormat, outputFormat, granularity[, bucketZone])`. Buckets of numbers count from the
/// epoch unless a zone is given; texts are cut by the fields of their own zone.
struct DateTimeConvert;

const NAME: &str = "datetimeconvert";

struct Plan {
    input: DateTimeFormat,
    output: DateTimeFormat,
    granularity: Granularity,
    /// The clock whose fields are cut; without one, buckets count from the epoch.
    zone: Option<TimeZone>,
}

impl Plan {
    fn new(texts: &[Option<&Value>]) -> Result<Self, String> {
        let text = |at: usize| match texts.get(at).copied().flatten() {
            Some(Value::String(text)) => Ok(text.as_str()),
            _ => Err(format!("argument {} must be a literal text", at + 2)),
        };
        let format = |at: usize| text(at)?.parse::<DateTimeFormat>().map_err(|e| e.to_string());
        let (input, output) = (format(0)?, format(1)?);
        let granularity = text(2)?.parse::<Granularity>().map_err(|e| e.to_string())?;
        let bucket_zone = if texts.len() > 3 { Some(zone(text(3)?)?) } else { None };
        let zone = match (&output, bucket_zone) {
            (_, Some(zone)) => Some(zone),
            (DateTimeFormat::SimpleDate { zone, .. }, None) => Some(*zone),
            _ => None,
        };
        Ok(Self { input, output, granularity, zone })
    }

    fn result_type(&self) -> ColumnType {
        match self.output {
            DateTimeFormat::Epoch { .. } => DataType::Long,
            DateTimeFormat::Timestamp => DataType::Timestamp,
            DateTimeFormat::SimpleDate { .. } => DataType::String,
        }
        .sv()
    }

    fn convert(&self, value: &Value) -> Result<Value, String> {
        let millis = self.input.to_millis(value).map_err(|e| e.to_string())?;
        let cut = match self.zone {
            None => {
                let step = self.granularity.millis().max(1);
                millis / step * step
            }
            Some(zone) => cut_fields(millis, self.granularity, zone),
        };
        Ok(self.output.from_millis(cut))
    }
}

/// Cuts the field of the granularity's unit to a multiple of its size, and all smaller fields.
fn cut_fields(millis: i64, granularity: Granularity, zone: TimeZone) -> i64 {
    let size = granularity.size;
    let mut f = Fields::from_millis(zone.to_local(millis));
    let cut = |value: u32| value / size * size;
    match granularity.unit {
        TimeUnit::Days => {
            let day = (f.day - 1) / size * size + 1;
            f = Fields { day, hour: 0, minute: 0, second: 0, millis: 0, ..f };
        }
        TimeUnit::Hours => f = Fields { hour: cut(f.hour), minute: 0, second: 0, millis: 0, ..f },
        TimeUnit::Minutes => f = Fields { minute: cut(f.minute), second: 0, millis: 0, ..f },
        TimeUnit::Seconds => f = Fields { second: cut(f.second), millis: 0, ..f },
        TimeUnit::Milliseconds => f = Fields { millis: cut(f.millis), ..f },
        TimeUnit::Microseconds | TimeUnit::Nanoseconds => return millis,
    }
    debug_assert!(f.day >= 1 && f.day <= civil::days_in_month(f.year, f.month));
    zone.to_utc_lenient(f.to_millis())
}

impl ScalarFunction for DateTimeConvert {
    fn name(&self) -> &'static str {
        NAME
    }

    fn return_type(&self, args: &[Argument<'_>]) -> Result<ColumnType, Error> {
        if !(4..=5).contains(&args.len()) || args[0].ty.multi_value {
            return Err(Error::no_signature(NAME, &args.iter().map(|a| a.ty).collect::<Vec<_>>()));
        }
        let texts: Vec<_> = args[1..].iter().map(|a| a.constant).collect();
        Ok(Plan::new(&texts).map_err(|e| Error::failed(NAME, e))?.result_type())
    }

    fn evaluate(&self, args: &[Vector], rows: usize, _ctx: &Context) -> Result<Vector, Error> {
        call::once_if_constant(NAME, true, args, rows, |rows| {
            let (value, texts) = args.split_first().ok_or("an argument is missing")?;
            let texts: Vec<_> =
                texts.iter().map(|t| if let Data::Constant(value) = &t.data { Some(value) } else { None }).collect();
            let plan = Plan::new(&texts)?;
            let column = arrays::expand(value, rows)?;
            let mut out = Vec::with_capacity(rows);
            // Sorted and repeated values are common, so the last one is kept.
            let mut last: Option<(Value, Value)> = None;
            for row in 0..rows {
                let value = arrays::value_at(column.as_ref(), value.ty, row);
                if value.is_null() {
                    out.push(Value::Null);
                    continue;
                }
                let converted = match &last {
                    Some((from, to)) if *from == value => to.clone(),
                    _ => plan.convert(&value)?,
                };
                out.push(converted.clone());
                last = Some((value, converted));
            }
            Ok(Vector::array(plan.result_type(), arrays::from_values(plan.result_type(), &out)?))
        })
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::{check, check_errors};

    #[test]
    fn conversions() {
        check(&[
            (
                "datetimeconvert(10000, '1:DAYS:EPOCH', '1:DAYS:SIMPLE_DATE_FORMAT:yyyy-MM-dd', '1:DAYS')",
                "STRING 1997-05-19",
            ),
            ("datetimeconvert(1709210096789, '1:MILLISECONDS:EPOCH', '1:HOURS:EPOCH', '1:HOURS')", "LONG 474780"),
            (
                "datetimeconvert(1709210096789, 'EPOCH|MILLISECONDS', 'EPOCH|MILLISECONDS', '15:MINUTES')",
                "LONG 1709209800000",
            ),
            ("datetimeconvert('20240229', 'SIMPLE_DATE_FORMAT|yyyyMMdd', 'EPOCH|DAYS', 'DAYS|1')", "LONG 19782"),
            ("datetimeconvert(1709210096789, 'EPOCH', 'TIMESTAMP', '1:DAYS')", "TIMESTAMP 1709164800000"),
            ("datetimeconvert(1709210096789, 'EPOCH', 'EPOCH', '1:DAYS', 'America/Los_Angeles')", "LONG 1709193600000"),
            (
                "datetimeconvert(1709210096789, 'EPOCH', '1:MINUTES:SIMPLE_DATE_FORMAT:HH:mm tz(America/Los_Angeles)', '15:MINUTES')",
                "STRING 04:30",
            ),
            ("datetimeconvert(null, 'EPOCH', 'EPOCH', '1:DAYS')", "LONG null"),
        ]);
        check_errors(&[
            (
                "datetimeconvert(1, 'EPOCH', 'EPOCH')",
                "Unsupported function: datetimeconvert with arguments of type: [INT, STRING, STRING]",
            ),
            (
                "datetimeconvert(1, 'EPOCH|PARSECS', 'EPOCH', '1:DAYS')",
                "datetimeconvert: Invalid time unit: PARSECS in format: EPOCH|PARSECS",
            ),
        ]);
    }
}
