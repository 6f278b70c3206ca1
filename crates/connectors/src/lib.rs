//! The outside world: input file formats and the deep store.
//!
//! [`format`] reads files (CSV, JSON, Avro, Parquet, ORC, Protobuf, Arrow; plain, gzip, zstd or bzip2) into batches of
//! raw values;
//! [`deep_store`] keeps committed segments; [`remote`] fetches one file from wherever a URI says, as far as [`net`]
//! lets it; [`kafka`] sends messages to topics. Each has an in-memory twin or takes any reader, so that tests need no outside service.
//!
//! Never here: schemas being applied, transforms, type conversion (that is `ingest`), segment bytes, SQL.

pub mod deep_store;
pub mod error;
pub mod format;
pub mod kafka;
pub mod net;
pub mod remote;

pub use error::Error;
