//! WHERE and FILTER(WHERE …) trees.

use functions::Expr;
use model::{DataType, Value};

use super::{
    constants::{self, Comparison, Folded},
    scalar::{self, Rows},
};
use crate::{
    ast::{Expression, Function},
    error::Error,
    ir::{Filter, Predicate, PredicateOp},
    like,
};

pub(super) struct FilterBinder<'a> {
    pub(super) rows: Rows<'a>,
    pub(super) null_handling: bool,
}

impl FilterBinder<'_> {
    pub(super) fn bind(&mut self, expression: &Expression) -> Result<Filter, Error> {
        match expression {
            Expression::Literal(Value::Boolean(value)) => Ok(constant(*value)),
            Expression::Literal(Value::Null) => Ok(Filter::Nothing),
            Expression::Literal(Value::Int(v)) => Ok(constant(*v != 0)),
            Expression::Literal(Value::String(text)) => Ok(constant(text.eq_ignore_ascii_case("true"))),
            Expression::Literal(other) => Err(Error::Parsing(format!(
                "a filter must be true or false, not {}",
                crate::text::bare_literal_text(other)
            ))),
            Expression::Identifier(_) => self.equals_true(expression),
            Expression::Function(function) => self.function(expression, function),
        }
    }

    fn function(&mut self, expression: &Expression, function: &Function) -> Result<Filter, Error> {
        let args = function.args.as_slice();
        match (function.name.as_str(), args) {
            ("and", _) => self.and(args),
            ("or", _) => self.or(args),
            ("not", [operand]) => Ok(match self.bind(operand)? {
                Filter::All => Filter::Nothing,
                Filter::Nothing => Filter::All,
                Filter::Not(inner) => *inner,
                other => Filter::Not(Box::new(other)),
            }),
            (name, [left, right]) if Comparison::of(name).is_some() => {
                let comparison = Comparison::of(name).unwrap_or(Comparison::Eq);
                match (left, right) {
                    (_, Expression::Literal(literal)) => self.compare(comparison, left, literal),
                    (Expression::Literal(literal), _) => self.compare(comparison.flipped(), right, literal),
                    _ => self.compare_sides(expression, comparison),
                }
            }
            ("between", [left, Expression::Literal(low), Expression::Literal(high)]) => {
                reject_null(&[low, high], "BETWEEN")?;
                let lhs = self.scalar(left)?;
                let folded = constants::between(low, high, lhs.ty().data_type)?;
                Ok(self.fold(lhs, folded))
            }
            ("in" | "not_in", [left, rest @ ..]) if !left.is_literal() => {
                let negated = function.name == "not_in";
                let Some(literals) = rest.iter().map(Expression::as_literal).collect::<Option<Vec<_>>>() else {
                    return self.row_wise(expression);
                };
                reject_null(&literals, if negated { "NOT_IN" } else { "IN" })?;
                let lhs = self.scalar(left)?;
                let folded = constants::one_of(&literals, lhs.ty().data_type, negated)?;
                Ok(self.fold(lhs, folded))
            }
            ("like", [left, Expression::Literal(pattern)]) => {
                reject_null(&[pattern], "LIKE")?;
                let text = crate::text::value_text(pattern);
                let pattern = like::to_regex(&text);
                let op = PredicateOp::RegexpLike { pattern, case_insensitive: true, like: Some(text.into_owned()) };
                self.predicate(left, op)
            }
            ("regexp_like", [left, Expression::Literal(pattern), flags @ ..]) if flags.len() <= 1 => {
                reject_null(&[pattern], "REGEXP_LIKE")?;
                let case_insensitive = match flags {
                    [Expression::Literal(flag)] => match &*crate::text::value_text(flag) {
                        "i" => true,
                        "c" => false,
                        other => {
                            return Err(Error::Unsupported(format!(
                                "REGEXP_LIKE takes 'i' or 'c' as its third argument, not '{other}'"
                            )));
                        }
                    },
                    _ => false,
                };
                let pattern = crate::text::value_text(pattern).into_owned();
                self.predicate(left, PredicateOp::RegexpLike { pattern, case_insensitive, like: None })
            }
            ("is_null", [operand]) if !operand.is_literal() => self.predicate(operand, PredicateOp::IsNull),
            ("is_not_null", [operand]) if !operand.is_literal() => self.predicate(operand, PredicateOp::IsNotNull),
            ("text_match", [left @ Expression::Identifier(_), Expression::Literal(query), ..]) => {
                self.predicate(left, PredicateOp::TextMatch(crate::text::value_text(query).into_owned()))
            }
            ("text_contains", [left @ Expression::Identifier(_), Expression::Literal(pattern)]) => {
                self.predicate(left, PredicateOp::TextContains(crate::text::value_text(pattern).into_owned()))
            }
            ("json_match", [left @ Expression::Identifier(_), Expression::Literal(filter), options @ ..])
                if options.len() <= 1 =>
            {
                let options = options
                    .first()
                    .and_then(Expression::as_literal)
                    .map(|value| crate::text::value_text(value).into_owned());
                let filter = crate::text::value_text(filter).into_owned();
                self.predicate(left, PredicateOp::JsonMatch { filter, options })
            }
            ("text_match" | "text_contains" | "json_match", _) => Err(Error::Parsing(format!(
                "{} takes a column and a literal, not {function}",
                function.name.to_ascii_uppercase()
            ))),
            _ => self.equals_true(expression),
        }
    }

    fn scalar(&mut self, expression: &Expression) -> Result<Expr, Error> {
        scalar::bind(expression, &mut self.rows)
    }

    fn predicate(&mut self, lhs: &Expression, op: PredicateOp) -> Result<Filter, Error> {
        Ok(Filter::Predicate(Predicate { lhs: self.scalar(lhs)?, op }))
    }

    fn compare(&mut self, comparison: Comparison, left: &Expression, literal: &Value) -> Result<Filter, Error> {
        reject_null(&[literal], &comparison.name().to_ascii_uppercase())?;
        let lhs = self.scalar(left)?;
        let folded = constants::compare(comparison, literal, lhs.ty().data_type)?;
        Ok(self.fold(lhs, folded))
    }

    fn fold(&self, lhs: Expr, folded: Folded) -> Filter {
        match folded {
            Folded::Predicate(op) => Filter::Predicate(Predicate { lhs, op }),
            Folded::Never => Filter::Nothing,
            // A null compares with nothing, also where every value would.
            Folded::Always if self.null_handling => Filter::Predicate(Predicate { lhs, op: PredicateOp::IsNotNull }),
            Folded::Always => Filter::All,
        }
    }

    /// A bare boolean column or call is compared with true.
    fn equals_true(&mut self, expression: &Expression) -> Result<Filter, Error> {
        let lhs = self.scalar(expression)?;
        match (&lhs, lhs.ty()) {
            (Expr::Call { .. }, ty) if ty == DataType::Boolean.sv() => {
                Ok(Filter::Predicate(Predicate { lhs, op: PredicateOp::IsTrue }))
            }
            (_, ty) => {
                let folded = constants::compare(Comparison::Eq, &Value::Boolean(true), ty.data_type)?;
                Ok(self.fold(lhs, folded))
            }
        }
    }

    /// `a = b` of two expressions, which have to be single values.
    fn compare_sides(&mut self, expression: &Expression, comparison: Comparison) -> Result<Filter, Error> {
        let lhs = self.scalar(expression)?;
        if let Expr::Call { args, .. } = &lhs
            && args.iter().any(|arg| arg.ty().multi_value)
        {
            return Err(Error::Unsupported(format!(
                "{expression}: both sides of {} must be single-valued; compare a multi-value column with a literal",
                comparison.symbol()
            )));
        }
        Ok(Filter::Predicate(Predicate { lhs, op: PredicateOp::IsTrue }))
    }

    /// A predicate whose right side is no constant is computed row by row.
    fn row_wise(&mut self, expression: &Expression) -> Result<Filter, Error> {
        Ok(Filter::Predicate(Predicate { lhs: self.scalar(expression)?, op: PredicateOp::IsTrue }))
    }

    fn and(&mut self, operands: &[Expression]) -> Result<Filter, Error> {
        let mut children = Vec::with_capacity(operands.len());
        let mut nothing = false;
        for operand in operands {
            match self.bind(operand)? {
                Filter::All => {}
                Filter::Nothing => nothing = true,
                Filter::And(inner) => children.extend(inner),
                other => children.push(other),
            }
        }
        Ok(match children.len() {
            _ if nothing => Filter::Nothing,
            0 => Filter::All,
            1 => children.remove(0),
            _ => Filter::And(children),
        })
    }

    fn or(&mut self, operands: &[Expression]) -> Result<Filter, Error> {
        let mut children = Vec::with_capacity(operands.len());
        let mut all = false;
        for operand in operands {
            match self.bind(operand)? {
                Filter::All => all = true,
                Filter::Nothing => {}
                Filter::Or(inner) => inner.into_iter().for_each(|child| push_or(&mut children, child)),
                other => push_or(&mut children, other),
            }
        }
        Ok(match children.len() {
            _ if all => Filter::All,
            0 => Filter::Nothing,
            1 => children.remove(0),
            _ => Filter::Or(children),
        })
    }
}

