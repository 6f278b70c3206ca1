//! Group-by on dictionary ids with states of a few doubles: dense arrays while the product of the cardinalities is
//! small, partitions of the id space above that.

use std::sync::Arc;

use query::ExecutionStats;
use roaring::RoaringBitmap;
use segment::reader::Forward;

use crate::{
    columns::{Segment, read_ids},
    error::{Error, Result},
    group::{
        finish::{Finished, Wanted},
        general::GroupQuery,
        global::{GlobalKey, key_column},
        slots::Layout,
    },
    mask::Docs,
    sort::real_key,
};

/// A segment that was found fit for this path when the query was prepared no longer is.
pub(crate) const NOT_COMPILED: Error = Error::Internal("a segment changed its form while it was being read");

/// A group-by that can run on ids, over all segments of the query.
pub(crate) struct Fused<'q> {
    pub(crate) layout: Layout<'q>,
    pub(crate) keys: Vec<GlobalKey>,
    /// Product of the keys' cardinalities.
    pub(crate) space: u64,
}

/// Groups with rows: the packed ids of their keys, and their slots end to end.
#[derive(Default)]
pub(crate) struct Groups {
    pub(crate) ids: Vec<u64>,
    pub(crate) slots: Vec<f64>,
}

impl Groups {
    /// Keeps those at `picks`, ascending.
    fn keep(&mut self, picks: &[usize], width: usize) {
        for (to, &from) in picks.iter().enumerate() {
            self.ids[to] = self.ids[from];
            self.slots.copy_within(from * width..(from + 1) * width, to * width);
        }
        self.ids.truncate(picks.len());
        self.slots.truncate(picks.len() * width);
    }

    pub(crate) fn append(&mut self, other: Self) {
        self.ids.extend(other.ids);
        self.slots.extend(other.slots);
    }

    /// Drops groups that cannot be among the first in the order that is wanted. Groups that tie with the last one
    /// kept stay. Returns whether any was dropped.
    pub(crate) fn prefilter(&mut self, fused: &Fused<'_>, wanted: &Wanted<'_>) -> bool {
        let Some(keep) = wanted.keep(fused.keys.len()) else { return false };
        if self.ids.len() <= keep {
            return false;
        }
        let Some(by) = wanted.order_by.first() else { return false };
        let Some(value) = fused.primary(&by.expr) else { return false };
        if keep == 0 {
            self.keep(&[], fused.layout.width());
            return true;
        }
        let width = fused.layout.width();
        let keys: Vec<i64> = (0..self.ids.len())
            .map(|i| {
                let key = real_key(value(self.ids[i], &self.slots[i * width..(i + 1) * width]));
                if by.ascending { key } else { !key }
            })
            .collect();
        let mut order = keys.clone();
        let (_, last, _) = order.select_nth_unstable(keep - 1);
        let last = *last;
        let picks: Vec<usize> = (0..keys.len()).filter(|&i| keys[i] <= last).collect();
        let dropped = picks.len() < keys.len();
        self.keep(&picks, width);
        dropped
    }
}

type Primary<'f> = Box<dyn Fn(u64, &[f64]) -> f64 + 'f>;

impl Fused<'_> {
    /// What the first order-by expression is worth in a group, where ids and slots tell.
    fn primary(&self, expr: &functions::Expr) -> Option<Primary<'_>> {
        let functions::Expr::Input { index, .. } = expr else { return None };
        let Some(key) = self.keys.get(*index) else {
            let aggregate = index - self.keys.len();
            return (aggregate < self.layout.states.len())
                .then(|| Box::new(move |_: u64, slots: &[f64]| self.layout.value(aggregate, slots)) as Primary<'_>);
        };
        if !key.ordered || key.null.is_some() {
            return None;
        }
        let below: u64 = self.keys[index + 1..].iter().map(|k| u64::from(k.cardinality)).product();
        let cardinality = u64::from(key.cardinality);
        Some(Box::new(move |id: u64, _: &[f64]| (id / below % cardinality) as f64))
    }

    /// Columns of the groups, keys decoded.
    pub(crate) fn finish<'c>(
        &self,
        query: &GroupQuery<'c>,
        calls: &'c [query::AggregateCall],
        segments: &[Segment<'_>],
        mut groups: Groups,
        wanted: &Wanted<'_>,
        stats: &mut ExecutionStats,
    ) -> Result<Finished<'c>> {
        if groups.prefilter(self, wanted) {
            stats.groups_trimmed |= wanted.is_unsafe(self.keys.len());
        }
        let rows = groups.ids.len();
        let mut rest = groups.ids;
        let mut columns = Vec::with_capacity(self.keys.len());
        for (key, expr) in self.keys.iter().zip(&query.keys).rev() {
            let cardinality = u64::from(key.cardinality).max(1);
            let ids: Vec<u32> = rest
                .iter_mut()
                .map(|id| {
                    let own = (*id % cardinality) as u32;
                    *id /= cardinality;
                    own
                })
                .collect();
            columns.push(key.take(segments, expr, &ids)?);
        }
        columns.reverse();
        Ok(Finished {
            keys: columns,
            key_types: query.keys.iter().map(|key| key.ty().data_type.sv()).collect(),
            calls,
            functions: query.aggregates.iter().map(|a| Arc::clone(&a.function)).collect(),
            states: self.layout.states(&groups.slots, rows, true, query.context.null_handling),
            finals: Vec::new(),
            rows,
        })
    }
}

