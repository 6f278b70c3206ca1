//! EXPLAIN: the operators of the distinct segment plans, as rows of (text, id, parent id).

use std::collections::BTreeMap;

use functions::Expr;
use model::Value;
use query::{Aggregate, Predicate, PredicateOp, Shape};
use segment::reader::SegmentReader;

use crate::{
    columns::{Segment, collect_columns},
    combine::Run,
    error::Result,
    filter::{Access, Kind, Node, Planner},
    group::single,
    selection,
};

/// The id of the combine operator; the broker's reduce has 1.
const COMBINE: i32 = 2;

/// A tree of operator texts.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Tree {
    text: String,
    children: Vec<Tree>,
}

impl Tree {
    fn leaf(text: impl Into<String>) -> Self {
        Self { text: text.into(), children: Vec::new() }
    }

    fn over(text: impl Into<String>, child: Self) -> Self {
        Self { text: text.into(), children: vec![child] }
    }

    fn write(&self, parent: i32, next: &mut i32, rows: &mut Vec<(String, i32, i32)>) {
        let id = *next;
        *next += 1;
        rows.push((self.text.clone(), id, parent));
        for child in &self.children {
            child.write(id, next, rows);
        }
    }
}

/// The rows below the broker's. Segments with the same plan are counted; without `explainPlanVerbose` only the plan
/// of most segments is shown.
pub(crate) fn rows(run: &Run<'_>, segments: &[&dyn SegmentReader]) -> Result<Vec<(String, i32, i32)>> {
    if segments.is_empty() {
        return Ok(vec![("ALL_SEGMENTS_PRUNED_ON_SERVER".to_owned(), COMBINE, 1)]);
    }
    let mut plans: BTreeMap<Tree, usize> = BTreeMap::new();
    for reader in segments {
        let segment = run.segment(*reader);
        let planner = Planner { segment: &segment, options: run.options, context: run.context };
        let plan = planner.plan(&run.query.filter)?;
        *plans.entry(segment_tree(run, &segment, &plan)).or_default() += 1;
    }
    let mut plans: Vec<(Tree, usize)> = plans.into_iter().collect();
    plans.sort_by_key(|plan| std::cmp::Reverse(plan.1));
    if !run.options.explain_verbose {
        plans.truncate(1);
    }
    let mut rows = vec![(combine_text(run), COMBINE, 1)];
    let mut next = COMBINE + 1;
    for (tree, count) in &plans {
        rows.push((format!("PLAN_START(numSegmentsForThisPlan:{count})"), -1, -1));
        tree.write(COMBINE, &mut next, &mut rows);
    }
    Ok(rows)
}

fn combine_text(run: &Run<'_>) -> String {
    match &run.query.shape {
        Shape::Selection(s) if s.order_by.is_empty() || run.query.limit == 0 => "COMBINE_SELECT",
        Shape::Selection(s) => match s.order_by[0].expr {
            Expr::Column { .. } => "COMBINE_SELECT_ORDERBY_MINMAX",
            _ => "COMBINE_SELECT_ORDERBY",
        },
        Shape::Distinct(_) => "COMBINE_DISTINCT",
        Shape::Aggregate(a) if a.group_by.is_empty() => "COMBINE_AGGREGATE",
        Shape::Aggregate(_) => "COMBINE_GROUP_BY",
    }
    .to_owned()
}

fn segment_tree(run: &Run<'_>, segment: &Segment<'_>, plan: &Node<'_>) -> Tree {
    let filter = filter_tree(plan, segment.num_docs);
    match &run.query.shape {
        Shape::Selection(s) => {
            let exprs = selection::output_exprs(s);
            let source = project(&exprs, filter);
            let list = |exprs: &[&Expr]| exprs.iter().map(|e| expr_text(e)).collect::<Vec<_>>().join(", ");
            if s.order_by.is_empty() || run.query.limit == 0 {
                let projections: Vec<&Expr> = s.projections.iter().map(|p| &p.expr).collect();
                return Tree::over(format!("SELECT(selectList:{})", list(&projections)), source);
            }
            let leading = &s.order_by[0];
            let sorted = match &leading.expr {
                Expr::Column { name, .. } => segment.column(name).is_some_and(|c| c.is_sorted()),
                _ => false,
            };
            if sorted {
                let name = if leading.ascending { "LINEAR" } else { "DESC" };
                let order: Vec<&Expr> = s.order_by.iter().map(|by| &by.expr).collect();
                let rest: Vec<&Expr> = exprs.iter().copied().filter(|e| !order.contains(e)).collect();
                let text = format!(
                    "SELECT_PARTIAL_ORDER_BY_{name}(sortedList: ({}), unsortedList: ({}), rest: ({}))",
                    list(&order[..1]),
                    list(&order[1..]),
                    list(&rest)
                );
                return Tree::over(text, source);
            }
            Tree::over(format!("SELECT_ORDERBY(selectList:{})", list(&exprs)), source)
        }
        Shape::Distinct(d) => {
            let keys: Vec<&Expr> = d.projections.iter().map(|p| &p.expr).collect();
            let names = keys.iter().map(|e| expr_text(e)).collect::<Vec<_>>().join(", ");
            if let [Expr::Column { name, .. }] = keys.as_slice()
                && plan.is_all(segment.num_docs)
                && segment.column(name).is_some_and(|column| column.dictionary().is_some())
            {
                return Tree::leaf(format!("DISTINCT_DICTIONARY(keyColumns:{names})"));
            }
            Tree::over(format!("DISTINCT(keyColumns:{names})"), project(&keys, filter))
        }
        Shape::Aggregate(a)
            if a.group_by.is_empty() && single::is_answered_without_rows(&a.aggregates, plan, segment) =>
        {
            Tree::leaf("AGGREGATE_NO_SCAN")
        }
        Shape::Aggregate(a) if is_fast_count(a, plan) => Tree::over("FAST_FILTERED_COUNT", filter),
        Shape::Aggregate(a) => aggregate_tree(a, filter),
    }
}

