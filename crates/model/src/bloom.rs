//! Bloom filters as segments keep them: the hashing of values and the probing of bits.
//!
//! Here, since both who builds and reads segments and who prunes them by their metadata have to agree. A filter is a
//! split-block filter over xxHash64: blocks of eight 32-bit words, in which a value sets one bit of each word.

use twox_hash::XxHash64;

use crate::{DataType, Value};

/// Words of a block.
pub const BLOCK_WORDS: usize = 8;
/// Words before the first block: the number of blocks, and zero.
const HEADER_WORDS: usize = 2;
const SIGN: u64 = 1 << 63;

/// Odd multipliers, one per word of a block.
const SALT: [u32; BLOCK_WORDS] =
    [0x47b6_137b, 0x4497_4d91, 0x8824_ad5b, 0xa2b7_289d, 0x7054_95c7, 0x2df1_424b, 0x9efc_4947, 0x5c6b_fb31];

/// The block of a hash, by its upper half; `< blocks`.
pub fn block_of(hash: u64, blocks: u32) -> usize {
    (((hash >> 32) * u64::from(blocks)) >> 32) as usize
}

/// One bit per word, by the lower half.
pub fn bits(hash: u64) -> [u32; BLOCK_WORDS] {
    SALT.map(|salt| 1 << ((hash as u32).wrapping_mul(salt) >> 27))
}

/// Whether the words of a filter, header included, may hold a value of this hash. The words must be those of `blocks`
/// blocks.
pub fn may_hold(words: &[u32], blocks: u32, hash: u64) -> bool {
    let at = HEADER_WORDS + block_of(hash, blocks) * BLOCK_WORDS;
    match words.get(at..at + BLOCK_WORDS) {
        Some(block) => block.iter().zip(bits(hash)).all(|(word, bit)| word & bit != 0),
        None => true,
    }
}

/// The number of blocks of a filter's words, checked against their length; the error is a sentence.
pub fn check(words: &[u32]) -> Result<u32, String> {
    let blocks = words.first().copied().unwrap_or(0);
    if blocks == 0
        || words.len() as u64 != HEADER_WORDS as u64 + u64::from(blocks) * BLOCK_WORDS as u64
        || words[1] != 0
    {
        return Err(format!("{blocks} blocks do not fit its {} words", words.len()));
    }
    Ok(blocks)
}

/// The hash of a value as stored in a column of `data_type`; `None` when it is of another type.
pub fn hash_value(data_type: DataType, value: &Value) -> Option<u64> {
    match data_type.stored() {
        DataType::Int | DataType::Long => match value {
            Value::Int(v) => Some(hash_key(key_of_whole(i64::from(*v)))),
            Value::Long(v) | Value::Timestamp(v) => Some(hash_key(key_of_whole(*v))),
            Value::Boolean(v) => Some(hash_key(key_of_whole(i64::from(*v)))),
            _ => None,
        },
        DataType::Float | DataType::Double => match value {
            Value::Float(v) => Some(hash_key(key_of_float(f64::from(*v)))),
            Value::Double(v) => Some(hash_key(key_of_float(*v))),
            _ => None,
        },
        // The same decimal may be written in several ways.
        DataType::BigDecimal => match value {
            Value::BigDecimal(v) => Some(hash_bytes(v.normalized().to_plain_string().as_bytes())),
            _ => None,
        },
        _ => match value {
            Value::String(v) | Value::Json(v) | Value::Map(v) => Some(hash_bytes(v.as_bytes())),
            Value::Bytes(v) => Some(hash_bytes(v)),
            Value::BigDecimal(v) => Some(hash_bytes(v.to_plain_string().as_bytes())),
            _ => None,
        },
    }
}

/// The hash of a number by its ordered key.
pub fn hash_key(key: u64) -> u64 {
    XxHash64::oneshot(0, &key.to_le_bytes())
}

pub fn hash_bytes(bytes: &[u8]) -> u64 {
    XxHash64::oneshot(0, bytes)
}

/// A whole number as a key whose order is that of the numbers.
pub fn key_of_whole(value: i64) -> u64 {
    value as u64 ^ SIGN
}

/// A float as such a key, in Java's order: -0.0 below 0.0, every NaN the same and last.
pub fn key_of_float(value: f64) -> u64 {
    let bits = if value.is_nan() { f64::NAN.to_bits() & !SIGN } else { value.to_bits() };
    if bits & SIGN == 0 { bits | SIGN } else { !bits }
}

/// A filter on its own, from the bytes that a segment's metadata carries.
#[derive(Clone, PartialEq, Eq)]
pub struct BloomFilter {
    data_type: DataType,
    words: Vec<u32>,
    blocks: u32,
}

impl BloomFilter {
    /// Reads the little-endian words of a filter over a column of `data_type`; the error is a sentence about them.
    pub fn from_bytes(data_type: DataType, bytes: &[u8]) -> Result<Self, String> {
        let words: Vec<u32> = bytes.chunks_exact(4).map(|b| u32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect();
        let blocks = check(&words)?;
        Ok(Self { data_type, words, blocks })
    }

    /// False means certainly not. A value of another type is not known to be absent.
    pub fn might_contain(&self, value: &Value) -> bool {
        hash_value(self.data_type, value).is_none_or(|hash| may_hold(&self.words, self.blocks, hash))
    }
}

impl std::fmt::Debug for BloomFilter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "BloomFilter({} blocks of {})", self.blocks, self.data_type)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filter(data_type: DataType, values: &[Value]) -> Vec<u8> {
        const BLOCKS: u32 = 4;
        let mut words = vec![0; HEADER_WORDS + BLOCKS as usize * BLOCK_WORDS];
        words[0] = BLOCKS;
        for value in values {
            let hash = hash_value(data_type, value).unwrap();
            let at = HEADER_WORDS + block_of(hash, BLOCKS) * BLOCK_WORDS;
            words[at..at + BLOCK_WORDS].iter_mut().zip(bits(hash)).for_each(|(word, bit)| *word |= bit);
        }
        words.iter().flat_map(|word| word.to_le_bytes()).collect()
    }

    #[test]
    fn holds_what_was_put_in() {
        let present: Vec<Value> = (0..20).map(Value::Int).collect();
        let bloom = BloomFilter::from_bytes(DataType::Int, &filter(DataType::Int, &present)).unwrap();
        assert!(present.iter().all(|value| bloom.might_contain(value)));
        let wrong = (1000..2000).filter(|v| bloom.might_contain(&Value::Int(*v))).count();
        assert!(wrong < 200, "{wrong} of 1000 absent values are said to be there");
        assert!(bloom.might_contain(&Value::String("x".to_owned())), "another type is not known to be absent");
        assert!(bloom.might_contain(&Value::Long(7)), "whole numbers are the same in any width");
    }

    #[test]
    fn other_bytes_are_refused() {
        let whole = filter(DataType::Int, &[Value::Int(1)]);
        for bytes in [&whole[..whole.len() - 4], &whole[..4], &[][..], &[0; 40]] {
            assert!(BloomFilter::from_bytes(DataType::Int, bytes).is_err(), "{bytes:?}");
        }
    }
}
