//! A mapped file whose container structure holds.

use std::{
    fs::File,
    path::{Path, PathBuf},
    ptr::NonNull,
    sync::Arc,
};

use arrow::{
    buffer::{Buffer, ScalarBuffer},
    datatypes::ArrowNativeType,
};
use memmap2::Mmap;

use super::{
    ALIGNMENT, Directory, FORMAT_VERSION, Form, HEADER_LEN, HEADER_MAGIC, Kind, SectionEntry, TRAILER_LEN,
    TRAILER_MAGIC, header, u32_at, u64_at,
};
use crate::{Error, Result};

/// A segment file: mapped, header, trailer and footer checked, every section inside the file and aligned.
///
/// The contents of sections are not checked here; [`Container::verify`] compares their checksums.
pub struct Container {
    path: PathBuf,
    map: Arc<Mmap>,
    form: Form,
    directory: Directory,
}

impl Container {
    pub fn open(path: &Path) -> Result<Self> {
        let file = File::open(path).map_err(|e| Error::io("open segment file", path, e))?;
        let len = file.metadata().map_err(|e| Error::io("read the length of segment file", path, e))?.len();
        if len < (HEADER_LEN + TRAILER_LEN) as u64 {
            return Err(damaged(path, "header", format!("the file has only {len} bytes")));
        }
        // SAFETY: committed segment files are never edited, only replaced by rename, so the bytes stay as they are.
        let map = unsafe { Mmap::map(&file) }.map_err(|e| Error::io("map segment file", path, e))?;
        let form = read_header(path, &map)?;
        let directory = read_footer(path, &map)?;
        Ok(Self { path: path.to_owned(), map: Arc::new(map), form, directory })
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    pub fn form(&self) -> Form {
        self.form
    }

    pub fn directory(&self) -> &Directory {
        &self.directory
    }

    pub fn size_bytes(&self) -> u64 {
        self.map.len() as u64
    }

    /// An error about `kind` of `column`.
    pub fn damaged(&self, column: u32, kind: Kind, reason: impl Into<String>) -> Error {
        damaged(&self.path, &self.section_name(column, kind), reason.into())
    }

    fn section_name(&self, column: u32, kind: Kind) -> String {
        let name = self.directory.metadata.columns.get(column as usize).map_or("?", |c| c.name.as_str());
        format!("{} of column '{name}'", kind.name())
    }

    /// The bytes of a section as they lie in the file.
    pub fn section(&self, column: u32, kind: Kind) -> Option<SectionBytes<'_>> {
        let entry = self.directory.section(column, kind)?;
        Some(SectionBytes { container: self, entry })
    }

    /// As [`Self::section`], for sections that have to be there.
    pub fn require(&self, column: u32, kind: Kind) -> Result<SectionBytes<'_>> {
        self.section(column, kind).ok_or_else(|| self.damaged(column, kind, "the section is missing"))
    }

    pub fn entry_bytes(&self, entry: &SectionEntry) -> &[u8] {
        // In range: checked when the footer was read.
        &self.map[entry.offset as usize..(entry.offset + entry.len) as usize]
    }

    /// Compares every byte of the file with its checksum; padding has to be zero.
    pub fn verify(&self) -> Result<()> {
        let mut end = HEADER_LEN as u64;
        for entry in &self.directory.sections {
            self.verify_padding(end, entry.offset, &self.section_name(entry.column, entry.kind))?;
            SectionBytes { container: self, entry }.verify()?;
            end = entry.offset + entry.len;
        }
        let footer = u64_at(&self.map, self.map.len() - TRAILER_LEN).unwrap_or(end);
        self.verify_padding(end, footer, "footer")
    }

    fn verify_padding(&self, from: u64, to: u64, before: &str) -> Result<()> {
        if self.map[from as usize..to as usize].iter().any(|&b| b != 0) {
            return Err(damaged(&self.path, before, "the padding before it is not zero".to_owned()));
        }
        Ok(())
    }

    /// Asks the kernel to read the file ahead.
    pub fn prefetch(&self) {
        #[cfg(unix)]
        // A refused hint changes nothing.
        let _ = self.map.advise(memmap2::Advice::WillNeed);
    }

    /// Unmaps the pages touched so far; they stay in the page cache and come back on access.
    pub fn release_pages(&self) {
        #[cfg(unix)]
        // SAFETY: the mapping is a shared read-only one of a file, so dropped pages are read again from the file.
        let _ = unsafe { self.map.unchecked_advise(memmap2::UncheckedAdvice::DontNeed) };
    }
}

/// One section inside a [`Container`].
#[derive(Clone, Copy)]
pub struct SectionBytes<'a> {
    container: &'a Container,
    entry: &'a SectionEntry,
}

