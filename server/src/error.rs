//! What can go wrong in a server.

use std::path::{Path, PathBuf};

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("configuration: {0}")]
    Config(String),
    #[error("cannot {what} {}", path.display())]
    File { what: &'static str, path: PathBuf, source: std::io::Error },
    #[error("the local copy of the assignment at {} cannot be used: {reason}", path.display())]
    LocalCopy { path: PathBuf, reason: String },
    #[error("segment {segment} of table {table}: {reason}")]
    Segment { table: String, segment: String, reason: String },
    #[error("cannot fetch segment {segment} of table {table} from {url}")]
    Fetch {
        table: String,
        segment: String,
        url: String,
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    #[error("segment {segment} of table {table} is damaged: {reason}")]
    Damaged { table: String, segment: String, reason: String },
    #[error("table {table}: {reason}")]
    Table { table: String, reason: String },
    #[error(transparent)]
    Bind(#[from] service::http::BindError),
    #[error("a worker thread broke off: {0}")]
    Worker(String),
}

impl Error {
    pub(crate) fn file(what: &'static str, path: &Path, source: std::io::Error) -> Self {
        Self::File { what, path: path.to_owned(), source }
    }

    /// The whole chain in one sentence, for state reports and logs.
    pub fn chain(&self) -> String {
        let mut text = self.to_string();
        let mut source = std::error::Error::source(self);
        while let Some(error) = source {
            text.push_str(": ");
            text.push_str(&error.to_string());
            source = error.source();
        }
        text
    }
}
