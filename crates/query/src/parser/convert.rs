//! `sqlparser`'s query tree to ours.

use sqlparser::ast;

use super::expression;
use crate::{
    ast::{Expression, OrderItem, Query, SelectItem},
    error::Error,
};

/// Converts a query. What only the multi-stage engine can run is [`Error::multi_stage`].
pub(super) fn query(query: ast::Query) -> Result<Query, Error> {
    if query.with.is_some() {
        return Err(Error::multi_stage());
    }
    let select = match *query.body {
        ast::SetExpr::Select(select) => *select,
        ast::SetExpr::Query(inner)
            if query.order_by.is_none() && query.limit_clause.is_none() && query.fetch.is_none() =>
        {
            return self::query(*inner);
        }
        _ => return Err(Error::multi_stage()),
    };
    let (table, table_alias) = from(select.from)?;
    let mut out = Query { table, table_alias, ..Query::default() };
    match select.distinct {
        None | Some(ast::Distinct::All) => {}
        Some(ast::Distinct::Distinct) => out.distinct = true,
        Some(ast::Distinct::On(_)) => return Err(unsupported("DISTINCT ON")),
    }
    if select.qualify.is_some() || !select.named_window.is_empty() {
        return Err(Error::multi_stage());
    }
    if select.into.is_some() || select.top.is_some() || !select.lateral_views.is_empty() {
        return Err(unsupported("INTO, TOP and LATERAL VIEW"));
    }
    out.select = select.projection.into_iter().map(select_item).collect::<Result<_, _>>()?;
    out.filter = select.selection.map(expression::convert).transpose()?;
    out.group_by = match select.group_by {
        ast::GroupByExpr::All(_) => return Err(unsupported("GROUP BY ALL")),
        ast::GroupByExpr::Expressions(expressions, modifiers) => {
            if !modifiers.is_empty() {
                return Err(Error::multi_stage());
            }
            expressions.into_iter().map(group_key).collect::<Result<Vec<_>, _>>()?.into_iter().flatten().collect()
        }
    };
    out.having = select.having.map(expression::convert).transpose()?;
    if let Some(order_by) = query.order_by {
        out.order_by = match order_by.kind {
            ast::OrderByKind::All(_) => return Err(unsupported("ORDER BY ALL")),
            ast::OrderByKind::Expressions(items) => items.into_iter().map(order_item).collect::<Result<_, _>>()?,
        };
    }
    match query.limit_clause {
        None => {}
        Some(ast::LimitClause::LimitOffset { limit, offset, limit_by }) => {
            if !limit_by.is_empty() {
                return Err(unsupported("LIMIT BY"));
            }
            out.limit = limit.map(|e| count(e, "LIMIT")).transpose()?;
            out.offset = offset.map(|o| count(o.value, "OFFSET")).transpose()?;
        }
        Some(ast::LimitClause::OffsetCommaLimit { offset, limit }) => {
            out.offset = Some(count(offset, "OFFSET")?);
            out.limit = Some(count(limit, "LIMIT")?);
        }
    }
    if let Some(fetch) = query.fetch {
        if fetch.with_ties || fetch.percent {
            return Err(unsupported("FETCH WITH TIES and PERCENT"));
        }
        out.limit = Some(fetch.quantity.map_or(Ok(1), |e| count(e, "FETCH"))?);
    }
    Ok(out)
}

fn unsupported(what: &str) -> Error {
    Error::Parsing(format!("{what} is not supported"))
}

fn from(mut from: Vec<ast::TableWithJoins>) -> Result<(Option<String>, Option<String>), Error> {
    let Some(table) = from.pop() else { return Ok((None, None)) };
    if !from.is_empty() || !table.joins.is_empty() {
        return Err(Error::multi_stage());
    }
    match table.relation {
        ast::TableFactor::Table { name, alias, args: None, sample: None, version: None, .. } => {
            if alias.as_ref().is_some_and(|a| !a.columns.is_empty()) {
                return Err(Error::multi_stage());
            }
            Ok((Some(object_name(&name)), alias.map(|a| a.name.value)))
        }
        ast::TableFactor::Derived { .. } => Err(Error::nested()),
        _ => Err(Error::multi_stage()),
    }
}

pub(super) fn object_name(name: &ast::ObjectName) -> String {
    let mut text = String::new();
    for part in &name.0 {
        if !text.is_empty() {
            text.push('.');
        }
        match part {
            ast::ObjectNamePart::Identifier(ident) => text.push_str(&ident.value),
            other => text.push_str(&other.to_string()),
        }
    }
    text
}

fn select_item(item: ast::SelectItem) -> Result<SelectItem, Error> {
    Ok(match item {
        ast::SelectItem::UnnamedExpr(e) => SelectItem { expression: expression::convert(e)?, alias: None },
        ast::SelectItem::ExprWithAlias { expr, alias } => {
            SelectItem { expression: expression::convert(expr)?, alias: Some(alias.value) }
        }
        ast::SelectItem::Wildcard(_) | ast::SelectItem::QualifiedWildcard(..) => {
            SelectItem { expression: Expression::identifier("*"), alias: None }
        }
        ast::SelectItem::ExprWithAliases { .. } => return Err(unsupported("an alias list")),
    })
}

/// `GROUP BY (a, b)` names two keys.
fn group_key(expression: ast::Expr) -> Result<Vec<Expression>, Error> {
    match expression {
        ast::Expr::Tuple(items) => items.into_iter().map(expression::convert).collect(),
        ast::Expr::Rollup(_) | ast::Expr::Cube(_) | ast::Expr::GroupingSets(_) => Err(Error::multi_stage()),
        other => {
            let key = expression::convert(other)?;
            match key.as_function() {
                Some(f) if matches!(f.name.as_str(), "rollup" | "cube" | "groupingsets") => Err(Error::multi_stage()),
                _ => Ok(vec![key]),
            }
        }
    }
}

fn order_item(item: ast::OrderByExpr) -> Result<OrderItem, Error> {
    let ascending = match item.options.sort {
        None | Some(ast::OrderBySort::Asc) => true,
        Some(ast::OrderBySort::Desc) => false,
        Some(_) => return Err(unsupported("ORDER BY ... USING")),
    };
    Ok(OrderItem { expression: expression::convert(item.expr)?, ascending, nulls_first: item.options.nulls_first })
}

/// A non-negative row count. Anything beyond the range of LONG is as good as its largest value.
fn count(expression: ast::Expr, clause: &str) -> Result<u64, Error> {
    match &expression {
        ast::Expr::Value(value) => match &value.value {
            ast::Value::Number(text, _) if text.bytes().all(|b| b.is_ascii_digit()) => {
                Ok(text.parse().unwrap_or(i64::MAX as u64))
            }
            _ => Err(Error::Parsing(format!("{clause} needs a non-negative whole number, not {expression}"))),
        },
        _ => Err(Error::Parsing(format!("{clause} needs a non-negative whole number, not {expression}"))),
    }
}
