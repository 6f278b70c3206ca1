//! What can go wrong between a file and its segment.

use std::{fmt, io, path::PathBuf};

/// An error of this crate. Texts are for the user who gave the file or the table config.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(transparent)]
    Input(#[from] connectors::Error),
    #[error(transparent)]
    Segment(#[from] segment::Error),
    #[error("the ingestion config cannot be used: {0}")]
    Config(String),
    #[error("Invalid transform function '{function}' for column '{column}', exception: {reason}")]
    Transform { column: String, function: String, reason: String },
    #[error("Invalid filter function '{function}', exception: {reason}")]
    Filter { function: String, reason: String },
    #[error("Groovy transform functions are disabled for table config. Found '{function}' for column '{column}'")]
    GroovyTransform { column: String, function: String },
    #[error("Groovy filter functions are disabled for table config. Found '{function}'")]
    GroovyFilter { function: String },
    /// Rows that cannot be ingested under the table's policy. `first` holds at most [`RowError::KEPT`].
    #[error("{}", rows_text(.file, *.bad_rows, .first))]
    Rows { file: String, bad_rows: u64, first: Vec<RowError> },
    /// No schema can be proposed for a source.
    #[error("no schema can be made of {source_name}: {reason}")]
    Infer { source_name: String, reason: String },
    #[error("{file} holds no rows and fail.on.empty.segment is true")]
    NoRows { file: String },
    #[error("invalid batch config '{key}' = '{value}': {reason}")]
    BatchConfig { key: String, value: String, reason: String },
    #[error("segment name '{name}' cannot be used: {reason}")]
    SegmentName { name: String, reason: String },
    #[error("cannot {action} {}", path.display())]
    Io {
        action: &'static str,
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("the ingestion of {file} was cancelled")]
    Cancelled { file: String },
    #[error("reading {file} failed on something that this build does not expect: {reason}")]
    Internal { file: String, reason: String },
}

impl Error {
    /// Whether the input or a setting is at fault, not this server.
    pub fn is_user_error(&self) -> bool {
        match self {
            Self::Input(e) => !matches!(e, connectors::Error::Read { .. } | connectors::Error::Open { .. }),
            Self::Segment(_) | Self::Io { .. } | Self::Cancelled { .. } | Self::Internal { .. } => false,
            _ => true,
        }
    }
}

/// One value or record that cannot be ingested; shown as `file:line:column: reason`, without column where the whole
/// record is at fault.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RowError {
    pub file: String,
    /// From 1: the line where the record starts; in binary formats the record's number.
    pub line: u64,
    /// Empty where the record as a whole is at fault.
    pub column: String,
    pub reason: String,
}

impl RowError {
    /// How many are kept of one file.
    pub const KEPT: usize = 10;
}

impl fmt::Display for RowError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file, self.line)?;
        if !self.column.is_empty() {
            write!(f, ":{}", self.column)?;
        }
        write!(f, ": {}", self.reason)
    }
}

fn rows_text(file: &str, bad_rows: u64, first: &[RowError]) -> String {
    use fmt::Write as _;
    let rows = if bad_rows == 1 { "1 row".to_owned() } else { format!("at least {bad_rows} rows") };
    let mut text = format!("{rows} of {file} cannot be ingested");
    for (i, error) in first.iter().enumerate() {
        let lead = if i == 0 { ": " } else { "; " };
        _ = write!(text, "{lead}{error}");
    }
    text
}
