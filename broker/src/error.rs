//! What can go wrong in a broker, apart from queries, whose errors are answers.

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("configuration: {0}")]
    Config(String),
    #[error(transparent)]
    Bind(#[from] service::http::BindError),
    #[error("table {table}: {reason}")]
    Table { table: String, reason: String },
}
