//! Rows as files and streams give them, made into rows as the schema wants them, and files into segments.
//!
//! [`Pipeline`] takes raw batches through the table's ingestion config: complex types, transforms, filter, type
//! conversion, sanitising. [`batch::ingest_file`] runs it over a file on all cores and builds one segment.
//!
//! Never here: reading formats and stores (`connectors`), scalar functions (`functions`), the segment's bytes
//! (`segment`), anything async, the cluster.

pub mod batch;
pub mod convert;
pub mod dry_run;
pub mod error;
pub mod infer;
pub mod pipeline;
pub mod progress;

pub use error::{Error, RowError};
pub use pipeline::Pipeline;
pub use progress::Progress;
