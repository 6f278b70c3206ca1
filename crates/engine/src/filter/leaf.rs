//! One predicate over one segment: which index answers it, or how it is scanned.

use std::sync::Arc;

use functions::Expr;
use query::{Predicate, PredicateOp};
use roaring::RoaringBitmap;
use segment::reader::{ColumnReader, Forward, Ids};

use crate::{
    columns::{is_deterministic, single_column},
    error::{Error, Result},
    filter::{
        Access, Kind, Node, Planner,
        docs::{DocSet, union},
        ids::{IdSet, matching_ids, matching_rows},
        matcher::{Matcher, Numbers},
    },
    values,
};

/// A leaf that has to look at the docs themselves. NULL docs are left out by the plan around it, except for an
/// expression, whose own NULLs never match.
pub(crate) struct Scan<'s> {
    pub(crate) source: Source<'s>,
    pub(crate) negated: bool,
    /// Some index answers this in name: reading the ids was merely cheaper, and nothing counts as scanned.
    pub(crate) free: bool,
}

pub(crate) enum Source<'s> {
    Ids {
        ids: Ids<'s>,
        set: IdSet,
    },
    /// Matches when any element does.
    MultiIds {
        offsets: &'s [u32],
        ids: Ids<'s>,
        set: IdSet,
    },
    I32(&'s [i32], Numbers<i32>),
    I64(&'s [i64], Numbers<i64>),
    F32(&'s [f32], Numbers<f32>),
    F64(&'s [f64], Numbers<f64>),
    /// Evaluated per block. On a multi-value result any element may match.
    Expression {
        expr: &'s Expr,
        matcher: Matcher,
    },
    /// Docs whose expression is NULL.
    ExpressionIsNull(&'s Expr),
}

impl Scan<'_> {
    pub(crate) fn cost(&self) -> u32 {
        match &self.source {
            Source::Ids { ids: Ids::U8(_), .. } => 3,
            Source::Ids { ids: Ids::U16(_), .. } => 4,
            Source::Ids { .. } => 5,
            Source::I32(..) | Source::F32(..) => 5,
            Source::I64(..) | Source::F64(..) => 6,
            Source::MultiIds { .. } => 8,
            Source::Expression { .. } | Source::ExpressionIsNull(_) => 100,
        }
    }
}

pub(crate) fn plan<'s>(planner: &Planner<'s>, predicate: &'s Predicate, outer_negated: bool) -> Result<Node<'s>> {
    let (op, inverted) = positive(&predicate.op);
    let negated = inverted != outer_negated;
    match &predicate.lhs {
        Expr::Column { name, .. } => {
            let Some(column) = planner.segment.column(name) else {
                return Ok(Node::docs(DocSet::nothing()));
            };
            on_column(planner, predicate, name, column, &op, negated)
        }
        expr => on_expression(planner, predicate, expr, &op, negated),
    }
}

/// The operator without its negation, and whether there was one.
fn positive(op: &PredicateOp) -> (PredicateOp, bool) {
    match op {
        PredicateOp::NotEq(value) => (PredicateOp::Eq(value.clone()), true),
        PredicateOp::NotIn(values) => (PredicateOp::In(values.clone()), true),
        PredicateOp::IsNotNull => (PredicateOp::IsNull, true),
        other => (other.clone(), false),
    }
}

/// Docs that a predicate on this column can never select: with null handling, those without a value.
fn unknown<'s>(planner: &Planner<'s>, column: &'s dyn ColumnReader) -> Option<&'s RoaringBitmap> {
    if planner.segment.null_handling { column.nulls().filter(|nulls| !nulls.is_empty()) } else { None }
}

fn on_column<'s>(
    planner: &Planner<'s>,
    predicate: &'s Predicate,
    name: &str,
    column: &'s dyn ColumnReader,
    op: &PredicateOp,
    negated: bool,
) -> Result<Node<'s>> {
    let num_docs = planner.segment.num_docs;
    let no_index = |function, index| Err(Error::NoIndex { predicate: function, column: name.to_owned(), index });
    match op {
        PredicateOp::IsNull => {
            let nulls = column.nulls().map_or_else(DocSet::nothing, |nulls| {
                let mut nulls = nulls.clone();
                nulls.remove_range(num_docs..);
                DocSet::Bitmap(Arc::new(nulls))
            });
            let docs = if negated { nulls.not(num_docs) } else { nulls };
            let constant = docs.is_empty() || docs.is_all(num_docs);
            let access = if constant { Access::Constant } else { Access::Bitmap };
            return Ok(Node::labelled(Kind::Docs(docs), access, predicate));
        }
        PredicateOp::TextMatch(_) => return no_index("TEXT_MATCH", "text"),
        PredicateOp::TextContains(_) => return no_index("TEXT_CONTAINS", "native text"),
        PredicateOp::JsonMatch { .. } => return no_index("JSON_MATCH", "json"),
        _ => {}
    }
    let nulls = unknown(planner, column);
    let found = match column.dictionary() {
        Some(dictionary) => {
            let set = matching_ids(dictionary, column.ty().data_type, op, name)?;
            on_ids(planner, predicate, name, column, dictionary.len(), set, op, negated)
        }
        None => on_raw(planner, predicate, name, column, op, negated)?,
    };
    Ok(without(found, nulls, num_docs))
}

/// Takes the NULL docs out of a leaf's docs.
fn without<'s>(node: Node<'s>, nulls: Option<&'s RoaringBitmap>, num_docs: u32) -> Node<'s> {
    match nulls {
        Some(nulls) if !node.is_empty() => {
            let except = Node { kind: Kind::Except(nulls), label: None };
            Node::and(vec![node, except], num_docs)
        }
        _ => node,
    }
}

/// A dictionary column, once the matching ids are known.
#[expect(clippy::too_many_arguments, reason = "all of them describe the one leaf")]
fn on_ids<'s>(
    planner: &Planner<'s>,
    predicate: &'s Predicate,
    name: &str,
    column: &'s dyn ColumnReader,
    cardinality: u32,
    set: IdSet,
    op: &PredicateOp,
    negated: bool,
) -> Node<'s> {
    let num_docs = planner.segment.num_docs;
    let node = |docs: DocSet, access| {
        let docs = if negated { docs.not(num_docs) } else { docs };
        Node::labelled(Kind::Docs(docs), access, predicate)
    };
    if set.len() == 0 {
        return node(DocSet::nothing(), Access::Constant);
    }
    if set.len() == cardinality {
        return node(DocSet::all(num_docs), Access::Constant);
    }
    let skips = |index| planner.options.skips(name, index);
    let forward = column.forward();
    if let Forward::Sorted { starts } = forward {
        // There is no other form of the column; a query that forbids its index only sees another name.
        let access = if skips("SORTED") { Access::Scan } else { Access::Sorted };
        let mut ranges = Vec::new();
        set.for_each(|id| ranges.push(starts[id as usize]..starts[id as usize + 1]));
        return node(DocSet::Ranges(union(ranges)), access);
    }
    let is_range = matches!(op, PredicateOp::Range { .. });
    if let Some(index) = column.inverted()
        && !is_range
        && !skips("INVERTED")
    {
        return by_inverted(planner, predicate, column, index, set, negated);
    }
    if let Some(index) = column.range()
        && is_range
        && !skips("RANGE")
        && let IdSet::Range(ids) = &set
    {
        let bound = |id: u32| model::Value::Int(id as i32);
        let (sure, maybe) = index.docs(Some(&bound(ids.start)), Some(&bound(ids.end - 1)));
        return by_range(planner, predicate, sure, maybe, ids_source(forward, set), negated);
    }
    let source = ids_source(forward, set);
    Node::labelled(Kind::Scan(Scan { source, negated, free: false }), Access::Scan, predicate)
}

