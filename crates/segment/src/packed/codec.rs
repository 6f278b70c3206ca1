//! Encodes sections in frames of a megabyte, so that memory stays bounded.
//!
//! A frame: decoded length, stored length with the highest bit set where it is compressed (`u32` each), the bytes.

use super::bitpack;
use crate::{
    Error, Result,
    creator::sink::SectionSink,
    format::{Encoding, u32_at},
};

/// Decoded bytes of a frame; a multiple of every number's width.
const FRAME: usize = 1 << 20;
const COMPRESSED: u32 = 1 << 31;
/// Most bytes that packing may add to a frame: the heads of blocks of one-byte numbers.
const PACKED_LIMIT: usize = FRAME + FRAME / 64;

/// Writes `bytes` encoded.
pub(crate) fn encode(encoding: Encoding, bytes: &[u8], sink: &mut SectionSink) -> Result<()> {
    if encoding == Encoding::Plain {
        return sink.write(bytes);
    }
    let (mut numbers, mut packed) = (Vec::new(), Vec::new());
    let mut last = 0u32;
    for frame in bytes.chunks(FRAME) {
        packed.clear();
        if encoding == Encoding::Zstd {
            packed.extend_from_slice(frame);
        } else {
            read_numbers(encoding, frame, &mut last, &mut numbers);
            bitpack::pack(&numbers, &mut packed);
        }
        let level = if encoding == Encoding::Zstd { 3 } else { 1 };
        let compressed = zstd::bulk::compress(&packed, level).ok().filter(|c| c.len() * 50 < packed.len() * 49);
        let (stored, flag) = match &compressed {
            Some(compressed) => (compressed.as_slice(), COMPRESSED),
            None => (packed.as_slice(), 0),
        };
        sink.write(&(frame.len() as u32).to_le_bytes())?;
        sink.write(&(stored.len() as u32 | flag).to_le_bytes())?;
        sink.write(stored)?;
    }
    Ok(())
}

/// Why a section was not decoded: an error of the output, or a sentence about the input.
pub(crate) type DecodeError = Result<Error, String>;

/// Writes the `decoded_len` bytes that `bytes` encode.
pub(crate) fn decode(
    encoding: Encoding,
    mut bytes: &[u8],
    decoded_len: u64,
    sink: &mut SectionSink,
) -> Result<(), DecodeError> {
    if encoding == Encoding::Plain {
        return sink.write(bytes).map_err(Ok);
    }
    let (mut numbers, mut out) = (Vec::new(), Vec::new());
    let mut last = 0u32;
    while !bytes.is_empty() {
        let cut = || Err("a frame is cut".to_owned());
        let len = u32_at(bytes, 0).ok_or_else(cut)? as usize;
        let stored = u32_at(bytes, 4).ok_or_else(cut)?;
        let end = 8 + (stored & !COMPRESSED) as usize;
        let frame = bytes.get(8..end).ok_or_else(cut)?;
        bytes = &bytes[end..];
        if len > FRAME {
            return Err(Err(format!("a frame announces {len} bytes")));
        }
        let inflated;
        let packed = if stored & COMPRESSED == 0 {
            frame
        } else {
            inflated = zstd::bulk::decompress(frame, PACKED_LIMIT)
                .map_err(|e| Err(format!("a frame cannot be decompressed: {e}")))?;
            &inflated
        };
        if encoding == Encoding::Zstd {
            if packed.len() != len {
                return Err(Err(format!("a frame has {} bytes, {len} were announced", packed.len())));
            }
            sink.write(packed).map_err(Ok)?;
            continue;
        }
        let count = len / width(encoding);
        if !len.is_multiple_of(width(encoding)) || bitpack::unpack(packed, count, &mut numbers).is_none() {
            return Err(Err(format!("a frame does not hold {count} numbers")));
        }
        write_numbers(encoding, &numbers, &mut last, &mut out);
        sink.write(&out).map_err(Ok)?;
    }
    if sink.len() != decoded_len {
        return Err(Err(format!("it decodes to {} bytes, expected {decoded_len}", sink.len())));
    }
    Ok(())
}

fn width(encoding: Encoding) -> usize {
    match encoding {
        Encoding::PackedU8 | Encoding::Plain | Encoding::Zstd => 1,
        Encoding::PackedU16 => 2,
        Encoding::PackedU32 | Encoding::DeltaU32 => 4,
        Encoding::PackedU64 => 8,
    }
}

/// Signed numbers of 4 and 8 bytes are shifted so that negative ones come first; ids only gain a constant.
fn read_numbers(encoding: Encoding, frame: &[u8], last: &mut u32, numbers: &mut Vec<u64>) {
    numbers.clear();
    let word = |b: &[u8]| u32::from_le_bytes([b[0], b[1], b[2], b[3]]);
    match encoding {
        Encoding::PackedU8 | Encoding::Plain | Encoding::Zstd => numbers.extend(frame.iter().map(|&b| u64::from(b))),
        Encoding::PackedU16 => {
            numbers.extend(frame.chunks_exact(2).map(|b| u64::from(u16::from_le_bytes([b[0], b[1]]))));
        }
        Encoding::PackedU32 => numbers.extend(frame.chunks_exact(4).map(|b| u64::from(word(b) ^ 1 << 31))),
        Encoding::DeltaU32 => numbers.extend(frame.chunks_exact(4).map(|b| {
            let number = word(b);
            let delta = number.wrapping_sub(*last);
            *last = number;
            u64::from(delta)
        })),
        Encoding::PackedU64 => numbers.extend(frame.chunks_exact(8).map(|b| {
            let (low, high) = (u64::from(word(&b[..4])), u64::from(word(&b[4..])));
            (high << 32 | low) ^ 1 << 63
        })),
    }
}

fn write_numbers(encoding: Encoding, numbers: &[u64], last: &mut u32, out: &mut Vec<u8>) {
    out.clear();
    match encoding {
        Encoding::PackedU8 | Encoding::Plain | Encoding::Zstd => out.extend(numbers.iter().map(|&n| n as u8)),
        Encoding::PackedU16 => numbers.iter().for_each(|&n| out.extend_from_slice(&(n as u16).to_le_bytes())),
        Encoding::PackedU32 => {
            numbers.iter().for_each(|&n| out.extend_from_slice(&(n as u32 ^ 1 << 31).to_le_bytes()));
        }
        Encoding::DeltaU32 => {
            for &n in numbers {
                *last = last.wrapping_add(n as u32);
                out.extend_from_slice(&last.to_le_bytes());
            }
        }
        Encoding::PackedU64 => numbers.iter().for_each(|&n| out.extend_from_slice(&(n ^ 1 << 63).to_le_bytes())),
    }
}
