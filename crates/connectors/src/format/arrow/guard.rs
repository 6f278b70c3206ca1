//! Checks the lengths that a batch of an Arrow message names.

use arrow::ipc::{CompressionType, Message, RecordBatch};

/// What the buffers of one batch may unpack to.
const MAX_UNPACKED_BYTES: u64 = 1 << 30;

/// An error where a buffer is not inside the body, or the buffers unpack to more than can be held.
pub(super) fn check(message: &Message<'_>, body: &[u8]) -> Result<(), String> {
    let dictionary = message.header_as_dictionary_batch().and_then(|d| d.data());
    let Some(batch) = message.header_as_record_batch().or(dictionary) else {
        return Err("a message has no batch".to_owned());
    };
    let mut unpacked = 0u64;
    for buffer in batch.buffers().into_iter().flatten() {
        let place = usize::try_from(buffer.offset()).ok().zip(usize::try_from(buffer.length()).ok());
        let bytes = place.and_then(|(offset, length)| body.get(offset..offset.checked_add(length)?));
        let bytes = bytes.ok_or("a buffer lies outside of its message")?;
        unpacked = unpacked.saturating_add(unpacked_bytes(&batch, bytes)?);
        if unpacked > MAX_UNPACKED_BYTES {
            return Err(format!("a batch unpacks to more than {} MB", MAX_UNPACKED_BYTES >> 20));
        }
    }
    Ok(())
}

fn unpacked_bytes(batch: &RecordBatch<'_>, buffer: &[u8]) -> Result<u64, String> {
    let Some(compression) = batch.compression() else { return Ok(buffer.len() as u64) };
    if buffer.is_empty() {
        return Ok(0);
    }
    let (prefix, packed) = buffer.split_first_chunk::<8>().ok_or("a compressed buffer is too short")?;
    let declared = i64::from_le_bytes(*prefix);
    if declared == -1 {
        return Ok(packed.len() as u64);
    }
    let declared = u64::try_from(declared).map_err(|_| "a compressed buffer has a negative length")?;
    if compression.codec() != CompressionType::LZ4_FRAME {
        return Ok(declared);
    }
    // The library stops at the declared length for ZSTD only.
    Ok(declared.max(lz4_frame_bytes(packed)?))
}

/// The most that an LZ4 frame can unpack to by its blocks.
fn lz4_frame_bytes(frame: &[u8]) -> Result<u64, String> {
    const BROKEN: &str = "a compressed buffer is damaged";
    const MAGIC: u32 = 0x184d_2204;
    let word = |at: usize| frame.get(at..at + 4).and_then(|b| b.try_into().ok()).map(u32::from_le_bytes);
    if frame.is_empty() {
        return Ok(0);
    }
    if word(0) != Some(MAGIC) {
        return Err(BROKEN.to_owned());
    }
    let (Some(&flags), Some(&sizes)) = (frame.get(4), frame.get(5)) else { return Err(BROKEN.to_owned()) };
    let block_bytes: u64 = match sizes >> 4 & 7 {
        4 => 64 << 10,
        5 => 256 << 10,
        6 => 1 << 20,
        7 => 4 << 20,
        _ => return Err(BROKEN.to_owned()),
    };
    let content_size = if flags & 0x08 != 0 { 8 } else { 0 };
    let dictionary = if flags & 0x01 != 0 { 4 } else { 0 };
    let block_checksum = if flags & 0x10 != 0 { 4 } else { 0 };
    let mut at = 7 + content_size + dictionary;
    let mut total = 0;
    loop {
        let size = word(at).ok_or(BROKEN)?;
        if size == 0 {
            return Ok(total);
        }
        let stored = (size & 0x7fff_ffff) as usize;
        // A byte stands for 255 at most.
        total += block_bytes.min(stored as u64 * 255);
        at = at.saturating_add(4 + stored + block_checksum);
        if at > frame.len() {
            return Err(BROKEN.to_owned());
        }
    }
}