/// Where the ids of an unsorted dictionary column are read.
fn ids_source<'s>(forward: Forward<'s>, set: IdSet) -> Source<'s> {
    match forward {
        Forward::MultiIds { offsets, ids } => Source::MultiIds { offsets, ids, set },
        Forward::Ids(ids) => Source::Ids { ids, set },
        // A dictionary column has ids in one of the forms above or is sorted.
        _ => Source::Ids { ids: Ids::U8(&[]), set },
    }
}

/// Share of the docs from which reading a narrow id column beats building a bitmap of them.
const DENSE: u64 = 50;

fn by_inverted<'s>(
    planner: &Planner<'s>,
    predicate: &'s Predicate,
    column: &'s dyn ColumnReader,
    index: &'s dyn segment::reader::InvertedIndex,
    set: IdSet,
    negated: bool,
) -> Node<'s> {
    let num_docs = planner.segment.num_docs;
    if let IdSet::Range(ids) = &set
        && ids.len() == 1
    {
        let mut docs = index.docs(ids.start);
        if planner.segment.reader.is_mutable() && docs.max().is_some_and(|last| last >= num_docs) {
            let mut seen = docs.as_ref().clone();
            seen.remove_range(num_docs..);
            docs = Arc::new(seen);
        }
        let docs = DocSet::Bitmap(docs);
        let docs = if negated { docs.not(num_docs) } else { docs };
        return Node::labelled(Kind::Docs(docs), Access::Inverted, predicate);
    }
    if let (Some(counts), Forward::Ids(ids @ (Ids::U8(_) | Ids::U16(_)))) = (column.counts_per_id(), column.forward()) {
        let mut total = 0u64;
        set.for_each(|id| total += u64::from(counts.get(id as usize).copied().unwrap_or(0)));
        if total * DENSE > u64::from(num_docs) {
            let scan = Scan { source: Source::Ids { ids, set }, negated, free: true };
            return Node::labelled(Kind::Scan(scan), Access::Inverted, predicate);
        }
    }
    let mut docs = RoaringBitmap::new();
    set.for_each(|id| docs |= index.docs(id).as_ref());
    docs.remove_range(num_docs..);
    let docs = DocSet::Bitmap(Arc::new(docs));
    let docs = if negated { docs.not(num_docs) } else { docs };
    Node::labelled(Kind::Docs(docs), Access::Inverted, predicate)
}

