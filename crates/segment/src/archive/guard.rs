//! Bounds on what decompression gives.

use std::{
    cell::Cell,
    io::{self, Read},
    rc::Rc,
};

use super::Limits;

/// Before so much has come out the ratio says nothing: short files of zeros compress well.
const FREE_BYTES: u64 = 64 << 20;

/// Counts what is read through it.
pub(super) struct Counted<R> {
    inner: R,
    seen: Rc<Cell<u64>>,
}

impl<R> Counted<R> {
    pub(super) fn new(inner: R) -> (Self, Rc<Cell<u64>>) {
        let seen = Rc::new(Cell::new(0));
        (Self { inner, seen: Rc::clone(&seen) }, seen)
    }
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let got = self.inner.read(out)?;
        self.seen.set(self.seen.get() + got as u64);
        Ok(got)
    }
}

/// Ends with an error when more comes out than `limits` allow for what went in.
pub(super) struct Guard<R> {
    inner: R,
    compressed: Rc<Cell<u64>>,
    out: u64,
    limits: Limits,
}

impl<R> Guard<R> {
    pub(super) fn new(inner: R, compressed: Rc<Cell<u64>>, limits: Limits) -> Self {
        Self { inner, compressed, out: 0, limits }
    }
}

impl<R: Read> Read for Guard<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let got = self.inner.read(out)?;
        self.out += got as u64;
        // Headers and padding are on top of the files.
        let most = self.limits.max_bytes.saturating_add(1 << 20);
        if self.out > most {
            return Err(io::Error::other(format!(
                "it unpacks to more than {} bytes, the most that is taken",
                self.limits.max_bytes
            )));
        }
        let by_ratio = self.compressed.get().saturating_mul(self.limits.max_ratio).max(FREE_BYTES);
        if self.out > by_ratio {
            return Err(io::Error::other(format!(
                "one of its bytes unpacks to more than {} bytes, as no segment does",
                self.limits.max_ratio
            )));
        }
        Ok(got)
    }
}
