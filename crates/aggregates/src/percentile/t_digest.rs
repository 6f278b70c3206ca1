//! A merging t-digest: centroids whose weight is bounded by the logistic scale function, so that both tails stay exact.
//!
//! Serialised, big-endian: encoding 1 (4 bytes), minimum, maximum, compression (8 each), number of centroids (4), then
//! weight and mean of each (8 each). The small encoding 2 with 4-byte floats is read as well.

/// Largest compression accepted.
pub(crate) const MAX_COMPRESSION: f64 = 10_000.0;

#[derive(Clone, Debug)]
pub(crate) struct TDigest {
    compression: f64,
    min: f64,
    max: f64,
    /// `(mean, weight)` by mean.
    centroids: Vec<(f64, f64)>,
    buffer: Vec<(f64, f64)>,
}

const VERBOSE: u32 = 1;
const SMALL: u32 = 2;

impl TDigest {
    pub(crate) fn new(compression: f64) -> Self {
        let (min, max) = (f64::INFINITY, f64::NEG_INFINITY);
        Self { compression, min, max, centroids: Vec::new(), buffer: Vec::new() }
    }

    /// Adds a value; NaN cannot be ordered and is left out.
    pub(crate) fn add(&mut self, value: f64) {
        if value.is_nan() {
            return;
        }
        self.min = self.min.min(value);
        self.max = self.max.max(value);
        self.buffer.push((value, 1.0));
        if self.buffer.len() >= 5 * self.compression as usize + 50 {
            self.compress();
        }
    }

