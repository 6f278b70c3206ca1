//! Asks the filter.

use arrow::buffer::ScalarBuffer;
use model::{DataType, Value};
use twox_hash::XxHash64;

use super::creator::{bits, block_of};
use crate::{
    BloomFilter, Result,
    creator::keys,
    format::{Container, Kind, u32_at},
    index::dictionary::creator::var_bytes,
};

/// A bloom filter inside a mapped segment, or from the bytes in [`crate::ColumnMetadata::bloom`].
pub struct BloomReader {
    data_type: DataType,
    words: ScalarBuffer<u32>,
    blocks: u32,
    size_bytes: u64,
}

impl BloomReader {
    pub(crate) fn open(container: &Container, column: u32, data_type: DataType) -> Result<Option<Self>> {
        let Some(section) = container.section(column, Kind::Bloom) else { return Ok(None) };
        let words = section.all_numbers::<u32>()?;
        let reader = Self::new(data_type, words, u32_at(section.bytes(), 0)).map_err(|e| section.damaged(e))?;
        Ok(Some(reader))
    }

    /// Reads the section's bytes; the error is a sentence about them.
    pub fn from_bytes(data_type: DataType, bytes: &[u8]) -> Result<Self, String> {
        let words: Vec<u32> = bytes.chunks_exact(4).map(|b| u32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect();
        Self::new(data_type, ScalarBuffer::from(words), u32_at(bytes, 0))
    }

    fn new(data_type: DataType, words: ScalarBuffer<u32>, blocks: Option<u32>) -> Result<Self, String> {
        let blocks = blocks.unwrap_or(0);
        if blocks == 0 || words.len() as u64 != 2 + u64::from(blocks) * 8 || words[1] != 0 {
            return Err(format!("{blocks} blocks do not fit its {} words", words.len()));
        }
        Ok(Self { data_type, size_bytes: words.len() as u64 * 4, words, blocks })
    }
}

impl BloomFilter for BloomReader {
    fn might_contain(&self, value: &Value) -> bool {
        // A value of another type is not known to be absent.
        let Some(hash) = hash_value(self.data_type, value) else { return true };
        let at = 2 + block_of(hash, self.blocks) * 8;
        self.words[at..at + 8].iter().zip(bits(hash)).all(|(word, bit)| word & bit != 0)
    }

    fn size_bytes(&self) -> u64 {
        self.size_bytes
    }
}

/// The hash of a value as stored in a column of `data_type`; `None` when it is of another type.
pub(crate) fn hash_value(data_type: DataType, value: &Value) -> Option<u64> {
    match data_type.stored() {
        DataType::Int | DataType::Long => match value {
            Value::Float(_) | Value::Double(_) => None,
            _ => keys::of_value(value).map(hash_key),
        },
        DataType::Float | DataType::Double => match value {
            Value::Float(_) | Value::Double(_) => keys::of_value(value).map(hash_key),
            _ => None,
        },
        // The same decimal may be written in several ways.
        DataType::BigDecimal => match value {
            Value::BigDecimal(v) => Some(hash_bytes(v.normalized().to_plain_string().as_bytes())),
            _ => None,
        },
        _ => var_bytes(value).map(|bytes| hash_bytes(&bytes)),
    }
}

/// The hash of a number by its ordered key.
pub(crate) fn hash_key(key: u64) -> u64 {
    XxHash64::oneshot(0, &key.to_le_bytes())
}

pub(crate) fn hash_bytes(bytes: &[u8]) -> u64 {
    XxHash64::oneshot(0, bytes)
}
