//! Literals of a predicate in the type of its left side.

use std::ops::Bound;

use functions::convert;
use model::{DataType, Value};

use crate::{error::Error, ir::PredicateOp};

/// A predicate over one expression, or what it comes to for every row.
#[derive(Debug, PartialEq)]
pub(super) enum Folded {
    Predicate(PredicateOp),
    /// True for every row that has a value.
    Always,
    Never,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Comparison {
    Eq,
    NotEq,
    Gt,
    GtEq,
    Lt,
    LtEq,
}

impl Comparison {
    pub(super) fn of(function: &str) -> Option<Self> {
        Some(match function {
            "equals" => Self::Eq,
            "not_equals" => Self::NotEq,
            "greater_than" => Self::Gt,
            "greater_than_or_equal" => Self::GtEq,
            "less_than" => Self::Lt,
            "less_than_or_equal" => Self::LtEq,
            _ => return None,
        })
    }

    /// The same comparison with its sides exchanged.
    pub(super) fn flipped(self) -> Self {
        match self {
            Self::Gt => Self::Lt,
            Self::GtEq => Self::LtEq,
            Self::Lt => Self::Gt,
            Self::LtEq => Self::GtEq,
            other => other,
        }
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Eq => "equals",
            Self::NotEq => "not_equals",
            Self::Gt => "greater_than",
            Self::GtEq => "greater_than_or_equal",
            Self::Lt => "less_than",
            Self::LtEq => "less_than_or_equal",
        }
    }

    pub(super) fn symbol(self) -> &'static str {
        match self {
            Self::Eq => "=",
            Self::NotEq => "!=",
            Self::Gt => ">",
            Self::GtEq => ">=",
            Self::Lt => "<",
            Self::LtEq => "<=",
        }
    }
}

/// Where a literal lies among the values of a type.
#[derive(Debug, PartialEq)]
enum Place {
    At(Value),
    /// Strictly between two neighbours; `None` beyond either end.
    Between {
        below: Option<Value>,
        above: Option<Value>,
    },
    /// NaN: comparisons with it never hold.
    Nowhere,
}

pub(super) fn compare(comparison: Comparison, literal: &Value, ty: DataType) -> Result<Folded, Error> {
    let place = place(literal, ty)?;
    Ok(match comparison {
        Comparison::Eq => match place {
            Place::At(value) => Folded::Predicate(PredicateOp::Eq(value)),
            _ => Folded::Never,
        },
        Comparison::NotEq => match place {
            Place::At(value) => Folded::Predicate(PredicateOp::NotEq(value)),
            _ => Folded::Always,
        },
        Comparison::Gt | Comparison::GtEq => match lower(place, comparison == Comparison::GtEq) {
            Side::Bound(Bound::Unbounded) => Folded::Always,
            Side::Bound(lower) => Folded::Predicate(PredicateOp::Range { lower, upper: Bound::Unbounded }),
            Side::Empty => Folded::Never,
        },
        Comparison::Lt | Comparison::LtEq => match upper(place, comparison == Comparison::LtEq) {
            Side::Bound(Bound::Unbounded) => Folded::Always,
            Side::Bound(upper) => Folded::Predicate(PredicateOp::Range { lower: Bound::Unbounded, upper }),
            Side::Empty => Folded::Never,
        },
    })
}

pub(super) fn between(low: &Value, high: &Value, ty: DataType) -> Result<Folded, Error> {
    let (lower, upper) = match (lower(place(low, ty)?, true), upper(place(high, ty)?, true)) {
        (Side::Bound(lower), Side::Bound(upper)) => (lower, upper),
        _ => return Ok(Folded::Never),
    };
    Ok(match (&lower, &upper) {
        (Bound::Unbounded, Bound::Unbounded) => Folded::Always,
        _ => Folded::Predicate(PredicateOp::Range { lower, upper }),
    })
}

pub(super) fn one_of(literals: &[&Value], ty: DataType, negated: bool) -> Result<Folded, Error> {
    let mut values: Vec<Value> = Vec::with_capacity(literals.len());
    for literal in literals {
        let value = match (place(literal, ty)?, ty) {
            (Place::At(value), _) => value,
            // Membership rounds a literal to the column's width, unlike comparison.
            (Place::Between { .. }, DataType::Float) => {
                convert::value(literal, ty.sv()).map_err(|_| cannot_convert(literal, ty))?
            }
            _ => continue,
        };
        if values.len() > 32 || !values.contains(&value) {
            values.push(value);
        }
    }
    Ok(match (values.len(), negated) {
        (0, false) => Folded::Never,
        (0, true) => Folded::Always,
        (1, false) => Folded::Predicate(PredicateOp::Eq(values.remove(0))),
        (1, true) => Folded::Predicate(PredicateOp::NotEq(values.remove(0))),
        (_, false) => Folded::Predicate(PredicateOp::In(values)),
        (_, true) => Folded::Predicate(PredicateOp::NotIn(values)),
    })
}

