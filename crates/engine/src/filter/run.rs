//! Runs a filter plan: docs in blocks, or only their number.

use std::{ops::ControlFlow, sync::Arc};

use arrow::array::{Array, AsArray};
use functions::Expr;
use roaring::RoaringBitmap;

use crate::{
    columns::Segment,
    context::Control,
    error::Result,
    filter::{
        Kind, Node,
        docs::DocSet,
        kernels::{refine_ids, refine_numbers},
        leaf::{Scan, Source},
        matcher::Matcher,
    },
    mask::{self, BLOCK, Docs, Mask},
    values,
};

/// Below one doc in this many, docs are taken from the bitmap one by one instead of block by block.
const SPARSE: u64 = 32;
/// A list of docs is handed on once it has this many, so that few docs a block do not mean many calls.
const FULL: usize = 2_048;

pub(crate) struct Runner<'p, 's> {
    pub(crate) segment: &'s Segment<'s>,
    pub(crate) context: functions::Context,
    pub(crate) control: &'p Control,
    pub(crate) plan: &'p Node<'s>,
    /// Values looked at so far: docs, or elements of a multi-value column.
    pub(crate) entries_scanned: u64,
}

impl<'p, 's> Runner<'p, 's> {
    pub(crate) fn new(
        segment: &'s Segment<'s>,
        context: functions::Context,
        control: &'p Control,
        plan: &'p Node<'s>,
    ) -> Self {
        Self { segment, context, control, plan, entries_scanned: 0 }
    }

    /// Splits the plan into docs known from indexes and what remains to be checked.
    fn split(&self) -> (DocSet, Vec<&'p Node<'s>>) {
        let children: &[Node<'s>] = match &self.plan.kind {
            Kind::And(children) => children,
            _ => std::slice::from_ref(self.plan),
        };
        let mut sets: Vec<&DocSet> = Vec::new();
        let mut rest = Vec::new();
        for child in children {
            match &child.kind {
                Kind::Docs(docs) => sets.push(docs),
                _ => rest.push(child),
            }
        }
        sets.sort_by_key(|docs| docs.len());
        let known = match sets.split_first() {
            None => DocSet::all(self.segment.num_docs),
            Some((first, others)) => others.iter().fold((*first).clone(), |all, docs| all.and(docs)),
        };
        (known, rest)
    }

    /// How many docs match.
    pub(crate) fn count(&mut self) -> Result<u64> {
        if let Kind::And(children) = &self.plan.kind {
            let sets: Option<Vec<&DocSet>> = children.iter().map(|child| child.known_docs()).collect();
            if let Some(sets) = sets {
                return Ok(intersection_len(sets));
            }
        }
        let (known, rest) = self.split();
        if rest.is_empty() {
            return Ok(known.len());
        }
        let mut total = 0;
        self.masks(&known, &rest, &mut |_, mask| {
            total += mask::count(mask) as u64;
            Ok(ControlFlow::Continue(()))
        })?;
        Ok(total)
    }

