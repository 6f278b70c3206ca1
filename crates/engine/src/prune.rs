//! Leaves segments out before they are planned: by statistics, by bloom filter, and because LIMIT is reached.

use std::{collections::BTreeMap, ops::Bound, sync::Arc};

use functions::Expr;
use model::{PartitionFunction, Value};
use query::{BoundQuery, ExecutionStats, Filter, Predicate, PredicateOp, Shape};
use segment::reader::{ColumnReader, SegmentReader};

use crate::columns::constant::compare;

/// An IN list with more values than this is not checked.
const MAX_IN_VALUES: usize = 10;

/// The segments that may hold rows of the answer. Says in the counters why the others were dropped.
pub(crate) fn prune<'s>(
    query: &BoundQuery,
    segments: &'s [Arc<dyn SegmentReader>],
    stats: &mut ExecutionStats,
) -> Vec<&'s dyn SegmentReader> {
    let mut kept: Vec<&dyn SegmentReader> = Vec::with_capacity(segments.len());
    for segment in segments {
        if segment.num_docs() == 0 {
            continue;
        }
        let mut by_range = false;
        if may_match(&query.filter, segment.as_ref(), &mut by_range) {
            kept.push(segment.as_ref());
        } else if by_range {
            stats.num_segments_pruned_by_value += 1;
        }
    }
    if query.filter == Filter::All
        && let Shape::Selection(selection) = &query.shape
    {
        let before = kept.len();
        let first = selection.order_by.first();
        if query.limit == 0 {
            kept.truncate(1);
        } else if let Some(first) = first {
            let wanted = query.limit.saturating_add(query.offset) as u64;
            kept = first_by_order(kept, &first.expr, first.ascending, query.null_handling, wanted);
        } else {
            kept = first_by_limit(kept, query.limit as u64);
        }
        stats.num_segments_pruned_by_limit += (before - kept.len()) as u64;
    }
    stats.num_segments_pruned_by_server += (segments.len() - kept.len()) as u64;
    kept
}

/// Enough segments to hold `wanted` rows.
fn first_by_limit(segments: Vec<&dyn SegmentReader>, wanted: u64) -> Vec<&dyn SegmentReader> {
    let mut docs = 0u64;
    segments
        .into_iter()
        .take_while(|segment| {
            let needed = docs < wanted;
            docs += u64::from(segment.num_docs());
            needed
        })
        .collect()
}

/// Segments whose best value is no worse than the worst value of those that hold `wanted` rows already. Best first,
/// so that a search that can stop early does.
fn first_by_order<'s>(
    segments: Vec<&'s dyn SegmentReader>,
    expr: &Expr,
    ascending: bool,
    null_handling: bool,
    wanted: u64,
) -> Vec<&'s dyn SegmentReader> {
    let Expr::Column { name, .. } = expr else { return segments };
    let mut known = Vec::new();
    let mut kept = Vec::new();
    for segment in segments {
        let column = segment.column(name).filter(|c| !null_handling || c.nulls().is_none_or(|nulls| nulls.is_empty()));
        match column.and_then(ColumnReader::min_max) {
            Some((min, max)) if !segment.is_mutable() => {
                known.push(if ascending { (min, max, segment) } else { (max, min, segment) });
            }
            _ => kept.push(segment),
        }
    }
    let before = |a: &Value, b: &Value| if ascending { compare(a, b) } else { compare(b, a) };
    // By the worst value: the first segments that together hold enough rows give the bound.
    known.sort_by(|a, b| before(&a.1, &b.1));
    let mut docs = 0u64;
    let mut bound: Option<Value> = None;
    for (_, worst, segment) in &known {
        docs += u64::from(segment.num_docs());
        if docs >= wanted {
            bound = Some(worst.clone());
            break;
        }
    }
    known.retain(|(best, _, _)| bound.as_ref().is_none_or(|bound| before(best, bound).is_le()));
    known.sort_by(|a, b| before(&a.0, &b.0));
    kept.extend(known.into_iter().map(|(_, _, segment)| segment));
    kept
}

/// Whether any doc of the segment may match. `by_range` is set when a range on a column's statistics decided.
fn may_match(filter: &Filter, segment: &dyn SegmentReader, by_range: &mut bool) -> bool {
    match filter {
        Filter::All | Filter::Not(_) => true,
        Filter::Nothing => false,
        Filter::And(children) => children.iter().all(|child| may_match(child, segment, by_range)),
        Filter::Or(children) => children.iter().any(|child| may_match(child, segment, by_range)),
        Filter::Predicate(predicate) => predicate_may_match(predicate, segment, by_range),
    }
}

fn predicate_may_match(predicate: &Predicate, segment: &dyn SegmentReader, by_range: &mut bool) -> bool {
    let Expr::Column { name, .. } = &predicate.lhs else { return true };
    let Some(column) = segment.column(name) else { return true };
    match &predicate.op {
        PredicateOp::Eq(value) => value_may_occur(column, value, segment.is_mutable()),
        PredicateOp::In(values) if values.len() <= MAX_IN_VALUES => {
            values.iter().any(|value| value_may_occur(column, value, segment.is_mutable()))
        }
        PredicateOp::Range { lower, upper } if !segment.is_mutable() => {
            let Some((min, max)) = column.min_max() else { return true };
            let above = match upper {
                Bound::Unbounded => true,
                Bound::Included(value) => !differs(&min, value, std::cmp::Ordering::Greater),
                Bound::Excluded(value) => {
                    !differs(&min, value, std::cmp::Ordering::Greater)
                        && !differs(&min, value, std::cmp::Ordering::Equal)
                }
            };
            let below = match lower {
                Bound::Unbounded => true,
                Bound::Included(value) => !differs(&max, value, std::cmp::Ordering::Less),
                Bound::Excluded(value) => {
                    !differs(&max, value, std::cmp::Ordering::Less) && !differs(&max, value, std::cmp::Ordering::Equal)
                }
            };
            let possible = above && below;
            *by_range |= !possible;
            possible
        }
        _ => true,
    }
}

/// Whether `a` compares to `b` as `order`; values of different kinds compare as nothing.
fn differs(a: &Value, b: &Value, order: std::cmp::Ordering) -> bool {
    comparable(a, b) && compare(a, b) == order
}

fn comparable(a: &Value, b: &Value) -> bool {
    a.column_type() == b.column_type() || std::mem::discriminant(a) == std::mem::discriminant(b)
}

fn value_may_occur(column: &dyn ColumnReader, value: &Value, mutable: bool) -> bool {
    if !mutable && let Some((min, max)) = column.min_max() {
        let outside =
            differs(value, &min, std::cmp::Ordering::Less) || differs(value, &max, std::cmp::Ordering::Greater);
        if outside {
            return false;
        }
    }
    column.bloom().is_none_or(|bloom| bloom.might_contain(value)) && partition_may_hold(column, value)
}

/// Whether the value's partition is among those of the segment. Functions with settings are not known here.
fn partition_may_hold(column: &dyn ColumnReader, value: &Value) -> bool {
    let Some((name, num_partitions, present)) = column.partitions() else { return true };
    if !["modulo", "murmur", "murmur2", "hashcode", "bytearray"].contains(&name.to_ascii_lowercase().as_str()) {
        return true;
    }
    let Ok(function) = PartitionFunction::new(name, num_partitions, &BTreeMap::new()) else { return true };
    function.partition(value).is_none_or(|partition| present.contains(&partition))
}
