//! Cuts the values into buckets and collects their docs.

use roaring::RoaringBitmap;

use super::config::{Domain, MAX_BUCKETS};
use crate::{
    Result,
    format::as_bytes,
    index::{null::creator::serialize, scan::Scan},
};

/// Numbers looked at to choose the bounds.
const SAMPLE: usize = 1 << 16;

struct Bucket {
    lowest: u64,
    highest: u64,
    docs: RoaringBitmap,
}

impl Bucket {
    fn new() -> Self {
        Self { lowest: u64::MAX, highest: 0, docs: RoaringBitmap::new() }
    }

    fn push(&mut self, doc: u32, value: u64) {
        self.lowest = self.lowest.min(value);
        self.highest = self.highest.max(value);
        // Docs ascend; the same doc again changes nothing.
        let _ = self.docs.try_push(doc);
    }
}

/// The section for a dictionary column whose id `i` has `counts[i]` entries.
pub(crate) fn build_ids(counts: &[u32], scan: &mut dyn Scan<u32>) -> Result<Vec<u8>> {
    let total: u64 = counts.iter().map(|&c| u64::from(c)).sum();
    let depth = total.div_ceil(MAX_BUCKETS as u64).max(1);
    let mut of_id = Vec::with_capacity(counts.len());
    let (mut bucket, mut filled) = (0u8, 0u64);
    for &count in counts {
        if filled >= depth && usize::from(bucket) + 1 < MAX_BUCKETS {
            bucket += 1;
            filled = 0;
        }
        of_id.push(bucket);
        filled += u64::from(count);
    }
    let mut buckets: Vec<Bucket> = (0..=bucket).map(|_| Bucket::new()).collect();
    scan.scan(&mut |entries| {
        entries.for_each(|doc, id| buckets[usize::from(of_id[id as usize])].push(doc, u64::from(id)));
        Ok(())
    })?;
    Ok(encode(Domain::DictIds, buckets))
}

/// The section for a raw column of numbers, given as ordered keys.
pub(crate) fn build_numbers(total: u64, scan: &mut dyn Scan<u64>) -> Result<Vec<u8>> {
    let stride = (total as usize / SAMPLE).max(1);
    let mut sample = Vec::with_capacity(SAMPLE + 1);
    let mut seen = 0usize;
    scan.scan(&mut |entries| {
        sample.extend(entries.values.iter().skip((stride - seen % stride) % stride).step_by(stride));
        seen += entries.values.len();
        Ok(())
    })?;
    sample.sort_unstable();
    let step = sample.len().div_ceil(MAX_BUCKETS).max(1);
    let mut bounds: Vec<u64> = sample.into_iter().step_by(step).skip(1).collect();
    bounds.dedup();
    let mut buckets: Vec<Bucket> = (0..=bounds.len()).map(|_| Bucket::new()).collect();
    scan.scan(&mut |entries| {
        entries.for_each(|doc, key| buckets[bounds.partition_point(|&bound| bound <= key)].push(doc, key));
        Ok(())
    })?;
    Ok(encode(Domain::Numbers, buckets))
}

fn encode(domain: Domain, mut buckets: Vec<Bucket>) -> Vec<u8> {
    buckets.retain(|bucket| !bucket.docs.is_empty());
    let mut bytes = Vec::new();
    bytes.extend_from_slice(&(domain as u32).to_le_bytes());
    bytes.extend_from_slice(&(buckets.len() as u32).to_le_bytes());
    buckets.iter().for_each(|bucket| bytes.extend_from_slice(&bucket.lowest.to_le_bytes()));
    buckets.iter().for_each(|bucket| bytes.extend_from_slice(&bucket.highest.to_le_bytes()));
    let mut ends = vec![0u64];
    let mut data = Vec::new();
    for bucket in &mut buckets {
        bucket.docs.optimize();
        data.extend_from_slice(&serialize(&bucket.docs));
        ends.push(data.len() as u64);
    }
    bytes.extend_from_slice(as_bytes::<u64>(&ends));
    bytes.extend_from_slice(&data);
    bytes
}
