//! Blocks of docs: bit masks while filtering, ranges or lists of docs afterwards.

use std::ops::Range;

use roaring::RoaringBitmap;

/// Docs that are looked at together. A multiple of 64; blocks start at multiples of it.
pub(crate) const BLOCK: usize = 4_096;
pub(crate) const WORDS: usize = BLOCK / 64;

/// One bit a doc of a block, bit `i` of word `w` for the block's doc `64 w + i`.
pub(crate) type Mask = [u64; WORDS];

/// Docs of one block that passed the filter, ascending, at most [`BLOCK`].
#[derive(Clone, Debug)]
pub(crate) enum Docs<'d> {
    Range(Range<u32>),
    List(&'d [u32]),
}

impl Docs<'_> {
    pub(crate) fn len(&self) -> usize {
        match self {
            Docs::Range(range) => range.len(),
            Docs::List(list) => list.len(),
        }
    }

    pub(crate) fn get(&self, row: usize) -> u32 {
        match self {
            Docs::Range(range) => range.start + row as u32,
            Docs::List(list) => list[row],
        }
    }

    /// The first `rows` docs.
    pub(crate) fn head(&self, rows: usize) -> Docs<'_> {
        match self {
            Docs::Range(range) => Docs::Range(range.start..(range.start + rows as u32).min(range.end)),
            Docs::List(list) => Docs::List(&list[..rows.min(list.len())]),
        }
    }

    /// As a list, written to `buffer` if need be.
    pub(crate) fn list<'l>(&'l self, buffer: &'l mut Vec<u32>) -> &'l [u32] {
        match self {
            Docs::Range(range) => {
                buffer.clear();
                buffer.extend(range.clone());
                buffer
            }
            Docs::List(list) => list,
        }
    }
}

/// Bits `range` of the block set, all others clear.
pub(crate) fn ones(range: Range<usize>) -> Mask {
    let mut mask = [0; WORDS];
    for (w, word) in mask.iter_mut().enumerate() {
        let (low, high) = (range.start.max(w * 64), range.end.min(w * 64 + 64));
        if low < high {
            *word = (u64::MAX >> (64 - (high - low))) << (low % 64);
        }
    }
    mask
}

pub(crate) fn count(mask: &Mask) -> usize {
    mask.iter().map(|word| word.count_ones() as usize).sum()
}

/// The docs `base..base + BLOCK` of a bitmap as a mask.
pub(crate) fn from_bitmap(bitmap: &RoaringBitmap, base: u32) -> Mask {
    let mut mask = [0; WORDS];
    let end = base.saturating_add(BLOCK as u32);
    let mut iter = bitmap.range(base..end);
    let mut docs = [0u32; 256];
    loop {
        let got = iter.next_many(&mut docs);
        for &doc in got.iter() {
            let bit = (doc - base) as usize;
            mask[bit / 64] |= 1 << (bit % 64);
        }
        if got.len() < docs.len() {
            return mask;
        }
    }
}

/// Appends `base + i` for every bit `i` that is set.
pub(crate) fn append_docs(mask: &Mask, base: u32, out: &mut Vec<u32>) {
    let len = out.len();
    let count = count(mask);
    out.resize(len + count, 0);
    let mut slots = out[len..].iter_mut();
    for (w, &word) in mask.iter().enumerate() {
        let first = base + 64 * w as u32;
        if word == u64::MAX {
            for (i, slot) in slots.by_ref().take(64).enumerate() {
                *slot = first + i as u32;
            }
            continue;
        }
        let mut rest = word;
        while rest != 0 {
            let Some(slot) = slots.next() else { return };
            *slot = first + rest.trailing_zeros();
            rest &= rest - 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_bitmaps_and_lists_agree() {
        for range in [0..0, 0..1, 3..64, 64..65, 10..4_096, 0..4_096, 4_095..4_096] {
            let mask = ones(range.clone());
            assert_eq!(count(&mask), range.len());
            let mut docs = Vec::new();
            append_docs(&mask, 8_192, &mut docs);
            assert_eq!(docs, (8_192 + range.start as u32..8_192 + range.end as u32).collect::<Vec<_>>());
            let bitmap: RoaringBitmap = docs.iter().copied().chain([5, 70_000]).collect();
            assert_eq!(from_bitmap(&bitmap, 8_192), mask);
        }
    }
}
