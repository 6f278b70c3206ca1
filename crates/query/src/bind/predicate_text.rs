//! The text of a filter inside a header: `sum(x) FILTER(WHERE y > '7')`.

use super::constants::Comparison;
use crate::ast::{Expression, Function};

pub(super) fn filter_text(expression: &Expression) -> String {
    match expression {
        Expression::Function(function) => function_text(function, expression),
        Expression::Identifier(name) => format!("{name} = 'true'"),
        Expression::Literal(value) => crate::text::value_text(value).into_owned(),
    }
}

fn function_text(function: &Function, whole: &Expression) -> String {
    let args = function.args.as_slice();
    match (function.name.as_str(), args) {
        ("and", _) => joined(args, " AND "),
        ("or", _) => joined(args, " OR "),
        ("not", [operand]) => format!("(NOT {})", filter_text(operand)),
        (name, [left, right]) if Comparison::of(name).is_some() => {
            let comparison = Comparison::of(name).unwrap_or(Comparison::Eq);
            match (left.is_literal(), right.is_literal()) {
                (true, false) => format!("{right} {} {left}", comparison.flipped().symbol()),
                (false, false) => format!("minus({left},{right}) {} '0'", comparison.symbol()),
                _ => format!("{left} {} {right}", comparison.symbol()),
            }
        }
        ("between", [left, low, high]) => format!("({left} >= {low} AND {left} <= {high})"),
        ("in", [left, rest @ ..]) => format!("{left} IN ({})", list(rest)),
        ("not_in", [left, rest @ ..]) => format!("{left} NOT IN ({})", list(rest)),
        ("is_null", [operand]) => format!("{operand} IS NULL"),
        ("is_not_null", [operand]) => format!("{operand} IS NOT NULL"),
        ("like", [left, Expression::Literal(pattern)]) => {
            format!("regexp_like({left},'{}')", crate::like::to_regex(&crate::text::value_text(pattern)))
        }
        ("regexp_like" | "text_match" | "text_contains" | "json_match", _) => whole.to_string(),
        _ => format!("{whole} = 'true'"),
    }
}

fn joined(args: &[Expression], between: &str) -> String {
    format!("({})", args.iter().map(filter_text).collect::<Vec<_>>().join(between))
}

fn list(args: &[Expression]) -> String {
    args.iter().map(ToString::to_string).collect::<Vec<_>>().join(",")
}
