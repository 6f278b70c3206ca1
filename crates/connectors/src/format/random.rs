//! Files that are read here and there: Parquet and ORC have their table of contents at the end.

use std::{
    fs::File,
    io::{self, BufReader, Read, Seek, SeekFrom, Write},
    os::unix::fs::FileExt as _,
    path::Path,
    sync::Arc,
};

use bytes::Bytes;
use parquet::errors::ParquetError;

use super::{Meter, ReadOptions, input};
use crate::Error;

/// What a file that is compressed as a whole may unpack to: this much, and [`MAX_RATIO`] times its size on top.
const MAX_UNPACKED_BYTES: u64 = 1 << 30;
const MAX_RATIO: u64 = 100;

/// A file that any number of readers share, each at its own place.
#[derive(Clone)]
pub(super) struct RandomFile {
    file: Arc<File>,
    length: u64,
    meter: Meter,
}

impl RandomFile {
    /// Opens a file that starts with `magic`; one that is compressed as a whole is unpacked to an unnamed file.
    pub fn open(path: &Path, magic: &[u8], options: &ReadOptions) -> Result<Self, Error> {
        let failed = |source: io::Error| Error::Open { path: path.to_owned(), source };
        let mut file = File::open(path).map_err(failed)?;
        let mut start = [0; 4];
        let got = input::fill(&mut file, &mut start).map_err(failed)?;
        let packed = file.metadata().map_err(failed)?.len();
        if start[..got].starts_with(magic) || !input::is_compressed(&start[..got]) {
            return Ok(Self { file: Arc::new(file), length: packed, meter: options.meter.clone() });
        }
        let mut plain = match &options.work_dir {
            Some(dir) => tempfile::tempfile_in(dir),
            None => tempfile::tempfile(),
        }
        .map_err(failed)?;
        let limit = MAX_UNPACKED_BYTES.saturating_add(packed.saturating_mul(MAX_RATIO));
        let mut unpacked = input::open(path, &options.meter)?.take(limit + 1);
        let length = io::copy(&mut unpacked, &mut plain).and_then(|n| plain.flush().map(|()| n)).map_err(failed)?;
        if length > limit {
            let reason = format!("it unpacks to more than {} MB, which is not credible", limit >> 20);
            return Err(failed(io::Error::new(io::ErrorKind::InvalidData, reason)));
        }
        // The packed bytes were counted.
        Ok(Self { file: Arc::new(plain), length, meter: Meter::default() })
    }

    pub fn length(&self) -> u64 {
        self.length
    }

    /// Exactly `length` bytes from `offset`; an error where the file does not have them.
    pub fn bytes(&self, offset: u64, length: u64) -> io::Result<Bytes> {
        let inside = offset.checked_add(length).is_some_and(|end| end <= self.length);
        let size = usize::try_from(length).ok().filter(|_| inside).ok_or_else(|| {
            io::Error::new(io::ErrorKind::UnexpectedEof, format!("{length} bytes at {offset} are not in the file"))
        })?;
        let mut buffer = vec![0; size];
        self.file.read_exact_at(&mut buffer, offset)?;
        self.meter.add(length);
        Ok(buffer.into())
    }

    pub fn reader(&self, offset: u64) -> BufReader<Cursor> {
        BufReader::new(Cursor { file: self.clone(), offset })
    }
}

/// Reads on from a place.
pub(super) struct Cursor {
    file: RandomFile,
    offset: u64,
}

impl Read for Cursor {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let got = self.file.file.read_at(buffer, self.offset)?;
        self.offset += got as u64;
        Ok(got)
    }
}

impl Seek for Cursor {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let target = match to {
            SeekFrom::Start(n) => Some(n),
            SeekFrom::Current(n) => self.offset.checked_add_signed(n),
            SeekFrom::End(n) => self.file.length.checked_add_signed(n),
        };
        self.offset = target.ok_or_else(|| io::Error::from(io::ErrorKind::InvalidInput))?;
        Ok(self.offset)
    }
}

impl parquet::file::reader::Length for RandomFile {
    fn len(&self) -> u64 {
        self.length
    }
}

impl parquet::file::reader::ChunkReader for RandomFile {
    type T = BufReader<Cursor>;

    fn get_read(&self, start: u64) -> parquet::errors::Result<Self::T> {
        Ok(self.reader(start))
    }

    fn get_bytes(&self, start: u64, length: usize) -> parquet::errors::Result<Bytes> {
        self.bytes(start, length as u64).map_err(|e| ParquetError::EOF(e.to_string()))
    }
}