fn by_range<'s>(
    planner: &Planner<'s>,
    predicate: &'s Predicate,
    mut sure: RoaringBitmap,
    mut maybe: RoaringBitmap,
    source: Source<'s>,
    negated: bool,
) -> Node<'s> {
    let num_docs = planner.segment.num_docs;
    sure.remove_range(num_docs..);
    maybe.remove_range(num_docs..);
    let (sure, maybe) = (DocSet::Bitmap(Arc::new(sure)), DocSet::Bitmap(Arc::new(maybe)));
    if maybe.is_empty() {
        let docs = if negated { sure.not(num_docs) } else { sure };
        return Node::labelled(Kind::Docs(docs), Access::Range, predicate);
    }
    let check = |negated| Node {
        kind: Kind::Scan(Scan { source, negated, free: false }),
        label: Some((Access::Range, predicate)),
    };
    if negated {
        let kept = Node::or(vec![Node::docs(maybe.not(num_docs)), check(true)], num_docs);
        let mut node = Node::and(vec![Node::docs(sure.not(num_docs)), kept], num_docs);
        node.label = Some((Access::Range, predicate));
        return node;
    }
    let checked = Node::and(vec![Node::docs(maybe), check(false)], num_docs);
    let mut node = Node::or(vec![Node::docs(sure), checked], num_docs);
    node.label = Some((Access::Range, predicate));
    node
}

/// A column without dictionary.
fn on_raw<'s>(
    planner: &Planner<'s>,
    predicate: &'s Predicate,
    name: &str,
    column: &'s dyn ColumnReader,
    op: &PredicateOp,
    negated: bool,
) -> Result<Node<'s>> {
    let matcher = Matcher::compile(op, column.ty().data_type, name)?;
    let flags = |on_true: bool, on_false: bool| match (on_true, on_false) {
        (true, true) => Numbers::Range(i32::MIN, i32::MAX),
        (true, false) => Numbers::Range(1, i32::MAX),
        (false, true) => Numbers::Range(0, 0),
        (false, false) => Numbers::Range(1, 0),
    };
    let (source, access) = match (column.forward(), matcher) {
        (Forward::I32(values), Matcher::I32(set)) => (Source::I32(values, set), Access::Scan),
        (Forward::I32(values), Matcher::Bool { on_true, on_false }) => {
            (Source::I32(values, flags(on_true, on_false)), Access::Scan)
        }
        (Forward::I64(values), Matcher::I64(set)) => (Source::I64(values, set), Access::Scan),
        (Forward::F32(values), Matcher::F32(set)) => (Source::F32(values, set), Access::Scan),
        (Forward::F64(values), Matcher::F64(set)) => (Source::F64(values, set), Access::Scan),
        (_, matcher) => (Source::Expression { expr: &predicate.lhs, matcher }, Access::Scan),
    };
    let exact_range = match op {
        PredicateOp::Range { lower, upper } => Some((lower.clone(), upper.clone())),
        PredicateOp::Eq(value) => {
            Some((std::ops::Bound::Included(value.clone()), std::ops::Bound::Included(value.clone())))
        }
        _ => None,
    };
    if let (Some(index), Some((lower, upper))) = (column.range(), exact_range)
        && !planner.options.skips(name, "RANGE")
        && let (Some(lower), Some(upper)) = (included(&lower, true), included(&upper, false))
    {
        let (sure, maybe) = index.docs(lower.as_ref(), upper.as_ref());
        return Ok(by_range(planner, predicate, sure, maybe, source, negated));
    }
    Ok(Node::labelled(Kind::Scan(Scan { source, negated, free: false }), access, predicate))
}

