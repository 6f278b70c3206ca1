//! Collects docs without value.

use roaring::RoaringBitmap;

/// Ascending docs without value; counted even where no vector is kept.
pub(crate) struct NullVector {
    docs: RoaringBitmap,
    keep: bool,
}

impl NullVector {
    pub(crate) fn new(keep: bool) -> Self {
        Self { docs: RoaringBitmap::new(), keep }
    }

    pub(crate) fn push(&mut self, doc: u32) {
        if self.keep {
            // Docs ascend, so none is refused.
            let _ = self.docs.try_push(doc);
        }
    }

    /// The section, where there are nulls.
    pub(crate) fn finish(mut self) -> Option<(RoaringBitmap, Vec<u8>)> {
        if self.docs.is_empty() {
            return None;
        }
        self.docs.optimize();
        let bytes = serialize(&self.docs);
        Some((self.docs, bytes))
    }
}

/// A bitmap in roaring's portable format.
pub(crate) fn serialize(bitmap: &RoaringBitmap) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(bitmap.serialized_size());
    // Writing into a Vec cannot fail.
    let _ = bitmap.serialize_into(&mut bytes);
    bytes
}
