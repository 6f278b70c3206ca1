//! `sqlparser`'s expressions to ours.

use model::Value;
use sqlparser::ast::{self, Expr};

use super::convert::object_name;
use crate::{
    ast::{Expression, canonical_function},
    error::Error,
};

/// Deepest tree that is converted: nesting in parentheses counts here, which our own tree does not have.
const MAX_TREE_DEPTH: usize = 1_000;

pub(super) fn convert(expr: Expr) -> Result<Expression, Error> {
    at(0, expr)
}

fn at(depth: usize, expr: Expr) -> Result<Expression, Error> {
    if depth > MAX_TREE_DEPTH {
        return Err(Error::Parsing(format!("an expression nests more than {MAX_TREE_DEPTH} levels deep; split it up")));
    }
    let depth = depth + 1;
    Ok(match expr {
        Expr::Identifier(ident) => Expression::Identifier(ident.value),
        Expr::CompoundIdentifier(parts) => {
            Expression::Identifier(parts.into_iter().map(|p| p.value).collect::<Vec<_>>().join("."))
        }
        Expr::Nested(inner) => at(depth, *inner)?,
        Expr::Value(value) => Expression::Literal(literal(value.value)?),
        Expr::TypedString(typed) => Expression::Literal(literal(typed.value.value)?),
        Expr::BinaryOp { left, op: op @ (ast::BinaryOperator::And | ast::BinaryOperator::Or), right } => {
            chain(depth, *left, op, *right)?
        }
        Expr::BinaryOp { left, op, right } => {
            Expression::function(operator(&op)?, vec![at(depth, *left)?, at(depth, *right)?])
        }
        Expr::UnaryOp { op, expr } => unary(depth, op, *expr)?,
        Expr::Function(function) => call(depth, function)?,
        Expr::IsNull(e) | Expr::IsUnknown(e) => Expression::function("is_null", vec![at(depth, *e)?]),
        Expr::IsNotNull(e) | Expr::IsNotUnknown(e) => Expression::function("is_not_null", vec![at(depth, *e)?]),
        Expr::IsTrue(e) => Expression::function("istrue", vec![at(depth, *e)?]),
        Expr::IsNotTrue(e) => Expression::function("isnottrue", vec![at(depth, *e)?]),
        Expr::IsFalse(e) => Expression::function("isfalse", vec![at(depth, *e)?]),
        Expr::IsNotFalse(e) => Expression::function("isnotfalse", vec![at(depth, *e)?]),
        Expr::IsDistinctFrom(a, b) => Expression::function("isdistinctfrom", vec![at(depth, *a)?, at(depth, *b)?]),
        Expr::IsNotDistinctFrom(a, b) => {
            Expression::function("isnotdistinctfrom", vec![at(depth, *a)?, at(depth, *b)?])
        }
        Expr::InList { expr, list, negated } => {
            let mut args = Vec::with_capacity(list.len() + 1);
            args.push(at(depth, *expr)?);
            for item in list {
                args.push(at(depth, item)?);
            }
            Expression::function(if negated { "not_in" } else { "in" }, args)
        }
        Expr::Between { expr, negated, low, high } => {
            let between = Expression::function("between", vec![at(depth, *expr)?, at(depth, *low)?, at(depth, *high)?]);
            negate_if(negated, between)
        }
        Expr::Like { negated, any: false, expr, pattern, escape_char } => {
            let pattern = like_pattern(depth, at(depth, *pattern)?, escape_char)?;
            negate_if(negated, Expression::function("like", vec![at(depth, *expr)?, pattern]))
        }
        Expr::Cast { kind: ast::CastKind::Cast, expr, data_type, .. } => {
            Expression::function("cast", vec![at(depth, *expr)?, Expression::string(type_name(&data_type))])
        }
        Expr::Case { operand, conditions, else_result, .. } => case(depth, operand, conditions, else_result)?,
        Expr::Extract { field, expr, .. } => {
            let field = field.to_string().trim_matches('\'').to_ascii_uppercase();
            Expression::function("extract", vec![Expression::string(field), at(depth, *expr)?])
        }
        Expr::Trim { trim_where, trim_what, expr, trim_characters: None } => {
            let side = match trim_where {
                None | Some(ast::TrimWhereField::Both) => "BOTH",
                Some(ast::TrimWhereField::Leading) => "LEADING",
                Some(ast::TrimWhereField::Trailing) => "TRAILING",
            };
            let what = trim_what.map_or_else(|| Ok(Expression::string(" ")), |e| at(depth, *e))?;
            Expression::function("trim", vec![Expression::string(side), what, at(depth, *expr)?])
        }
        Expr::Substring { expr, substring_from, substring_for, .. } => {
            let mut args = vec![at(depth, *expr)?];
            for part in [substring_from, substring_for].into_iter().flatten() {
                args.push(at(depth, *part)?);
            }
            Expression::function("substring", args)
        }
        Expr::Position { expr, r#in } => Expression::function("position", vec![at(depth, *expr)?, at(depth, *r#in)?]),
        Expr::Array(array) => Expression::function(
            "arrayvalueconstructor",
            array.elem.into_iter().map(|e| at(depth, e)).collect::<Result<Vec<_>, _>>()?,
        ),
        Expr::CompoundFieldAccess { root, access_chain } => path(depth, *root, access_chain)?,
        Expr::Wildcard(_) => Expression::identifier("*"),
        Expr::Subquery(_)
        | Expr::InSubquery { .. }
        | Expr::Exists { .. }
        | Expr::Tuple(_)
        | Expr::AnyOp { .. }
        | Expr::AllOp { .. }
        | Expr::GroupingSets(_)
        | Expr::Cube(_)
        | Expr::Rollup(_) => return Err(Error::multi_stage()),
        other => return Err(Error::Parsing(format!("'{other}' is not supported in an expression"))),
    })
}

fn negate_if(negated: bool, expression: Expression) -> Expression {
    if negated { Expression::function("not", vec![expression]) } else { expression }
}

/// Flattens `a AND b AND (c AND d)`. Walks the left spine in a loop, so that chains of any length are fine.
fn chain(depth: usize, left: Expr, op: ast::BinaryOperator, right: Expr) -> Result<Expression, Error> {
    let name = if op == ast::BinaryOperator::And { "and" } else { "or" };
    let mut reversed = vec![right];
    let mut next = left;
    loop {
        next = match next {
            Expr::BinaryOp { left, op: inner, right } if inner == op => {
                reversed.push(*right);
                *left
            }
            other => {
                reversed.push(other);
                break;
            }
        };
    }
    let mut args = Vec::with_capacity(reversed.len());
    for operand in reversed.into_iter().rev() {
        match at(depth, operand)? {
            Expression::Function(f) if f.name == name => args.extend(f.args),
            other => args.push(other),
        }
    }
    Ok(Expression::function(name, args))
}

fn operator(op: &ast::BinaryOperator) -> Result<&'static str, Error> {
    use ast::BinaryOperator as Op;
    Ok(match op {
        Op::Plus => "plus",
        Op::Minus => "minus",
        Op::Multiply => "times",
        Op::Divide => "divide",
        Op::Modulo => "mod",
        Op::StringConcat => "concat",
        Op::Eq => "equals",
        Op::NotEq => "not_equals",
        Op::Gt => "greater_than",
        Op::GtEq => "greater_than_or_equal",
        Op::Lt => "less_than",
        Op::LtEq => "less_than_or_equal",
        other => return Err(Error::Parsing(format!("operator '{other}' is not supported"))),
    })
}

