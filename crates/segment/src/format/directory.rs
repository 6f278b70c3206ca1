//! The footer: which section lies where, and the segment's metadata.

use super::{u32_at, u64_at};
use crate::metadata::SegmentMetadata;

/// What a section holds. Numbers are part of the format and never reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u16)]
pub enum Kind {
    /// Fixed-width entries, or the bytes of variable-width entries.
    Dictionary = 1,
    /// `u32` offsets into the bytes of a variable-width dictionary, one more than entries.
    DictionaryOffsets = 2,
    /// Dict ids, or raw numbers, in doc order.
    Forward = 3,
    /// Multi-value: `u32` offsets of each doc's entries, one more than docs.
    ForwardOffsets = 4,
    /// Raw variable-width: chunk directory.
    ChunkDirectory = 5,
    /// Raw variable-width: the chunks.
    Chunks = 6,
    /// Sorted column: first doc of each dict id, one more than entries.
    Sorted = 7,
    /// Roaring bitmap of docs without value.
    Nulls = 8,
    /// `u32` entries per dict id.
    Counts = 9,
    Inverted = 10,
    Range = 11,
    Bloom = 12,
    Json = 13,
    Text = 14,
    Fst = 15,
    /// As [`Kind::Fst`], of lower-case values.
    Ifst = 16,
    /// Geographic cells.
    H3 = 17,
    Vector = 18,
}

impl Kind {
    pub const ALL: [Self; 18] = [
        Self::Dictionary,
        Self::DictionaryOffsets,
        Self::Forward,
        Self::ForwardOffsets,
        Self::ChunkDirectory,
        Self::Chunks,
        Self::Sorted,
        Self::Nulls,
        Self::Counts,
        Self::Inverted,
        Self::Range,
        Self::Bloom,
        Self::Json,
        Self::Text,
        Self::Fst,
        Self::Ifst,
        Self::H3,
        Self::Vector,
    ];

    pub fn from_code(code: u16) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| *kind as u16 == code)
    }

    /// The section's name in messages and size reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Dictionary => "dictionary",
            Self::DictionaryOffsets => "dictionary offsets",
            Self::Forward => "forward index",
            Self::ForwardOffsets => "forward offsets",
            Self::ChunkDirectory => "chunk directory",
            Self::Chunks => "chunks",
            Self::Sorted => "sorted index",
            Self::Nulls => "null vector",
            Self::Counts => "counts",
            Self::Inverted => "inverted index",
            Self::Range => "range index",
            Self::Bloom => "bloom filter",
            Self::Json => "JSON index",
            Self::Text => "text index",
            Self::Fst => "FST index",
            Self::Ifst => "case-insensitive FST index",
            Self::H3 => "H3 index",
            Self::Vector => "vector index",
        }
    }

    /// Rebuilt from the others, so neither part of the content checksum nor of the packed form.
    pub fn is_derived(self) -> bool {
        !matches!(
            self,
            Self::Dictionary
                | Self::DictionaryOffsets
                | Self::Forward
                | Self::ForwardOffsets
                | Self::ChunkDirectory
                | Self::Chunks
                | Self::Sorted
                | Self::Nulls
                | Self::Counts
        )
    }
}

/// How the bytes of a section are encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u16)]
pub enum Encoding {
    /// As used.
    Plain = 0,
    /// Frames of zstd.
    Zstd = 1,
    /// Frames of zstd over frame-of-reference bit-packing of `u8` values.
    PackedU8 = 2,
    /// As [`Encoding::PackedU8`], of `u16`.
    PackedU16 = 3,
    /// As [`Encoding::PackedU8`], of `u32` (also `i32` and ids).
    PackedU32 = 4,
    /// As [`Encoding::PackedU8`], of `u64` (also `i64`).
    PackedU64 = 5,
    /// Differences of ascending `u32`, packed as [`Encoding::PackedU32`].
    DeltaU32 = 6,
}

impl Encoding {
    pub const ALL: [Self; 7] =
        [Self::Plain, Self::Zstd, Self::PackedU8, Self::PackedU16, Self::PackedU32, Self::PackedU64, Self::DeltaU32];

    pub fn from_code(code: u16) -> Option<Self> {
        Self::ALL.into_iter().find(|encoding| *encoding as u16 == code)
    }
}

/// One line of the directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SectionEntry {
    /// Index into the columns of the metadata.
    pub column: u32,
    pub kind: Kind,
    pub encoding: Encoding,
    /// From the start of the file; a multiple of 64.
    pub offset: u64,
    /// Bytes in the file.
    pub len: u64,
    /// Bytes after decoding; equal to `len` for plain sections.
    pub decoded_len: u64,
    /// CRC-32 (IEEE) of the bytes in the file.
    pub crc: u32,
    /// CRC-32 of the decoded bytes.
    pub decoded_crc: u32,
}

