//! Group-by on dictionary ids with states of a few doubles: dense arrays while the product of the cardinalities is
//! small, partitions of the id space above that.

use std::sync::Arc;

use arrow::{
    array::{ArrayRef, Int32Array, Int64Array, ListArray},
    buffer::OffsetBuffer,
    datatypes::Field,
};
use functions::Expr;
use query::ExecutionStats;
use roaring::RoaringBitmap;
use rustc_hash::FxHashMap;
use segment::reader::Forward;

use crate::{
    columns::{Segment, id_at, read_ids},
    error::{Error, Result},
    group::{
        dense::MAX_GROUPS,
        finish::{Finished, Wanted},
        general::GroupQuery,
        global::{GlobalKey, IdMapCache, key_column},
        slots::{Layout, State},
    },
    mask::Docs,
    sort::real_key,
};

/// A segment that was found fit for this path when the query was prepared no longer is.
pub(crate) const NOT_COMPILED: Error = Error::Internal("a segment changed its form while it was being read");

/// Possible groups per doc from which finding those with rows costs more than hashing them.
const SPARSE_GROUPS: u64 = 64;
/// Docs up to which their group ids and values are gathered before they are aggregated.
const MAX_GATHERED_DOCS: u64 = 1 << 26;

/// A group-by that can run on ids, over all segments of the query.
pub(crate) struct Fused<'q> {
    pub(crate) layout: Layout<'q>,
    /// The query's keys, then the expression whose distinct values are counted.
    pub(crate) keys: Vec<GlobalKey>,
    pub(crate) exprs: Vec<&'q Expr>,
    /// Product of the keys' cardinalities.
    pub(crate) space: u64,
    /// Where the counted expression stands among the keys.
    pub(crate) distinct: Option<usize>,
}

/// Groups with rows: the packed ids of their keys, and their slots end to end.
#[derive(Default)]
pub(crate) struct Groups {
    pub(crate) ids: Vec<u64>,
    pub(crate) slots: Vec<f64>,
    /// How many there were before any was dropped.
    pub(crate) total: usize,
    /// Which of [`Distinct`]'s groups each is; empty without one.
    pub(crate) tags: Vec<u32>,
}

/// Distinct values of folded groups.
pub(crate) struct Distinct {
    /// Ids of the values of each group, end to end.
    ids: Vec<u32>,
    /// Where each group's values end.
    ends: Vec<usize>,
}

impl Groups {
    /// Keeps those at `picks`, ascending.
    fn keep(&mut self, picks: &[usize], width: usize) {
        for (to, &from) in picks.iter().enumerate() {
            self.ids[to] = self.ids[from];
            self.slots.copy_within(from * width..(from + 1) * width, to * width);
            if !self.tags.is_empty() {
                self.tags[to] = self.tags[from];
            }
        }
        self.ids.truncate(picks.len());
        self.slots.truncate(picks.len() * width);
        self.tags.truncate(picks.len());
    }

    pub(crate) fn append(&mut self, other: Self) {
        self.ids.extend(other.ids);
        self.slots.extend(other.slots);
        self.total += other.total;
    }

