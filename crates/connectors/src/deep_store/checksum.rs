//! CRC-32 of local files.

use std::{fs::File, io::Read, path::Path};

use super::Transfer;
use crate::Error;

/// Size and CRC-32 (IEEE) of a local file. Reads the whole file: not for the async runtime's threads.
pub fn file_checksum(path: &Path) -> Result<Transfer, Error> {
    let failed = |source| Error::LocalFile { path: path.to_owned(), source };
    let mut file = File::open(path).map_err(failed)?;
    let mut sum = crc32fast::Hasher::new();
    let mut buffer = vec![0; 1 << 18];
    let mut size_bytes = 0;
    loop {
        let got = file.read(&mut buffer).map_err(failed)?;
        if got == 0 {
            return Ok(Transfer { size_bytes, crc: sum.finalize() });
        }
        sum.update(&buffer[..got]);
        size_bytes += got as u64;
    }
}
