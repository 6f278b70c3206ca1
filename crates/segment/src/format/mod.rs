//! The container: header, 64-byte-aligned sections, footer with a directory, trailer. Drawn in the crate's README.

mod directory;
mod mapping;
mod writer;

pub use directory::{Directory, Encoding, Kind, SectionEntry};
pub use mapping::{Container, SectionBytes};
pub use writer::ContainerWriter;

#[cfg(target_endian = "big")]
compile_error!("segments are little-endian and read in place; big-endian targets are not supported");

/// Version of the format this build reads and writes.
pub const FORMAT_VERSION: u32 = 1;
/// First bytes of the file.
pub const HEADER_MAGIC: [u8; 8] = *b"CUVEESEG";
/// Last bytes of the file.
pub const TRAILER_MAGIC: [u8; 8] = *b"GESEEVUC";
/// Header length; also the alignment of sections.
pub const ALIGNMENT: u64 = 64;
pub const HEADER_LEN: usize = 64;
pub const TRAILER_LEN: usize = 32;

/// Which of the two tiers a file belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Form {
    /// Sections lie as they are used; read in place.
    Hot = 0,
    /// Sections are bit-packed and compressed for the deep store.
    Packed = 1,
}

impl Form {
    pub fn name(self) -> &'static str {
        match self {
            Self::Hot => "hot",
            Self::Packed => "packed",
        }
    }

    pub(crate) fn from_code(code: u32) -> Option<Self> {
        match code {
            0 => Some(Self::Hot),
            1 => Some(Self::Packed),
            _ => None,
        }
    }
}

/// The 64 bytes in front: magic, version, form, zeros, CRC-32 of the 60 bytes before it.
pub(crate) fn header(form: Form) -> [u8; HEADER_LEN] {
    let mut bytes = [0u8; HEADER_LEN];
    bytes[..8].copy_from_slice(&HEADER_MAGIC);
    bytes[8..12].copy_from_slice(&FORMAT_VERSION.to_le_bytes());
    bytes[12..16].copy_from_slice(&(form as u32).to_le_bytes());
    let crc = crc32fast::hash(&bytes[..HEADER_LEN - 4]);
    bytes[HEADER_LEN - 4..].copy_from_slice(&crc.to_le_bytes());
    bytes
}

/// The 32 bytes at the end: footer offset, footer length, CRC-32 of the footer, version, magic.
pub(crate) fn trailer(footer_offset: u64, footer_len: u64, footer_crc: u32) -> [u8; TRAILER_LEN] {
    let mut bytes = [0u8; TRAILER_LEN];
    bytes[..8].copy_from_slice(&footer_offset.to_le_bytes());
    bytes[8..16].copy_from_slice(&footer_len.to_le_bytes());
    bytes[16..20].copy_from_slice(&footer_crc.to_le_bytes());
    bytes[20..24].copy_from_slice(&FORMAT_VERSION.to_le_bytes());
    bytes[24..].copy_from_slice(&TRAILER_MAGIC);
    bytes
}

/// Little-endian `u32` at `at`, if it is inside.
pub(crate) fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..at.checked_add(4)?)?.try_into().ok().map(u32::from_le_bytes)
}

/// Little-endian `u64` at `at`, if it is inside.
pub(crate) fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    bytes.get(at..at.checked_add(8)?)?.try_into().ok().map(u64::from_le_bytes)
}

/// A slice of plain numbers as the bytes that are written.
pub(crate) fn as_bytes<T: arrow::datatypes::ArrowNativeType>(values: &[T]) -> &[u8] {
    // SAFETY: native Arrow types are plain numbers without padding, and u8 has no alignment.
    unsafe { std::slice::from_raw_parts(values.as_ptr().cast::<u8>(), std::mem::size_of_val(values)) }
}