fn unary(depth: usize, op: ast::UnaryOperator, expr: Expr) -> Result<Expression, Error> {
    let operand = at(depth, expr)?;
    Ok(match op {
        ast::UnaryOperator::Not => Expression::function("not", vec![operand]),
        ast::UnaryOperator::Plus => operand,
        ast::UnaryOperator::Minus => match operand {
            Expression::Literal(Value::Int(v)) => Expression::Literal(integer(-i64::from(v))),
            Expression::Literal(Value::Long(v)) => Expression::Literal(integer(v.wrapping_neg())),
            Expression::Literal(Value::Double(v)) => Expression::Literal(Value::Double(-v)),
            other => Expression::function("minus", vec![Expression::Literal(Value::Int(0)), other]),
        },
        other => return Err(Error::Parsing(format!("operator '{other}' is not supported"))),
    })
}

fn integer(value: i64) -> Value {
    i32::try_from(value).map_or(Value::Long(value), Value::Int)
}

/// INT where it fits, else LONG (wrapping), DOUBLE with a point or an exponent.
fn number(text: &str) -> Result<Value, Error> {
    if text.bytes().all(|b| b.is_ascii_digit()) {
        let value = text.bytes().fold(0i64, |n, b| n.wrapping_mul(10).wrapping_add(i64::from(b - b'0')));
        return Ok(integer(value));
    }
    text.parse().map(Value::Double).map_err(|_| Error::Parsing(format!("'{text}' is not a number")))
}