/// Only COUNT(*), and one index knows the docs.
fn is_fast_count(aggregate: &Aggregate, plan: &Node<'_>) -> bool {
    let [call] = aggregate.aggregates.as_slice() else { return false };
    let by_index = matches!(plan.label, Some((Access::Sorted | Access::Inverted | Access::Bitmap, _)));
    aggregate.group_by.is_empty() && call.function == "count" && call.filter.is_none() && by_index
}

fn aggregate_tree(aggregate: &Aggregate, filter: Tree) -> Tree {
    let filtered = aggregate.aggregates.iter().any(|call| call.filter.is_some());
    let calls = aggregate.aggregates.iter().map(|call| call.text.clone()).collect::<Vec<_>>().join(", ");
    let mut exprs: Vec<&Expr> = aggregate.group_by.iter().collect();
    exprs.extend(aggregate.aggregates.iter().flat_map(|call| &call.args));
    let source = project(&exprs, filter);
    let suffix = if filtered { "_FILTERED" } else { "" };
    if aggregate.group_by.is_empty() {
        return Tree::over(format!("AGGREGATE{suffix}(aggregations:{calls})"), source);
    }
    let keys = aggregate.group_by.iter().map(expr_text).collect::<Vec<_>>().join(", ");
    Tree::over(format!("GROUP_BY{suffix}(groupKeys:{keys}, aggregations:{calls})"), source)
}

/// TRANSFORM where an expression is computed, PROJECT of the columns, then the filter.
fn project(exprs: &[&Expr], filter: Tree) -> Tree {
    let mut columns = Vec::new();
    exprs.iter().for_each(|expr| collect_columns(expr, &mut columns));
    let names = columns.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>().join(", ");
    let project = Tree::over(format!("PROJECT({names})"), Tree::over("DOC_ID_SET", filter));
    let mut computed: Vec<String> = Vec::new();
    for expr in exprs.iter().filter(|e| matches!(e, Expr::Call { .. })) {
        let text = expr_text(expr);
        if !computed.contains(&text) {
            computed.push(text);
        }
    }
    if computed.is_empty() { project } else { Tree::over(format!("TRANSFORM({})", computed.join(", ")), project) }
}

fn filter_tree(node: &Node<'_>, num_docs: u32) -> Tree {
    if node.is_all(num_docs) {
        return Tree::leaf(format!("FILTER_MATCH_ENTIRE_SEGMENT(docs:{num_docs})"));
    }
    if node.is_empty() {
        return Tree::leaf("FILTER_EMPTY");
    }
    if let Some((access, predicate)) = &node.label {
        return leaf_tree(*access, predicate);
    }
    match &node.kind {
        Kind::And(children) => joined("FILTER_AND", children, num_docs),
        Kind::Or(children) => joined("FILTER_OR", children, num_docs),
        Kind::Scan(_) => Tree::leaf("FILTER_EXPRESSION"),
        Kind::Docs(_) | Kind::Except(_) => Tree::leaf("FILTER_BITMAP"),
    }
}

