//! Rewrites of the unbound query: aliases, ordinals, constants, algebra of aggregates, GROUP BY as DISTINCT.

use std::collections::HashMap;

use functions::{Context, Expr, ScalarFunction, lookup};
use model::{DataType, Value};

use super::{aggregate, scalar};
use crate::{
    ast::{Expression, Query},
    error::Error,
};

/// `GROUP BY 1`, `ORDER BY 2`.
pub(super) fn ordinals(query: &mut Query) -> Result<(), Error> {
    let select: Vec<Expression> = query.select.iter().map(|item| item.expression.clone()).collect();
    let keys = query.group_by.iter_mut().chain(query.order_by.iter_mut().map(|item| &mut item.expression));
    for key in keys {
        if let Expression::Literal(Value::Int(ordinal)) = key {
            *key = usize::try_from(*ordinal)
                .ok()
                .and_then(|n| n.checked_sub(1))
                .and_then(|i| select.get(i))
                .cloned()
                .ok_or_else(|| {
                Error::Parsing(format!("Expected Ordinal value to be between 1 and {}.", select.len()))
            })?;
        }
    }
    Ok(())
}

/// Replaces aliases in GROUP BY, HAVING and ORDER BY; an alias hides a column of the same name there.
pub(super) fn aliases(query: &mut Query) -> Result<(), Error> {
    let mut by_alias: HashMap<&str, &Expression> = HashMap::new();
    for item in &query.select {
        if let Some(alias) = &item.alias
            && by_alias.insert(alias, &item.expression).is_some()
        {
            return Err(Error::Parsing(format!("Duplicated alias name found: {alias}")));
        }
    }
    if by_alias.is_empty() {
        return Ok(());
    }
    let targets = query
        .group_by
        .iter_mut()
        .chain(&mut query.having)
        .chain(query.order_by.iter_mut().map(|item| &mut item.expression));
    for target in targets {
        replace(target, &by_alias);
    }
    Ok(())
}

fn replace(expression: &mut Expression, by_alias: &HashMap<&str, &Expression>) {
    match expression {
        Expression::Identifier(name) => {
            if let Some(replacement) = by_alias.get(name.as_str()) {
                *expression = (*replacement).clone();
            }
        }
        Expression::Literal(_) => {}
        Expression::Function(function) => function.args.iter_mut().for_each(|arg| replace(arg, by_alias)),
    }
}

/// Replaces each expression that equals the first of a pair by the second.
pub(super) fn replace_expressions(expression: &mut Expression, pairs: &[(Expression, Expression)]) {
    if let Some((_, to)) = pairs.iter().find(|(from, _)| from == expression) {
        *expression = to.clone();
        return;
    }
    if let Expression::Function(function) = expression {
        function.args.iter_mut().for_each(|arg| replace_expressions(arg, pairs));
    }
}

/// Evaluates calls whose arguments are all literals.
pub(super) fn constants(expression: &mut Expression, context: &Context) -> Result<(), Error> {
    let Expression::Function(function) = expression else { return Ok(()) };
    for arg in &mut function.args {
        constants(arg, context)?;
    }
    if !function.args.iter().all(Expression::is_literal)
        || aggregate::is_aggregate(function)
        || !lookup(&function.name).is_some_and(ScalarFunction::is_deterministic)
    {
        return Ok(());
    }
    // An argument of the wrong kind is reported where the call is bound.
    let Ok(call) = scalar::bind(expression, &mut NoNames) else { return Ok(()) };
    match functions::evaluate_constant(&call, context) {
        Ok(value) => {
            *expression = Expression::Literal(narrow(value));
            Ok(())
        }
        Err(e) => {
            let Expression::Function(function) = expression else { return Ok(()) };
            let args: Vec<_> =
                function.args.iter().filter_map(Expression::as_literal).map(crate::text::value_text).collect();
            Err(Error::Parsing(format!(
                "Caught exception while invoking method: {} with arguments: [{}]: {e}",
                function.name,
                args.join(", ")
            )))
        }
    }
}

/// A TIMESTAMP is a LONG among literals.
fn narrow(value: Value) -> Value {
    match value {
        Value::Timestamp(millis) => Value::Long(millis),
        other => other,
    }
}

struct NoNames;

impl scalar::Scope for NoNames {
    fn column(&self, name: &str) -> Result<Expr, Error> {
        Err(Error::UnknownColumn(name.to_owned()))
    }

    fn computed(&mut self, _expression: &Expression) -> Result<Option<Expr>, Error> {
        Ok(None)
    }

    fn whole_arithmetic(&self) -> bool {
        true
    }

    fn map_value_type(&self, _name: &str) -> Option<DataType> {
        None
    }
}

/// Pulls a constant out of SUM, AVG, MIN and MAX over `x + c`, `x - c`, `c - x`, `x * c`.
pub(super) fn aggregate_algebra(expression: &mut Expression) {
    let Expression::Function(function) = &*expression else { return };
    let [Expression::Function(inner)] = function.args.as_slice() else { return };
    let aggregate = function.name.as_str();
    if !matches!(aggregate, "sum" | "avg" | "min" | "max") {
        return;
    }
    let [left, right] = inner.args.as_slice() else { return };
    let (column, constant, constant_first) = match (left, right) {
        (column @ Expression::Identifier(_), Expression::Literal(value)) => (column, value, false),
        (Expression::Literal(value), column @ Expression::Identifier(_)) => (column, value, true),
        _ => return,
    };
    let Some(factor) = number(constant) else { return };
    let literal = Expression::Literal(constant.clone());
    let of = |name: &str| Expression::function(name, vec![column.clone()]);
    let opposite = match aggregate {
        "min" => "max",
        "max" => "min",
        other => other,
    };
    // SUM adds the constant once a row, the others once.
    let share = if aggregate == "sum" {
        Expression::function("times", vec![literal.clone(), of("count")])
    } else {
        literal.clone()
    };
    *expression = match (inner.name.as_str(), constant_first) {
        ("plus" | "add", _) => Expression::function("plus", vec![of(aggregate), share]),
        ("minus" | "sub", false) => Expression::function("minus", vec![of(aggregate), share]),
        ("minus" | "sub", true) => Expression::function("minus", vec![share, of(opposite)]),
        ("times" | "mult", _) if factor != 0.0 => {
            let name = if factor < 0.0 { opposite } else { aggregate };
            Expression::function("times", vec![of(name), literal])
        }
        _ => return,
    };
}

fn number(value: &Value) -> Option<f64> {
    matches!(value, Value::Int(_) | Value::Long(_) | Value::Double(_))
        .then(|| functions::convert::to_f64(value))
        .flatten()
        .filter(|v| v.is_finite())
}

/// GROUP BY whose keys are exactly the selected expressions, without aggregates, is DISTINCT.
pub(super) fn group_by_as_distinct(query: &mut Query) {
    if query.group_by.is_empty() || query.distinct || query.having.is_some() {
        return;
    }
    let aggregated = query.select.iter().any(|item| aggregate::contains_aggregate(&item.expression))
        || query.order_by.iter().any(|item| aggregate::contains_aggregate(&item.expression));
    let same = query.select.iter().all(|item| query.group_by.contains(&item.expression))
        && query.group_by.iter().all(|key| query.select.iter().any(|item| item.expression == *key));
    if !aggregated && same {
        query.distinct = true;
        query.group_by.clear();
    }
}
