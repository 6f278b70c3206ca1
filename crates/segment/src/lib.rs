//! The columnar segment: container format, dictionaries, indexes, creator and reader.
//!
//! Bytes in, bitmaps and Arrow arrays out. Never here: tokio, a network, SQL, DataFusion.
//! The bytes are drawn in the crate's README.
//!
//! - [`creator::SegmentCreator`] takes batches of rows and writes a file in hot form.
//! - [`ImmutableSegment`] maps such a file; queries see it through [`SegmentReader`].
//! - [`packed`] turns it into the deep store's form and back.
//! - [`archive`] wraps the packed form as users carry it, a `.tar.gz`, and takes it apart.
//! - [`reload`] writes it again with other indexes or new columns.

pub mod archive;
pub mod creator;
mod error;
pub mod format;
pub mod index;
pub mod metadata;
pub mod packed;
mod partition;
pub mod reader;
pub mod reload;
mod text;

pub use creator::{BuiltSegment, CreatorOptions, SegmentCreator};
pub use error::{Error, Result};
pub use index::bloom::BloomReader;
pub use metadata::{ColumnMetadata, Partitions, SegmentMetadata};
pub use reader::{
    BloomFilter, ColumnReader, Dictionary, Forward, Ids, ImmutableSegment, InvertedIndex, Numbers, RangeIndex,
    SegmentReader,
};
