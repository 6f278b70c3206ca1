//! Segments as users carry them: one compressed tar with a directory of the segment's name.
//!
//! ```text
//! <segment>.tar.gz
//! └── <segment>/
//!     ├── segment.cuvee    the segment file in packed form
//!     └── metadata.json    its [`SegmentMetadata`], for people and for pushes of metadata alone
//! ```
//!
//! [`write()`] and [`write_metadata()`] make such a file, [`read()`] takes one apart. What is read is hostile until
//! checked: only regular files directly inside one directory are taken, nothing is written outside the given
//! directory, sizes and compression ratios are bounded, and the segment file's checksums are compared.
//!
//! `metadata.json` is never trusted where the segment file is there: its footer says the same.

mod guard;
mod read;
mod write;

use std::path::PathBuf;

use crate::SegmentMetadata;

pub use read::{is_segment_file, read, read_metadata_batch};
pub use write::{write, write_metadata, write_metadata_batch};

/// Name of the segment file inside the archive.
pub const SEGMENT_FILE: &str = "segment.cuvee";
/// Name of the metadata file inside the archive.
pub const METADATA_FILE: &str = "metadata.json";
/// In a batch of metadata: one line for each segment, its name, a comma, where its archive can be fetched.
pub const BATCH_LIST: &str = "all_segments_metadata";

/// What an archive may cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Most bytes of all files in the archive together, and of the segment once it is unpacked. Default 64 GiB.
    pub max_bytes: u64,
    /// Most bytes that one compressed byte may become, looked at beyond the first 64 MiB. Default 200.
    pub max_ratio: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { max_bytes: 64 << 30, max_ratio: 200 }
    }
}

/// What was found in an archive.
#[derive(Clone, Debug)]
pub struct Archived {
    /// The segment's name is a valid one, and that of the directory.
    pub metadata: SegmentMetadata,
    /// The segment file in packed form, its checksums compared. None: the archive holds metadata alone.
    pub packed: Option<PathBuf>,
}

/// A segment of a batch: its metadata, and where its archive is.
#[derive(Clone, Debug)]
pub struct BatchEntry {
    pub metadata: SegmentMetadata,
    pub download_uri: String,
}
