//! Raw variable-width values in chunks.
//!
//! A chunk holds consecutive values: `u32` end offsets, one per value, then the bytes. The directory has 24 bytes per
//! chunk: first value, codec, offset of the chunk in the section, its length there, its length decoded.

use std::sync::Arc;

use arrow::buffer::{Buffer, OffsetBuffer, ScalarBuffer};
use parking_lot::Mutex;

use super::config::Compression;
use crate::{
    Result,
    creator::sink::SectionSink,
    format::{Container, Kind, as_bytes, u32_at, u64_at},
};

/// A chunk is closed when it has this many bytes or [`CHUNK_VALUES`] values.
const CHUNK_BYTES: usize = 128 * 1024;
const CHUNK_VALUES: usize = 16 * 1024;
const ENTRY_LEN: usize = 24;
const CODEC_NONE: u32 = 0;
const CODEC_LZ4: u32 = 1;
const CODEC_ZSTD: u32 = 2;

/// Writes values in order.
pub(crate) struct ChunkWriter {
    compression: Compression,
    ends: Vec<u32>,
    bytes: Vec<u8>,
    first: u32,
    directory: Vec<u8>,
    chunks: SectionSink,
}

impl ChunkWriter {
    pub(crate) fn new(compression: Compression, chunks: SectionSink) -> Self {
        Self { compression, ends: Vec::new(), bytes: Vec::new(), first: 0, directory: Vec::new(), chunks }
    }

    pub(crate) fn push(&mut self, value: &[u8]) -> Result<()> {
        if !self.ends.is_empty() && (self.bytes.len() + value.len() > CHUNK_BYTES || self.ends.len() == CHUNK_VALUES) {
            self.close()?;
        }
        self.bytes.extend_from_slice(value);
        self.ends.push(self.bytes.len() as u32);
        Ok(())
    }

    fn close(&mut self) -> Result<()> {
        let mut plain = Vec::with_capacity(self.ends.len() * 4 + self.bytes.len());
        plain.extend_from_slice(as_bytes::<u32>(&self.ends));
        plain.extend_from_slice(&self.bytes);
        let (codec, stored) = self.compress(&plain);
        self.directory.extend_from_slice(&self.first.to_le_bytes());
        self.directory.extend_from_slice(&codec.to_le_bytes());
        self.directory.extend_from_slice(&self.chunks.len().to_le_bytes());
        self.directory.extend_from_slice(&(stored.as_ref().map_or(plain.len(), Vec::len) as u32).to_le_bytes());
        self.directory.extend_from_slice(&(plain.len() as u32).to_le_bytes());
        self.chunks.write(stored.as_deref().unwrap_or(&plain))?;
        self.first += self.ends.len() as u32;
        self.ends.clear();
        self.bytes.clear();
        Ok(())
    }

    /// The codec and the compressed bytes, `None` where the chunk stays plain.
    fn compress(&self, plain: &[u8]) -> (u32, Option<Vec<u8>>) {
        match self.compression {
            Compression::None => (CODEC_NONE, None),
            Compression::Lz4 => (CODEC_LZ4, Some(lz4_flex::block::compress(plain))),
            Compression::Zstd => match zstd::bulk::compress(plain, 3) {
                Ok(stored) => (CODEC_ZSTD, Some(stored)),
                Err(_) => (CODEC_NONE, None),
            },
            Compression::Automatic => {
                let stored = lz4_flex::block::compress(plain);
                if stored.len() * 5 <= plain.len() * 4 { (CODEC_LZ4, Some(stored)) } else { (CODEC_NONE, None) }
            }
        }
    }

    /// The chunk directory and the chunks.
    pub(crate) fn finish(mut self) -> Result<(Vec<u8>, SectionSink)> {
        if !self.ends.is_empty() {
            self.close()?;
        }
        Ok((self.directory, self.chunks))
    }

    /// Moves closed chunks to the temporary file.
    pub(crate) fn spill(&mut self) -> Result<()> {
        self.chunks.spill()
    }

    pub(crate) fn memory_bytes(&self) -> usize {
        self.bytes.capacity() + self.ends.capacity() * 4 + self.directory.capacity() + self.chunks.memory_bytes()
    }
}