impl SectionEntry {
    /// An entry of `len` bytes as they are used; the writer sets the offset.
    pub fn plain(column: u32, kind: Kind, len: u64, crc: u32) -> Self {
        let encoding = Encoding::Plain;
        Self { column, kind, encoding, offset: 0, len, decoded_len: len, crc, decoded_crc: crc }
    }
}

const ENTRY_LEN: usize = 40;

/// The parsed footer.
#[derive(Clone, Debug)]
pub struct Directory {
    /// In file order.
    pub sections: Vec<SectionEntry>,
    pub metadata: SegmentMetadata,
}

impl Directory {
    /// Footer bytes: number of sections, their entries, metadata length, metadata as JSON.
    pub(crate) fn encode(&self) -> Result<Vec<u8>, serde_json::Error> {
        let json = serde_json::to_vec(&self.metadata)?;
        let mut bytes = Vec::with_capacity(8 + self.sections.len() * ENTRY_LEN + json.len());
        bytes.extend_from_slice(&(self.sections.len() as u32).to_le_bytes());
        for s in &self.sections {
            bytes.extend_from_slice(&s.column.to_le_bytes());
            bytes.extend_from_slice(&(s.kind as u16).to_le_bytes());
            bytes.extend_from_slice(&(s.encoding as u16).to_le_bytes());
            bytes.extend_from_slice(&s.offset.to_le_bytes());
            bytes.extend_from_slice(&s.len.to_le_bytes());
            bytes.extend_from_slice(&s.decoded_len.to_le_bytes());
            bytes.extend_from_slice(&s.crc.to_le_bytes());
            bytes.extend_from_slice(&s.decoded_crc.to_le_bytes());
        }
        bytes.extend_from_slice(&(json.len() as u32).to_le_bytes());
        bytes.extend_from_slice(&json);
        Ok(bytes)
    }

    /// Reads a footer. The error is a sentence for [`crate::Error::Damaged`].
    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, String> {
        let count = u32_at(bytes, 0).ok_or("it is shorter than 4 bytes")? as usize;
        let json_at = count
            .checked_mul(ENTRY_LEN)
            .and_then(|len| len.checked_add(4))
            .filter(|&at| at + 4 <= bytes.len())
            .ok_or_else(|| format!("{count} directory entries do not fit into {} bytes", bytes.len()))?;
        let mut sections = Vec::with_capacity(count);
        for index in 0..count {
            sections.push(decode_entry(bytes, 4 + index * ENTRY_LEN, index)?);
        }
        let json_len = u32_at(bytes, json_at).ok_or("the metadata length is cut")? as usize;
        let json = &bytes[json_at + 4..];
        if json.len() != json_len {
            return Err(format!("the metadata has {} bytes, {json_len} were announced", json.len()));
        }
        let metadata: SegmentMetadata =
            serde_json::from_slice(json).map_err(|e| format!("the metadata is not readable: {e}"))?;
        if let Some(s) = sections.iter().find(|s| s.column as usize >= metadata.columns.len()) {
            return Err(format!("a {} names column {} of {}", s.kind.name(), s.column, metadata.columns.len()));
        }
        Ok(Self { sections, metadata })
    }

    pub fn section(&self, column: u32, kind: Kind) -> Option<&SectionEntry> {
        self.sections.iter().find(|s| s.column == column && s.kind == kind)
    }
}

fn decode_entry(bytes: &[u8], at: usize, index: usize) -> Result<SectionEntry, String> {
    let cut = || format!("directory entry {index} is cut");
    let codes = u32_at(bytes, at + 4).ok_or_else(cut)?;
    let (kind, encoding) = ((codes & 0xffff) as u16, (codes >> 16) as u16);
    Ok(SectionEntry {
        column: u32_at(bytes, at).ok_or_else(cut)?,
        kind: Kind::from_code(kind).ok_or_else(|| format!("directory entry {index} has the unknown kind {kind}"))?,
        encoding: Encoding::from_code(encoding)
            .ok_or_else(|| format!("directory entry {index} has the unknown encoding {encoding}"))?,
        offset: u64_at(bytes, at + 8).ok_or_else(cut)?,
        len: u64_at(bytes, at + 16).ok_or_else(cut)?,
        decoded_len: u64_at(bytes, at + 24).ok_or_else(cut)?,
        crc: u32_at(bytes, at + 32).ok_or_else(cut)?,
        decoded_crc: u32_at(bytes, at + 36).ok_or_else(cut)?,
    })
}
