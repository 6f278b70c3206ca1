//! What can go wrong at the edge to the outside world.

use std::{io, path::PathBuf};

/// An error of an input format or of the deep store. Texts are for the user who gave the file or the setting.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("cannot open input file {}", path.display())]
    Open {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("cannot read input file {file}")]
    Read {
        file: String,
        #[source]
        source: io::Error,
    },
    /// A format name that nobody knows.
    #[error("unknown inputFormat '{0}', expected one of csv, json, avro, gzipped_avro, parquet, orc, proto, arrow")]
    UnknownFormat(String),
    /// A format that Pinot has and this build cannot read.
    #[error("inputFormat '{name}' is not supported: {reason}")]
    UnsupportedFormat { name: String, reason: &'static str },
    /// A class of the user's own, or one that is misspelled.
    #[error(
        "unknown record reader class '{0}': classes cannot be loaded, only those that come with csv, json, avro, \
         parquet, orc and proto are known"
    )]
    UnknownReader(String),
    #[error("invalid reader property '{key}' = '{value}': {reason}")]
    Property { key: String, value: String, reason: String },
    /// The file as a whole cannot be read as what it is said to be.
    #[error("{file} is not a readable {format} file: {reason}")]
    Malformed { file: String, format: &'static str, reason: String },
    /// One record cannot be read and the reader's settings, or the format, do not allow to go on behind it.
    #[error("{file}:{line}: {reason}")]
    Record { file: String, line: u64, reason: String },
    #[error("deep store {url}: {reason}")]
    StoreConfig { url: String, reason: String },
    #[error("deep store: there is no {path}")]
    NotFound { path: String },
    #[error("deep store: invalid path '{path}': {reason}")]
    InvalidPath { path: String, reason: String },
    #[error("deep store: cannot {action} {path} after {attempts} attempts")]
    Store {
        action: &'static str,
        path: String,
        attempts: u32,
        #[source]
        source: object_store::Error,
    },
    #[error("deep store: {path} has checksum {found:08x} where {expected:08x} is expected")]
    Checksum { path: String, expected: u32, found: u32 },
    #[error("deep store: {path} has {found} bytes where {expected} were sent")]
    Cut { path: String, expected: u64, found: u64 },
    #[error("Kafka at {brokers}: {reason}")]
    Kafka { brokers: String, reason: String },
    /// What somebody has named is not looked at: the place, or the way it is named, is not allowed.
    #[error("{what} is refused: {reason}")]
    Refused { what: String, reason: String },
    /// What somebody has named cannot be had.
    #[error("{uri}: {reason}")]
    NoSource { uri: String, reason: String },
    #[error("HTTP {url}: {reason}")]
    Http { url: String, reason: String },
    #[error("deep store: local file {}", path.display())]
    LocalFile {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
}

impl Error {
    /// Whether trying the same again may help.
    pub fn is_retryable(&self) -> bool {
        matches!(self, Self::Store { .. } | Self::Checksum { .. } | Self::Cut { .. })
    }
}