    pub(crate) fn merge(&mut self, other: &Self) {
        self.min = self.min.min(other.min);
        self.max = self.max.max(other.max);
        self.buffer.extend(other.centroids.iter().chain(&other.buffer));
        if self.buffer.len() >= 5 * self.compression as usize + 50 {
            self.compress();
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.centroids.is_empty() && self.buffer.is_empty()
    }

    fn compress(&mut self) {
        if self.buffer.is_empty() {
            return;
        }
        let mut incoming = std::mem::take(&mut self.centroids);
        incoming.append(&mut self.buffer);
        incoming.sort_by(|a, b| a.0.total_cmp(&b.0));
        let total: f64 = incoming.iter().map(|c| c.1).sum();
        // Half as much again as asked for, to make up for centroids that merging leaves unfilled.
        let working = 2.0 * self.compression;
        let normalizer = working / (4.0 * (total / working).ln().max(0.0) + 24.0);
        let limit = |q: f64| q * (1.0 - q) / normalizer;
        let count = incoming.len();
        let mut merged: Vec<(f64, f64)> = Vec::with_capacity(count.min(4 * self.compression as usize + 10));
        let mut before = 0.0;
        for (at, (mean, weight)) in incoming.into_iter().enumerate() {
            let Some(last) = merged.last_mut() else {
                merged.push((mean, weight));
                continue;
            };
            let proposed = last.1 + weight;
            let (q0, q2) = (before / total, (before + proposed) / total);
            // The outermost values stay alone, so that minimum and maximum are exact.
            let fits = at > 1 && at + 1 < count && proposed <= total * limit(q0).min(limit(q2));
            if fits {
                last.1 = proposed;
                last.0 += (mean - last.0) * weight / proposed;
            } else {
                before += last.1;
                merged.push((mean, weight));
            }
        }
        self.centroids = merged;
    }

    /// The value below which the fraction `q` lies, interpolated between centroids; `None` when empty.
    pub(crate) fn quantile(&mut self, q: f64) -> Option<f64> {
        self.compress();
        let c = &self.centroids;
        let (first, last) = (*c.first()?, *c.last()?);
        if c.len() == 1 {
            return Some(first.0);
        }
        let total: f64 = c.iter().map(|c| c.1).sum();
        let index = q * total;
        if index < 1.0 {
            return Some(self.min);
        }
        if first.1 > 1.0 && index < first.1 / 2.0 {
            return Some(self.min + (index - 1.0) / (first.1 / 2.0 - 1.0) * (first.0 - self.min));
        }
        if index > total - 1.0 {
            return Some(self.max);
        }
        if last.1 > 1.0 && total - index <= last.1 / 2.0 {
            return Some(self.max - (total - index - 1.0) / (last.1 / 2.0 - 1.0) * (self.max - last.0));
        }
        let mut so_far = first.1 / 2.0;
        for pair in c.windows(2) {
            let ((left, left_weight), (right, right_weight)) = (pair[0], pair[1]);
            let width = (left_weight + right_weight) / 2.0;
            if so_far + width > index {
                // A centroid of one value is that value within half a rank of it.
                let mut left_unit = 0.0;
                if left_weight == 1.0 {
                    if index - so_far < 0.5 {
                        return Some(left);
                    }
                    left_unit = 0.5;
                }
                let mut right_unit = 0.0;
                if right_weight == 1.0 {
                    if so_far + width - index <= 0.5 {
                        return Some(right);
                    }
                    right_unit = 0.5;
                }
                let (z1, z2) = (index - so_far - left_unit, so_far + width - index - right_unit);
                return Some(weighted(left, z2, right, z1));
            }
            so_far += width;
        }
        Some(self.max)
    }

    /// The serialised form; merges what is pending first.
    pub(crate) fn bytes(&mut self) -> Vec<u8> {
        self.compress();
        let mut bytes = Vec::with_capacity(32 + 16 * self.centroids.len());
        bytes.extend(VERBOSE.to_be_bytes());
        for number in [self.min, self.max, self.compression] {
            bytes.extend(number.to_be_bytes());
        }
        bytes.extend((self.centroids.len() as u32).to_be_bytes());
        for (mean, weight) in &self.centroids {
            bytes.extend(weight.to_be_bytes());
            bytes.extend(mean.to_be_bytes());
        }
        bytes
    }

    pub(crate) fn from_bytes(bytes: &[u8]) -> Result<Self, String> {
        let bad = |what: &str| format!("{} bytes are no t-digest: {what}", bytes.len());
        let mut rest = bytes;
        let mut take = |length: usize| -> Result<&[u8], String> {
            let (taken, left) = rest.split_at_checked(length).ok_or_else(|| bad("too short"))?;
            rest = left;
            Ok(taken)
        };
        let double = |b: &[u8]| f64::from_be_bytes(b.try_into().unwrap_or_default());
        let float = |b: &[u8]| f64::from(f32::from_be_bytes(b.try_into().unwrap_or_default()));
        let int = |b: &[u8]| u32::from_be_bytes(b.try_into().unwrap_or_default());
        let encoding = int(take(4)?);
        let (min, max) = (double(take(8)?), double(take(8)?));
        let (compression, count, small) = match encoding {
            VERBOSE => (double(take(8)?), int(take(4)?) as usize, false),
            SMALL => {
                let compression = float(take(4)?);
                // Sizes of the writer's buffers.
                take(4)?;
                let count = take(2)?;
                (compression, usize::from(u16::from_be_bytes([count[0], count[1]])), true)
            }
            _ => return Err(bad("unknown encoding")),
        };
        if !(1.0..=MAX_COMPRESSION).contains(&compression) {
            return Err(bad("compression is out of range"));
        }
        let width = if small { 8 } else { 16 };
        if count.checked_mul(width) != Some(rest.len()) {
            return Err(bad(&format!("{} bytes for {count} centroids", rest.len())));
        }
        let mut digest = Self { min, max, ..Self::new(compression) };
        for chunk in rest.chunks_exact(width) {
            let (weight, mean) = chunk.split_at(width / 2);
            let (weight, mean) = if small { (float(weight), float(mean)) } else { (double(weight), double(mean)) };
            if !(weight > 0.0 && weight.is_finite()) || mean.is_nan() {
                return Err(bad("a centroid is not a number"));
            }
            digest.centroids.push((mean, weight));
        }
        digest.centroids.sort_by(|a, b| a.0.total_cmp(&b.0));
        Ok(digest)
    }

    /// Most bytes that a digest of this compression holds.
    pub(crate) fn max_bytes(compression: f64) -> usize {
        (8 * compression as usize + 100) * size_of::<(f64, f64)>()
    }
}

/// Between `a` and `b` by weights, kept between them in spite of rounding.
fn weighted(a: f64, wa: f64, b: f64, wb: f64) -> f64 {
    let (low, high) = if a <= b { (a, b) } else { (b, a) };
    if wa + wb == 0.0 {
        return low;
    }
    ((a * wa + b * wb) / (wa + wb)).clamp(low, high)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_values() {
        let mut digest = TDigest::new(100.0);
        assert_eq!(digest.quantile(0.5), None);
        digest.add(7.0);
        assert_eq!(digest.quantile(0.99), Some(7.0));
        for value in [1.0, 2.0, 3.0, 4.0] {
            digest.add(value);
        }
        assert_eq!(digest.quantile(0.0), Some(1.0));
        assert_eq!(digest.quantile(0.5), Some(3.0));
        assert_eq!(digest.quantile(1.0), Some(7.0));
    }

    #[test]
    fn many_values_stay_near_and_small() {
        let mut digest = TDigest::new(100.0);
        let mut state = 1u64;
        for _ in 0..100_000 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            digest.add((state >> 11) as f64 / (1u64 << 53) as f64);
        }
        for q in [0.001, 0.01, 0.1, 0.5, 0.9, 0.99, 0.999] {
            let got = digest.quantile(q).unwrap();
            assert!((got - q).abs() < 0.006, "{q}: {got}");
        }
        assert!(digest.centroids.len() < 300, "{}", digest.centroids.len());
        let bytes = digest.bytes();
        let mut back = TDigest::from_bytes(&bytes).unwrap();
        assert_eq!(back.quantile(0.3), digest.quantile(0.3));
        for length in [0, 3, 20, 31, bytes.len() - 1] {
            assert!(TDigest::from_bytes(&bytes[..length]).is_err());
        }
    }
}
