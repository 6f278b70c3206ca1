//! Partition functions: which partition a value falls into, for segments, pruning and co-located work.

use std::collections::BTreeMap;

use crate::Value;

/// A partition function with its number of partitions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartitionFunction {
    kind: Kind,
    num_partitions: u32,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Kind {
    Modulo,
    Murmur,
    Murmur3 { seed: u32, wide: bool },
    HashCode,
    ByteArray,
    Bounded(Vec<String>),
}

/// A name that is no partition function, or settings that do not fit one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PartitionError {
    #[error(
        "unknown partition function '{0}', expected one of Modulo, Murmur, Murmur2, Murmur3, HashCode, ByteArray, BoundedColumnValue"
    )]
    Unknown(String),
    #[error("partition function '{function}' needs {need}")]
    Config { function: String, need: &'static str },
}

impl PartitionFunction {
    /// `name` in any case; `config` is the function's `functionConfig`.
    pub fn new(name: &str, num_partitions: u32, config: &BTreeMap<String, String>) -> Result<Self, PartitionError> {
        let needs = |need| PartitionError::Config { function: name.to_owned(), need };
        if num_partitions == 0 {
            return Err(needs("at least one partition"));
        }
        let kind = match name.to_ascii_lowercase().as_str() {
            "modulo" => Kind::Modulo,
            "murmur" | "murmur2" => Kind::Murmur,
            "murmur3" => {
                let seed = config.get("seed").map_or(Ok(0), |s| s.parse::<i32>());
                let wide = match config.get("variant").map_or("x86_32", |v| v.as_str()) {
                    "x86_32" => false,
                    "x64_32" => true,
                    _ => return Err(needs("a variant of x86_32 or x64_32")),
                };
                Kind::Murmur3 { seed: seed.map_err(|_| needs("a whole number as seed"))? as u32, wide }
            }
            "hashcode" => Kind::HashCode,
            "bytearray" => Kind::ByteArray,
            "boundedcolumnvalue" => {
                let values = config.get("columnValues").filter(|v| !v.is_empty());
                let values = values.ok_or_else(|| needs("'columnValues' in its functionConfig"))?;
                let delimiter = config.get("columnValuesDelimiter").filter(|d| !d.is_empty());
                let delimiter = delimiter.ok_or_else(|| needs("'columnValuesDelimiter' in its functionConfig"))?;
                Kind::Bounded(values.split(delimiter.as_str()).map(str::to_owned).collect())
            }
            _ => return Err(PartitionError::Unknown(name.to_owned())),
        };
        Ok(Self { kind, num_partitions })
    }

    pub fn num_partitions(&self) -> u32 {
        self.num_partitions
    }

    /// The partition of a single value; `None` where the function does not take it (text for Modulo, null, arrays).
    pub fn partition(&self, value: &Value) -> Option<u32> {
        let text = match value {
            Value::Null | Value::Array(..) => return None,
            Value::Bytes(bytes) => bytes.iter().map(|b| format!("{b:02x}")).collect(),
            Value::String(text) | Value::Json(text) | Value::Map(text) => text.clone(),
            Value::Int(v) => v.to_string(),
            Value::Long(v) | Value::Timestamp(v) => v.to_string(),
            Value::Boolean(v) => v.to_string(),
            Value::Float(_) | Value::Double(_) | Value::BigDecimal(_) => crate::render::to_text(value),
        };
        self.partition_of_text(&text)
    }

    /// As [`Self::partition`], of a value's text.
    pub fn partition_of_text(&self, text: &str) -> Option<u32> {
        let n = self.num_partitions;
        Some(match &self.kind {
            Kind::Modulo => text.parse::<i64>().ok()?.rem_euclid(i64::from(n)) as u32,
            Kind::Murmur => (murmur2(text.as_bytes()) & 0x7fff_ffff) % n,
            Kind::Murmur3 { seed, wide: false } => (murmur3_x86_32(text.as_bytes(), *seed) & 0x7fff_ffff) % n,
            Kind::Murmur3 { seed, wide: true } => (murmur3_x64_32(text.as_bytes(), *seed) & 0x7fff_ffff) % n,
            Kind::HashCode => {
                let hash = text.encode_utf16().fold(0i32, |h, unit| h.wrapping_mul(31).wrapping_add(i32::from(unit)));
                hash.unsigned_abs() % n
            }
            Kind::ByteArray => {
                let hash = text.bytes().fold(1i32, |h, b| h.wrapping_mul(31).wrapping_add(i32::from(b as i8)));
                hash.unsigned_abs() % n
            }
            Kind::Bounded(values) => values.iter().position(|v| v == text).map_or(0, |i| i as u32 + 1),
        })
    }
}

/// Murmur2 with the seed that Kafka's default partitioner uses.
fn murmur2(bytes: &[u8]) -> u32 {
    const M: u32 = 0x5bd1_e995;
    let mut h = 0x9747_b28c ^ bytes.len() as u32;
    let mut words = bytes.chunks_exact(4);
    for word in &mut words {
        let mut k = u32::from_le_bytes([word[0], word[1], word[2], word[3]]).wrapping_mul(M);
        k ^= k >> 24;
        h = h.wrapping_mul(M) ^ k.wrapping_mul(M);
    }
    let rest = words.remainder();
    if !rest.is_empty() {
        for (i, &byte) in rest.iter().enumerate() {
            h ^= u32::from(byte) << (8 * i);
        }
        h = h.wrapping_mul(M);
    }
    h ^= h >> 13;
    h = h.wrapping_mul(M);
    h ^ (h >> 15)
}