enum Side {
    Bound(Bound<Value>),
    Empty,
}

fn lower(place: Place, inclusive: bool) -> Side {
    match place {
        Place::At(value) => Side::Bound(if inclusive { Bound::Included(value) } else { Bound::Excluded(value) }),
        Place::Between { below: None, .. } => Side::Bound(Bound::Unbounded),
        Place::Between { above: Some(value), .. } => Side::Bound(Bound::Included(value)),
        Place::Between { .. } | Place::Nowhere => Side::Empty,
    }
}

fn upper(place: Place, inclusive: bool) -> Side {
    match place {
        Place::At(value) => Side::Bound(if inclusive { Bound::Included(value) } else { Bound::Excluded(value) }),
        Place::Between { above: None, .. } => Side::Bound(Bound::Unbounded),
        Place::Between { below: Some(value), .. } => Side::Bound(Bound::Included(value)),
        Place::Between { .. } | Place::Nowhere => Side::Empty,
    }
}

fn cannot_convert(literal: &Value, ty: DataType) -> Error {
    Error::Unsupported(format!("Cannot convert value: '{}' to type: {ty}", crate::text::value_text(literal)))
}

fn place(literal: &Value, ty: DataType) -> Result<Place, Error> {
    match ty {
        DataType::Int | DataType::Long => match literal {
            Value::Int(n) => Ok(place_integer(i64::from(*n), ty)),
            Value::Long(n) | Value::Timestamp(n) => Ok(place_integer(*n, ty)),
            Value::Boolean(b) => Ok(place_integer(i64::from(*b), ty)),
            Value::Float(v) => Ok(place_double(f64::from(*v), ty)),
            Value::Double(v) => Ok(place_double(*v, ty)),
            Value::String(text) => match text.trim().parse::<i64>() {
                Ok(n) => Ok(place_integer(n, ty)),
                Err(_) => {
                    text.trim().parse::<f64>().map(|v| place_double(v, ty)).map_err(|_| cannot_convert(literal, ty))
                }
            },
            other => convert::value(other, ty.sv()).map(Place::At).map_err(|_| cannot_convert(literal, ty)),
        },
        DataType::Float => {
            let wide = match literal {
                Value::String(text) => text.trim().parse::<f64>().ok(),
                other => convert::to_f64(other),
            };
            wide.map(place_float).ok_or_else(|| cannot_convert(literal, ty))
        }
        DataType::Double => match convert::value(literal, ty.sv()) {
            Ok(Value::Double(v)) if v.is_nan() => Ok(Place::Nowhere),
            Ok(value) => Ok(Place::At(value)),
            Err(_) => Err(cannot_convert(literal, ty)),
        },
        DataType::Boolean => Ok(Place::At(Value::Boolean(match literal {
            Value::Boolean(b) => *b,
            other => {
                let text = crate::text::value_text(other);
                text.eq_ignore_ascii_case("true") || text == "1"
            }
        }))),
        DataType::String => Ok(Place::At(Value::String(crate::text::value_text(literal).into_owned()))),
        DataType::Json => Ok(Place::At(Value::Json(crate::text::value_text(literal).into_owned()))),
        DataType::Map | DataType::List | DataType::Struct => {
            Ok(Place::At(Value::Map(crate::text::value_text(literal).into_owned())))
        }
        DataType::Unknown => Ok(Place::Nowhere),
        DataType::BigDecimal | DataType::Timestamp | DataType::Bytes | DataType::Object => {
            convert::value(literal, ty.sv()).map(Place::At).map_err(|_| cannot_convert(literal, ty))
        }
    }
}

fn integer(n: i64, ty: DataType) -> Value {
    if ty == DataType::Int { Value::Int(n as i32) } else { Value::Long(n) }
}

fn limits(ty: DataType) -> (i64, i64) {
    if ty == DataType::Int { (i64::from(i32::MIN), i64::from(i32::MAX)) } else { (i64::MIN, i64::MAX) }
}

fn place_integer(n: i64, ty: DataType) -> Place {
    let (least, greatest) = limits(ty);
    if n < least {
        Place::Between { below: None, above: Some(integer(least, ty)) }
    } else if n > greatest {
        Place::Between { below: Some(integer(greatest, ty)), above: None }
    } else {
        Place::At(integer(n, ty))
    }
}