/// `a = 1 OR a = 2 OR a IN (3, 4)` is one IN.
fn push_or(children: &mut Vec<Filter>, child: Filter) {
    if let Filter::Predicate(Predicate { lhs, op: op @ (PredicateOp::Eq(_) | PredicateOp::In(_)) }) = &child {
        for existing in children.iter_mut() {
            if let Filter::Predicate(Predicate { lhs: other, op: known @ (PredicateOp::Eq(_) | PredicateOp::In(_)) }) =
                existing
                && other == lhs
            {
                let mut values = match std::mem::replace(known, PredicateOp::IsNull) {
                    PredicateOp::Eq(value) => vec![value],
                    PredicateOp::In(values) => values,
                    _ => Vec::new(),
                };
                let more = match op {
                    PredicateOp::Eq(value) => std::slice::from_ref(value),
                    PredicateOp::In(more) => more.as_slice(),
                    _ => &[],
                };
                for value in more {
                    if values.len() > 32 || !values.contains(value) {
                        values.push(value.clone());
                    }
                }
                *known = if values.len() == 1 { PredicateOp::Eq(values.remove(0)) } else { PredicateOp::In(values) };
                return;
            }
        }
    }
    children.push(child);
}

fn constant(value: bool) -> Filter {
    if value { Filter::All } else { Filter::Nothing }
}

fn reject_null(literals: &[&Value], kind: &str) -> Result<(), Error> {
    if literals.iter().any(|value| value.is_null()) {
        return Err(Error::Parsing(format!("Using NULL in {kind} filter is not supported")));
    }
    Ok(())
}
