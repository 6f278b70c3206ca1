//! What can be wrong with a statement, as the client reads it.

/// The text is complete: it goes into `exceptions[].message` as it is.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The statement cannot be parsed, or has a shape that the single-stage engine refuses.
    #[error("SQLParsingError: {0}")]
    Parsing(String),
    #[error("QueryValidationError: {0}")]
    Validation(String),
    /// A function, aggregate or literal that does not fit, found where a server would find it.
    #[error("{0}")]
    Unsupported(String),
    #[error("UnknownColumnError: Unknown columnName '{0}' found in the query")]
    UnknownColumn(String),
    #[error("TableDoesNotExistError")]
    UnknownTable(String),
    /// A bad option value, or a query in FROM. Its answer is not a broker response but HTTP 500 with this text.
    #[error("{0}")]
    Option(String),
    /// Evaluation failed while the partial results were reduced.
    #[error("{0}")]
    Execution(String),
    /// Partial results that do not fit together.
    #[error("MergeResponseError: {0}")]
    Merge(String),
}

impl Error {
    /// Pinot's error number.
    pub fn code(&self) -> i32 {
        match self {
            Self::Parsing(_) => 150,
            Self::Validation(_) | Self::Unsupported(_) => 700,
            Self::UnknownColumn(_) => 710,
            Self::UnknownTable(_) => 190,
            Self::Option(_) => 450,
            Self::Execution(_) => 200,
            Self::Merge(_) => 500,
        }
    }

    /// Whether the answer is HTTP 500 with the bare text instead of a broker response.
    pub fn is_raw_http_error(&self) -> bool {
        matches!(self, Self::Option(_))
    }

    pub(crate) fn unparsable(sql: &str, reason: impl std::fmt::Display) -> Self {
        Self::Parsing(format!("Caught exception while parsing query: {sql}: {reason}"))
    }

    /// Only the multi-stage engine can run it.
    pub fn multi_stage() -> Self {
        Self::Parsing(MULTI_STAGE_HINT.to_owned())
    }

    /// A query in FROM, asked of the single-stage engine.
    pub(crate) fn nested() -> Self {
        Self::Option("Nested query is not supported without gapfill".to_owned())
    }
}

impl From<functions::registry::Error> for Error {
    fn from(error: functions::registry::Error) -> Self {
        Self::Unsupported(error.to_string())
    }
}

impl From<aggregates::Error> for Error {
    fn from(error: aggregates::Error) -> Self {
        Self::Unsupported(error.to_string())
    }
}

const MULTI_STAGE_HINT: &str = "It seems that the query is only supported by the multi-stage query engine, please retry \
the query using the multi-stage query engine \
(https://docs.pinot.apache.org/developers/advanced/v2-multi-stage-query-engine)";
