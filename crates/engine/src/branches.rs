//! `FILTER (WHERE …)`: every clause is a scan of its own over the docs that pass it and the main filter, so that
//! indexes serve it too; the results are put side by side.

use query::{AggregateCall, ExecutionStats, Filter};
use rustc_hash::FxHashMap;

use crate::{
    columns::Segment,
    combine::Run,
    error::Result,
    group::{
        finish::{Finished, Wanted},
        fused::{Fused, Groups},
        general::GroupQuery,
        slots::Layout,
    },
};

/// The aggregates under one clause, as if there were none, and their places in the query.
struct Branch {
    filter: Filter,
    calls: Vec<AggregateCall>,
    places: Vec<usize>,
}

/// The main branch first; it is there even when no aggregate is unfiltered.
fn split(main: &Filter, group: &GroupQuery<'_>, calls: &[AggregateCall]) -> Vec<Branch> {
    let branch = |filter: Filter| Branch { filter, calls: Vec::new(), places: Vec::new() };
    let mut branches = vec![branch(main.clone())];
    branches.extend(group.filters.iter().map(|clause| branch(both(main, clause))));
    for (place, (aggregate, call)) in group.aggregates.iter().zip(calls).enumerate() {
        let branch = &mut branches[aggregate.filter.map_or(0, |filter| filter + 1)];
        branch.calls.push(AggregateCall { filter: None, ..call.clone() });
        branch.places.push(place);
    }
    branches
}

fn both(main: &Filter, clause: &Filter) -> Filter {
    match (main, clause) {
        (Filter::All, other) | (other, Filter::All) => other.clone(),
        (Filter::Nothing, _) | (_, Filter::Nothing) => Filter::Nothing,
        (main, clause) => Filter::And(vec![main.clone(), clause.clone()]),
    }
}

impl Run<'_> {
    /// `None` when no aggregate has a clause, or when one of them needs the path that takes everything.
    pub(crate) fn branches<'c>(
        &self,
        group: &GroupQuery<'c>,
        calls: &'c [AggregateCall],
        segments: &[Segment<'_>],
        wanted: &Wanted<'_>,
    ) -> Result<Option<(Finished<'c>, ExecutionStats)>> {
        if group.filters.is_empty() || self.options.skip_empty_groups || self.context.null_handling {
            return Ok(None);
        }
        let branches = split(&self.query.filter, group, calls);
        if group.keys.is_empty() {
            return self.ungrouped(group, calls, segments, &branches).map(Some);
        }
        self.grouped(group, calls, segments, &branches, wanted)
    }

    fn ungrouped<'c>(
        &self,
        group: &GroupQuery<'c>,
        calls: &'c [AggregateCall],
        segments: &[Segment<'_>],
        branches: &[Branch],
    ) -> Result<(Finished<'c>, ExecutionStats)> {
        let mut states = vec![Vec::new(); calls.len()];
        let mut finals = vec![None; calls.len()];
        let mut stats = ExecutionStats::default();
        let mut matched = vec![false; segments.len()];
        for branch in branches.iter().filter(|branch| !branch.calls.is_empty()) {
            let prepared = self.prepare(segments, &branch.filter)?;
            let query = GroupQuery::new(Vec::new(), &branch.calls, self.options, self.context)?;
            let (finished, rows, more) = self.single(query, &branch.calls, segments, &prepared)?;
            stats.add(&more);
            matched.iter_mut().zip(rows).for_each(|(all, own)| *all |= own);
            let known = finished.finals.into_iter().chain(std::iter::repeat(None));
            for ((&place, state), known) in branch.places.iter().zip(finished.states).zip(known) {
                states[place] = state;
                finals[place] = known;
            }
        }
        stats.num_segments_matched = matched.iter().filter(|&&matched| matched).count() as u64;
        let functions = group.aggregates.iter().map(|a| std::sync::Arc::clone(&a.function)).collect();
        let finished = Finished { keys: Vec::new(), key_types: Vec::new(), calls, functions, states, finals, rows: 1 };
        Ok((finished, stats))
    }

    fn grouped<'c>(
        &self,
        group: &GroupQuery<'c>,
        calls: &'c [AggregateCall],
        segments: &[Segment<'_>],
        branches: &[Branch],
        wanted: &Wanted<'_>,
    ) -> Result<Option<(Finished<'c>, ExecutionStats)>> {
        let everything = wanted.without_order();
        let mut main: Option<(Fused<'_>, Groups, ExecutionStats)> = None;
        let mut parts: Vec<(Layout<'_>, Groups, ExecutionStats)> = Vec::new();
        let mut docs = 0;
        for (at, branch) in branches.iter().enumerate() {
            let prepared = self.prepare(segments, &branch.filter)?;
            docs = if at == 0 { prepared.docs } else { docs };
            let query = GroupQuery::new(group.keys.clone(), &branch.calls, self.options, self.context)?;
            // The same bound for all, so that all get the same ids.
            let Some(fused) = Fused::new(&query, segments, docs, self.id_maps)? else { return Ok(None) };
            if fused.distinct.is_some() {
                return Ok(None);
            }
            let (groups, stats) = self.fused_groups(&fused, &query, segments, &prepared, &everything)?;
            if at == 0 {
                main = Some((fused, groups, stats));
            } else {
                parts.push((fused.layout, groups, stats));
            }
        }
        let Some((mut fused, groups, mut stats)) = main else { return Ok(None) };
        if !self.admit_groups(group, &groups, &mut stats) {
            return Ok(None);
        }
        if branches[0].calls.is_empty() {
            // These rows were looked at only to know the groups.
            stats.num_docs_scanned = 0;
            stats.num_entries_scanned_post_filter = 0;
        }
        let places = branches.iter().map(|branch| branch.places.as_slice());
        let layouts = std::iter::once(&fused.layout).chain(parts.iter().map(|(layout, _, _)| layout));
        let layout = Layout::side_by_side(layouts, places, calls.len());
        let joined = join(&fused.layout, groups, &parts, layout.start());
        let matched = stats.num_segments_matched;
        parts.iter().for_each(|(_, _, more)| stats.add(more));
        stats.num_segments_matched = matched;
        fused.layout = layout;
        let finished = fused.finish(group, calls, segments, joined, None, wanted, &mut stats)?;
        Ok(Some((finished, stats)))
    }
}

/// The main groups with the slots of all parts behind their own; `start` is what a part holds for a group without
/// rows there.
fn join(main: &Layout<'_>, groups: Groups, parts: &[(Layout<'_>, Groups, ExecutionStats)], start: Vec<f64>) -> Groups {
    let width = start.len();
    let own = main.width();
    let mut slots: Vec<f64> = start.iter().copied().cycle().take(groups.ids.len() * width).collect();
    for (row, cells) in slots.chunks_exact_mut(width.max(1)).enumerate() {
        cells[..own].copy_from_slice(&groups.slots[row * own..(row + 1) * own]);
    }
    let places: FxHashMap<u64, usize> = groups.ids.iter().enumerate().map(|(row, id)| (*id, row)).collect();
    let mut offset = own;
    for (layout, part, _) in parts {
        let own = layout.width();
        for (row, id) in part.ids.iter().enumerate() {
            if let Some(at) = places.get(id).map(|place| place * width + offset) {
                slots[at..at + own].copy_from_slice(&part.slots[row * own..(row + 1) * own]);
            }
        }
        offset += own;
    }
    Groups { slots, ..groups }
}