fn literal(value: ast::Value) -> Result<Value, Error> {
    Ok(match value {
        ast::Value::Number(text, _) => number(&text)?,
        ast::Value::SingleQuotedString(text) | ast::Value::NationalStringLiteral(text) => {
            // Users double the quotes of nested statements twice, as older releases wanted it.
            Value::String(if text.contains("''") { text.replace("''", "'") } else { text })
        }
        ast::Value::HexStringLiteral(text) => Value::Bytes(
            hex::decode(&text).map_err(|e| Error::Parsing(format!("X'{text}' is not a binary literal: {e}")))?,
        ),
        ast::Value::Boolean(value) => Value::Boolean(value),
        ast::Value::Null => Value::Null,
        other => return Err(Error::Parsing(format!("'{other}' is not supported as a literal"))),
    })
}

fn call(depth: usize, function: ast::Function) -> Result<Expression, Error> {
    if function.over.is_some() || !function.within_group.is_empty() {
        return Err(Error::multi_stage());
    }
    let mut name = canonical_function(&object_name(&function.name));
    let mut distinct = false;
    let args = match function.args {
        ast::FunctionArguments::None => Vec::new(),
        ast::FunctionArguments::Subquery(_) => return Err(Error::multi_stage()),
        ast::FunctionArguments::List(list) => {
            distinct = list.duplicate_treatment == Some(ast::DuplicateTreatment::Distinct);
            if !list.clauses.is_empty() {
                return Err(Error::multi_stage());
            }
            list.args.into_iter().map(|e| argument(depth, e)).collect::<Result<Vec<_>, _>>()?
        }
    };
    if distinct {
        if args.len() != 1 {
            return Err(Error::multi_stage());
        }
        name = match name.as_str() {
            "count" => "distinctcount".to_owned(),
            "sum" => "distinctsum".to_owned(),
            "avg" => "distinctavg".to_owned(),
            _ => return Err(Error::Parsing(format!("Function '{name}' on DISTINCT is not supported."))),
        };
    }
    let call = Expression::function(name, args);
    match function.filter {
        Some(condition) => Ok(Expression::function("filter", vec![call, at(depth, *condition)?])),
        None => Ok(call),
    }
}

fn argument(depth: usize, arg: ast::FunctionArg) -> Result<Expression, Error> {
    match arg {
        ast::FunctionArg::Unnamed(ast::FunctionArgExpr::Expr(e)) => at(depth, e),
        ast::FunctionArg::Unnamed(ast::FunctionArgExpr::Wildcard | ast::FunctionArgExpr::QualifiedWildcard(_)) => {
            Ok(Expression::identifier("*"))
        }
        other => Err(Error::Parsing(format!("'{other}' is not supported as an argument"))),
    }
}