/// Reads the ids of all keys of one segment.
pub(crate) struct IdReader<'s> {
    keys: Vec<Key<'s>>,
    buffer: Vec<u32>,
}

struct Key<'s> {
    forward: Forward<'s>,
    map: Option<Arc<Vec<u32>>>,
    cardinality: u32,
    null: Option<(u32, &'s RoaringBitmap)>,
}

impl<'s> IdReader<'s> {
    /// `local`: leave the segment's own ids (only for a single key without NULLs).
    pub(crate) fn new(
        fused: &Fused<'_>,
        query: &GroupQuery<'_>,
        segment: &'s Segment<'s>,
        ordinal: usize,
        local: bool,
    ) -> Option<Self> {
        let mut keys = Vec::with_capacity(fused.keys.len());
        for (key, expr) in fused.keys.iter().zip(&query.keys) {
            let column = segment.column(&key_column(expr)?)?;
            let null = match (key.null, column.nulls()) {
                (Some(id), Some(nulls)) => Some((id, nulls)),
                _ => None,
            };
            let map = if local { None } else { key.maps[ordinal].clone() };
            keys.push(Key { forward: column.forward(), map, cardinality: key.cardinality, null });
        }
        Some(Self { keys, buffer: Vec::new() })
    }

    /// Packed group ids of a block, for spaces below 2^32.
    pub(crate) fn narrow(&mut self, docs: &Docs<'_>, out: &mut Vec<u32>) {
        let mut keys = self.keys.iter();
        if let Some(first) = keys.next() {
            first.read(docs, out);
        }
        for key in keys {
            key.read(docs, &mut self.buffer);
            let cardinality = key.cardinality;
            out.iter_mut().zip(&self.buffer).for_each(|(id, own)| *id = *id * cardinality + own);
        }
    }

    /// Packed group ids of a block.
    pub(crate) fn wide(&mut self, docs: &Docs<'_>, out: &mut Vec<u64>) {
        out.clear();
        out.resize(docs.len(), 0);
        for key in &self.keys {
            key.read(docs, &mut self.buffer);
            let cardinality = u64::from(key.cardinality);
            out.iter_mut().zip(&self.buffer).for_each(|(id, own)| *id = *id * cardinality + u64::from(*own));
        }
    }

    /// The one group of all rows of a block, when the only key is sorted and does not change in it.
    pub(crate) fn constant(&self, docs: &Docs<'_>) -> Option<u32> {
        let [Key { forward: Forward::Sorted { starts }, map, null: None, .. }] = self.keys.as_slice() else {
            return None;
        };
        let first = crate::columns::id_at(starts, docs.get(0));
        let last = docs.get(docs.len() - 1);
        (last < starts[first as usize + 1]).then(|| map.as_ref().map_or(first, |map| map[first as usize]))
    }
}

impl Key<'_> {
    fn read(&self, docs: &Docs<'_>, out: &mut Vec<u32>) {
        read_ids(self.forward, docs, out);
        if let Some(map) = &self.map {
            out.iter_mut().for_each(|id| *id = map[*id as usize]);
        }
        if let Some((null, nulls)) = self.null {
            for (row, id) in out.iter_mut().enumerate() {
                if nulls.contains(docs.get(row)) {
                    *id = null;
                }
            }
        }
    }
}
