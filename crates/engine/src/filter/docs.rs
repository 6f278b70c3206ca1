//! Docs that an index has answered.

use std::{ops::Range, sync::Arc};

use roaring::RoaringBitmap;

/// A set of docs of one segment.
#[derive(Clone, Debug)]
pub(crate) enum DocSet {
    /// Ascending, disjoint, not empty each. All docs are one range.
    Ranges(Vec<Range<u32>>),
    Bitmap(Arc<RoaringBitmap>),
}

impl DocSet {
    pub(crate) fn nothing() -> Self {
        Self::Ranges(Vec::new())
    }

    pub(crate) fn all(num_docs: u32) -> Self {
        Self::Ranges(if num_docs == 0 { Vec::new() } else { std::iter::once(0..num_docs).collect() })
    }

    pub(crate) fn len(&self) -> u64 {
        match self {
            Self::Ranges(ranges) => ranges.iter().map(|r| r.len() as u64).sum(),
            Self::Bitmap(bitmap) => bitmap.len(),
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        match self {
            Self::Ranges(ranges) => ranges.is_empty(),
            Self::Bitmap(bitmap) => bitmap.is_empty(),
        }
    }

    pub(crate) fn is_all(&self, num_docs: u32) -> bool {
        match self {
            Self::Ranges(ranges) => ranges.len() == 1 && ranges[0] == (0..num_docs) || num_docs == 0,
            Self::Bitmap(bitmap) => bitmap.len() == u64::from(num_docs),
        }
    }

    pub(crate) fn bitmap(&self) -> Arc<RoaringBitmap> {
        match self {
            Self::Bitmap(bitmap) => Arc::clone(bitmap),
            Self::Ranges(ranges) => {
                let mut bitmap = RoaringBitmap::new();
                for range in ranges {
                    bitmap.insert_range(range.clone());
                }
                Arc::new(bitmap)
            }
        }
    }

    pub(crate) fn not(&self, num_docs: u32) -> Self {
        match self {
            Self::Ranges(ranges) => {
                let mut out = Vec::new();
                let mut from = 0;
                for range in ranges {
                    if from < range.start {
                        out.push(from..range.start);
                    }
                    from = range.end;
                }
                if from < num_docs {
                    out.push(from..num_docs);
                }
                Self::Ranges(out)
            }
            Self::Bitmap(bitmap) => {
                let mut all = RoaringBitmap::new();
                all.insert_range(0..num_docs);
                all -= bitmap.as_ref();
                Self::Bitmap(Arc::new(all))
            }
        }
    }

    pub(crate) fn and(&self, other: &Self) -> Self {
        match (self, other) {
            (Self::Ranges(a), Self::Ranges(b)) => {
                let mut out = Vec::new();
                let (mut i, mut j) = (0, 0);
                while i < a.len() && j < b.len() {
                    let both = a[i].start.max(b[j].start)..a[i].end.min(b[j].end);
                    if both.start < both.end {
                        out.push(both);
                    }
                    if a[i].end < b[j].end {
                        i += 1;
                    } else {
                        j += 1;
                    }
                }
                Self::Ranges(out)
            }
            (a, b) => Self::Bitmap(Arc::new(a.bitmap().as_ref() & b.bitmap().as_ref())),
        }
    }

    /// `self.and(other).len()` without building it.
    pub(crate) fn and_len(&self, other: &Self) -> u64 {
        match (self, other) {
            (Self::Ranges(_), Self::Ranges(_)) => self.and(other).len(),
            (Self::Ranges(ranges), Self::Bitmap(bitmap)) | (Self::Bitmap(bitmap), Self::Ranges(ranges)) => {
                ranges.iter().map(|range| bitmap.range_cardinality(range.clone())).sum()
            }
            (Self::Bitmap(a), Self::Bitmap(b)) => a.intersection_len(b),
        }
    }
}

/// Sorts ranges and joins those that touch.
pub(crate) fn union(mut ranges: Vec<Range<u32>>) -> Vec<Range<u32>> {
    ranges.retain(|r| r.start < r.end);
    ranges.sort_unstable_by_key(|r| r.start);
    let mut out: Vec<Range<u32>> = Vec::with_capacity(ranges.len());
    for range in ranges {
        match out.last_mut() {
            Some(last) if range.start <= last.end => last.end = last.end.max(range.end),
            _ => out.push(range),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[expect(clippy::single_range_in_vec_init, reason = "a set of one range is meant")]
    #[test]
    fn both_forms_follow_set_algebra() {
        let n = 50u32;
        let samples: [Vec<Range<u32>>; 5] = [vec![], vec![0..50], vec![0..3, 7..9], vec![8..20, 49..50], vec![3..7]];
        let sets = |r: &Vec<Range<u32>>| {
            let ranges = DocSet::Ranges(r.clone());
            let bitmap = DocSet::Bitmap(ranges.bitmap());
            [ranges, bitmap]
        };
        for a in &samples {
            for b in &samples {
                let has = |r: &Vec<Range<u32>>, d: u32| r.iter().any(|r| r.contains(&d));
                let expect = |f: &dyn Fn(u32) -> bool| (0..n).filter(|&d| f(d)).collect::<RoaringBitmap>();
                for x in sets(a) {
                    assert_eq!(*x.not(n).bitmap(), expect(&|d| !has(a, d)));
                    for y in sets(b) {
                        assert_eq!(*x.and(&y).bitmap(), expect(&|d| has(a, d) && has(b, d)));
                        assert_eq!(x.and_len(&y), x.and(&y).len());
                    }
                }
            }
        }
    }
}
