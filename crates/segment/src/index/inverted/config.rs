//! The inverted index has no settings; its layout follows the cardinality.

/// Up to this many ids each has a roaring bitmap; above, docs lie in one list with offsets per id.
pub const MAX_BITMAPS: u32 = 10_000;

/// How the section is laid out. The code is its first word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub(crate) enum Layout {
    Bitmaps = 0,
    Postings = 1,
}
