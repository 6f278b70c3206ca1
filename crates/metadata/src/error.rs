//! What can go wrong with cluster state.

use std::{io, path::PathBuf};

use crate::{Expect, Version};

pub type Result<T, E = Error> = std::result::Result<T, E>;

#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Somebody else changed the record: read it again and decide anew.
    #[error("record {path} was changed by somebody else: {expected}, found {}", found_text(.found))]
    Conflict { path: String, expected: Expect, found: Option<Version> },
    #[error("'{path}' is no metadata path: {reason}")]
    InvalidPath { path: String, reason: &'static str },
    #[error("metadata store {} is in use by another process: stop it or choose another data directory", .file.display())]
    InUse { file: PathBuf },
    #[error("metadata store {} is damaged ({reason}): restore it from a backup, or move it away to start with an empty cluster", .file.display())]
    Corrupt { file: PathBuf, reason: String },
    #[error("metadata store {} was written by a newer version (format {found}, this one knows up to {known})", .file.display())]
    NewerFormat { file: PathBuf, found: u64, known: u64 },
    #[error("cannot open metadata store {}", .file.display())]
    Open {
        file: PathBuf,
        #[source]
        source: io::Error,
    },
    /// The store failed; whether a commit took effect is unknown until it is opened again.
    #[error("metadata store failed while {doing}")]
    Storage {
        doing: &'static str,
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    #[error("record {path} does not hold what it should")]
    Decode {
        path: String,
        #[source]
        source: serde_json::Error,
    },
    #[error("record for {path} cannot be written as JSON")]
    Encode {
        path: String,
        #[source]
        source: serde_json::Error,
    },
    #[error("record for {path} has {size} bytes, more than the {limit} a record may have")]
    TooLarge { path: String, size: usize, limit: usize },
    #[error("one transaction names {path} twice")]
    Duplicate { path: String },
    #[error("record {path} kept changing: gave up after {attempts} attempts")]
    Contended { path: String, attempts: u32 },
    /// A closure of an update refused: its own reason.
    #[error("{0}")]
    Refused(String),
}

fn found_text(found: &Option<Version>) -> String {
    found.map_or_else(|| "no record".to_owned(), |version| format!("version {version}"))
}

impl Error {
    /// Whether the same call may succeed after reading again.
    pub fn is_retryable(&self) -> bool {
        matches!(self, Self::Conflict { .. } | Self::Contended { .. })
    }
}
