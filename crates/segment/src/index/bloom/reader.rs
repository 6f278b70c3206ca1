//! Asks the filter.

use arrow::buffer::ScalarBuffer;
use model::{DataType, Value, bloom};

use crate::{
    BloomFilter, Result,
    format::{Container, Kind},
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
        let reader = Self::new(data_type, words).map_err(|e| section.damaged(e))?;
        Ok(Some(reader))
    }

    /// Reads the section's bytes; the error is a sentence about them.
    pub fn from_bytes(data_type: DataType, bytes: &[u8]) -> Result<Self, String> {
        let words: Vec<u32> = bytes.chunks_exact(4).map(|b| u32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect();
        Self::new(data_type, ScalarBuffer::from(words))
    }

    fn new(data_type: DataType, words: ScalarBuffer<u32>) -> Result<Self, String> {
        let blocks = bloom::check(&words)?;
        Ok(Self { data_type, size_bytes: words.len() as u64 * 4, words, blocks })
    }
}

impl BloomFilter for BloomReader {
    fn might_contain(&self, value: &Value) -> bool {
        // A value of another type is not known to be absent.
        bloom::hash_value(self.data_type, value).is_none_or(|hash| bloom::may_hold(&self.words, self.blocks, hash))
    }

    fn size_bytes(&self) -> u64 {
        self.size_bytes
    }
}
