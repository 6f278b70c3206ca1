//! Counts the bytes of an input file as they are read.

use std::{
    fs::File,
    io::{self, Read, Seek, SeekFrom},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

/// Bytes read of one file, as they lie on the disk, added to a sum that may cover many files.
///
/// Never counts more than the file has, so that what is read twice does not make a bar run over.
#[derive(Clone, Debug, Default)]
pub struct Meter(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    read: AtomicU64,
    length: u64,
    sum: Arc<AtomicU64>,
}

impl Meter {
    /// A meter for a file of `length` bytes that adds to `sum`.
    pub fn new(length: u64, sum: Arc<AtomicU64>) -> Self {
        Self(Arc::new(Inner { read: AtomicU64::new(0), length, sum }))
    }

    /// Notes that so many bytes were read.
    pub fn add(&self, bytes: u64) {
        let inner = &self.0;
        let before = inner.read.fetch_add(bytes, Ordering::Relaxed);
        let counted = bytes.min(inner.length.saturating_sub(before));
        inner.sum.fetch_add(counted, Ordering::Relaxed);
    }

    /// The file is done with: what was passed over counts as read.
    pub fn finish(&self) {
        self.add(self.0.length.saturating_sub(self.0.read.load(Ordering::Relaxed)));
    }
}

/// A file whose reads are counted.
pub(super) struct Metered {
    pub file: File,
    pub meter: Meter,
}

impl Read for Metered {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let got = self.file.read(buffer)?;
        self.meter.add(got as u64);
        Ok(got)
    }
}

impl Seek for Metered {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.file.seek(to)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_meter_counts_each_byte_once() {
        let sum = Arc::new(AtomicU64::new(5));
        let meter = Meter::new(10, sum.clone());
        meter.add(4);
        assert_eq!(sum.load(Ordering::Relaxed), 9);
        meter.finish();
        assert_eq!(sum.load(Ordering::Relaxed), 15);
        meter.add(7);
        meter.finish();
        assert_eq!(sum.load(Ordering::Relaxed), 15);
    }
}
