//! What can go wrong with a segment.

use std::path::{Path, PathBuf};

use model::DataType;

/// An error of this crate. A damaged file is always [`Error::Damaged`] or [`Error::UnsupportedVersion`].
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("cannot {action} {}", path.display())]
    Io {
        action: &'static str,
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },
    #[error("segment file {} is damaged in its {section}: {reason}; fetch it again from the deep store", path.display())]
    Damaged { path: PathBuf, section: String, reason: String },
    #[error("segment file {} has format version {version}, this build reads version {supported}; use a newer build or build the segment again", path.display())]
    UnsupportedVersion { path: PathBuf, version: u32, supported: u32 },
    #[error("segment file {} is in {found} form, expected {expected} form", path.display())]
    WrongForm { path: PathBuf, found: &'static str, expected: &'static str },
    #[error("column '{column}' of a batch has Arrow type {found}, expected {expected}")]
    BatchType { column: String, found: String, expected: String },
    #[error("column '{column}' has type {data_type}, which a segment cannot store")]
    UnsupportedType { column: String, data_type: DataType },
    #[error("the default null value of column '{column}' is no {data_type}: {value}")]
    DefaultNullValue { column: String, data_type: DataType, value: String },
    #[error("no {index} index can be built on column '{column}': {reason}")]
    Index { index: &'static str, column: String, reason: String },
    #[error("segment '{segment}' is too large: {what}; load the input as several smaller files")]
    TooLarge { segment: String, what: String },
    #[error("metadata of segment '{segment}' cannot be written as JSON")]
    Metadata {
        segment: String,
        #[source]
        source: serde_json::Error,
    },
    #[error("the segment archive is refused: {reason}")]
    Archive { reason: String },
    #[error("building segment '{segment}' stopped: a worker thread panicked on column '{column}'")]
    Worker { segment: String, column: String },
}

impl Error {
    pub(crate) fn io(action: &'static str, path: &Path, source: std::io::Error) -> Self {
        Self::Io { action, path: path.to_owned(), source }
    }

    /// The bytes of the file are at fault, so another copy of it may be good.
    pub fn is_damage(&self) -> bool {
        matches!(
            self,
            Self::Damaged { .. } | Self::UnsupportedVersion { .. } | Self::WrongForm { .. } | Self::Archive { .. }
        )
    }
}

pub type Result<T, E = Error> = std::result::Result<T, E>;
