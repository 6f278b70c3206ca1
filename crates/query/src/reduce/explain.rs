//! EXPLAIN PLAN FOR: the broker's and the combine rows above the servers' plans.

use functions::Expr;

use crate::{
    error::Error,
    ir::{Aggregate, BoundQuery, OrderBy, Shape},
    options::QueryOptions,
    partial::PartialResult,
    response::ResultTable,
    text::{condition_text, expr_text},
};

const PLAN_START: &str = "PLAN_START(numSegmentsForThisPlan:";

/// One plan and the number of segments that run it.
struct Plan<'a> {
    segments: u64,
    rows: &'a [(String, i32, i32)],
}

pub(super) fn table(query: &BoundQuery, partials: &[PartialResult]) -> Result<ResultTable, Error> {
    if query.is_always_false() {
        return ResultTable::explain(&[("BROKER_EVALUATE".to_owned(), 0, -1)]);
    }
    let mut rows = vec![(broker_row(query), 1, 0)];
    let plans = distinct_plans(partials);
    if plans.is_empty() {
        rows.push(("ALL_SEGMENTS_PRUNED_ON_SERVER".to_owned(), 2, 1));
        return ResultTable::explain(&rows);
    }
    rows.push((combine_row(query).to_owned(), 2, 1));
    let shown = if QueryOptions::new(&query.options).explain_verbose() { plans.len() } else { 1 };
    for plan in plans.iter().take(shown) {
        rows.push((format!("{PLAN_START}{})", plan.segments), -1, -1));
        rows.extend(plan.rows.iter().cloned());
    }
    ResultTable::explain(&rows)
}

/// A server sends `PLAN_START(…:n)` and the rows of each of its plans, ids from 3 under parent 2. Equal plans of
/// several servers are one; the tallest comes first.
fn distinct_plans(partials: &[PartialResult]) -> Vec<Plan<'_>> {
    let mut plans: Vec<Plan<'_>> = Vec::new();
    for partial in partials {
        let starts: Vec<usize> = partial
            .explain
            .iter()
            .enumerate()
            .filter(|(_, (operator, ..))| operator.starts_with(PLAN_START))
            .map(|(i, _)| i)
            .collect();
        for (n, &start) in starts.iter().enumerate() {
            let end = starts.get(n + 1).copied().unwrap_or(partial.explain.len());
            let segments = partial.explain[start].0[PLAN_START.len()..].trim_end_matches(')').parse().unwrap_or(1);
            let rows = &partial.explain[start + 1..end];
            match plans.iter_mut().find(|plan| plan.rows == rows) {
                Some(plan) => plan.segments += segments,
                None => plans.push(Plan { segments, rows }),
            }
        }
    }
    plans.sort_by_key(|plan| std::cmp::Reverse(plan.rows.len()));
    plans
}

fn combine_row(query: &BoundQuery) -> &'static str {
    match &query.shape {
        Shape::Selection(s) if s.order_by.is_empty() || query.limit == 0 => "COMBINE_SELECT",
        Shape::Selection(s) if matches!(s.order_by[0].expr, Expr::Column { .. }) => "COMBINE_SELECT_ORDERBY_MINMAX",
        Shape::Selection(_) => "COMBINE_SELECT_ORDERBY",
        Shape::Distinct(_) => "COMBINE_DISTINCT",
        Shape::Aggregate(a) if a.group_by.is_empty() => "COMBINE_AGGREGATE",
        Shape::Aggregate(_) => "COMBINE_GROUP_BY",
    }
}

fn broker_row(query: &BoundQuery) -> String {
    let mut parts: Vec<String> = Vec::new();
    let (inputs, order_by): (Vec<String>, &[OrderBy]) = match &query.shape {
        Shape::Selection(selection) => (Vec::new(), &selection.order_by),
        Shape::Distinct(distinct) => {
            (distinct.projections.iter().map(|p| expr_text(&p.expr, &[])).collect(), &distinct.order_by)
        }
        Shape::Aggregate(aggregate) => (slot_texts(aggregate), &aggregate.order_by),
    };
    if let Shape::Aggregate(Aggregate { having: Some(having), .. }) = &query.shape {
        parts.push(format!("havingFilter:{}", condition_text(having, &inputs)));
    }
    if !order_by.is_empty() {
        let items: Vec<String> = order_by
            .iter()
            .map(|o| format!("{} {}", expr_text(&o.expr, &inputs), if o.ascending { "ASC" } else { "DESC" }))
            .collect();
        parts.push(format!("sort:[{}]", items.join(", ")));
    }
    parts.push(format!("limit:{}", query.limit));
    if let Shape::Aggregate(aggregate) = &query.shape {
        let post: Vec<String> = aggregate
            .projections
            .iter()
            .filter(|p| matches!(p.expr, Expr::Call { .. }))
            .map(|p| expr_text(&p.expr, &inputs))
            .collect();
        if !post.is_empty() {
            parts.push(format!("postAggregations:{}", post.join(", ")));
        }
    }
    format!("BROKER_REDUCE({})", parts.join(","))
}

fn slot_texts(aggregate: &Aggregate) -> Vec<String> {
    let keys = aggregate.group_by.iter().map(|key| expr_text(key, &[]));
    keys.chain(aggregate.aggregates.iter().map(|call| call.text.clone())).collect()
}