/// `CASE x WHEN 1 THEN …` compares; a missing ELSE is NULL.
fn case(
    depth: usize,
    operand: Option<Box<Expr>>,
    conditions: Vec<ast::CaseWhen>,
    else_result: Option<Box<Expr>>,
) -> Result<Expression, Error> {
    let operand = operand.map(|e| at(depth, *e)).transpose()?;
    let mut args = Vec::with_capacity(conditions.len() * 2 + 1);
    for when in conditions {
        let condition = at(depth, when.condition)?;
        args.push(match &operand {
            Some(operand) => Expression::function("equals", vec![operand.clone(), condition]),
            None => condition,
        });
        args.push(at(depth, when.result)?);
    }
    args.push(else_result.map_or(Ok(Expression::Literal(Value::Null)), |e| at(depth, *e))?);
    Ok(Expression::function("case", args))
}

/// `LIKE … ESCAPE 'c'` in terms of the backslash that the engine escapes with.
fn like_pattern(depth: usize, pattern: Expression, escape: Option<Box<Expr>>) -> Result<Expression, Error> {
    let Some(escape) = escape else { return Ok(pattern) };
    let (Expression::Literal(Value::String(text)), Expression::Literal(Value::String(escape))) =
        (&pattern, &at(depth, *escape)?)
    else {
        return Err(Error::Parsing("LIKE ... ESCAPE needs string literals".to_owned()));
    };
    let mut chars = escape.chars();
    let (Some(escape), None) = (chars.next(), chars.next()) else {
        return Err(Error::Parsing(format!("ESCAPE needs exactly one character, not '{escape}'")));
    };
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        if c == escape {
            out.push('\\');
            out.extend(chars.next());
        } else if c == '\\' {
            out.push_str("\\\\");
        } else {
            out.push(c);
        }
    }
    Ok(Expression::string(out))
}

/// The type text that CAST takes as its second argument.
fn type_name(data_type: &ast::DataType) -> String {
    let text = data_type.to_string().to_ascii_uppercase();
    let text = text.split('(').next().unwrap_or_default().trim().replace('"', "");
    match text.as_str() {
        "INT" => "INTEGER",
        "VARCHAR" | "CHAR" | "CHARACTER" | "CHARACTER VARYING" => "STRING",
        "BIGINT" => "LONG",
        "VARBINARY" | "BINARY" => "BYTES",
        "VARCHAR_ARRAY" => "STRING_ARRAY",
        "BIGINT_ARRAY" => "LONG_ARRAY",
        "DOUBLE PRECISION" => "DOUBLE",
        other => other,
    }
    .to_owned()
}

/// `map['key']` is a call of `item`; other paths (`a.b[0]`) are one identifier.
fn path(depth: usize, root: Expr, chain: Vec<ast::AccessExpr>) -> Result<Expression, Error> {
    let mut expression = at(depth, root)?;
    for access in chain {
        expression = match access {
            ast::AccessExpr::Dot(Expr::Identifier(ident)) => match expression {
                Expression::Identifier(name) => Expression::Identifier(format!("{name}.{}", ident.value)),
                other => return Err(Error::Parsing(format!("'.{ident}' cannot follow {other}"))),
            },
            ast::AccessExpr::Subscript(ast::Subscript::Index { index }) => match (expression, at(depth, index)?) {
                (Expression::Identifier(name), Expression::Literal(index @ (Value::Int(_) | Value::Long(_)))) => {
                    Expression::Identifier(format!("{name}[{}]", crate::text::value_text(&index)))
                }
                (base, index) => Expression::function("item", vec![base, index]),
            },
            other => return Err(Error::Parsing(format!("'{other}' is not supported after {expression}"))),
        };
    }
    Ok(expression)
}
