//! What can go wrong while a bound query runs on a server.

/// Each error carries Pinot's number ([`Error::code`]); the text is a sentence for whoever asked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(
        "Query scheduling took longer than the query's timeout: no time was left when the server began to process it"
    )]
    NotStarted,
    #[error("Timed out after {elapsed_ms} ms while processing {segments} segments")]
    Timeout { elapsed_ms: u64, segments: usize },
    #[error("Query was cancelled while it was being processed")]
    Cancelled,
    #[error(
        "Query needs more than {limit_bytes} bytes of memory on this server; narrow the filter or group by fewer values"
    )]
    Memory { limit_bytes: usize },
    #[error("Caught exception while processing segment {segment}: {reason}")]
    Segment { segment: String, reason: String },
    #[error(transparent)]
    Function(#[from] functions::registry::Error),
    #[error(transparent)]
    Aggregate(#[from] aggregates::Error),
    #[error("Cannot apply {predicate} on column: {column} without {index} index")]
    NoIndex { predicate: &'static str, column: String, index: &'static str },
    #[error("Invalid regular expression '{pattern}': {reason}")]
    Pattern { pattern: String, reason: String },
    #[error("Option {key} has the value '{value}', expected {expected}")]
    Option { key: &'static str, value: String, expected: &'static str },
    #[error("Cannot compare column or expression {column} of type {ty} with {what}")]
    Comparison { column: String, ty: String, what: String },
    #[error("A worker failed on an internal error while processing the query: {0}")]
    Panic(String),
    #[error("Internal error while processing the query: {0}")]
    Internal(&'static str),
    #[error("Cannot build the result: {0}")]
    Arrow(#[from] arrow::error::ArrowError),
    /// Another worker of the same query has already reported why it stopped.
    #[error("Query was stopped by the failure of another worker")]
    Stopped,
}

impl Error {
    /// Pinot's error number.
    pub fn code(&self) -> i32 {
        match self {
            Self::NotStarted => 240,
            Self::Timeout { .. } => 250,
            Self::Cancelled => 503,
            Self::Memory { .. } => 245,
            Self::Aggregate(_) | Self::Option { .. } | Self::Comparison { .. } => 700,
            Self::Function(error) => match error {
                functions::registry::Error::Failed { .. } => 200,
                _ => 700,
            },
            _ => 200,
        }
    }

    /// Names the segment in whose rows an evaluation failed; other errors say enough already.
    pub(crate) fn in_segment(self, segment: &str) -> Self {
        match self {
            Self::Function(error @ functions::registry::Error::Failed { .. }) => {
                Self::Segment { segment: segment.to_owned(), reason: error.to_string() }
            }
            other => other,
        }
    }
}

pub(crate) type Result<T, E = Error> = std::result::Result<T, E>;
