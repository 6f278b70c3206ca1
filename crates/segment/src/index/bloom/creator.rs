//! Builds the filter from the hashes of values.

use hashbrown::HashSet;
use model::BloomConfig;
use model::bloom::{bits, block_of};
use rustc_hash::FxBuildHasher;

use super::config::{BLOCK_BYTES, blocks};

/// Distinct hashes collected before the filter's size is fixed.
const MAX_COLLECTED: usize = 1 << 20;
/// Values the filter is sized for when there are more than that.
const LARGE: u64 = 1 << 23;

/// Takes hashes of values, repeated or not.
pub(crate) struct BloomBuilder {
    config: BloomConfig,
    collected: HashSet<u64, FxBuildHasher>,
    blocks: Vec<[u32; 8]>,
}

impl BloomBuilder {
    pub(crate) fn new(config: BloomConfig) -> Self {
        Self { config, collected: HashSet::default(), blocks: Vec::new() }
    }

    pub(crate) fn insert(&mut self, hash: u64) {
        if !self.blocks.is_empty() {
            set(&mut self.blocks, hash);
            return;
        }
        self.collected.insert(hash);
        if self.collected.len() > MAX_COLLECTED {
            self.size_for(LARGE);
        }
    }

    fn size_for(&mut self, values: u64) {
        self.blocks = vec![[0; 8]; blocks(&self.config, values) as usize];
        for hash in std::mem::take(&mut self.collected) {
            set(&mut self.blocks, hash);
        }
    }

    /// The section: number of blocks, 0, the blocks.
    pub(crate) fn finish(mut self) -> Vec<u8> {
        if self.blocks.is_empty() {
            self.size_for(self.collected.len() as u64);
        }
        let mut bytes = Vec::with_capacity(8 + self.blocks.len() * BLOCK_BYTES);
        bytes.extend_from_slice(&(self.blocks.len() as u32).to_le_bytes());
        bytes.extend_from_slice(&0u32.to_le_bytes());
        for word in self.blocks.iter().flatten() {
            bytes.extend_from_slice(&word.to_le_bytes());
        }
        bytes
    }
}

fn set(blocks: &mut [[u32; 8]], hash: u64) {
    let at = block_of(hash, blocks.len() as u32);
    for (word, bit) in blocks[at].iter_mut().zip(bits(hash)) {
        *word |= bit;
    }
}
