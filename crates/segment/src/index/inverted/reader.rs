//! Reads docs by id; decoded bitmaps are kept up to a bound.

use std::sync::Arc;

use arrow::buffer::{Buffer, ScalarBuffer};
use parking_lot::Mutex;
use roaring::RoaringBitmap;
use rustc_hash::FxHashMap;

use super::config::Layout;
use crate::{
    InvertedIndex, Result,
    format::{Container, Kind, SectionBytes, u32_at},
    index::null::reader::read_bitmap,
};

/// Decoded bitmaps kept per index, by their size in the file.
const CACHE_BYTES: usize = 8 << 20;

/// An inverted index inside a mapped segment.
///
/// Offsets are checked at opening. A bitmap that turns out to be unreadable later is replaced by a scan of the ids, so
/// the answer is right and only slow.
pub struct InvertedReader {
    layout: Postings,
    num_docs: u32,
    size_bytes: u64,
    scan: Box<dyn Fn(u32) -> RoaringBitmap + Send + Sync>,
    cache: Mutex<Cache>,
}

enum Postings {
    Bitmaps { bytes: Buffer, ends: ScalarBuffer<u64> },
    Lists { docs: ScalarBuffer<u32>, ends: ScalarBuffer<u32> },
}

#[derive(Default)]
struct Cache {
    bitmaps: FxHashMap<u32, Arc<RoaringBitmap>>,
    bytes: usize,
}

const HEAD: usize = 8;

impl InvertedReader {
    /// `scan` finds the docs of an id without the index.
    pub(crate) fn open(
        container: &Container,
        column: u32,
        cardinality: u32,
        num_docs: u32,
        scan: impl Fn(u32) -> RoaringBitmap + Send + Sync + 'static,
    ) -> Result<Option<Self>> {
        let Some(section) = container.section(column, Kind::Inverted) else { return Ok(None) };
        let layout = read_layout(&section, cardinality, num_docs).map_err(|reason| section.damaged(reason))?;
        Ok(Some(Self {
            layout,
            num_docs,
            size_bytes: section.len(),
            scan: Box::new(scan),
            cache: Mutex::new(Cache::default()),
        }))
    }

    /// Decodes every bitmap.
    pub(crate) fn verify(&self) -> Result<(), String> {
        if let Postings::Bitmaps { bytes, ends } = &self.layout {
            for w in ends.windows(2) {
                read_bitmap(&bytes[w[0] as usize..w[1] as usize], self.num_docs)?;
            }
        }
        Ok(())
    }

    fn read(&self, id: u32) -> Option<(RoaringBitmap, usize)> {
        let id = id as usize;
        match &self.layout {
            Postings::Bitmaps { bytes, ends } => {
                let range = ends[id] as usize..ends[id + 1] as usize;
                let len = range.len();
                Some((read_bitmap(&bytes[range], self.num_docs).ok()?, len))
            }
            Postings::Lists { docs, ends } => {
                let docs = &docs[ends[id] as usize..ends[id + 1] as usize];
                Some((RoaringBitmap::from_sorted_iter(docs.iter().copied()).ok()?, docs.len() * 4))
            }
        }
    }
}

fn read_layout(section: &SectionBytes<'_>, cardinality: u32, num_docs: u32) -> Result<Postings, String> {
    let bytes = section.bytes();
    let ids = cardinality as usize + 1;
    if u32_at(bytes, 4) != Some(cardinality) {
        return Err(format!("it is not made for {cardinality} values"));
    }
    let layout = u32_at(bytes, 0);
    let width = if layout == Some(Layout::Bitmaps as u32) { 8 } else { 4 };
    let table = bytes.len().checked_sub(ids * width).filter(|&at| at >= HEAD && at.is_multiple_of(width));
    let table = table.ok_or_else(|| format!("{} bytes are too few", bytes.len()))?;
    let buffer = section.buffer();
    if layout == Some(Layout::Bitmaps as u32) {
        let ends = ScalarBuffer::<u64>::new(buffer.clone(), table / 8, ids);
        let limit = (table - HEAD) as u64;
        let fits = ends[0] == 0 && ends.last().is_some_and(|&end| end <= limit && end + 8 > limit);
        if !fits || ends.windows(2).any(|w| w[0] > w[1]) {
            return Err("the offsets do not ascend to the end of the bitmaps".to_owned());
        }
        return Ok(Postings::Bitmaps { bytes: buffer.slice_with_length(HEAD, table - HEAD), ends });
    }
    if layout != Some(Layout::Postings as u32) {
        return Err(format!("the layout {layout:?} is unknown"));
    }
    let ends = ScalarBuffer::<u32>::new(buffer.clone(), table / 4, ids);
    let docs = ScalarBuffer::<u32>::new(buffer, HEAD / 4, (table - HEAD) / 4);
    if ends[0] != 0 || ends.last().map(|&end| end as usize) != Some(docs.len()) || ends.windows(2).any(|w| w[0] > w[1])
    {
        return Err("the offsets do not ascend to the end of the postings".to_owned());
    }
    match docs.iter().max() {
        Some(&doc) if doc >= num_docs => Err(format!("it holds doc {doc} of {num_docs}")),
        _ => Ok(Postings::Lists { docs, ends }),
    }
}

impl InvertedIndex for InvertedReader {
    fn docs(&self, id: u32) -> Arc<RoaringBitmap> {
        if let Some(found) = self.cache.lock().bitmaps.get(&id) {
            return Arc::clone(found);
        }
        let (bitmap, bytes) = self.read(id).unwrap_or_else(|| ((self.scan)(id), 0));
        let bitmap = Arc::new(bitmap);
        if bytes <= CACHE_BYTES / 8 {
            let mut cache = self.cache.lock();
            // An entry costs more than its bytes: the map's slot and the Arc.
            let cost = bytes + 64;
            if cache.bytes + cost > CACHE_BYTES {
                *cache = Cache::default();
            }
            cache.bytes += cost;
            cache.bitmaps.insert(id, Arc::clone(&bitmap));
        }
        bitmap
    }

    fn size_bytes(&self) -> u64 {
        self.size_bytes
    }
}
