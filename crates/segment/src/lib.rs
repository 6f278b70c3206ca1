//! The columnar segment: container format, dictionaries, indexes, creator and reader.
//!
//! Bytes in, bitmaps and Arrow arrays out. Never here: tokio, a network, SQL, DataFusion.
//! The bytes are drawn in the crate's README.

pub mod reader;

pub use reader::{ColumnReader, Dictionary, Forward, SegmentReader};