fn murmur3_x86_32(bytes: &[u8], seed: u32) -> u32 {
    let mix = |k: u32| k.wrapping_mul(0xcc9e_2d51).rotate_left(15).wrapping_mul(0x1b87_3593);
    let mut h = seed;
    let mut words = bytes.chunks_exact(4);
    for word in &mut words {
        h ^= mix(u32::from_le_bytes([word[0], word[1], word[2], word[3]]));
        h = h.rotate_left(13).wrapping_mul(5).wrapping_add(0xe654_6b64);
    }
    let tail = words.remainder().iter().enumerate().fold(0u32, |k, (i, &b)| k | u32::from(b) << (8 * i));
    h ^= mix(tail) ^ bytes.len() as u32;
    h = (h ^ (h >> 16)).wrapping_mul(0x85eb_ca6b);
    h = (h ^ (h >> 13)).wrapping_mul(0xc2b2_ae35);
    h ^ (h >> 16)
}

/// The upper half of the first word of the 128-bit hash for 64-bit machines.
fn murmur3_x64_32(bytes: &[u8], seed: u32) -> u32 {
    const C1: u64 = 0x87c3_7b91_1142_53d5;
    const C2: u64 = 0x4cf5_ad43_2745_937f;
    let mix1 = |k: u64| k.wrapping_mul(C1).rotate_left(31).wrapping_mul(C2);
    let mix2 = |k: u64| k.wrapping_mul(C2).rotate_left(33).wrapping_mul(C1);
    let word = |part: &[u8]| part.iter().enumerate().fold(0u64, |k, (i, &b)| k | u64::from(b) << (8 * i));
    let (mut h1, mut h2) = (u64::from(seed), u64::from(seed));
    let mut blocks = bytes.chunks_exact(16);
    for block in &mut blocks {
        h1 = (h1 ^ mix1(word(&block[..8]))).rotate_left(27).wrapping_add(h2).wrapping_mul(5).wrapping_add(0x52dc_e729);
        h2 = (h2 ^ mix2(word(&block[8..]))).rotate_left(31).wrapping_add(h1).wrapping_mul(5).wrapping_add(0x3849_5ab5);
    }
    let tail = blocks.remainder();
    h2 ^= mix2(word(tail.get(8..).unwrap_or(&[])));
    h1 ^= mix1(word(&tail[..tail.len().min(8)]));
    let finish = |mut k: u64| {
        k = (k ^ (k >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
        k = (k ^ (k >> 33)).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
        k ^ (k >> 33)
    };
    h1 ^= bytes.len() as u64;
    h2 ^= bytes.len() as u64;
    h1 = h1.wrapping_add(h2);
    h2 = h2.wrapping_add(h1);
    (finish(h1).wrapping_add(finish(h2)) >> 32) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    fn function(name: &str, n: u32) -> PartitionFunction {
        PartitionFunction::new(name, n, &BTreeMap::new()).unwrap()
    }

    #[test]
    fn known_hashes() {
        assert_eq!(murmur2(b"21") as i32, -973_932_308);
        assert_eq!(murmur2(b"foobar") as i32, -790_332_482);
        assert_eq!(murmur2(b"a-little-bit-long-string") as i32, -985_981_536);
        assert_eq!(murmur2(b"abc") as i32, 479_470_107);
        assert_eq!(murmur3_x86_32(b"", 0), 0);
        assert_eq!(murmur3_x86_32(b"hello", 0), 0x248b_fa47);
        assert_eq!(murmur3_x86_32(b"test", 0), 0xba6b_d213);
        assert_eq!(murmur3_x64_32(b"hello", 0), 0xcbd8_a7b3);
    }

    #[test]
    fn values_fall_into_partitions() {
        assert_eq!(function("modulo", 10).partition(&Value::Long(-3)), Some(7));
        assert_eq!(function("Modulo", 10).partition(&Value::String("x".to_owned())), None);
        assert_eq!(function("HashCode", 7).partition(&Value::String("ab".to_owned())), Some((97 * 31 + 98) % 7));
        assert_eq!(function("ByteArray", 7).partition(&Value::String("a".to_owned())), Some((31 + 97) % 7));
        assert_eq!(function("Murmur", 5).partition(&Value::Null), None);
        let config = BTreeMap::from([
            ("columnValues".to_owned(), "a|b".to_owned()),
            ("columnValuesDelimiter".to_owned(), "|".to_owned()),
        ]);
        let bounded = PartitionFunction::new("BoundedColumnValue", 3, &config).unwrap();
        let of = |text: &str| bounded.partition_of_text(text);
        assert_eq!((of("a"), of("b"), of("c")), (Some(1), Some(2), Some(0)));
        assert!(PartitionFunction::new("BoundedColumnValue", 3, &BTreeMap::new()).is_err());
        assert!(PartitionFunction::new("Sha", 3, &BTreeMap::new()).is_err());
        assert!(PartitionFunction::new("Modulo", 0, &BTreeMap::new()).is_err());
    }
}
