//! Too many possible groups for one table: rows are first spread over partitions of the id space, then each partition
//! is aggregated where it fits the cache. A group lies in one partition, so partitions can be trimmed alone.

use std::ops::ControlFlow;

use hashbrown::HashTable;
use parking_lot::Mutex;
use query::ExecutionStats;

use crate::{
    columns::Segment,
    context::Control,
    error::Result,
    filter::{Node, run::Runner},
    group::{
        finish::Wanted,
        fused::{Fused, Groups, IdReader, NOT_COMPILED},
        general::GroupQuery,
        slots::{BlockValues, Slot},
    },
    pool::Pool,
};

/// Possible groups in one partition when it is aggregated in a table of all of them.
const TABLE_BITS: u32 = 16;
/// Partitions at most.
const MAX_PARTITIONS: u64 = 1 << 10;
/// Beyond this the ids of a partition are hashed.
const HASH_PARTITIONS: u64 = 1 << 8;

/// How ids are spread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Spread {
    /// By their upper bits; each partition has a table of all its ids.
    Tables {
        bits: u32,
    },
    Hash,
}

impl Spread {
    /// Tables while there are not many more possible groups than rows.
    pub(crate) fn of(space: u64, docs: u64) -> Self {
        let bits = TABLE_BITS.max(space.div_ceil(MAX_PARTITIONS).next_power_of_two().trailing_zeros());
        if bits <= TABLE_BITS + 2 && space / 64 < docs { Self::Tables { bits } } else { Self::Hash }
    }

    fn partitions(self, space: u64) -> usize {
        match self {
            Self::Tables { bits } => (space >> bits) as usize + 1,
            Self::Hash => HASH_PARTITIONS as usize,
        }
    }

    #[inline]
    fn partition(self, id: u64) -> usize {
        match self {
            Self::Tables { bits } => (id >> bits) as usize,
            Self::Hash => (hash(id) >> 56) as usize,
        }
    }
}

#[inline]
fn hash(id: u64) -> u64 {
    let mixed = id.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    (mixed ^ (mixed >> 29)).wrapping_mul(0xBF58_476D_1CE4_E5B9)
}

/// Rows of one partition: ids, and one value an expression.
#[derive(Default)]
struct Rows {
    ids: Vec<u64>,
    values: Vec<f64>,
}

/// A worker's rows by partition.
pub(crate) struct Spreader {
    spread: Spread,
    partitions: Vec<Rows>,
    pub(crate) stats: ExecutionStats,
    held_bytes: usize,
    rows: usize,
}

impl Spreader {
    pub(crate) fn new(spread: Spread, space: u64) -> Self {
        let mut partitions = Vec::new();
        partitions.resize_with(spread.partitions(space), Rows::default);
        Self { spread, partitions, stats: ExecutionStats::default(), held_bytes: 0, rows: 0 }
    }

    /// Takes the rows of one segment. The caller has checked that the expressions compile.
    pub(crate) fn segment(
        &mut self,
        fused: &Fused<'_>,
        query: &GroupQuery<'_>,
        segment: &Segment<'_>,
        ordinal: usize,
        plan: &Node<'_>,
        control: &Control,
    ) -> Result<()> {
        let Some(sources) = fused.layout.compile(segment) else { return Err(NOT_COMPILED) };
        let Some(mut reader) = IdReader::new(fused, segment, ordinal, false) else { return Err(NOT_COMPILED) };
        let width = sources.len();
        let mut values = BlockValues::new(sources);
        let mut ids: Vec<u64> = Vec::new();
        let mut runner = Runner::new(segment, query.context, control, plan);
        let mut matched = 0u64;
        runner.for_each(&mut |docs| {
            matched += docs.len() as u64;
            values.read(docs);
            reader.wide(docs, &mut ids);
            match values.values.as_slice() {
                [] => ids.iter().for_each(|&id| self.partitions[self.spread.partition(id)].ids.push(id)),
                [only] => {
                    for (&id, &value) in ids.iter().zip(only) {
                        let rows = &mut self.partitions[self.spread.partition(id)];
                        rows.ids.push(id);
                        rows.values.push(value);
                    }
                }
                many => {
                    for (row, &id) in ids.iter().enumerate() {
                        let rows = &mut self.partitions[self.spread.partition(id)];
                        rows.ids.push(id);
                        rows.values.extend(many.iter().map(|column| column[row]));
                    }
                }
            }
            self.rows += docs.len();
            control.book(&mut self.held_bytes, self.rows * 8 * (width + 1))?;
            Ok(ControlFlow::Continue(()))
        })?;
        let scanned = runner.entries_scanned;
        query.count(&mut self.stats, matched, scanned);
        Ok(())
    }
}

