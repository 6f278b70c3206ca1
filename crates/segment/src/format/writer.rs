//! Writes a container front to back.

use std::{
    fs::File,
    io::{BufWriter, Read, Write},
    path::{Path, PathBuf},
};

use super::{ALIGNMENT, Directory, Form, SectionEntry, header, trailer};
use crate::{Error, Result, metadata::SegmentMetadata};

/// Bytes copied from a stream at a time.
const COPY_BYTES: usize = 1 << 18;

/// Writes sections in the order given, then footer and trailer. A writer that is dropped before
/// [`ContainerWriter::finish`] removes its file.
pub struct ContainerWriter {
    path: PathBuf,
    out: Option<BufWriter<File>>,
    at: u64,
    sections: Vec<SectionEntry>,
}

impl ContainerWriter {
    /// Creates (or replaces) `path`.
    pub fn create(path: &Path, form: Form) -> Result<Self> {
        let file = File::create(path).map_err(|e| Error::io("create segment file", path, e))?;
        let mut writer = Self {
            path: path.to_owned(),
            out: Some(BufWriter::with_capacity(1 << 20, file)),
            at: 0,
            sections: Vec::new(),
        };
        writer.put(&header(form))?;
        Ok(writer)
    }

    fn put(&mut self, bytes: &[u8]) -> Result<()> {
        if let Some(out) = &mut self.out {
            out.write_all(bytes).map_err(|e| Error::io("write segment file", &self.path, e))?;
        }
        self.at += bytes.len() as u64;
        Ok(())
    }

    fn align(&mut self) -> Result<()> {
        let padding = (ALIGNMENT - self.at % ALIGNMENT) % ALIGNMENT;
        self.put(&[0u8; ALIGNMENT as usize][..padding as usize])
    }

    /// Appends a section of these bytes, `entry.len` of them; the entry's offset is set here.
    pub fn write(&mut self, mut entry: SectionEntry, bytes: &[u8]) -> Result<()> {
        self.align()?;
        entry.offset = self.at;
        self.put(bytes)?;
        self.sections.push(entry);
        Ok(())
    }

    /// Appends a section of `entry.len` bytes from a stream; the entry's offset is set here.
    pub fn copy(&mut self, mut entry: SectionEntry, from: &mut dyn Read) -> Result<()> {
        self.align()?;
        entry.offset = self.at;
        let mut buffer = vec![0u8; COPY_BYTES.min(entry.len as usize)];
        let mut left = entry.len;
        while left > 0 {
            let piece = &mut buffer[..left.min(COPY_BYTES as u64) as usize];
            from.read_exact(piece).map_err(|e| Error::io("copy a section into segment file", &self.path, e))?;
            self.put(piece)?;
            left -= piece.len() as u64;
        }
        self.sections.push(entry);
        Ok(())
    }

    pub fn sections(&self) -> &[SectionEntry] {
        &self.sections
    }

    /// Writes footer and trailer and flushes. Returns the file's length.
    pub fn finish(mut self, metadata: SegmentMetadata) -> Result<u64> {
        let segment = metadata.segment_name.clone();
        let directory = Directory { sections: std::mem::take(&mut self.sections), metadata };
        let footer = directory.encode().map_err(|source| Error::Metadata { segment, source })?;
        self.align()?;
        let offset = self.at;
        self.put(&footer)?;
        self.put(&trailer(offset, footer.len() as u64, crc32fast::hash(&footer)))?;
        let failed = |e| Error::io("write segment file", &self.path, e);
        if let Some(out) = self.out.take() {
            // Not synced: the deep store is the durable home, and checksums tell a file that a power cut halved.
            out.into_inner().map_err(|e| failed(e.into_error()))?;
        }
        Ok(self.at)
    }
}

impl Drop for ContainerWriter {
    fn drop(&mut self) {
        if self.out.take().is_some() {
            // Half a file is of no use; if it cannot be removed, opening it says that it is cut.
            let _ = std::fs::remove_file(&self.path);
        }
    }
}
