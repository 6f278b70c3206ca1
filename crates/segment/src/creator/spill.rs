//! Small numbers in append order, narrow in memory, in a temporary file when told to spill.

use std::{
    fs::File,
    io::{BufReader, Read, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
};

use super::sink;
use crate::{Error, Result, format::as_bytes};

/// Numbers per block.
pub(crate) const BLOCK: usize = 1 << 16;

/// A list of `u32` that is written once and read front to back.
pub(crate) struct IdSpill {
    work_dir: PathBuf,
    current: Vec<u32>,
    blocks: Vec<Block>,
    block_bytes: usize,
    file: Option<File>,
    len: u64,
}

enum Block {
    U8(Vec<u8>),
    U16(Vec<u16>),
    U32(Vec<u32>),
}

impl Block {
    fn new(ids: &[u32]) -> Self {
        match ids.iter().copied().max().unwrap_or(0) {
            0..=0xff => Self::U8(ids.iter().map(|&id| id as u8).collect()),
            0x100..=0xffff => Self::U16(ids.iter().map(|&id| id as u16).collect()),
            _ => Self::U32(ids.to_vec()),
        }
    }

    /// Width in bytes, number of entries, entries as bytes.
    fn parts(&self) -> (u32, usize, &[u8]) {
        match self {
            Self::U8(ids) => (1, ids.len(), ids),
            Self::U16(ids) => (2, ids.len(), as_bytes(ids)),
            Self::U32(ids) => (4, ids.len(), as_bytes(ids)),
        }
    }
}

impl IdSpill {
    pub(crate) fn new(work_dir: &Path) -> Self {
        Self {
            work_dir: work_dir.to_owned(),
            current: Vec::new(),
            blocks: Vec::new(),
            block_bytes: 0,
            file: None,
            len: 0,
        }
    }

    pub(crate) fn len(&self) -> u64 {
        self.len
    }

    pub(crate) fn push(&mut self, id: u32) {
        self.current.push(id);
        self.len += 1;
        if self.current.len() == BLOCK {
            self.close();
        }
    }

    fn close(&mut self) {
        let block = Block::new(&self.current);
        self.block_bytes += block.parts().2.len();
        self.blocks.push(block);
        self.current.clear();
    }

    pub(crate) fn memory_bytes(&self) -> usize {
        self.block_bytes + self.current.capacity() * 4
    }

    /// Moves closed blocks to the temporary file.
    pub(crate) fn spill(&mut self) -> Result<()> {
        if self.blocks.is_empty() {
            return Ok(());
        }
        let blocks = std::mem::take(&mut self.blocks);
        self.block_bytes = 0;
        let file = sink::open(&mut self.file, &self.work_dir)?;
        for block in blocks {
            let (width, len, bytes) = block.parts();
            let head = [width.to_le_bytes(), (len as u32).to_le_bytes()].concat();
            file.write_all(&head)
                .and_then(|()| file.write_all(bytes))
                .map_err(|e| Error::io("write a temporary file in", &self.work_dir, e))?;
        }
        Ok(())
    }

    /// Reads all numbers in order, in pieces of at most [`BLOCK`].
    pub(crate) fn for_each(&mut self, f: &mut dyn FnMut(&[u32]) -> Result<()>) -> Result<()> {
        let mut wide = Vec::with_capacity(BLOCK);
        if let Some(file) = &mut self.file {
            let failed = |e| Error::io("read a temporary file in", &self.work_dir, e);
            let end = file.stream_position().map_err(failed)?;
            file.seek(SeekFrom::Start(0)).map_err(failed)?;
            let mut reader = BufReader::with_capacity(1 << 18, &mut *file);
            let mut at = 0u64;
            let mut bytes = Vec::new();
            while at < end {
                let mut head = [0u8; 8];
                reader.read_exact(&mut head).map_err(failed)?;
                let width = u32::from_le_bytes([head[0], head[1], head[2], head[3]]) as usize;
                let len = u32::from_le_bytes([head[4], head[5], head[6], head[7]]) as usize;
                bytes.resize(width * len, 0);
                reader.read_exact(&mut bytes).map_err(failed)?;
                at += (8 + bytes.len()) as u64;
                widen(width, &bytes, &mut wide);
                f(&wide)?;
            }
            drop(reader);
            file.seek(SeekFrom::Start(end)).map_err(failed)?;
        }
        for block in &self.blocks {
            let (width, _, bytes) = block.parts();
            widen(width as usize, bytes, &mut wide);
            f(&wide)?;
        }
        if self.current.is_empty() { Ok(()) } else { f(&self.current) }
    }
}

/// Little-endian numbers of 1, 2 or 4 bytes as `u32`.
fn widen(width: usize, bytes: &[u8], out: &mut Vec<u32>) {
    out.clear();
    match width {
        1 => out.extend(bytes.iter().map(|&b| u32::from(b))),
        2 => out.extend(bytes.chunks_exact(2).map(|b| u32::from(u16::from_le_bytes([b[0], b[1]])))),
        _ => out.extend(bytes.chunks_exact(4).map(|b| u32::from_le_bytes([b[0], b[1], b[2], b[3]]))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_come_back_in_order() {
        for spill_every in [usize::MAX, 70_000, 1] {
            let dir = tempfile::tempdir().unwrap();
            let mut spill = IdSpill::new(dir.path());
            let numbers: Vec<u32> =
                (0..300_000u32).map(|i| if i < 70_000 { i % 7 } else { i.wrapping_mul(77_777) % (i + 1) }).collect();
            for (i, &n) in numbers.iter().enumerate() {
                spill.push(n);
                if i % spill_every == 0 {
                    spill.spill().unwrap();
                }
            }
            for _ in 0..2 {
                let mut back = Vec::new();
                spill
                    .for_each(&mut |piece| {
                        back.extend_from_slice(piece);
                        Ok(())
                    })
                    .unwrap();
                assert!(back == numbers, "spilled every {spill_every}");
            }
            assert_eq!(spill.len(), 300_000);
        }
    }
}