    /// Drops groups that cannot be among the first in the order that is wanted. Groups that tie with the last one
    /// kept stay. Returns whether any was dropped.
    pub(crate) fn prefilter(&mut self, fused: &Fused<'_>, wanted: &Wanted<'_>) -> bool {
        let Some(keep) = wanted.keep(fused.group_keys()) else { return false };
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

impl<'q> Fused<'q> {
    /// `None` when some key has no ids, some aggregate is no double, or so few docs match that hashing them is less
    /// work. `docs` bounds the docs that match.
    pub(crate) fn new(
        group: &GroupQuery<'q>,
        segments: &[Segment<'_>],
        docs: u64,
        cache: &IdMapCache,
    ) -> Result<Option<Self>> {
        let Some(layout) = Layout::new(group) else { return Ok(None) };
        if segments.is_empty() || segments.iter().any(|segment| layout.compile(segment).is_none()) {
            return Ok(None);
        }
        let mut exprs = group.keys.clone();
        let distinct = layout.distinct.map(|expr| {
            exprs.push(expr);
            exprs.len() - 1
        });
        let mut keys = Vec::with_capacity(exprs.len());
        let mut space = 1u64;
        for expr in &exprs {
            let Some(key) = GlobalKey::new(segments, expr, group.context, docs, cache)? else { return Ok(None) };
            let Some(product) = space.checked_mul(u64::from(key.cardinality).max(1)) else { return Ok(None) };
            space = product;
            keys.push(key);
        }
        let dense = space <= MAX_GROUPS;
        if dense && space / SPARSE_GROUPS > docs || !dense && docs > MAX_GATHERED_DOCS {
            return Ok(None);
        }
        Ok(Some(Self { layout, keys, exprs, space, distinct }))
    }

    /// Keys of the groups in the answer.
    fn group_keys(&self) -> usize {
        self.distinct.unwrap_or(self.keys.len())
    }

    /// Takes the counted expression out of the keys: groups that differ only in it become one.
    pub(crate) fn fold_distinct(&self, groups: &mut Groups) -> Option<Distinct> {
        let key = &self.keys[self.distinct?];
        let cardinality = u64::from(key.cardinality).max(1);
        let slots = &self.layout.slots;
        let width = slots.len();
        let mut places: FxHashMap<u64, u32> = FxHashMap::default();
        let mut folded = Groups::default();
        let mut of: Vec<u32> = Vec::with_capacity(groups.ids.len());
        let mut counts: Vec<usize> = Vec::new();
        let mut last: Option<(u64, u32)> = None;
        for (i, id) in groups.ids.iter().enumerate() {
            let prefix = id / cardinality;
            let group = match last {
                Some((known, group)) if known == prefix => group,
                _ => *places.entry(prefix).or_insert_with(|| {
                    folded.ids.push(prefix);
                    folded.slots.extend(self.layout.start());
                    counts.push(0);
                    counts.len() as u32 - 1
                }),
            };
            last = Some((prefix, group));
            of.push(group);
            let at = group as usize;
            let cells = &mut folded.slots[at * width..(at + 1) * width];
            for ((slot, cell), from) in slots.iter().zip(cells).zip(&groups.slots[i * width..]) {
                slot.merge(cell, *from);
            }
            counts[at] += usize::from(!key.is_null((id % cardinality) as u32));
        }
        let mut next: Vec<usize> = Vec::with_capacity(counts.len());
        let mut end = 0;
        for count in &counts {
            next.push(end);
            end += count;
        }
        let mut ids = vec![0u32; end];
        for (id, group) in groups.ids.iter().zip(&of) {
            let own = (id % cardinality) as u32;
            if !key.is_null(own) {
                ids[next[*group as usize]] = own;
                next[*group as usize] += 1;
            }
        }
        folded.tags = (0..counts.len() as u32).collect();
        *groups = folded;
        Some(Distinct { ids, ends: next })
    }

    /// What the first order-by expression is worth in a group, where ids and slots tell.
    fn primary(&self, expr: &Expr) -> Option<Primary<'_>> {
        let Expr::Input { index, .. } = expr else { return None };
        let keys = self.group_keys();
        if *index >= keys {
            let aggregate = index - keys;
            self.layout.states.get(aggregate).filter(|state| !matches!(state, State::Distinct))?;
            return Some(Box::new(move |_, slots| self.layout.value(aggregate, slots).unwrap_or(0.0)));
        }
        let key = &self.keys[*index];
        if !key.ordered || key.null.is_some() {
            return None;
        }
        let below: u64 = self.keys[index + 1..keys].iter().map(|k| u64::from(k.cardinality)).product();
        let cardinality = u64::from(key.cardinality);
        Some(Box::new(move |id, _| (id / below % cardinality) as f64))
    }

    /// Columns of the groups, keys decoded.
    #[expect(clippy::too_many_arguments, reason = "all that is known of the groups")]
    pub(crate) fn finish<'c>(
        &self,
        query: &GroupQuery<'c>,
        calls: &'c [query::AggregateCall],
        segments: &[Segment<'_>],
        mut groups: Groups,
        distinct: Option<Distinct>,
        wanted: &Wanted<'_>,
        stats: &mut ExecutionStats,
    ) -> Result<Finished<'c>> {
        if groups.prefilter(self, wanted) {
            stats.groups_trimmed |= wanted.is_unsafe(self.group_keys());
        }
        let rows = groups.ids.len();
        let mut states = self.layout.states(&groups.slots, rows, true, query.context.null_handling);
        let mut finals = Vec::new();
        if let Some(distinct) = distinct {
            let lists = distinct.of(&groups.tags);
            for (i, aggregate) in query.aggregates.iter().enumerate() {
                finals.push(None);
                if let State::Distinct = self.layout.states[i] {
                    finals[i] = Some(lists.counts(aggregate.function.result_type()));
                    if !wanted.final_values {
                        states[i] = vec![lists.values(self, segments)?];
                    }
                }
            }
        }
        let mut rest = groups.ids;
        let group_keys = self.group_keys();
        let mut columns = Vec::with_capacity(group_keys);
        for (key, expr) in self.keys[..group_keys].iter().zip(&query.keys).rev() {
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
            states,
            finals,
            rows,
        })
    }
}