fn place_double(v: f64, ty: DataType) -> Place {
    let (least, greatest) = limits(ty);
    if v.is_nan() {
        return Place::Nowhere;
    }
    // 2^63 as a double is one above the greatest LONG; `greatest as f64` rounds up to it.
    if v >= greatest as f64 + if ty == DataType::Int { 1.0 } else { 0.0 } {
        return Place::Between { below: Some(integer(greatest, ty)), above: None };
    }
    if v < least as f64 {
        return Place::Between { below: None, above: Some(integer(least, ty)) };
    }
    let floor = v.floor();
    if floor == v {
        return Place::At(integer(v as i64, ty));
    }
    let below = floor as i64;
    Place::Between { below: Some(integer(below, ty)), above: (below < greatest).then(|| integer(below + 1, ty)) }
}

fn place_float(v: f64) -> Place {
    if v.is_nan() {
        return Place::Nowhere;
    }
    let near = v as f32;
    let wide = f64::from(near);
    if wide == v {
        Place::At(Value::Float(near))
    } else if wide > v {
        Place::Between { below: Some(Value::Float(near.next_down())), above: Some(Value::Float(near)) }
    } else {
        Place::Between { below: Some(Value::Float(near)), above: Some(Value::Float(near.next_up())) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(comparison: Comparison, literal: Value, ty: DataType, expected: &str) {
        let got = match compare(comparison, &literal, ty) {
            Ok(folded) => format!("{folded:?}"),
            Err(e) => e.to_string(),
        };
        assert_eq!(got, expected, "{comparison:?} {literal:?} {ty}");
    }

    #[test]
    fn literals_between_whole_numbers_move_the_bound() {
        check(Comparison::Eq, Value::Double(1.5), DataType::Int, "Never");
        check(Comparison::NotEq, Value::Double(1.5), DataType::Long, "Always");
        check(Comparison::Eq, Value::Double(2.0), DataType::Int, "Predicate(Eq(Int(2)))");
        check(
            Comparison::Gt,
            Value::Double(1.5),
            DataType::Int,
            "Predicate(Range { lower: Included(Int(2)), upper: Unbounded })",
        );
        check(
            Comparison::LtEq,
            Value::Double(-1.5),
            DataType::Long,
            "Predicate(Range { lower: Unbounded, upper: Included(Long(-2)) })",
        );
    }

    #[test]
    fn literals_out_of_range_fold() {
        check(Comparison::Gt, Value::Long(3_000_000_000), DataType::Int, "Never");
        check(Comparison::Lt, Value::Long(3_000_000_000), DataType::Int, "Always");
        check(Comparison::Eq, Value::Long(3_000_000_000), DataType::Int, "Never");
        check(Comparison::Gt, Value::Double(-1e30), DataType::Long, "Always");
        check(Comparison::GtEq, Value::Double(9.3e18), DataType::Long, "Never");
    }

    #[test]
    fn texts_are_read_in_the_columns_type() {
        check(Comparison::Eq, Value::String("7".into()), DataType::Int, "Predicate(Eq(Int(7)))");
        check(
            Comparison::Eq,
            Value::String("many".into()),
            DataType::Long,
            "Cannot convert value: 'many' to type: LONG",
        );
        check(Comparison::Eq, Value::String("true".into()), DataType::Boolean, "Predicate(Eq(Boolean(true)))");
        check(Comparison::Eq, Value::Int(1), DataType::Boolean, "Predicate(Eq(Boolean(true)))");
        check(Comparison::Eq, Value::String("0aff".into()), DataType::Bytes, "Predicate(Eq(Bytes([10, 255])))");
        check(Comparison::Eq, Value::Int(5), DataType::String, "Predicate(Eq(String(\"5\")))");
        check(
            Comparison::Eq,
            Value::String("2024-02-29".into()),
            DataType::Timestamp,
            "Predicate(Eq(Timestamp(1709164800000)))",
        );
    }

    #[test]
    fn float_columns_compare_exactly_and_look_up_rounded() {
        check(Comparison::Eq, Value::Double(0.1), DataType::Float, "Never");
        check(Comparison::Eq, Value::Double(0.5), DataType::Float, "Predicate(Eq(Float(0.5)))");
        let folded = one_of(&[&Value::Double(0.1), &Value::Double(0.5)], DataType::Float, false);
        assert_eq!(folded.map(|f| format!("{f:?}")).ok().as_deref(), Some("Predicate(In([Float(0.1), Float(0.5)]))"));
    }
}
