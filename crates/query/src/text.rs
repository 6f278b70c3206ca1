//! Values as text in headers, plans and option strings.

use std::{borrow::Cow, ops::Bound};

use functions::Expr;
use model::Value;
pub(crate) use model::render::java_double;
use model::render::java_float;

use crate::{
    ast::canonical_function,
    ir::{Predicate, PredicateOp},
};

/// The text of a literal inside a header, without quotes.
pub(crate) fn value_text(value: &Value) -> Cow<'_, str> {
    Cow::Owned(match value {
        Value::Null => "null".to_owned(),
        Value::Int(v) => v.to_string(),
        Value::Long(v) | Value::Timestamp(v) => v.to_string(),
        Value::Float(v) => java_float(*v),
        Value::Double(v) => java_double(*v),
        Value::BigDecimal(v) => v.to_plain_string(),
        Value::Boolean(v) => v.to_string(),
        Value::String(v) | Value::Json(v) | Value::Map(v) => return Cow::Borrowed(v),
        Value::Bytes(v) => hex::encode(v),
        Value::Array(_, items) => {
            let items: Vec<_> = items.iter().map(value_text).collect();
            format!("[{}]", items.join(", "))
        }
    })
}

/// A literal that stands alone in the select list: strings keep their quotes.
pub(crate) fn bare_literal_text(value: &Value) -> String {
    match value {
        Value::String(_) | Value::Json(_) | Value::Bytes(_) | Value::Map(_) => format!("'{}'", value_text(value)),
        _ => value_text(value).into_owned(),
    }
}

/// A bound expression in canonical text; `inputs` are the texts of earlier outputs.
pub(crate) fn expr_text(expr: &Expr, inputs: &[String]) -> String {
    match expr {
        Expr::Column { name, .. } => name.clone(),
        Expr::Literal(value) => format!("'{}'", value_text(value)),
        Expr::Input { index, .. } => inputs.get(*index).cloned().unwrap_or_else(|| format!("${index}")),
        Expr::Call { function, args, .. } => {
            let args: Vec<String> = args.iter().map(|arg| expr_text(arg, inputs)).collect();
            format!("{}({})", canonical_function(function), args.join(","))
        }
    }
}

/// A boolean expression as a filter is written, e.g. `(count(*) > '3' AND year = '7')`.
pub(crate) fn condition_text(expr: &Expr, inputs: &[String]) -> String {
    let Expr::Call { function, args, .. } = expr else { return expr_text(expr, inputs) };
    let operand = |i: usize| expr_text(&args[i], inputs);
    let joined = |between: &str| {
        format!("({})", args.iter().map(|a| condition_text(a, inputs)).collect::<Vec<_>>().join(between))
    };
    let list = || args[1..].iter().map(|a| expr_text(a, inputs)).collect::<Vec<_>>().join(",");
    let symbol = match function.as_str() {
        "equals" => "=",
        "notequals" => "!=",
        "greaterthan" => ">",
        "greaterthanorequal" => ">=",
        "lessthan" => "<",
        "lessthanorequal" => "<=",
        _ => "",
    };
    match (function.as_str(), args.len()) {
        (_, 2) if !symbol.is_empty() => format!("{} {symbol} {}", operand(0), operand(1)),
        ("and", _) => joined(" AND "),
        ("or", _) => joined(" OR "),
        ("not", 1) => format!("(NOT {})", condition_text(&args[0], inputs)),
        ("between", 3) => format!("({0} >= {1} AND {0} <= {2})", operand(0), operand(1), operand(2)),
        ("in", 2..) => format!("{} IN ({})", operand(0), list()),
        ("notin", 2..) => format!("{} NOT IN ({})", operand(0), list()),
        ("isnull", 1) => format!("{} IS NULL", operand(0)),
        ("isnotnull", 1) => format!("{} IS NOT NULL", operand(0)),
        _ => expr_text(expr, inputs),
    }
}

/// A bound expression as plans show it, e.g. `plus(a,'1')`.
pub fn expression_text(expr: &Expr) -> String {
    expr_text(expr, &[])
}

/// A predicate as plans show it, e.g. `country = 'US'`, `votes > '3'`, `country IN ('US','FR')`.
pub fn predicate_text(predicate: &Predicate) -> String {
    let lhs = expression_text(&predicate.lhs);
    let quoted = |value: &Value| format!("'{}'", constant_text(value));
    let list = |values: &[Value]| values.iter().map(quoted).collect::<Vec<_>>().join(",");
    match &predicate.op {
        PredicateOp::Eq(value) => format!("{lhs} = {}", quoted(value)),
        PredicateOp::NotEq(value) => format!("{lhs} != {}", quoted(value)),
        PredicateOp::In(values) => format!("{lhs} IN ({})", list(values)),
        PredicateOp::NotIn(values) => format!("{lhs} NOT IN ({})", list(values)),
        PredicateOp::Range { lower, upper } => {
            let low = match lower {
                Bound::Included(v) => Some(format!("{lhs} >= {}", quoted(v))),
                Bound::Excluded(v) => Some(format!("{lhs} > {}", quoted(v))),
                Bound::Unbounded => None,
            };
            let high = match upper {
                Bound::Included(v) => Some(format!("{lhs} <= {}", quoted(v))),
                Bound::Excluded(v) => Some(format!("{lhs} < {}", quoted(v))),
                Bound::Unbounded => None,
            };
            match (low, high) {
                (Some(low), Some(high)) => format!("({low} AND {high})"),
                (Some(one), None) | (None, Some(one)) => one,
                (None, None) => format!("{lhs} IS NOT NULL"),
            }
        }
        PredicateOp::RegexpLike { pattern, .. } => format!("regexp_like({lhs},'{pattern}')"),
        PredicateOp::IsNull => format!("{lhs} IS NULL"),
        PredicateOp::IsNotNull => format!("{lhs} IS NOT NULL"),
        PredicateOp::TextMatch(text) => format!("text_match({lhs},'{text}')"),
        PredicateOp::TextContains(text) => format!("text_contains({lhs},'{text}')"),
        PredicateOp::JsonMatch { filter, .. } => format!("json_match({lhs},'{filter}')"),
        PredicateOp::IsTrue => format!("{lhs} = 'true'"),
    }
}

/// Whole doubles lose their `.0`: the statement has mostly a whole literal there.
fn constant_text(value: &Value) -> String {
    match value {
        Value::Double(v) if v.fract() == 0.0 && v.abs() < 1e15 => format!("{}", *v as i64),
        Value::Float(v) if v.fract() == 0.0 && v.abs() < 1e7 => format!("{}", *v as i64),
        other => value_text(other).into_owned(),
    }
}