fn joined(text: &str, children: &[Node<'_>], num_docs: u32) -> Tree {
    let mut trees: Vec<Tree> = children.iter().map(|child| filter_tree(child, num_docs)).collect();
    trees.dedup();
    if trees.len() == 1 {
        return trees.swap_remove(0);
    }
    Tree { text: text.to_owned(), children: trees }
}

fn leaf_tree(access: Access, predicate: &Predicate) -> Tree {
    let operator = operator_name(&predicate.op);
    let text = predicate_text(predicate);
    let lookup = |name: &str, index: &str| {
        Tree::leaf(format!("FILTER_{name}(indexLookUp:{index},operator:{operator},predicate:{text})"))
    };
    match access {
        Access::Sorted => lookup("SORTED_INDEX", "sorted_index"),
        Access::Inverted => lookup("INVERTED_INDEX", "inverted_index"),
        Access::Range => lookup("RANGE_INDEX", "range_index"),
        Access::Scan | Access::Constant => {
            Tree::leaf(format!("FILTER_FULL_SCAN(operator:{operator},predicate:{text})"))
        }
        Access::Expression => Tree::leaf(format!("FILTER_EXPRESSION(operator:{operator},predicate:{text})")),
        Access::Bitmap => Tree::leaf("FILTER_BITMAP"),
    }
}

fn operator_name(op: &PredicateOp) -> &'static str {
    match op {
        PredicateOp::Eq(_) | PredicateOp::IsTrue => "EQ",
        PredicateOp::NotEq(_) => "NOT_EQ",
        PredicateOp::In(_) => "IN",
        PredicateOp::NotIn(_) => "NOT_IN",
        PredicateOp::Range { .. } => "RANGE",
        PredicateOp::RegexpLike { .. } => "REGEXP_LIKE",
        PredicateOp::IsNull => "IS_NULL",
        PredicateOp::IsNotNull => "IS_NOT_NULL",
        PredicateOp::TextMatch(_) => "TEXT_MATCH",
        PredicateOp::TextContains(_) => "TEXT_CONTAINS",
        PredicateOp::JsonMatch { .. } => "JSON_MATCH",
    }
}

fn predicate_text(predicate: &Predicate) -> String {
    use std::ops::Bound;
    let lhs = expr_text(&predicate.lhs);
    let list = |values: &[Value]| values.iter().map(quoted).collect::<Vec<_>>().join(",");
    match &predicate.op {
        PredicateOp::Eq(value) => format!("{lhs} = {}", quoted(value)),
        PredicateOp::NotEq(value) => format!("{lhs} != {}", quoted(value)),
        PredicateOp::In(values) => format!("{lhs} IN ({})", list(values)),
        PredicateOp::NotIn(values) => format!("{lhs} NOT IN ({})", list(values)),
        PredicateOp::Range { lower, upper } => match (lower, upper) {
            (Bound::Included(a), Bound::Included(b)) => format!("{lhs} BETWEEN {} AND {}", quoted(a), quoted(b)),
            _ => {
                let mut parts = Vec::new();
                match lower {
                    Bound::Included(v) => parts.push(format!("{lhs} >= {}", quoted(v))),
                    Bound::Excluded(v) => parts.push(format!("{lhs} > {}", quoted(v))),
                    Bound::Unbounded => {}
                }
                match upper {
                    Bound::Included(v) => parts.push(format!("{lhs} <= {}", quoted(v))),
                    Bound::Excluded(v) => parts.push(format!("{lhs} < {}", quoted(v))),
                    Bound::Unbounded => {}
                }
                if parts.len() == 2 { format!("({})", parts.join(" AND ")) } else { parts.join("") }
            }
        },
        PredicateOp::RegexpLike { pattern, like, .. } => match like {
            Some(like) => format!("{lhs} LIKE '{like}'"),
            None => format!("regexp_like({lhs},'{pattern}')"),
        },
        PredicateOp::IsNull => format!("{lhs} IS NULL"),
        PredicateOp::IsNotNull => format!("{lhs} IS NOT NULL"),
        PredicateOp::TextMatch(text) => format!("text_match({lhs},'{text}')"),
        PredicateOp::TextContains(text) => format!("text_contains({lhs},'{text}')"),
        PredicateOp::JsonMatch { filter, .. } => format!("json_match({lhs},'{filter}')"),
        PredicateOp::IsTrue => format!("{lhs} = 'true'"),
    }
}

fn quoted(value: &Value) -> String {
    let text = match value {
        Value::Int(v) => v.to_string(),
        Value::Long(v) | Value::Timestamp(v) => v.to_string(),
        // A whole number is shown as it was most likely written.
        Value::Float(v) => v.to_string(),
        Value::Double(v) => v.to_string(),
        Value::BigDecimal(v) => v.to_plain_string(),
        Value::Boolean(v) => v.to_string(),
        Value::String(v) | Value::Json(v) | Value::Map(v) => v.clone(),
        Value::Bytes(v) => v.iter().map(|b| format!("{b:02x}")).collect(),
        Value::Null => "null".to_owned(),
        Value::Array(_, values) => values.iter().map(quoted).collect::<Vec<_>>().join(","),
    };
    format!("'{text}'")
}

/// `plus(a,'1')`.
fn expr_text(expr: &Expr) -> String {
    match expr {
        Expr::Column { name, .. } => name.clone(),
        Expr::Literal(value) => quoted(value),
        Expr::Input { index, .. } => format!("${index}"),
        Expr::Call { function, args, .. } => {
            format!("{function}({})", args.iter().map(expr_text).collect::<Vec<_>>().join(","))
        }
    }
}