#[derive(Clone, Copy)]
struct ChunkEntry {
    first: u32,
    codec: u32,
    offset: u64,
    len: u32,
    decoded_len: u32,
}

/// Random access to the values. Chunks are decoded whole; the last one is kept.
pub(crate) struct ChunkReader {
    chunks: Buffer,
    directory: Vec<ChunkEntry>,
    num_values: u32,
    is_text: bool,
    last: Mutex<Option<(usize, Arc<[u8]>)>>,
}

/// The values of one chunk.
enum Decoded<'a> {
    Mapped(&'a [u8]),
    Owned(Arc<[u8]>),
}

impl Decoded<'_> {
    fn bytes(&self) -> &[u8] {
        match self {
            Self::Mapped(bytes) => bytes,
            Self::Owned(bytes) => bytes,
        }
    }
}

impl ChunkReader {
    /// Checks the directory, the layout of plain chunks, and the checksum of the section when chunks are compressed.
    pub(crate) fn open(container: &Container, column: u32, num_values: u64, is_text: bool) -> Result<Self> {
        let section = container.require(column, Kind::ChunkDirectory)?;
        let chunks = container.require(column, Kind::Chunks)?;
        let bytes = section.bytes();
        if !bytes.len().is_multiple_of(ENTRY_LEN) {
            return Err(section.damaged(format!("its {} bytes are no multiple of {ENTRY_LEN}", bytes.len())));
        }
        let num_values = u32::try_from(num_values)
            .map_err(|_| section.damaged(format!("{num_values} values are more than a segment can hold")))?;
        let mut directory = Vec::with_capacity(bytes.len() / ENTRY_LEN);
        let mut end = 0u64;
        for at in (0..bytes.len()).step_by(ENTRY_LEN) {
            let read = |i| u32_at(bytes, at + i).unwrap_or(u32::MAX);
            let entry = ChunkEntry {
                first: read(0),
                codec: read(4),
                offset: u64_at(bytes, at + 8).unwrap_or(u64::MAX),
                len: read(16),
                decoded_len: read(20),
            };
            let previous = directory.last().map_or(0, |p: &ChunkEntry| p.first + 1);
            let in_order = if directory.is_empty() { entry.first == 0 } else { entry.first >= previous };
            if !in_order || entry.first >= num_values || entry.offset != end || entry.codec > CODEC_ZSTD {
                return Err(section.damaged(format!("chunk {} is out of place", directory.len())));
            }
            end += u64::from(entry.len);
            directory.push(entry);
        }
        if end != chunks.len() || directory.is_empty() != (num_values == 0) {
            return Err(section.damaged(format!("its chunks have {end} bytes, the section has {}", chunks.len())));
        }
        if directory.iter().any(|entry| entry.codec != CODEC_NONE) {
            // Reading has no way to report a chunk that cannot be decompressed, so this must not wait.
            section.verify()?;
            chunks.verify()?;
        }
        let reader = Self { chunks: chunks.buffer(), directory, num_values, is_text, last: Mutex::new(None) };
        for index in 0..reader.directory.len() {
            if reader.directory[index].codec == CODEC_NONE {
                reader.check(index).map_err(|reason| chunks.damaged(reason))?;
            }
        }
        Ok(reader)
    }

    /// Decodes and checks every chunk.
    pub(crate) fn verify(&self) -> Result<(), String> {
        (0..self.directory.len()).try_for_each(|index| self.check(index))
    }

    fn count(&self, index: usize) -> usize {
        let next = self.directory.get(index + 1).map_or(self.num_values, |e| e.first);
        (next - self.directory[index].first) as usize
    }

