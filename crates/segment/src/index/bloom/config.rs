//! `bloomFilterColumns` and `bloomFilterConfigs`.

use model::BloomConfig;

/// Bytes of a block.
pub(crate) const BLOCK_BYTES: usize = 32;
/// Most blocks: 512 MB.
const MAX_BLOCKS: u64 = 1 << 24;

/// Blocks for `values` distinct values: 256 bits each, 8 of them set per value.
pub(crate) fn blocks(config: &BloomConfig, values: u64) -> u32 {
    let fpp = if config.fpp > 0.0 && config.fpp < 1.0 { config.fpp } else { 0.05 };
    let bits_per_value = -8.0 / (1.0 - fpp.powf(1.0 / 8.0)).ln();
    let wanted = (values as f64 * bits_per_value / (BLOCK_BYTES as f64 * 8.0)).ceil() as u64;
    let allowed = if config.max_size_bytes == 0 { MAX_BLOCKS } else { config.max_size_bytes / BLOCK_BYTES as u64 };
    wanted.min(allowed).clamp(1, MAX_BLOCKS) as u32
}

/// Bytes of the section for `values` distinct values.
pub(crate) fn section_bytes(config: &BloomConfig, values: u64) -> u64 {
    8 + u64::from(blocks(config, values)) * BLOCK_BYTES as u64
}
