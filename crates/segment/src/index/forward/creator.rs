//! Writes dict ids in their final width.

use super::config::id_width;
use crate::{Result, creator::sink::SectionSink, format::as_bytes};

/// Maps temporary ids to final ones, counts and writes them.
pub(crate) struct IdWriter {
    width: usize,
    sink: SectionSink,
    narrow8: Vec<u8>,
    narrow16: Vec<u16>,
    wide: Vec<u32>,
}

impl IdWriter {
    pub(crate) fn new(cardinality: u32, sink: SectionSink) -> Self {
        Self { width: id_width(cardinality), sink, narrow8: Vec::new(), narrow16: Vec::new(), wide: Vec::new() }
    }

    /// Writes the next ids; `remap` gives the final id of each.
    pub(crate) fn write(&mut self, ids: &[u32], remap: Option<&[u32]>, counts: &mut [u32]) -> Result<()> {
        let mapped = ids.iter().map(|&id| {
            let id = remap.map_or(id, |remap| remap[id as usize]);
            counts[id as usize] += 1;
            id
        });
        match self.width {
            1 => {
                self.narrow8.clear();
                self.narrow8.extend(mapped.map(|id| id as u8));
                self.sink.write(&self.narrow8)
            }
            2 => {
                self.narrow16.clear();
                self.narrow16.extend(mapped.map(|id| id as u16));
                self.sink.write(as_bytes::<u16>(&self.narrow16))
            }
            _ => {
                self.wide.clear();
                self.wide.extend(mapped);
                self.sink.write(as_bytes::<u32>(&self.wide))
            }
        }
    }

    pub(crate) fn finish(self) -> SectionSink {
        self.sink
    }
}
