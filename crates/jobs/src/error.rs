//! What can go wrong in a job. Texts are for the user who wrote the job spec.

use std::{fmt, io, path::PathBuf};

#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The job spec is not one. Holds everything that is wrong with it, in the file's order.
    #[error("{}", problems_text(.origin, .problems))]
    Spec { origin: String, problems: Vec<Problem> },
    #[error("cannot {action} {}", path.display())]
    Io {
        action: &'static str,
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("invalid {what} '{value}': {reason}")]
    Value { what: &'static str, value: String, reason: String },
    #[error("{0}")]
    NoInput(String),
    #[error(transparent)]
    Store(Box<connectors::Error>),
    #[error("cannot make a segment of {file}")]
    Ingest {
        file: String,
        #[source]
        source: Box<ingest::Error>,
    },
    #[error("segment {segment} cannot be packed")]
    Pack {
        segment: String,
        #[source]
        source: Box<segment::Error>,
    },
    /// A controller or another HTTP server cannot be reached.
    #[error("no answer from {url}")]
    Http {
        url: String,
        #[source]
        source: reqwest::Error,
    },
    /// It answered, with a refusal.
    #[error("{url} answered {status}: {text}")]
    Refused { url: String, status: u16, text: String },
    #[error("{url} sent no {what}: {reason}")]
    Reply { url: String, what: &'static str, reason: String },
    #[error("{failed} of {total} files failed; the first: {first}")]
    Files { failed: usize, total: usize, first: String },
    #[error("the job was cancelled")]
    Cancelled,
    #[error("a part of the job ended unexpectedly: {0}")]
    Internal(String),
}

impl Error {
    /// Whether trying the same again may help.
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Http { .. } => true,
            Self::Refused { status, .. } => *status >= 500 || *status == 408 || *status == 429,
            Self::Store(e) => e.is_retryable(),
            _ => false,
        }
    }

    pub(crate) fn pack(segment: &str) -> impl Fn(segment::Error) -> Self + Copy + '_ {
        move |source| Self::Pack { segment: segment.to_owned(), source: Box::new(source) }
    }

    pub(crate) fn io(action: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { action, path, source }
    }

    /// The error and what it came from, in one line.
    pub fn chain(&self) -> String {
        chain(self)
    }
}

impl From<connectors::Error> for Error {
    fn from(error: connectors::Error) -> Self {
        Self::Store(Box::new(error))
    }
}

/// One thing that is wrong with a job spec. Lines and columns count from 1.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Problem {
    pub line: usize,
    pub column: usize,
    pub text: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}, column {}: {}", self.line, self.column, self.text)
    }
}

fn problems_text(origin: &str, problems: &[Problem]) -> String {
    use fmt::Write as _;
    match problems {
        [one] => format!("{origin}, {one}"),
        many => {
            let mut text = format!("{origin} cannot be used as a job spec:");
            for problem in many {
                _ = write!(text, "\n  {problem}");
            }
            text
        }
    }
}

pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(source) = next {
        let part = source.to_string();
        if !text.ends_with(&part) {
            text.push_str(": ");
            text.push_str(&part);
        }
        next = source.source();
    }
    text
}
