//! Tight loops from ids or numbers to masks: 64 rows at a time, compiled twice so that machines with AVX2 use it.

use segment::reader::Ids;

use crate::{
    filter::{
        ids::IdSet,
        matcher::{Number, Numbers},
    },
    mask::Mask,
};

/// Clears the bits of `mask` whose id (row `i` of the block is `ids[start + i]`) is not in the set, or is when
/// `negated`. Rows beyond the column's end must be clear already.
pub(crate) fn refine_ids(ids: Ids<'_>, start: usize, set: &IdSet, negated: bool, mask: &mut Mask) {
    match ids {
        Ids::U8(ids) => refine_narrow(&ids[start..], set, negated, mask),
        Ids::U16(ids) => refine_narrow(&ids[start..], set, negated, mask),
        Ids::U32(ids) => refine_narrow(&ids[start..], set, negated, mask),
    }
}

/// As [`refine_ids`] for raw numbers.
pub(crate) fn refine_numbers<T: Number>(values: &[T], start: usize, set: &Numbers<T>, negated: bool, mask: &mut Mask) {
    let values = &values[start..];
    match set {
        Numbers::Range(low, high) => {
            let (low, high) = (*low, *high);
            words(values, negated, mask, move |value: T| (value >= low) & (value <= high));
        }
        Numbers::Set(_) => words(values, negated, mask, |value: T| set.matches(value)),
    }
}

trait Id: Copy + Into<u32> + Send + Sync + 'static + PartialOrd {
    /// The nearest id of this width; ids beyond it do not occur.
    fn clamp_from(id: u32) -> Self;
}

impl Id for u8 {
    fn clamp_from(id: u32) -> Self {
        u8::try_from(id).unwrap_or(u8::MAX)
    }
}

impl Id for u16 {
    fn clamp_from(id: u32) -> Self {
        u16::try_from(id).unwrap_or(u16::MAX)
    }
}

impl Id for u32 {
    fn clamp_from(id: u32) -> Self {
        id
    }
}

fn refine_narrow<T: Id>(ids: &[T], set: &IdSet, negated: bool, mask: &mut Mask) {
    match set {
        IdSet::Range(range) if range.start < range.end => {
            let (low, high) = (T::clamp_from(range.start), T::clamp_from(range.end - 1));
            words(ids, negated, mask, move |id: T| (id >= low) & (id <= high));
        }
        IdSet::Range(_) => words(ids, negated, mask, |_: T| false),
        IdSet::Few(few) => {
            let mut fixed = [T::clamp_from(few[0]); crate::filter::ids::FEW];
            for (slot, id) in fixed.iter_mut().zip(few) {
                *slot = T::clamp_from(*id);
            }
            words(ids, negated, mask, move |id: T| {
                (id == fixed[0]) | (id == fixed[1]) | (id == fixed[2]) | (id == fixed[3])
            });
        }
        IdSet::Table(table, _) => {
            words(ids, negated, mask, |id: T| table.get(Into::<u32>::into(id) as usize).is_some_and(|&b| b != 0));
        }
    }
}

#[inline(always)]
fn words_body<T: Copy>(
    values: &[T],
    negated: bool,
    mask: &mut Mask,
    matches: impl Fn(T) -> bool,
    pack: impl Fn(&[u8; 64]) -> u64,
) {
    let flip = if negated { u64::MAX } else { 0 };
    let mut chunks = values.chunks_exact(64);
    let mut words = mask.iter_mut();
    for word in words.by_ref() {
        let Some(chunk) = chunks.next() else {
            // The column's tail, shorter than a word; what lies beyond is clear already.
            let mut bits = 0u64;
            for (i, &value) in chunks.remainder().iter().enumerate() {
                bits |= u64::from(matches(value)) << i;
            }
            *word &= bits ^ flip;
            return;
        };
        if *word == 0 {
            continue;
        }
        let mut bytes = [0u8; 64];
        for i in 0..64 {
            bytes[i] = if matches(chunk[i]) { 0xff } else { 0 };
        }
        *word &= pack(&bytes) ^ flip;
    }
}