/// A bound as an included one (`Some(None)` is open); `None` when nothing can lie inside or the type has no steps.
fn included(bound: &std::ops::Bound<model::Value>, lower: bool) -> Option<Option<model::Value>> {
    use std::ops::Bound;

    use model::Value;

    use crate::filter::matcher::Number;
    fn step<T: Number>(value: T, lower: bool) -> Option<T> {
        if lower { value.next_up() } else { value.next_down() }
    }
    match bound {
        Bound::Unbounded => Some(None),
        Bound::Included(value) => Some(Some(value.clone())),
        Bound::Excluded(value) => Some(Some(match value {
            Value::Int(v) => Value::Int(step(*v, lower)?),
            Value::Long(v) => Value::Long(step(*v, lower)?),
            Value::Timestamp(v) => Value::Timestamp(step(*v, lower)?),
            Value::Float(v) => Value::Float(step(*v, lower)?),
            Value::Double(v) => Value::Double(step(*v, lower)?),
            _ => return None,
        })),
    }
}

/// A predicate on anything but a bare column.
fn on_expression<'s>(
    planner: &Planner<'s>,
    predicate: &'s Predicate,
    expr: &'s Expr,
    op: &PredicateOp,
    negated: bool,
) -> Result<Node<'s>> {
    let num_docs = planner.segment.num_docs;
    let what = "an expression";
    match op {
        PredicateOp::IsNull if !planner.segment.null_handling => {
            let docs = if negated { DocSet::all(num_docs) } else { DocSet::nothing() };
            return Ok(Node::labelled(Kind::Docs(docs), Access::Constant, predicate));
        }
        PredicateOp::IsNull => {
            let scan = Scan { source: Source::ExpressionIsNull(expr), negated, free: false };
            return Ok(Node::labelled(Kind::Scan(scan), Access::Expression, predicate));
        }
        PredicateOp::TextMatch(_) | PredicateOp::TextContains(_) | PredicateOp::JsonMatch { .. } => {
            return Err(Error::NoIndex {
                predicate: "an index predicate",
                column: what.to_owned(),
                index: "text or json",
            });
        }
        _ => {}
    }
    let matcher = Matcher::compile(op, expr.ty().data_type, what)?;
    if let Some(node) = by_dictionary(planner, predicate, expr, &matcher, negated)? {
        return Ok(node);
    }
    let source = Source::Expression { expr, matcher };
    Ok(Node::labelled(Kind::Scan(Scan { source, negated, free: false }), Access::Expression, predicate))
}

/// Evaluates an expression over one dictionary column once per entry, where that is fewer than the docs.
fn by_dictionary<'s>(
    planner: &Planner<'s>,
    predicate: &'s Predicate,
    expr: &'s Expr,
    matcher: &Matcher,
    negated: bool,
) -> Result<Option<Node<'s>>> {
    let num_docs = planner.segment.num_docs;
    if expr.ty().multi_value || !is_deterministic(expr) {
        return Ok(None);
    }
    let Some(column) = single_column(expr).and_then(|name| planner.segment.column(&name)) else { return Ok(None) };
    let Some(dictionary) = column.dictionary() else { return Ok(None) };
    let nulls = unknown(planner, column);
    if column.ty().multi_value || nulls.is_some() || dictionary.len() > num_docs / 2 {
        return Ok(None);
    }
    // An entry that only docs outside the answer hold may fail; then only the docs asked for are evaluated.
    let Ok(results) = values::over_dictionary(expr, dictionary, column.ty(), planner.context) else { return Ok(None) };
    let mut set = matching_rows(matcher, results.as_ref(), dictionary.len())?;
    if negated {
        // An entry whose result is NULL matches neither way.
        let ids = (0..dictionary.len()).filter(|&id| !set.contains(id) && results.is_valid(id as usize)).collect();
        set = IdSet::from_sorted(ids, dictionary.len());
    }
    let docs = |docs| Node::labelled(Kind::Docs(docs), Access::Expression, predicate);
    if set.len() == 0 {
        return Ok(Some(docs(DocSet::nothing())));
    }
    if let Forward::Sorted { starts } = column.forward() {
        let mut ranges = Vec::new();
        set.for_each(|id| ranges.push(starts[id as usize]..starts[id as usize + 1]));
        return Ok(Some(docs(DocSet::Ranges(union(ranges)))));
    }
    let Forward::Ids(ids) = column.forward() else { return Ok(None) };
    let scan = Scan { source: Source::Ids { ids, set }, negated: false, free: false };
    Ok(Some(Node::labelled(Kind::Scan(scan), Access::Expression, predicate)))
}
