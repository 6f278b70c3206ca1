//! What can go wrong, and the HTTP status of each.

use http::StatusCode;
use service::ApiError;

/// An operation that was refused or failed. The text is a whole sentence for the user, in the words that users of
/// Pinot's REST API know.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("{0}")]
    Invalid(String),
    /// A change that what is stored does not allow.
    #[error("{0}")]
    Incompatible(String),
    #[error("{0}")]
    Forbidden(String),
    #[error("{0}")]
    NotFound(String),
    #[error("{0}")]
    Conflict(String),
    /// What should be replaced is not there any more.
    #[error("{0}")]
    Gone(String),
    /// What is there is not what the caller took it for.
    #[error("{0}")]
    Precondition(String),
    /// The client took too long.
    #[error("{0}")]
    TimedOut(String),
    #[error("{0}")]
    Unavailable(String),
    #[error("{0}")]
    NotSupported(String),
    #[error("{0}")]
    Internal(String),
    #[error("cluster state could not be stored: {0}")]
    Store(#[from] metadata::Error),
    #[error("{what}: {source}")]
    Io { what: String, source: std::io::Error },
}

impl Error {
    pub fn status(&self) -> StatusCode {
        match self {
            Self::Invalid(_) | Self::Incompatible(_) => StatusCode::BAD_REQUEST,
            Self::Forbidden(_) => StatusCode::FORBIDDEN,
            Self::NotFound(_) => StatusCode::NOT_FOUND,
            Self::Conflict(_) => StatusCode::CONFLICT,
            Self::Gone(_) => StatusCode::GONE,
            Self::Precondition(_) => StatusCode::PRECONDITION_FAILED,
            Self::TimedOut(_) => StatusCode::REQUEST_TIMEOUT,
            Self::Unavailable(_) => StatusCode::SERVICE_UNAVAILABLE,
            Self::NotSupported(_) => StatusCode::NOT_IMPLEMENTED,
            Self::Internal(_) | Self::Store(_) | Self::Io { .. } => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// For `map_err`: an I/O error with what was tried.
    pub(crate) fn io(what: impl Into<String>) -> impl FnOnce(std::io::Error) -> Self {
        let what = what.into();
        move |source| Self::Io { what, source }
    }
}

impl From<Error> for ApiError {
    fn from(error: Error) -> Self {
        let status = error.status();
        if status == StatusCode::INTERNAL_SERVER_ERROR {
            tracing::warn!(%error, "a request failed");
        }
        Self::new(status, error.to_string())
    }
}
