//! Selection, DISTINCT or aggregation: the shape of a query and its projections.

use functions::Expr;

use super::{
    aggregate::{Slots, contains_aggregate},
    filter::FilterBinder,
    names::Names,
    scalar::{self, Rows},
};
use crate::{
    ast::{Expression, OrderItem, Query, SelectItem},
    error::Error,
    ir::{Aggregate, Distinct, OrderBy, Projection, Selection, Shape},
};

pub(super) struct Shaper<'a> {
    pub(super) names: &'a Names<'a>,
    pub(super) null_handling: bool,
}

impl Shaper<'_> {
    pub(super) fn shape(&self, query: &Query, limit: u64) -> Result<Shape, Error> {
        let aggregated = query.select.iter().any(|item| contains_aggregate(&item.expression))
            || query.having.as_ref().is_some_and(contains_aggregate)
            || query.order_by.iter().any(|item| contains_aggregate(&item.expression));
        if query.distinct {
            if aggregated {
                return Err(Error::Parsing("Aggregation functions are not supported with DISTINCT".to_owned()));
            }
            if !query.group_by.is_empty() {
                return Err(Error::Parsing("DISTINCT with GROUP BY is not supported".to_owned()));
            }
            if limit == 0 {
                return Err(Error::Parsing("DISTINCT must have positive LIMIT".to_owned()));
            }
            return self.distinct(query);
        }
        if aggregated || !query.group_by.is_empty() {
            return self.aggregate(query);
        }
        if query.having.is_some() {
            return Err(Error::Parsing("HAVING needs a GROUP BY or an aggregation".to_owned()));
        }
        self.selection(query, limit)
    }

    fn scalar(&self, expression: &Expression) -> Result<Expr, Error> {
        scalar::bind(expression, &mut Rows(self.names))
    }

    fn projections(&self, query: &Query) -> Result<Vec<Projection>, Error> {
        query
            .select
            .iter()
            .map(|item| Ok(Projection { expr: self.scalar(&item.expression)?, header: header(item) }))
            .collect()
    }

    fn selection(&self, query: &Query, limit: u64) -> Result<Shape, Error> {
        let projections = self.projections(query)?;
        let mut order_by: Vec<OrderBy> = Vec::new();
        // Nothing is sorted when nothing is returned.
        let items = if limit == 0 { &[] } else { query.order_by.as_slice() };
        for item in items {
            let expr = self.scalar(&item.expression)?;
            if expr.ty().multi_value {
                return Err(Error::Parsing(format!(
                    "MV expression: {} should not be included in the ORDER-BY clause",
                    item.expression
                )));
            }
            push_order(&mut order_by, expr, item);
        }
        Ok(Shape::Selection(Selection { projections, order_by }))
    }

    fn distinct(&self, query: &Query) -> Result<Shape, Error> {
        let mut projections = self.projections(query)?;
        let mut order_by = Vec::new();
        for item in &query.order_by {
            let index = query.select.iter().position(|s| s.expression == item.expression).ok_or_else(|| {
                Error::Parsing("ORDER-BY columns should be included in the DISTINCT columns".to_owned())
            })?;
            // A multi-value column is exploded: its elements are what is sorted.
            let ty = projections[index].expr.ty().data_type.sv();
            push_order(&mut order_by, Expr::Input { index, ty }, item);
        }
        projections.shrink_to_fit();
        Ok(Shape::Distinct(Distinct { projections, order_by }))
    }

    fn aggregate(&self, query: &Query) -> Result<Shape, Error> {
        let mut group_by: Vec<Expr> = Vec::new();
        let mut keys: Vec<(Expression, model::ColumnType)> = Vec::new();
        for key in &query.group_by {
            if contains_aggregate(key) {
                return Err(Error::Parsing(format!("Aggregate expression '{key}' is not allowed in GROUP BY clause.")));
            }
            if keys.iter().any(|(known, _)| known == key) {
                continue;
            }
            let expr = self.scalar(key)?;
            keys.push((key.clone(), expr.ty()));
            group_by.push(expr);
        }
        let mut filters = FilterBinder { rows: Rows(self.names), null_handling: self.null_handling };
        let mut slots = Slots { keys, calls: Vec::new(), filters: &mut filters, null_handling: self.null_handling };
        let mut projections = Vec::with_capacity(query.select.len());
        for item in &query.select {
            let expr = scalar::bind(&item.expression, &mut slots)?;
            let header = match (&item.alias, &expr) {
                (None, Expr::Input { index, .. }) if *index >= slots.keys.len() => {
                    slots.calls[*index - slots.keys.len()].1.text.clone()
                }
                _ => header(item),
            };
            projections.push(Projection { expr, header });
        }
        let having = match &query.having {
            Some(expression) => Some(scalar::bind(expression, &mut slots)?),
            None => None,
        };
        let mut order_by = Vec::new();
        // Without keys there is one row, and nothing to sort.
        for item in if group_by.is_empty() { &[] } else { query.order_by.as_slice() } {
            let expr = scalar::bind(&item.expression, &mut slots)?;
            push_order(&mut order_by, expr, item);
        }
        let aggregates = slots.calls.into_iter().map(|(_, call)| call).collect();
        Ok(Shape::Aggregate(Aggregate { group_by, aggregates, projections, having, order_by }))
    }
}

/// The header of a select item that is no aggregate.
fn header(item: &SelectItem) -> String {
    match (&item.alias, &item.expression) {
        (Some(alias), _) => alias.clone(),
        (None, Expression::Literal(value)) => crate::text::bare_literal_text(value),
        (None, expression) => expression.to_string(),
    }
}

/// Nulls are the largest values unless the query says where they go. A repeated expression sorts nothing.
fn push_order(order_by: &mut Vec<OrderBy>, expr: Expr, item: &OrderItem) {
    if !order_by.iter().any(|known| known.expr == expr) {
        let nulls_first = item.nulls_first.unwrap_or(!item.ascending);
        order_by.push(OrderBy { expr, ascending: item.ascending, nulls_first });
    }
}