/// Aggregates the partitions of all workers, on the pool.
pub(crate) fn aggregate(
    fused: &Fused<'_>,
    spreaders: Vec<Spreader>,
    wanted: &Wanted<'_>,
    pool: &Pool,
    workers: usize,
    control: &Control,
) -> Result<(Groups, ExecutionStats)> {
    let mut stats = ExecutionStats::default();
    let Some(first) = spreaders.first() else { return Ok((Groups::default(), stats)) };
    let (spread, count) = (first.spread, first.partitions.len());
    let mut partitions: Vec<Vec<Rows>> = Vec::new();
    partitions.resize_with(count, Vec::new);
    for spreader in spreaders {
        stats.add(&spreader.stats);
        for (all, rows) in partitions.iter_mut().zip(spreader.partitions) {
            all.push(rows);
        }
    }
    let partitions: Vec<Mutex<Vec<Rows>>> = partitions.into_iter().map(Mutex::new).collect();
    let done = pool.run(
        control,
        partitions.len(),
        workers,
        &|| Worker::new(fused, spread),
        &|worker: &mut Worker, partition| {
            control.check()?;
            let rows = std::mem::take(&mut *partitions[partition].lock());
            let mut groups = match spread {
                Spread::Tables { bits } => worker.by_table(fused, partition, bits, &rows),
                Spread::Hash => worker.by_hash(fused, &rows),
            };
            drop(rows);
            groups.total = groups.ids.len();
            worker.trimmed |= groups.prefilter(fused, wanted);
            worker.groups.append(groups);
            let bytes = worker.groups.ids.capacity() * 8 + worker.groups.slots.capacity() * 8;
            control.book(&mut worker.held_bytes, bytes)
        },
    )?;
    let mut groups = Groups::default();
    for worker in done {
        stats.groups_trimmed |= worker.trimmed && wanted.is_unsafe(fused.keys.len());
        groups.append(worker.groups);
    }
    Ok((groups, stats))
}

struct Worker {
    /// Slots of all ids of a partition, at their start between partitions; then which ids have rows.
    table: Vec<f64>,
    seen: Vec<u64>,
    groups: Groups,
    trimmed: bool,
    held_bytes: usize,
}

impl Worker {
    fn new(fused: &Fused<'_>, spread: Spread) -> Self {
        let (table, seen) = match spread {
            Spread::Tables { bits } => {
                let ids = 1usize << bits;
                let start = fused.layout.start();
                (start.iter().copied().cycle().take(ids * start.len()).collect(), vec![0; ids / 64])
            }
            Spread::Hash => (Vec::new(), Vec::new()),
        };
        Self { table, seen, groups: Groups::default(), trimmed: false, held_bytes: 0 }
    }

    fn by_table(&mut self, fused: &Fused<'_>, partition: usize, bits: u32, rows: &[Rows]) -> Groups {
        let slots = &fused.layout.slots;
        let width = slots.len();
        let exprs = fused.layout.exprs.len();
        let mask = (1u64 << bits) - 1;
        for rows in rows {
            for (row, id) in rows.ids.iter().enumerate() {
                let own = (id & mask) as usize;
                self.seen[own / 64] |= 1 << (own % 64);
                add(slots, &rows.values[row * exprs..], &mut self.table[own * width..(own + 1) * width]);
            }
        }
        let base = (partition as u64) << bits;
        let mut groups = Groups::default();
        let start = fused.layout.start();
        for (w, word) in self.seen.iter_mut().enumerate() {
            let mut rest = std::mem::take(word);
            while rest != 0 {
                let own = w * 64 + rest.trailing_zeros() as usize;
                rest &= rest - 1;
                groups.ids.push(base + own as u64);
                let cells = &mut self.table[own * width..(own + 1) * width];
                groups.slots.extend_from_slice(cells);
                cells.copy_from_slice(&start);
            }
        }
        groups
    }

    fn by_hash(&mut self, fused: &Fused<'_>, rows: &[Rows]) -> Groups {
        let slots = &fused.layout.slots;
        let width = slots.len();
        let exprs = fused.layout.exprs.len();
        let start = fused.layout.start();
        let total: usize = rows.iter().map(|rows| rows.ids.len()).sum();
        let mut index: HashTable<u32> = HashTable::with_capacity(total.min(1 << 16));
        let mut groups = Groups::default();
        for rows in rows {
            for (row, &id) in rows.ids.iter().enumerate() {
                let known = index.find(hash(id), |&g| groups.ids[g as usize] == id).copied();
                let group = known.unwrap_or_else(|| {
                    let group = groups.ids.len() as u32;
                    groups.ids.push(id);
                    groups.slots.extend_from_slice(&start);
                    index.insert_unique(hash(id), group, |&g| hash(groups.ids[g as usize]));
                    group
                }) as usize;
                add(slots, &rows.values[row * exprs..], &mut groups.slots[group * width..(group + 1) * width]);
            }
        }
        groups
    }
}

#[inline]
fn add(slots: &[Slot], values: &[f64], cells: &mut [f64]) {
    for (slot, cell) in slots.iter().zip(cells) {
        match *slot {
            Slot::Count => *cell += 1.0,
            Slot::Sum(a) | Slot::Min(a) | Slot::Max(a) => slot.merge(cell, values[a]),
        }
    }
}
