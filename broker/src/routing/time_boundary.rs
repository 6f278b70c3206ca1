//! Where the offline part of a hybrid table ends and its realtime part begins.

use std::ops::Bound;

use model::{DateTimeFormat, Value};
use query::{Expr, Filter, Predicate, PredicateOp};

use super::table::TableRoute;

const HOUR_MS: i64 = 3_600_000;
const DAY_MS: i64 = 24 * HOUR_MS;

/// Offline rows count up to and including `value`, realtime rows after it.
#[derive(Clone, Debug, PartialEq)]
pub struct TimeBoundary {
    pub column: String,
    /// In the column's type.
    pub value: Value,
    /// In the column's format, as the debug API shows it.
    pub text: String,
}

/// The boundary of a hybrid table, from its offline part: the latest end of its loaded segments, less an hour for
/// tables that are pushed hourly and keep finer times than days, else less a day. The last hour or day may not be
/// complete offline, so realtime rows stand for it. `None` when no offline segment tells a time: then the realtime
/// part answers alone. A boundary that an operator has fixed stands as it is.
pub fn time_boundary(offline: &TableRoute) -> Option<TimeBoundary> {
    let column = offline.time_column.clone()?;
    let field = offline.schema.field(&column)?;
    let format = DateTimeFormat::parse(field.format.as_deref()?).ok()?;
    if let Some(fixed_ms) = offline.time_boundary_ms {
        let value = convert(format.from_millis(fixed_ms), field.data_type)?;
        return Some(TimeBoundary { column, value, text: format.millis_to_text(fixed_ms) });
    }
    let counted = offline.segments.iter().filter(|segment| segment.is_online() && segment.facts.total_docs != Some(0));
    let latest = counted.filter_map(|segment| segment.facts.end_time_ms).max()?;
    let finer_than_days = format.unit().is_none_or(|unit| unit.to_millis(1) < DAY_MS);
    let hourly = offline.pushes_hourly && finer_than_days;
    let boundary_ms = latest - if hourly { HOUR_MS } else { DAY_MS };
    let value = convert(format.from_millis(boundary_ms), field.data_type)?;
    Some(TimeBoundary { column, value, text: format.millis_to_text(boundary_ms) })
}

/// A time in the column's own type.
fn convert(value: Value, data_type: model::DataType) -> Option<Value> {
    use model::DataType;
    Some(match (data_type, value) {
        (DataType::Int, Value::Long(v)) => Value::Int(i32::try_from(v).ok()?),
        (DataType::Long, Value::Long(v) | Value::Timestamp(v)) => Value::Long(v),
        (DataType::Float, Value::Long(v)) => Value::Float(v as f32),
        (DataType::Double, Value::Long(v)) => Value::Double(v as f64),
        (DataType::Timestamp, Value::Long(v) | Value::Timestamp(v)) => Value::Timestamp(v),
        (DataType::String, Value::Long(v)) => Value::String(v.to_string()),
        (DataType::String, Value::String(v)) => Value::String(v),
        // Dates as numbers, such as 20240131 under the pattern yyyyMMdd.
        (DataType::Int, Value::String(v)) => Value::Int(v.parse().ok()?),
        (DataType::Long, Value::String(v)) => Value::Long(v.parse().ok()?),
        _ => return None,
    })
}

/// `filter` with the condition of one side of the boundary.
pub fn with_boundary(filter: &Filter, boundary: &TimeBoundary, offline: bool) -> Filter {
    let value = boundary.value.clone();
    let op = if offline {
        PredicateOp::Range { lower: Bound::Unbounded, upper: Bound::Included(value) }
    } else {
        PredicateOp::Range { lower: Bound::Excluded(value), upper: Bound::Unbounded }
    };
    let lhs = Expr::Column { name: boundary.column.clone(), ty: boundary.value.column_type() };
    let predicate = Filter::Predicate(Predicate { lhs, op });
    match filter {
        Filter::All => predicate,
        Filter::Nothing => Filter::Nothing,
        Filter::And(parts) => Filter::And(parts.iter().cloned().chain([predicate]).collect()),
        other => Filter::And(vec![other.clone(), predicate]),
    }
}