    /// Calls `take` with the matching docs in ascending order, at most [`BLOCK`] at a time, until it breaks.
    pub(crate) fn for_each(&mut self, take: &mut dyn FnMut(&Docs<'_>) -> Result<ControlFlow<()>>) -> Result<()> {
        let (known, rest) = self.split();
        if let DocSet::Bitmap(bitmap) = &known
            && bitmap.len() * SPARSE < u64::from(self.segment.num_docs)
        {
            return self.lists(bitmap, &rest, take);
        }
        let mut pending: Vec<u32> = Vec::with_capacity(BLOCK);
        let mut broke = false;
        let full = BLOCK;
        self.masks(&known, &rest, &mut |base, mask| {
            let count = mask::count(mask);
            if count == 0 {
                return Ok(ControlFlow::Continue(()));
            }
            if pending.len() + count > full {
                if take(&Docs::List(&pending))?.is_break() {
                    broke = true;
                    return Ok(ControlFlow::Break(()));
                }
                pending.clear();
            }
            if pending.is_empty()
                && let Some(range) = as_range(mask, count, base)
            {
                let flow = take(&Docs::Range(range))?;
                broke = flow.is_break();
                return Ok(flow);
            }
            mask::append_docs(mask, base, &mut pending);
            if pending.len() >= FULL {
                let flow = take(&Docs::List(&pending))?;
                pending.clear();
                broke = flow.is_break();
                return Ok(flow);
            }
            Ok(ControlFlow::Continue(()))
        })?;
        if !broke && !pending.is_empty() {
            let _ = take(&Docs::List(&pending))?;
        }
        Ok(())
    }

    /// Few docs: checks lists of them.
    fn lists(
        &mut self,
        bitmap: &Arc<RoaringBitmap>,
        rest: &[&'p Node<'s>],
        take: &mut dyn FnMut(&Docs<'_>) -> Result<ControlFlow<()>>,
    ) -> Result<()> {
        let mut iter = bitmap.iter();
        let mut buffer = vec![0u32; BLOCK];
        loop {
            self.control.check()?;
            let got = iter.next_many(&mut buffer).len();
            let mut docs = buffer[..got].to_vec();
            for node in rest {
                self.retain(node, &mut docs)?;
            }
            if !docs.is_empty() && take(&Docs::List(&docs))?.is_break() || got < BLOCK {
                return Ok(());
            }
        }
    }

    /// Many docs: masks of the blocks of the known docs, refined.
    fn masks(
        &mut self,
        known: &DocSet,
        rest: &[&'p Node<'s>],
        take: &mut dyn FnMut(u32, &Mask) -> Result<ControlFlow<()>>,
    ) -> Result<()> {
        let num_docs = self.segment.num_docs;
        let mut base = match known {
            DocSet::Ranges(ranges) => ranges.first().map_or(num_docs, |r| r.start),
            DocSet::Bitmap(bitmap) => bitmap.min().unwrap_or(num_docs),
        } / BLOCK as u32
            * BLOCK as u32;
        let mut next_range = 0;
        while base < num_docs {
            let end = base.saturating_add(BLOCK as u32).min(num_docs);
            let mut mask = match known {
                DocSet::Bitmap(bitmap) => mask::from_bitmap(bitmap, base),
                DocSet::Ranges(ranges) => {
                    while next_range < ranges.len() && ranges[next_range].end <= base {
                        next_range += 1;
                    }
                    let Some(first) = ranges.get(next_range) else { return Ok(()) };
                    if first.start >= end {
                        base = first.start / BLOCK as u32 * BLOCK as u32;
                        continue;
                    }
                    let mut mask = [0; mask::WORDS];
                    for range in ranges[next_range..].iter().take_while(|r| r.start < end) {
                        let part = range.start.max(base) - base..range.end.min(end) - base;
                        let bits = mask::ones(part.start as usize..part.end as usize);
                        mask.iter_mut().zip(bits).for_each(|(word, bits)| *word |= bits);
                    }
                    mask
                }
            };
            self.control.check()?;
            for node in rest {
                self.refine(node, base, &mut mask)?;
            }
            if take(base, &mask)?.is_break() {
                return Ok(());
            }
            base = end;
            if !end.is_multiple_of(BLOCK as u32) {
                return Ok(());
            }
        }
        Ok(())
    }

    /// For each of some ascending docs whether it matches.
    pub(crate) fn passing(&mut self, docs: &[u32]) -> Result<Vec<bool>> {
        let mut kept = docs.to_vec();
        self.retain(self.plan, &mut kept)?;
        let mut kept = kept.into_iter().peekable();
        Ok(docs.iter().map(|doc| kept.next_if_eq(doc).is_some()).collect())
    }

    /// Clears the bits of docs that do not match `node`.
    fn refine(&mut self, node: &Node<'s>, base: u32, mask: &mut Mask) -> Result<()> {
        match &node.kind {
            Kind::Docs(docs) => {
                let bits = match docs {
                    DocSet::Bitmap(bitmap) => mask::from_bitmap(bitmap, base),
                    DocSet::Ranges(ranges) => range_mask(ranges, base),
                };
                mask.iter_mut().zip(bits).for_each(|(word, bits)| *word &= bits);
            }
            Kind::Except(bitmap) => {
                let bits = mask::from_bitmap(bitmap, base);
                mask.iter_mut().zip(bits).for_each(|(word, bits)| *word &= !bits);
            }
            Kind::Scan(scan) => self.refine_scan(scan, base, mask)?,
            Kind::And(children) => {
                for child in children {
                    self.refine(child, base, mask)?;
                }
            }
            Kind::Or(children) => {
                let mut found = [0u64; mask::WORDS];
                for child in children {
                    let mut left = *mask;
                    left.iter_mut().zip(&found).for_each(|(word, found)| *word &= !found);
                    self.refine(child, base, &mut left)?;
                    found.iter_mut().zip(left).for_each(|(found, word)| *found |= word);
                }
                *mask = found;
            }
        }
        Ok(())
    }

    fn refine_scan(&mut self, scan: &Scan<'s>, base: u32, mask: &mut Mask) -> Result<()> {
        let start = base as usize;
        if !scan.free && !matches!(scan.source, Source::MultiIds { .. }) {
            self.entries_scanned += mask::count(mask) as u64;
        }
        match &scan.source {
            Source::Ids { ids, set } => refine_ids(*ids, start, set, scan.negated, mask),
            Source::I32(values, set) => refine_numbers(values, start, set, scan.negated, mask),
            Source::I64(values, set) => refine_numbers(values, start, set, scan.negated, mask),
            Source::F32(values, set) => refine_numbers(values, start, set, scan.negated, mask),
            Source::F64(values, set) => refine_numbers(values, start, set, scan.negated, mask),
            Source::MultiIds { .. } | Source::Expression { .. } | Source::ExpressionIsNull(_) => {
                let mut docs = Vec::with_capacity(BLOCK);
                mask::append_docs(mask, base, &mut docs);
                self.retain_scan(scan, &mut docs, false)?;
                *mask = [0; mask::WORDS];
                for doc in docs {
                    let bit = (doc - base) as usize;
                    mask[bit / 64] |= 1 << (bit % 64);
                }
            }
        }
        Ok(())
    }

    /// Keeps the docs of a list that match `node`.
    fn retain(&mut self, node: &Node<'s>, docs: &mut Vec<u32>) -> Result<()> {
        match &node.kind {
            Kind::Docs(DocSet::Bitmap(bitmap)) => docs.retain(|&doc| bitmap.contains(doc)),
            Kind::Docs(DocSet::Ranges(ranges)) => docs.retain(|&doc| in_ranges(ranges, doc)),
            Kind::Except(bitmap) => docs.retain(|&doc| !bitmap.contains(doc)),
            Kind::Scan(scan) => self.retain_scan(scan, docs, true)?,
            Kind::And(children) => {
                for child in children {
                    self.retain(child, docs)?;
                }
            }
            Kind::Or(children) => {
                let mut rest = std::mem::take(docs);
                for child in children {
                    let mut hit = rest.clone();
                    self.retain(child, &mut hit)?;
                    let mut next = hit.iter().peekable();
                    rest.retain(|doc| next.next_if_eq(&doc).is_none());
                    docs.extend(hit);
                }
                docs.sort_unstable();
            }
        }
        Ok(())
    }

    fn retain_scan(&mut self, scan: &Scan<'s>, docs: &mut Vec<u32>, counts: bool) -> Result<()> {
        if counts && !scan.free && !matches!(scan.source, Source::MultiIds { .. }) {
            self.entries_scanned += docs.len() as u64;
        }
        let negated = scan.negated;
        match &scan.source {
            Source::Ids { ids, set } => docs.retain(|&doc| set.contains(ids.get(doc as usize)) != negated),
            Source::I32(values, set) => docs.retain(|&doc| set.matches(values[doc as usize]) != negated),
            Source::I64(values, set) => docs.retain(|&doc| set.matches(values[doc as usize]) != negated),
            Source::F32(values, set) => docs.retain(|&doc| set.matches(values[doc as usize]) != negated),
            Source::F64(values, set) => docs.retain(|&doc| set.matches(values[doc as usize]) != negated),
            Source::MultiIds { offsets, ids, set } => {
                let mut entries = 0u64;
                docs.retain(|&doc| {
                    let (from, to) = (offsets[doc as usize] as usize, offsets[doc as usize + 1] as usize);
                    entries += (to - from) as u64;
                    (from..to).any(|i| set.contains(ids.get(i))) != negated
                });
                if !scan.free {
                    self.entries_scanned += entries;
                }
            }
            Source::Expression { expr, matcher } => self.retain_expression(expr, matcher, negated, docs)?,
            Source::ExpressionIsNull(expr) => {
                let values = values::evaluate(self.segment, expr, &Docs::List(docs), self.context)?;
                let mut row = 0;
                docs.retain(|_| {
                    row += 1;
                    values.is_null(row - 1) != negated
                });
            }
        }
        Ok(())
    }

    fn retain_expression(&mut self, expr: &Expr, matcher: &Matcher, negated: bool, docs: &mut Vec<u32>) -> Result<()> {
        if docs.is_empty() {
            return Ok(());
        }
        let values = values::evaluate(self.segment, expr, &Docs::List(docs), self.context)?;
        let mut hit = vec![false; docs.len()];
        if let Some(lists) = values.as_list_opt::<i32>() {
            let mut elements = vec![false; lists.values().len()];
            matcher.for_each_match(lists.values().as_ref(), &mut |i| elements[i] = true)?;
            for (row, window) in lists.value_offsets().windows(2).enumerate() {
                hit[row] = elements[window[0] as usize..window[1] as usize].contains(&true);
            }
        } else {
            matcher.for_each_match(values.as_ref(), &mut |row| hit[row] = true)?;
        }
        let mut row = 0;
        docs.retain(|_| {
            row += 1;
            hit[row - 1] != negated && values.is_valid(row - 1)
        });
        Ok(())
    }
}

/// The number of docs in all of some sets; only the last step need not be materialised.
fn intersection_len(mut sets: Vec<&DocSet>) -> u64 {
    sets.sort_by_key(|docs| docs.len());
    let Some((last, rest)) = sets.split_last() else { return 0 };
    let Some((first, middle)) = rest.split_first() else { return last.len() };
    let mut all = std::borrow::Cow::Borrowed(*first);
    for docs in middle {
        all = std::borrow::Cow::Owned(all.and(docs));
    }
    all.and_len(last)
}

fn range_mask(ranges: &[std::ops::Range<u32>], base: u32) -> Mask {
    let end = base.saturating_add(BLOCK as u32);
    let mut mask = [0; mask::WORDS];
    let first = ranges.partition_point(|r| r.end <= base);
    for range in ranges[first..].iter().take_while(|r| r.start < end) {
        let bits = mask::ones((range.start.max(base) - base) as usize..(range.end.min(end) - base) as usize);
        mask.iter_mut().zip(bits).for_each(|(word, bits)| *word |= bits);
    }
    mask
}

fn in_ranges(ranges: &[std::ops::Range<u32>], doc: u32) -> bool {
    let at = ranges.partition_point(|r| r.end <= doc);
    ranges.get(at).is_some_and(|r| r.start <= doc)
}

/// The mask as one range, when its bits are consecutive.
fn as_range(mask: &Mask, count: usize, base: u32) -> Option<std::ops::Range<u32>> {
    let first_word = mask.iter().position(|&word| word != 0)?;
    let first = first_word * 64 + mask[first_word].trailing_zeros() as usize;
    let last_word = mask.iter().rposition(|&word| word != 0)?;
    let last = last_word * 64 + 63 - mask[last_word].leading_zeros() as usize;
    (last + 1 - first == count).then(|| base + first as u32..base + last as u32 + 1)
}
