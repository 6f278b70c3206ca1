//! HyperLogLog registers with the layout, the hash and the estimate of the stream-lib sketches that Pinot stores.
//!
//! Serialised: log2m (4 bytes), length of the register words in bytes (4), the words, all big-endian; a word holds six
//! registers of five bits, the lowest bits first.

/// log2m is between these.
pub(crate) const LOG2M_RANGE: std::ops::RangeInclusive<u32> = 1..=24;

/// One sketch: a register a byte.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Registers {
    log2m: u32,
    registers: Box<[u8]>,
}

const PER_WORD: usize = 6;
const BITS: usize = 5;

fn words(registers: usize) -> usize {
    match registers / PER_WORD {
        0 => 1,
        whole if whole % 32 == 0 => whole,
        whole => whole + 1,
    }
}

impl Registers {
    pub(crate) fn new(log2m: u32) -> Self {
        Self { log2m, registers: vec![0; 1 << log2m].into_boxed_slice() }
    }

    pub(crate) fn log2m(&self) -> u32 {
        self.log2m
    }

    /// Adds a value by its hash.
    #[inline(always)]
    pub(crate) fn offer(&mut self, hash: i32) {
        let hash = hash as u32;
        let at = (hash >> (32 - self.log2m)) as usize;
        let rest = (hash << self.log2m) | ((1 << (self.log2m - 1)) + 1);
        let rank = rest.leading_zeros() as u8 + 1;
        if self.registers[at] < rank {
            self.registers[at] = rank;
        }
    }

    pub(crate) fn merge(&mut self, other: &Self) -> Result<(), String> {
        if self.log2m != other.log2m {
            return Err(format!("cannot merge HyperLogLog sketches of log2m {} and {}", self.log2m, other.log2m));
        }
        self.registers.iter_mut().zip(&other.registers).for_each(|(a, b)| *a = (*a).max(*b));
        Ok(())
    }

    pub(crate) fn cardinality(&self) -> i64 {
        let m = self.registers.len() as f64;
        let sum: f64 = self.registers.iter().map(|r| 1.0 / (1u64 << r) as f64).sum();
        let zeros = self.registers.iter().filter(|r| **r == 0).count();
        let alpha = match self.log2m {
            4 => 0.673,
            5 => 0.697,
            6 => 0.709,
            _ => 0.7213 / (1.0 + 1.079 / m),
        };
        let estimate = alpha * m * m / sum;
        let linear = estimate <= 2.5 * m && zeros > 0;
        (if linear { m * (m / zeros as f64).ln() } else { estimate }).round() as i64
    }

    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let count = words(self.registers.len());
        let mut bytes = Vec::with_capacity(8 + 4 * count);
        bytes.extend(self.log2m.to_be_bytes());
        bytes.extend((4 * count as u32).to_be_bytes());
        for word in 0..count {
            let registers = self.registers.iter().skip(word * PER_WORD).take(PER_WORD).enumerate();
            let value = registers.fold(0u32, |word, (at, r)| word | u32::from(r & 0x1f) << (at * BITS));
            bytes.extend(value.to_be_bytes());
        }
        bytes
    }

    pub(crate) fn from_bytes(bytes: &[u8]) -> Result<Self, String> {
        let bad = |what: &str| format!("{} bytes are no HyperLogLog sketch: {what}", bytes.len());
        let (log2m, rest) = bytes.split_first_chunk::<4>().ok_or_else(|| bad("too short"))?;
        let (size, rest) = rest.split_first_chunk::<4>().ok_or_else(|| bad("too short"))?;
        let log2m = u32::from_be_bytes(*log2m);
        if !LOG2M_RANGE.contains(&log2m) {
            return Err(bad(&format!("log2m {log2m} is out of range")));
        }
        let count = words(1 << log2m);
        if u32::from_be_bytes(*size) as usize != rest.len() || rest.len() != 4 * count {
            return Err(bad(&format!("{} bytes of registers instead of {}", rest.len(), 4 * count)));
        }
        let mut sketch = Self::new(log2m);
        for (word, chunk) in rest.chunks_exact(4).enumerate() {
            let value = u32::from_be_bytes([chunk[0], chunk[1], chunk[2], chunk[3]]);
            for (at, register) in sketch.registers.iter_mut().skip(word * PER_WORD).take(PER_WORD).enumerate() {
                *register = (value >> (at * BITS)) as u8 & 0x1f;
            }
        }
        Ok(sketch)
    }

    /// Bytes that a sketch holds.
    pub(crate) fn bytes(log2m: u32) -> usize {
        size_of::<Self>() + (1 << log2m)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_round_trip_and_refuse_damage() {
        let mut sketch = Registers::new(8);
        (0..1000i32).for_each(|i| sketch.offer(i.wrapping_mul(-1_640_531_527)));
        let bytes = sketch.to_bytes();
        assert_eq!(bytes.len(), 8 + 172);
        assert_eq!(Registers::from_bytes(&bytes).unwrap(), sketch);
        for length in 0..bytes.len() {
            assert!(Registers::from_bytes(&bytes[..length]).is_err());
        }
        assert!(Registers::from_bytes(&[0, 0, 0, 200, 0, 0, 0, 0]).is_err());
        let mut other = Registers::new(10);
        assert!(other.merge(&sketch).is_err());
    }

    #[test]
    fn estimates_are_near() {
        for n in [0, 1, 10, 100, 1_000, 100_000] {
            let mut sketch = Registers::new(12);
            (0..n).for_each(|i: i64| {
                let mixed = (i as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15);
                sketch.offer((mixed ^ (mixed >> 29)).wrapping_mul(0xBF58_476D_1CE4_E5B9).rotate_left(31) as i32);
            });
            let error = (sketch.cardinality() - n).abs() as f64;
            assert!(error <= 0.06 * n as f64 + 1.0, "{n}: {}", sketch.cardinality());
        }
    }
}