impl<'a> SectionBytes<'a> {
    pub fn bytes(&self) -> &'a [u8] {
        self.container.entry_bytes(self.entry)
    }

    pub fn len(&self) -> u64 {
        self.entry.len
    }

    pub fn is_empty(&self) -> bool {
        self.entry.len == 0
    }

    /// Compares the bytes with their checksum.
    pub fn verify(&self) -> Result<()> {
        if crc32fast::hash(self.bytes()) == self.entry.crc {
            return Ok(());
        }
        Err(self.damaged("the checksum does not match"))
    }

    pub fn damaged(&self, reason: impl Into<String>) -> Error {
        self.container.damaged(self.entry.column, self.entry.kind, reason)
    }

    /// The section as an Arrow buffer that keeps the mapping alive; no copy.
    pub fn buffer(&self) -> Buffer {
        let bytes = self.bytes();
        let owner: Arc<Mmap> = Arc::clone(&self.container.map);
        match NonNull::new(bytes.as_ptr().cast_mut()) {
            // SAFETY: the bytes lie in the mapping, which `owner` keeps, and nobody writes to them.
            Some(ptr) => unsafe { Buffer::from_custom_allocation(ptr, bytes.len(), owner) },
            None => Buffer::default(),
        }
    }

    /// The section as `expected` numbers.
    pub fn numbers<T: ArrowNativeType>(&self, expected: u64) -> Result<ScalarBuffer<T>> {
        let width = std::mem::size_of::<T>() as u64;
        if expected.checked_mul(width) != Some(self.entry.len) {
            return Err(
                self.damaged(format!("it has {} bytes, expected {expected} entries of {width} bytes", self.entry.len))
            );
        }
        Ok(ScalarBuffer::from(self.buffer()))
    }

    /// As [`Self::numbers`], with as many as fit; the length has to be a multiple of the width.
    pub fn all_numbers<T: ArrowNativeType>(&self) -> Result<ScalarBuffer<T>> {
        self.numbers(self.entry.len / std::mem::size_of::<T>() as u64)
    }
}

fn damaged(path: &Path, section: &str, reason: String) -> Error {
    Error::Damaged { path: path.to_owned(), section: section.to_owned(), reason }
}

fn read_header(path: &Path, map: &[u8]) -> Result<Form> {
    if map[..8] != HEADER_MAGIC {
        return Err(damaged(path, "header", "it does not begin with the magic bytes of a segment".to_owned()));
    }
    let crc = u32_at(map, HEADER_LEN - 4).unwrap_or(0);
    if crc32fast::hash(&map[..HEADER_LEN - 4]) != crc {
        return Err(damaged(path, "header", "the checksum does not match".to_owned()));
    }
    let version = u32_at(map, 8).unwrap_or(0);
    if version != FORMAT_VERSION {
        return Err(Error::UnsupportedVersion { path: path.to_owned(), version, supported: FORMAT_VERSION });
    }
    let code = u32_at(map, 12).unwrap_or(u32::MAX);
    let form = Form::from_code(code)
        .ok_or_else(|| damaged(path, "header", format!("the form has the unknown code {code}")))?;
    if map[..HEADER_LEN] != header(form) {
        return Err(damaged(path, "header", "the reserved bytes are not zero".to_owned()));
    }
    Ok(form)
}

fn read_footer(path: &Path, map: &[u8]) -> Result<Directory> {
    let bad_trailer = |reason: String| damaged(path, "trailer", reason);
    let trailer_at = map.len() - TRAILER_LEN;
    let trailer = &map[trailer_at..];
    if trailer[24..] != TRAILER_MAGIC {
        return Err(bad_trailer("it does not end with the magic bytes of a segment, the file may be cut".to_owned()));
    }
    let version = u32_at(trailer, 20).unwrap_or(0);
    if version != FORMAT_VERSION {
        return Err(bad_trailer(format!("its version {version} is not the header's {FORMAT_VERSION}")));
    }
    let offset = u64_at(trailer, 0).unwrap_or(u64::MAX);
    let len = u64_at(trailer, 8).unwrap_or(u64::MAX);
    if offset < HEADER_LEN as u64
        || !offset.is_multiple_of(ALIGNMENT)
        || offset.checked_add(len) != Some(trailer_at as u64)
    {
        return Err(bad_trailer(format!(
            "a footer of {len} bytes at {offset} does not lie before the trailer at {trailer_at}"
        )));
    }
    let footer = &map[offset as usize..trailer_at];
    if u32_at(trailer, 16) != Some(crc32fast::hash(footer)) {
        return Err(damaged(path, "footer", "the checksum does not match".to_owned()));
    }
    let directory = Directory::decode(footer).map_err(|reason| damaged(path, "footer", reason))?;
    let mut end = HEADER_LEN as u64;
    for s in &directory.sections {
        let inside = s.offset >= end && s.offset.checked_add(s.len).is_some_and(|e| e <= offset);
        if !inside || !s.offset.is_multiple_of(ALIGNMENT) {
            let name = directory.metadata.columns.get(s.column as usize).map_or("?", |c| c.name.as_str());
            return Err(damaged(
                path,
                "footer",
                format!(
                    "the {} of column '{name}' lies outside its place ({} bytes at {})",
                    s.kind.name(),
                    s.len,
                    s.offset
                ),
            ));
        }
        end = s.offset + s.len;
    }
    Ok(directory)
}
