//! Which segments cannot hold a matching row, told from what the controller knows of them.
//!
//! Only ever errs on the side of keeping a segment: what is not understood may match.

use std::{cmp::Ordering, ops::Bound};

use model::Value;
use query::{Expr, Filter, Predicate, PredicateOp};

use super::facts::{ColumnFacts, SegmentFacts};

/// Whether any row of the segment may pass the filter.
pub fn may_match(filter: &Filter, facts: &SegmentFacts) -> bool {
    if facts.total_docs == Some(0) {
        return false;
    }
    filter_may_match(filter, facts)
}

fn filter_may_match(filter: &Filter, facts: &SegmentFacts) -> bool {
    match filter {
        Filter::All => true,
        Filter::Nothing => false,
        Filter::And(parts) => parts.iter().all(|part| filter_may_match(part, facts)),
        Filter::Or(parts) => parts.iter().any(|part| filter_may_match(part, facts)),
        // The complement of "may match" is unknown.
        Filter::Not(_) => true,
        Filter::Predicate(predicate) => predicate_may_match(predicate, facts),
    }
}

fn predicate_may_match(predicate: &Predicate, facts: &SegmentFacts) -> bool {
    let Expr::Column { name, .. } = &predicate.lhs else { return true };
    let Some(column) = facts.columns.get(name.as_str()) else { return true };
    match &predicate.op {
        PredicateOp::Eq(value) => value_may_occur(column, value),
        PredicateOp::In(values) => values.iter().any(|value| value_may_occur(column, value)),
        PredicateOp::Range { lower, upper } => range_may_occur(column, lower, upper),
        _ => true,
    }
}

fn value_may_occur(column: &ColumnFacts, value: &Value) -> bool {
    if let Some((min, max)) = &column.min_max {
        let below = compare(value, min) == Some(Ordering::Less);
        let above = compare(value, max) == Some(Ordering::Greater);
        if below || above {
            return false;
        }
    }
    if let Some(partitions) = &column.partitions
        && !partitions.may_hold(value)
    {
        return false;
    }
    column.bloom.as_ref().is_none_or(|bloom| bloom.might_contain(value))
}

fn range_may_occur(column: &ColumnFacts, lower: &Bound<Value>, upper: &Bound<Value>) -> bool {
    let Some((min, max)) = &column.min_max else { return true };
    let starts_after = match lower {
        Bound::Unbounded => false,
        Bound::Included(bound) => compare(bound, max) == Some(Ordering::Greater),
        Bound::Excluded(bound) => matches!(compare(bound, max), Some(Ordering::Greater | Ordering::Equal)),
    };
    let ends_before = match upper {
        Bound::Unbounded => false,
        Bound::Included(bound) => compare(bound, min) == Some(Ordering::Less),
        Bound::Excluded(bound) => matches!(compare(bound, min), Some(Ordering::Less | Ordering::Equal)),
    };
    !starts_after && !ends_before
}

/// The order of two values of one stored type; `None` where they cannot be compared.
pub(super) fn compare(a: &Value, b: &Value) -> Option<Ordering> {
    use Value::{BigDecimal, Boolean, Bytes, Double, Float, Int, Long, String, Timestamp};
    match (a, b) {
        (Int(a), Int(b)) => Some(a.cmp(b)),
        (Long(a) | Timestamp(a), Long(b) | Timestamp(b)) => Some(a.cmp(b)),
        (Int(a), Long(b) | Timestamp(b)) => Some(i64::from(*a).cmp(b)),
        (Long(a) | Timestamp(a), Int(b)) => Some(a.cmp(&i64::from(*b))),
        (Float(a), Float(b)) => a.partial_cmp(b),
        (Double(a), Double(b)) => a.partial_cmp(b),
        (Boolean(a), Boolean(b)) => Some(a.cmp(b)),
        (BigDecimal(a), BigDecimal(b)) => Some(a.cmp(b)),
        (String(a), String(b)) => Some(a.as_bytes().cmp(b.as_bytes())),
        (Bytes(a), Bytes(b)) => Some(a.cmp(b)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use model::DataType;

    use super::*;

    fn facts() -> SegmentFacts {
        let mut facts = SegmentFacts { total_docs: Some(10), ..SegmentFacts::default() };
        facts.columns.insert(
            "year".to_owned(),
            ColumnFacts { min_max: Some((Value::Int(1990), Value::Int(1999))), ..ColumnFacts::default() },
        );
        facts.columns.insert(
            "city".to_owned(),
            ColumnFacts {
                min_max: Some((Value::String("Bergen".to_owned()), Value::String("Oslo".to_owned()))),
                ..ColumnFacts::default()
            },
        );
        facts
    }

    fn predicate(column: &str, op: PredicateOp) -> Filter {
        let lhs = Expr::Column { name: column.to_owned(), ty: DataType::Int.sv() };
        Filter::Predicate(Predicate { lhs, op })
    }

    fn year(op: PredicateOp) -> Filter {
        predicate("year", op)
    }

    fn check(filter: &Filter, expected: bool) {
        assert_eq!(may_match(filter, &facts()), expected, "{filter:?}");
    }

    #[test]
    fn equality_and_in() {
        check(&year(PredicateOp::Eq(Value::Int(1990))), true);
        check(&year(PredicateOp::Eq(Value::Int(1989))), false);
        check(&year(PredicateOp::Eq(Value::Int(2000))), false);
        check(&year(PredicateOp::In(vec![Value::Int(1), Value::Int(1995)])), true);
        check(&year(PredicateOp::In(vec![Value::Int(1), Value::Int(2)])), false);
        check(&year(PredicateOp::NotEq(Value::Int(1))), true);
        check(&predicate("city", PredicateOp::Eq(Value::String("Aarhus".to_owned()))), false);
        check(&predicate("unknown", PredicateOp::Eq(Value::Int(1))), true);
        check(&year(PredicateOp::Eq(Value::String("x".to_owned()))), true);
    }

    #[test]
    fn ranges_respect_their_ends() {
        use std::ops::Bound::{Excluded, Included, Unbounded};
        let range = |lower, upper| year(PredicateOp::Range { lower, upper });
        check(&range(Included(Value::Int(1999)), Unbounded), true);
        check(&range(Excluded(Value::Int(1999)), Unbounded), false);
        check(&range(Unbounded, Included(Value::Int(1990))), true);
        check(&range(Unbounded, Excluded(Value::Int(1990))), false);
        check(&range(Included(Value::Int(1980)), Excluded(Value::Int(1985))), false);
        check(&range(Unbounded, Unbounded), true);
    }

    #[test]
    fn trees() {
        let hit = || year(PredicateOp::Eq(Value::Int(1995)));
        let miss = || year(PredicateOp::Eq(Value::Int(5)));
        check(&Filter::And(vec![hit(), miss()]), false);
        check(&Filter::Or(vec![hit(), miss()]), true);
        check(&Filter::Or(vec![miss(), miss()]), false);
        check(&Filter::Not(Box::new(miss())), true);
        check(&Filter::Nothing, false);
    }

    #[test]
    fn an_empty_segment_never_matches() {
        let empty = SegmentFacts { total_docs: Some(0), ..SegmentFacts::default() };
        assert!(!may_match(&Filter::All, &empty));
        assert!(may_match(&Filter::All, &SegmentFacts::default()));
    }
}
