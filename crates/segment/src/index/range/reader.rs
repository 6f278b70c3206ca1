//! Answers ranges.

use arrow::buffer::Buffer;
use model::Value;
use roaring::RoaringBitmap;

use super::config::{Domain, MAX_BUCKETS};
use crate::{
    RangeIndex, Result,
    creator::keys,
    format::{Container, Kind, u32_at, u64_at},
    index::null::reader::read_bitmap,
};

/// A range index inside a mapped segment.
pub struct RangeReader {
    domain: Domain,
    buckets: Vec<Bucket>,
    data: Buffer,
    num_docs: u32,
    size_bytes: u64,
}

struct Bucket {
    lowest: u64,
    highest: u64,
    start: usize,
    end: usize,
}

impl RangeReader {
    pub(crate) fn open(
        container: &Container,
        column: u32,
        has_dictionary: bool,
        num_docs: u32,
    ) -> Result<Option<Self>> {
        let Some(section) = container.section(column, Kind::Range) else { return Ok(None) };
        let bytes = section.bytes();
        let domain = if has_dictionary { Domain::DictIds } else { Domain::Numbers };
        let count = u32_at(bytes, 4).unwrap_or(u32::MAX) as usize;
        if u32_at(bytes, 0) != Some(domain as u32) || count > MAX_BUCKETS {
            return Err(section.damaged(format!("{count} buckets of another kind of column")));
        }
        let data_at = 8 + count * 16 + (count + 1) * 8;
        let word = |at: usize| u64_at(bytes, at).ok_or_else(|| section.damaged("it is cut"));
        let mut buckets = Vec::with_capacity(count);
        let mut start = word(8 + count * 16)? as usize;
        for i in 0..count {
            let end = word(8 + count * 16 + (i + 1) * 8)? as usize;
            let (lowest, highest) = (word(8 + i * 8)?, word(8 + (count + i) * 8)?);
            if end < start || lowest > highest {
                return Err(section.damaged(format!("bucket {i} ends before it begins")));
            }
            buckets.push(Bucket { lowest, highest, start, end });
            start = end;
        }
        if buckets.first().is_some_and(|b| b.start != 0) || data_at + start != bytes.len() {
            return Err(section.damaged("the buckets do not fill it"));
        }
        let data = section.buffer().slice(data_at);
        Ok(Some(Self { domain, buckets, data, num_docs, size_bytes: section.len() }))
    }

    /// Decodes every bitmap.
    pub(crate) fn verify(&self) -> Result<(), String> {
        self.buckets.iter().try_for_each(|b| read_bitmap(&self.data[b.start..b.end], self.num_docs).map(|_| ()))
    }

    fn key(&self, value: &Value) -> Option<u64> {
        match self.domain {
            Domain::Numbers => keys::of_value(value),
            Domain::DictIds => match value {
                Value::Int(id) => Some(u64::try_from(*id).unwrap_or(0)),
                Value::Long(id) => Some(u64::try_from(*id).unwrap_or(0)),
                _ => None,
            },
        }
    }
}

impl RangeIndex for RangeReader {
    fn docs(&self, lower: Option<&Value>, upper: Option<&Value>) -> (RoaringBitmap, RoaringBitmap) {
        let everything = || {
            let mut all = RoaringBitmap::new();
            all.insert_range(0..self.num_docs);
            (RoaringBitmap::new(), all)
        };
        let low = lower.map_or(Some(0), |value| self.key(value));
        let high = upper.map_or(Some(u64::MAX), |value| self.key(value));
        let (Some(low), Some(high)) = (low, high) else { return everything() };
        let (mut inside, mut check) = (RoaringBitmap::new(), RoaringBitmap::new());
        for bucket in &self.buckets {
            if bucket.highest < low || bucket.lowest > high {
                continue;
            }
            // An unreadable bitmap makes every doc a candidate: slow, but right.
            let Ok(docs) = read_bitmap(&self.data[bucket.start..bucket.end], self.num_docs) else {
                return everything();
            };
            if low <= bucket.lowest && bucket.highest <= high {
                inside |= docs;
            } else {
                check |= docs;
            }
        }
        // A multi-value doc may be in both.
        check -= &inside;
        (inside, check)
    }

    fn size_bytes(&self) -> u64 {
        self.size_bytes
    }
}