/// Bytes of all ones or zeros to one bit each.
#[inline(always)]
fn pack_bytes(bytes: &[u8; 64]) -> u64 {
    let mut bits = 0u64;
    for (k, eight) in bytes.chunks_exact(8).enumerate() {
        let mut lane = [0u8; 8];
        lane.copy_from_slice(eight);
        let ones = u64::from_le_bytes(lane) & 0x0101_0101_0101_0101;
        // Gathers the lowest bit of eight bytes into one byte.
        bits |= (ones.wrapping_mul(0x0102_0408_1020_4080) >> 56) << (8 * k);
    }
    bits
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,bmi1,bmi2,popcnt,lzcnt")]
fn words_avx2<T: Copy>(values: &[T], negated: bool, mask: &mut Mask, matches: impl Fn(T) -> bool) {
    use std::arch::x86_64::{__m256i, _mm256_loadu_si256, _mm256_movemask_epi8};
    words_body(values, negated, mask, matches, |bytes| {
        // SAFETY: both loads of 32 bytes lie within the 64 bytes; they need no alignment.
        let (low, high) = unsafe {
            let at = bytes.as_ptr().cast::<__m256i>();
            (_mm256_loadu_si256(at), _mm256_loadu_si256(at.add(1)))
        };
        let (low, high) = (_mm256_movemask_epi8(low), _mm256_movemask_epi8(high));
        u64::from(low as u32) | u64::from(high as u32) << 32
    });
}

#[inline]
fn words<T: Copy>(values: &[T], negated: bool, mask: &mut Mask, matches: impl Fn(T) -> bool) {
    #[cfg(target_arch = "x86_64")]
    if crate::simd::has_avx2() {
        // SAFETY: the features that the function needs were found on this machine.
        return unsafe { words_avx2(values, negated, mask, matches) };
    }
    words_body(values, negated, mask, matches, pack_bytes);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mask::{BLOCK, ones};

    fn bit(mask: &Mask, i: usize) -> bool {
        mask[i / 64] >> (i % 64) & 1 == 1
    }

    #[test]
    fn every_width_and_set_agrees_with_contains() {
        let n = BLOCK + 1_000;
        let raw: Vec<u32> = (0..n as u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 7) % 200).collect();
        let narrow: Vec<u8> = raw.iter().map(|&i| i as u8).collect();
        let middle: Vec<u16> = raw.iter().map(|&i| i as u16).collect();
        let sets = [
            IdSet::none(),
            IdSet::Range(7..8),
            IdSet::Range(0..200),
            IdSet::Range(100..180),
            IdSet::from_sorted(vec![3, 5, 199], 200),
            IdSet::from_sorted((0..200).step_by(3).collect(), 200),
        ];
        for set in &sets {
            for (start, len) in [(0, BLOCK), (BLOCK, 1_000), (BLOCK, 10)] {
                for negated in [false, true] {
                    for ids in [Ids::U8(&narrow), Ids::U16(&middle), Ids::U32(&raw)] {
                        let mut mask = ones(0..len);
                        refine_ids(ids, start, set, negated, &mut mask);
                        for i in 0..BLOCK {
                            let want = i < len && set.contains(raw[start + i]) != negated;
                            assert_eq!(bit(&mask, i), want, "{set:?} {start} {i}");
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn both_ways_of_packing_agree() {
        let mut bytes = [0u8; 64];
        (0..64).filter(|i| i % 3 == 0 || *i > 50).for_each(|i| bytes[i] = 0xff);
        let want = (0..64).fold(0u64, |bits, i| bits | u64::from(bytes[i] != 0) << i);
        assert_eq!(pack_bytes(&bytes), want);
    }

    #[test]
    fn numbers_refine_by_range_and_set() {
        let values: Vec<i64> = (0..500).map(|i| i * 37 % 100 - 50).collect();
        for set in [Numbers::Range(-10, 20), Numbers::Range(1, 0), Numbers::Set(vec![-50, 0, 49])] {
            let mut mask = ones(0..500);
            refine_numbers(&values, 0, &set, false, &mut mask);
            (0..500).for_each(|i| assert_eq!(bit(&mask, i), set.matches(values[i])));
        }
    }
}