    fn check(&self, index: usize) -> Result<(), String> {
        let decoded = self.decode(index)?;
        let (bytes, count) = (decoded.bytes(), self.count(index));
        let data = bytes.get(count * 4..).ok_or_else(|| format!("chunk {index} is too short for {count} values"))?;
        let text = if self.is_text {
            Some(std::str::from_utf8(data).map_err(|_| format!("chunk {index} holds text that is not UTF-8"))?)
        } else {
            None
        };
        let mut start = 0;
        for value in 0..count {
            let end = u32_at(bytes, value * 4).unwrap_or(0) as usize;
            let splits = end > data.len() || text.is_some_and(|t| !t.is_char_boundary(end));
            if end < start || splits {
                return Err(format!("value {value} of chunk {index} ends at a wrong place"));
            }
            start = end;
        }
        if start != data.len() {
            return Err(format!("chunk {index} has {} bytes too many", data.len() - start));
        }
        Ok(())
    }

    fn decode(&self, index: usize) -> Result<Decoded<'_>, String> {
        let entry = self.directory[index];
        let stored = &self.chunks.as_slice()[entry.offset as usize..][..entry.len as usize];
        if entry.codec == CODEC_NONE {
            return Ok(Decoded::Mapped(stored));
        }
        let mut last = self.last.lock();
        if let Some((cached, bytes)) = &*last
            && *cached == index
        {
            return Ok(Decoded::Owned(Arc::clone(bytes)));
        }
        let len = entry.decoded_len as usize;
        // LZ4 expands at most 255 times; zstd more, but a length far beyond the usual is not worth an allocation.
        let limit = if entry.codec == CODEC_LZ4 { 255 } else { 1 << 16 };
        if len as u64 > u64::from(entry.len) * limit + 64 {
            return Err(format!("chunk {index} announces {len} bytes out of {}", entry.len));
        }
        let decoded = match entry.codec {
            CODEC_LZ4 => lz4_flex::block::decompress(stored, len).map_err(|e| e.to_string()),
            _ => zstd::bulk::decompress(stored, len).map_err(|e| e.to_string()),
        }
        .map_err(|e| format!("chunk {index} cannot be decompressed: {e}"))?;
        if decoded.len() != len {
            return Err(format!("chunk {index} has {} bytes, {len} were announced", decoded.len()));
        }
        let decoded: Arc<[u8]> = decoded.into();
        *last = Some((index, Arc::clone(&decoded)));
        Ok(Decoded::Owned(decoded))
    }

    /// The values at `positions`, in that order, as Arrow offsets and bytes. Chunks whose bytes changed after the
    /// checks are reported as the error.
    pub(crate) fn gather(
        &self,
        positions: impl ExactSizeIterator<Item = u32>,
    ) -> Result<(OffsetBuffer<i32>, Buffer), String> {
        let mut offsets = Vec::with_capacity(positions.len() + 1);
        let mut out: Vec<u8> = Vec::new();
        offsets.push(0i32);
        let mut current: Option<(usize, Decoded<'_>)> = None;
        for position in positions {
            let holds = |index: usize| {
                let first = self.directory[index].first;
                position >= first && ((position - first) as usize) < self.count(index)
            };
            let index = match &current {
                Some((index, _)) if holds(*index) => *index,
                _ => self.directory.partition_point(|e| e.first <= position).wrapping_sub(1),
            };
            if index >= self.directory.len() || position >= self.num_values {
                return Err(format!("value {position} is beyond the {} of the column", self.num_values));
            }
            if current.as_ref().is_none_or(|(held, _)| *held != index) {
                current = Some((index, self.decode(index)?));
            }
            let Some((_, decoded)) = &current else { continue };
            let (bytes, count) = (decoded.bytes(), self.count(index));
            let within = (position - self.directory[index].first) as usize;
            let start = if within == 0 { Some(0) } else { u32_at(bytes, (within - 1) * 4) };
            let end = u32_at(bytes, within * 4);
            let value = start
                .zip(end)
                .and_then(|(start, end)| bytes.get(count * 4 + start as usize..count * 4 + end as usize))
                .ok_or_else(|| format!("value {within} of chunk {index} lies outside"))?;
            out.extend_from_slice(value);
            offsets.push(i32::try_from(out.len()).map_err(|_| "more than 2 GB were asked for at once".to_owned())?);
        }
        // Ascending from 0 by construction, so this does not panic.
        Ok((OffsetBuffer::new(ScalarBuffer::from(offsets)), Buffer::from_vec(out)))
    }
}