impl Distinct {
    /// The lists of some groups, in the order of `tags`.
    fn of(&self, tags: &[u32]) -> Self {
        let mut out = Self { ids: Vec::new(), ends: Vec::with_capacity(tags.len()) };
        for &tag in tags {
            let tag = tag as usize;
            let start = if tag == 0 { 0 } else { self.ends[tag - 1] };
            out.ids.extend_from_slice(&self.ids[start..self.ends[tag]]);
            out.ends.push(out.ids.len());
        }
        out
    }

    fn lengths(&self) -> impl Iterator<Item = usize> + '_ {
        let mut start = 0;
        self.ends.iter().map(move |&end| {
            let len = end - start;
            start = end;
            len
        })
    }

    fn counts(&self, ty: model::ColumnType) -> ArrayRef {
        match ty.data_type {
            model::DataType::Int => Arc::new(self.lengths().map(|n| n as i32).collect::<Int32Array>()),
            _ => Arc::new(self.lengths().map(|n| n as i64).collect::<Int64Array>()),
        }
    }

    fn values(&self, fused: &Fused<'_>, segments: &[Segment<'_>]) -> Result<ArrayRef> {
        let at = fused.distinct.unwrap_or(0);
        let items = fused.keys[at].take(segments, fused.exprs[at], &self.ids)?;
        let field = Arc::new(Field::new("item", items.data_type().clone(), true));
        Ok(Arc::new(ListArray::try_new(field, OffsetBuffer::from_lengths(self.lengths()), items, None)?))
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
    /// Equal global ids are neighbours in the order of the dict ids.
    steps: bool,
}

impl<'s> IdReader<'s> {
    /// `local`: leave the segment's own ids (only for a single key without NULLs).
    pub(crate) fn new(fused: &Fused<'_>, segment: &'s Segment<'s>, ordinal: usize, local: bool) -> Option<Self> {
        let mut keys = Vec::with_capacity(fused.keys.len());
        for (key, expr) in fused.keys.iter().zip(&fused.exprs) {
            let column = segment.column(&key_column(expr)?)?;
            let null = match (key.null, column.nulls()) {
                (Some(id), Some(nulls)) => Some((id, nulls)),
                _ => None,
            };
            let map = if local { None } else { key.maps[ordinal].clone() };
            keys.push(Key { forward: column.forward(), map, cardinality: key.cardinality, null, steps: key.steps });
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
        let [Key { forward: Forward::Sorted { starts }, map, null: None, steps, .. }] = self.keys.as_slice() else {
            return None;
        };
        let global = |id: u32| map.as_ref().map_or(id, |map| map[id as usize]);
        let first = id_at(starts, docs.get(0));
        let last = docs.get(docs.len() - 1);
        if last < starts[first as usize + 1] {
            return Some(global(first));
        }
        // Where ids keep the order of the values, equal ends mean that all between are equal too.
        (*steps && global(first) == global(id_at(starts, last))).then(|| global(first))
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
