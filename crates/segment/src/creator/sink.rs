//! Where a section grows while its length is not known: in memory, then in an unlinked temporary file.

use std::{
    fs::File,
    io::{Read, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
};

use arrow::buffer::Buffer;

use crate::{
    Error, Result,
    format::{ContainerWriter, Encoding, Kind, SectionEntry},
};

/// Bytes kept in memory before they go to the file. Columns are written in order as they get ready, so only a few
/// sections wait at a time.
const MEMORY_BYTES: usize = 16 << 20;

/// A growing section. Its temporary file has no name, so nothing is left behind by a crash.
pub(crate) struct SectionSink {
    work_dir: PathBuf,
    memory: Vec<u8>,
    file: Option<File>,
    len: u64,
    crc: crc32fast::Hasher,
}

impl SectionSink {
    pub(crate) fn new(work_dir: &Path) -> Self {
        Self { work_dir: work_dir.to_owned(), memory: Vec::new(), file: None, len: 0, crc: crc32fast::Hasher::new() }
    }

    /// Makes room for `bytes` at once.
    pub(crate) fn reserve(&mut self, bytes: u64) {
        self.memory.reserve_exact(bytes.min(MEMORY_BYTES as u64) as usize);
    }

    /// A section of these bytes.
    pub(crate) fn of(work_dir: &Path, bytes: &[u8]) -> Result<Self> {
        let mut sink = Self::new(work_dir);
        sink.write(bytes)?;
        Ok(sink)
    }

    pub(crate) fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.crc.update(bytes);
        self.len += bytes.len() as u64;
        if self.memory.len() + bytes.len() > MEMORY_BYTES {
            self.flush()?;
            if bytes.len() > MEMORY_BYTES {
                return self.write_file(bytes);
            }
        }
        self.memory.extend_from_slice(bytes);
        Ok(())
    }

    fn flush(&mut self) -> Result<()> {
        let memory = std::mem::take(&mut self.memory);
        self.write_file(&memory)?;
        self.memory = memory;
        self.memory.clear();
        Ok(())
    }

    /// Moves everything to the temporary file and frees the memory.
    pub(crate) fn spill(&mut self) -> Result<()> {
        self.flush()?;
        self.memory = Vec::new();
        Ok(())
    }

    fn write_file(&mut self, bytes: &[u8]) -> Result<()> {
        if bytes.is_empty() {
            return Ok(());
        }
        let file = open(&mut self.file, &self.work_dir)?;
        file.write_all(bytes).map_err(|e| Error::io("write a temporary file in", &self.work_dir, e))
    }

    pub(crate) fn len(&self) -> u64 {
        self.len
    }

    pub(crate) fn memory_bytes(&self) -> usize {
        self.memory.capacity()
    }

    /// Reads everything written so far, in pieces of at most `piece` bytes (the last one may be shorter).
    pub(crate) fn for_each(&mut self, piece: usize, f: &mut dyn FnMut(&[u8]) -> Result<()>) -> Result<()> {
        if self.file.is_none() {
            return self.memory.chunks(piece).try_for_each(f);
        }
        self.flush()?;
        self.memory = Vec::new();
        let Some(file) = &mut self.file else { return Ok(()) };
        let failed = |e| Error::io("read a temporary file in", &self.work_dir, e);
        file.seek(SeekFrom::Start(0)).map_err(failed)?;
        let mut buffer = vec![0u8; piece];
        let mut left = self.len;
        while left > 0 {
            let n = left.min(piece as u64) as usize;
            file.read_exact(&mut buffer[..n]).map_err(failed)?;
            f(&buffer[..n])?;
            left -= n as u64;
        }
        Ok(())
    }

    /// Checksum of everything written so far.
    pub(crate) fn crc(&self) -> u32 {
        self.crc.clone().finalize()
    }

    fn put(mut self, writer: &mut ContainerWriter, entry: SectionEntry) -> Result<()> {
        let Some(mut file) = self.file.take() else { return writer.write(entry, &self.memory) };
        file.seek(SeekFrom::Start(0)).map_err(|e| Error::io("read a temporary file in", &self.work_dir, e))?;
        writer.copy(entry, &mut file.chain(self.memory.as_slice()))
    }
}

/// A section on its way into a container.
pub(crate) enum Part {
    /// Made just now.
    Built(SectionSink),
    /// Taken over from another file as it is.
    Kept { bytes: Buffer, crc: u32 },
}

impl Part {
    pub(crate) fn len(&self) -> u64 {
        match self {
            Self::Built(sink) => sink.len(),
            Self::Kept { bytes, .. } => bytes.len() as u64,
        }
    }

    /// Appends the section to a container, plain.
    pub(crate) fn copy_to(self, writer: &mut ContainerWriter, column: u32, kind: Kind) -> Result<()> {
        match self {
            Self::Built(sink) => {
                let entry = SectionEntry::plain(column, kind, sink.len(), sink.crc());
                sink.put(writer, entry)
            }
            Self::Kept { bytes, crc } => {
                let entry = SectionEntry::plain(column, kind, bytes.len() as u64, crc);
                writer.write(entry, &bytes)
            }
        }
    }
}

impl SectionSink {
    /// Appends what was written, which is the encoded form of `decoded`, to a container.
    pub(crate) fn copy_encoded(
        self,
        writer: &mut ContainerWriter,
        decoded: &SectionEntry,
        encoding: Encoding,
    ) -> Result<()> {
        let entry = SectionEntry {
            encoding,
            len: self.len(),
            crc: self.crc(),
            decoded_len: decoded.len,
            decoded_crc: decoded.crc,
            ..*decoded
        };
        self.put(writer, entry)
    }
}

/// The temporary file, made when it is first needed.
pub(crate) fn open<'a>(file: &'a mut Option<File>, work_dir: &Path) -> Result<&'a mut File> {
    if file.is_none() {
        let made = tempfile::tempfile_in(work_dir).map_err(|e| Error::io("create a temporary file in", work_dir, e))?;
        *file = Some(made);
    }
    match file {
        Some(file) => Ok(file),
        None => Err(Error::io("create a temporary file in", work_dir, std::io::ErrorKind::NotFound.into())),
    }
}
