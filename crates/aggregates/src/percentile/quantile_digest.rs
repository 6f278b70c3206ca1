//! A q-digest over 64-bit integers: counts on the nodes of the binary tree over all values, small ones folded into
//! their parents, so that a rank is off by at most `max_error · n`.

use std::collections::BTreeMap;

/// Largest error of a rank, as a fraction of the number of values.
const MAX_ERROR: f64 = 0.05;
/// Levels of the tree above the leaves.
const LEVELS: u8 = 64;

/// A node: its level (0 for leaves) and its value without the low `level` bits, values shifted to be unsigned.
type Node = (u8, u64);

#[derive(Clone, Debug)]
pub(crate) struct QuantileDigest {
    counts: BTreeMap<Node, u64>,
    total: u64,
    min: i64,
    max: i64,
    /// Nodes at which the next compression is due.
    limit: usize,
}

/// Order-preserving.
fn unsigned(value: i64) -> u64 {
    (value as u64) ^ (1 << 63)
}

fn signed(value: u64) -> i64 {
    (value ^ (1 << 63)) as i64
}

const FEW: usize = (1.5 * LEVELS as f64 / MAX_ERROR) as usize;

impl QuantileDigest {
    pub(crate) fn new() -> Self {
        Self { counts: BTreeMap::new(), total: 0, min: i64::MAX, max: i64::MIN, limit: FEW }
    }

    pub(crate) fn add(&mut self, value: i64) {
        self.min = self.min.min(value);
        self.max = self.max.max(value);
        self.insert((0, unsigned(value)), 1);
    }

    fn insert(&mut self, node: Node, count: u64) {
        *self.counts.entry(node).or_insert(0) += count;
        self.total = self.total.saturating_add(count);
        if self.counts.len() > self.limit {
            self.compress();
        }
    }

    pub(crate) fn merge(&mut self, other: &Self) {
        self.min = self.min.min(other.min);
        self.max = self.max.max(other.max);
        other.counts.iter().for_each(|(node, count)| self.insert(*node, *count));
    }

    /// Folds siblings into their parent, leaves first, where all three together count little.
    fn compress(&mut self) {
        let small = (self.total as f64 * MAX_ERROR / f64::from(LEVELS)) as u64;
        for level in 0..LEVELS {
            let nodes: Vec<Node> = self.counts.range((level, 0)..=(level, u64::MAX)).map(|(node, _)| *node).collect();
            for (_, prefix) in nodes {
                let Some(count) = self.counts.get(&(level, prefix)).copied() else { continue };
                let sibling = self.counts.get(&(level, prefix ^ 1)).copied().unwrap_or(0);
                let parent = (level + 1, prefix >> 1);
                let held = self.counts.get(&parent).copied().unwrap_or(0);
                if count + sibling + held <= small {
                    self.counts.remove(&(level, prefix));
                    self.counts.remove(&(level, prefix ^ 1));
                    self.counts.insert(parent, count + sibling + held);
                }
            }
        }
        self.limit = FEW.max(2 * self.counts.len());
    }

    /// The smallest known value with more than `q · n` values up to it; `None` when empty.
    pub(crate) fn quantile(&self, q: f64) -> Option<i64> {
        if self.total == 0 {
            return None;
        }
        let mut nodes: Vec<(u64, u8, u64)> =
            self.counts.iter().map(|((level, prefix), count)| (upper_bound(*level, *prefix), *level, *count)).collect();
        // Children come before their parent.
        nodes.sort_unstable();
        let wanted = q * self.total as f64;
        let mut sum = 0.0;
        for (bound, _, count) in nodes {
            sum += count as f64;
            if sum > wanted {
                return Some(signed(bound).min(self.max));
            }
        }
        Some(self.max)
    }

    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(16 + 17 * self.counts.len());
        bytes.extend(self.min.to_be_bytes());
        bytes.extend(self.max.to_be_bytes());
        for ((level, prefix), count) in &self.counts {
            bytes.push(*level);
            bytes.extend(prefix.to_be_bytes());
            bytes.extend(count.to_be_bytes());
        }
        bytes
    }

    pub(crate) fn from_bytes(bytes: &[u8]) -> Result<Self, String> {
        let bad = || format!("{} bytes are no quantile digest", bytes.len());
        let long = |b: &[u8]| u64::from_be_bytes(b.try_into().unwrap_or_default());
        let (ends, nodes) = bytes.split_at_checked(16).ok_or_else(bad)?;
        if nodes.len() % 17 != 0 {
            return Err(bad());
        }
        let mut digest = Self::new();
        for node in nodes.chunks_exact(17) {
            let (level, prefix) = (node[0], long(&node[1..9]));
            let fits = level < LEVELS && prefix.leading_zeros() >= u32::from(level) || (level == LEVELS && prefix == 0);
            if !fits {
                return Err(bad());
            }
            // Counts beyond this could overflow sums.
            digest.insert((level, prefix), long(&node[9..]).min(1 << 60));
        }
        (digest.min, digest.max) = (long(&ends[..8]) as i64, long(&ends[8..]) as i64);
        Ok(digest)
    }

    /// Bytes that a digest may come to hold.
    pub(crate) const MAX_BYTES: usize = 2 * FEW * 2 * size_of::<(Node, u64)>();
}

fn upper_bound(level: u8, prefix: u64) -> u64 {
    if level >= LEVELS { u64::MAX } else { (prefix << level) | ((1u64 << level) - 1) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_values_are_exact() {
        let mut digest = QuantileDigest::new();
        assert_eq!(digest.quantile(0.5), None);
        (1..=10).for_each(|v| digest.add(v));
        assert_eq!(digest.quantile(0.5), Some(6));
        assert_eq!(digest.quantile(1.0), Some(10));
        digest.add(i64::MIN);
        assert_eq!(digest.quantile(0.0), Some(i64::MIN));
    }

    #[test]
    fn many_values_stay_within_the_error() {
        let (mut left, mut right) = (QuantileDigest::new(), QuantileDigest::new());
        for i in 0..100_000i64 {
            let value = (i * 7_919) % 100_000 - 50_000;
            if i % 2 == 0 { left.add(value) } else { right.add(value) }
        }
        left.merge(&right);
        for q in [0.05, 0.5, 0.9, 0.99] {
            let error = (left.quantile(q).unwrap() as f64 + 50_000.0) / 100_000.0 - q;
            assert!(error.abs() <= MAX_ERROR, "{q}: {error}");
        }
        assert!(left.counts.len() < 5_000, "{}", left.counts.len());
        let bytes = left.to_bytes();
        assert_eq!(QuantileDigest::from_bytes(&bytes).unwrap().quantile(0.7), left.quantile(0.7));
        assert!(QuantileDigest::from_bytes(&bytes[1..]).is_err());
        let mut damaged = bytes;
        damaged[16] = 200;
        assert!(QuantileDigest::from_bytes(&damaged).is_err());
    }
}
