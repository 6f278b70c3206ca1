//! Opens an input file as a stream of plain bytes.

use std::{
    fs::File,
    io::{self, BufReader, Cursor, Read},
    path::Path,
};

use bzip2::read::MultiBzDecoder;
use flate2::read::MultiGzDecoder;

use super::meter::{Meter, Metered};
use crate::Error;

const GZIP: &[u8] = &[0x1f, 0x8b];
const ZSTD: &[u8] = &[0x28, 0xb5, 0x2f, 0xfd];
const BZIP2: &[u8] = b"BZh";
const BUFFER_BYTES: usize = 256 << 10;

/// The bytes of a file, decompressed when it starts as gzip, zstd or bzip2 does.
pub(super) fn open(path: &Path, meter: &Meter) -> Result<Box<dyn Read + Send>, Error> {
    let file = File::open(path).map_err(|source| Error::Open { path: path.to_owned(), source })?;
    let file = Metered { file, meter: meter.clone() };
    decompressed(file).map_err(|source| Error::Open { path: path.to_owned(), source })
}

pub(super) fn decompressed(mut input: impl Read + Send + 'static) -> io::Result<Box<dyn Read + Send>> {
    let mut start = [0u8; 4];
    let got = fill(&mut input, &mut start)?;
    let start = &start[..got];
    let whole = Cursor::new(start.to_vec()).chain(input);
    if start.starts_with(GZIP) {
        return Ok(Box::new(MultiGzDecoder::new(BufReader::with_capacity(BUFFER_BYTES, whole))));
    }
    if start.starts_with(ZSTD) {
        return Ok(Box::new(zstd::stream::read::Decoder::new(whole)?));
    }
    if is_bzip2(start) {
        return Ok(Box::new(MultiBzDecoder::new(BufReader::with_capacity(BUFFER_BYTES, whole))));
    }
    Ok(Box::new(whole))
}

/// Whether a file that starts with these four bytes is compressed as a whole.
pub(super) fn is_compressed(start: &[u8]) -> bool {
    start.starts_with(GZIP) || start.starts_with(ZSTD) || is_bzip2(start)
}

/// The name is followed by the block size as a digit; a text may well start with the three letters.
fn is_bzip2(start: &[u8]) -> bool {
    start.starts_with(BZIP2) && start.get(3).is_some_and(|b| matches!(b, b'1'..=b'9'))
}

/// Reads until the buffer is full or the input ends.
pub(super) fn fill(input: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut got = 0;
    while got < buffer.len() {
        match input.read(&mut buffer[got..]) {
            Ok(0) => break,
            Ok(n) => got += n,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
    Ok(got)
}
