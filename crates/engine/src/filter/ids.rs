//! Which dict ids a predicate matches, found once per dictionary.

use std::ops::{Bound, Range};

use arrow::array::Array;
use model::DataType;
use query::PredicateOp;
use segment::reader::Dictionary;

use crate::{
    error::Result,
    filter::matcher::{BytesMatch, Matcher, compile_pattern},
};

/// A set of dict ids.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum IdSet {
    Range(Range<u32>),
    /// Ascending, few, not one range.
    Few(Vec<u32>),
    /// One byte an id: 0 or 255; and how many are set.
    Table(Vec<u8>, u32),
}

/// Up to this many ids are compared one by one.
pub(crate) const FEW: usize = 4;

impl IdSet {
    pub(crate) fn none() -> Self {
        Self::Range(0..0)
    }

    /// `ids` ascending, without duplicates.
    pub(crate) fn from_sorted(ids: Vec<u32>, cardinality: u32) -> Self {
        match (ids.first(), ids.last()) {
            (Some(&first), Some(&last)) if (last - first) as usize + 1 == ids.len() => Self::Range(first..last + 1),
            (Some(_), Some(_)) if ids.len() <= FEW => Self::Few(ids),
            (Some(_), Some(&last)) => {
                let mut table = vec![0u8; cardinality.max(last + 1) as usize];
                ids.iter().for_each(|&id| table[id as usize] = 255);
                Self::Table(table, ids.len() as u32)
            }
            _ => Self::none(),
        }
    }

    pub(crate) fn len(&self) -> u32 {
        match self {
            Self::Range(range) => range.len() as u32,
            Self::Few(ids) => ids.len() as u32,
            Self::Table(_, len) => *len,
        }
    }

    #[inline]
    pub(crate) fn contains(&self, id: u32) -> bool {
        match self {
            Self::Range(range) => range.contains(&id),
            Self::Few(ids) => ids.contains(&id),
            Self::Table(table, _) => table.get(id as usize).is_some_and(|&b| b != 0),
        }
    }

    pub(crate) fn for_each(&self, mut f: impl FnMut(u32)) {
        match self {
            Self::Range(range) => range.clone().for_each(f),
            Self::Few(ids) => ids.iter().copied().for_each(f),
            Self::Table(table, _) => {
                table.iter().enumerate().filter(|(_, b)| **b != 0).for_each(|(id, _)| f(id as u32));
            }
        }
    }
}

/// The ids whose value matches the positive operator `op`.
pub(crate) fn matching_ids(dictionary: &dyn Dictionary, ty: DataType, op: &PredicateOp, what: &str) -> Result<IdSet> {
    let cardinality = dictionary.len();
    match op {
        // Compiling checks that the constants have the column's type.
        PredicateOp::Eq(value) => {
            Matcher::compile(op, ty, what)?;
            Ok(dictionary.id_of(value).map_or(IdSet::none(), |id| IdSet::Range(id..id + 1)))
        }
        PredicateOp::In(values) => {
            Matcher::compile(op, ty, what)?;
            let mut ids: Vec<u32> = values.iter().filter_map(|value| dictionary.id_of(value)).collect();
            ids.sort_unstable();
            ids.dedup();
            Ok(IdSet::from_sorted(ids, cardinality))
        }
        PredicateOp::Range { lower, upper } if dictionary.is_sorted() => {
            Matcher::compile(op, ty, what)?;
            let low = match lower {
                Bound::Unbounded => 0,
                Bound::Included(value) => dictionary.rank(value, false),
                Bound::Excluded(value) => dictionary.rank(value, true),
            };
            let high = match upper {
                Bound::Unbounded => cardinality,
                Bound::Included(value) => dictionary.rank(value, true),
                Bound::Excluded(value) => dictionary.rank(value, false),
            };
            Ok(IdSet::Range(low..high.max(low)))
        }
        PredicateOp::RegexpLike { pattern, case_insensitive, .. } if is_text(ty) => {
            let matching = BytesMatch::Pattern(compile_pattern(pattern, *case_insensitive)?);
            let ids = (0..cardinality).filter(|&id| matching.matches(dictionary.bytes(id))).collect();
            Ok(IdSet::from_sorted(ids, cardinality))
        }
        _ => matching_rows(&Matcher::compile(op, ty, what)?, dictionary.all().as_ref(), cardinality),
    }
}

/// The row numbers of an array that match, as ids.
pub(crate) fn matching_rows(matcher: &Matcher, values: &dyn Array, cardinality: u32) -> Result<IdSet> {
    let mut ids = Vec::new();
    matcher.for_each_match(values, &mut |row| ids.push(row as u32))?;
    Ok(IdSet::from_sorted(ids, cardinality))
}

fn is_text(ty: DataType) -> bool {
    matches!(ty, DataType::String | DataType::Json | DataType::Map)
}
