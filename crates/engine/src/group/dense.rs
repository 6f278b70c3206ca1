//! One cell per possible group. Each worker has its own table; tables are added cell by cell in the end.

use std::ops::ControlFlow;

use query::ExecutionStats;

use crate::{
    columns::Segment,
    context::Control,
    error::Result,
    filter::{Node, run::Runner},
    group::{
        fused::{Fused, Groups, IdReader, NOT_COMPILED},
        general::GroupQuery,
        slots::{BlockValues, Slot, add_all, scatter},
    },
};

/// Groups up to which a table of all possible ones is worth it.
pub(crate) const MAX_GROUPS: u64 = 1 << 20;

/// A worker's table.
pub(crate) struct Dense {
    table: Vec<f64>,
    /// 1 for groups with rows; empty when the slots or the dictionaries tell.
    seen: Vec<u8>,
    pub(crate) stats: ExecutionStats,
    held_bytes: usize,
}

/// How the groups with rows are known in the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Presence {
    /// Every value of the only key occurs, since nothing is filtered.
    All,
    /// This slot counts rows.
    Count(usize),
    Seen,
}

impl Presence {
    pub(crate) fn of(fused: &Fused<'_>, unfiltered: bool) -> Self {
        if unfiltered && fused.keys.len() == 1 && fused.keys[0].null.is_none() {
            return Self::All;
        }
        fused.layout.slots.iter().position(|slot| *slot == Slot::Count).map_or(Self::Seen, Self::Count)
    }
}

impl Dense {
    pub(crate) fn new(fused: &Fused<'_>, presence: Presence) -> Self {
        let groups = fused.space as usize;
        let table = empty_table(fused, groups);
        let seen = if presence == Presence::Seen { vec![0; groups] } else { Vec::new() };
        Self { table, seen, stats: ExecutionStats::default(), held_bytes: 0 }
    }

    /// Adds the rows of one segment. The caller has checked that the expressions compile.
    #[expect(clippy::too_many_arguments, reason = "what one segment's scan reads and fills")]
    pub(crate) fn segment(
        &mut self,
        fused: &Fused<'_>,
        query: &GroupQuery<'_>,
        presence: Presence,
        segment: &Segment<'_>,
        ordinal: usize,
        plan: &Node<'_>,
        control: &Control,
    ) -> Result<()> {
        let bytes = self.table.len() * 8 + self.seen.len();
        control.book(&mut self.held_bytes, bytes)?;
        let map = if fused.keys.len() == 1 && fused.keys[0].null.is_none() {
            fused.keys[0].maps[ordinal].clone()
        } else {
            None
        };
        // Own ids first and the map at the end, where that is fewer look-ups than one a row.
        let map = map.filter(|map| map.len() as u64 * 2 < plan.estimate(segment.num_docs));
        let Some(sources) = fused.layout.compile(segment) else { return Err(NOT_COMPILED) };
        let Some(mut ids) = IdReader::new(fused, segment, ordinal, map.is_some()) else {
            return Err(NOT_COMPILED);
        };
        let mut values = BlockValues::new(sources);
        let slots = &fused.layout.slots;
        let width = slots.len();
        let mut local = match &map {
            Some(map) => (empty_table(fused, map.len()), vec![0u8; if self.seen.is_empty() { 0 } else { map.len() }]),
            None => (Vec::new(), Vec::new()),
        };
        let (table, seen) =
            if map.is_some() { (&mut local.0, &mut local.1) } else { (&mut self.table, &mut self.seen) };
        let mut groups: Vec<u32> = Vec::new();
        let mut runner = Runner::new(segment, query.context, control, plan);
        let mut matched = 0u64;
        runner.for_each(&mut |docs| {
            matched += docs.len() as u64;
            if let Some(group) = ids.constant(docs) {
                let at = group as usize * width;
                add_all(slots, &mut values, docs, &mut table[at..at + width]);
                if presence == Presence::Seen {
                    seen[group as usize] = 1;
                }
                return Ok(ControlFlow::Continue(()));
            }
            values.read(docs);
            ids.narrow(docs, &mut groups);
            scatter(slots, &values.values, &groups, table);
            if presence == Presence::Seen {
                groups.iter().for_each(|&g| seen[g as usize] = 1);
            }
            Ok(ControlFlow::Continue(()))
        })?;
        let scanned = runner.entries_scanned;
        if let Some(map) = map {
            for (own, &global) in map.iter().enumerate() {
                let (from, to) = (own * width, global as usize * width);
                for (k, slot) in slots.iter().enumerate() {
                    slot.merge(&mut self.table[to + k], local.0[from + k]);
                }
            }
            for (&own, &global) in local.1.iter().zip(map.iter()) {
                self.seen[global as usize] |= own;
            }
        }
        query.count(&mut self.stats, matched, scanned);
        Ok(())
    }

    pub(crate) fn absorb(&mut self, other: Self, fused: &Fused<'_>) {
        self.stats.add(&other.stats);
        let slots = &fused.layout.slots;
        if slots.iter().all(|slot| matches!(slot, Slot::Count | Slot::Sum(_))) {
            self.table.iter_mut().zip(&other.table).for_each(|(a, b)| *a += b);
        } else {
            for (a, b) in self.table.chunks_exact_mut(slots.len()).zip(other.table.chunks_exact(slots.len())) {
                a.iter_mut().zip(b).zip(slots).for_each(|((a, b), slot)| slot.merge(a, *b));
            }
        }
        self.seen.iter_mut().zip(&other.seen).for_each(|(a, b)| *a |= b);
    }

    /// The groups that have rows, in the order of their ids.
    pub(crate) fn groups(self, fused: &Fused<'_>, presence: Presence) -> Groups {
        let width = fused.layout.width();
        let all = fused.space as usize;
        let present: Vec<usize> = match presence {
            Presence::All => return Groups { ids: (0..fused.space).collect(), slots: self.table, ..Groups::default() },
            Presence::Count(slot) => (0..all).filter(|g| self.table[g * width + slot] > 0.0).collect(),
            Presence::Seen => (0..all).filter(|&g| self.seen[g] != 0).collect(),
        };
        let mut groups =
            Groups { ids: present.iter().map(|&g| g as u64).collect(), slots: Vec::new(), ..Groups::default() };
        groups.slots.reserve(present.len() * width);
        present.iter().for_each(|&g| groups.slots.extend_from_slice(&self.table[g * width..(g + 1) * width]));
        groups
    }
}

fn empty_table(fused: &Fused<'_>, groups: usize) -> Vec<f64> {
    let start = fused.layout.start();
    if start.iter().all(|&v| v == 0.0) {
        return vec![0.0; groups * start.len()];
    }
    start.iter().copied().cycle().take(groups * start.len()).collect()
}
