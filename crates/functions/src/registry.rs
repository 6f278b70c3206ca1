//! The table of scalar functions.

use model::ColumnType;

use crate::vector::Vector;

/// Why a call cannot be bound or evaluated. The text is a sentence for the user who wrote the call.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    #[error("Unsupported function: {0}")]
    UnknownFunction(String),
    #[error("Unsupported function: {function} with arguments of type: [{types}]")]
    NoSuchSignature { function: String, types: String },
    #[error("{function}: {reason}")]
    Failed { function: String, reason: String },
}

/// Per-query facts that a call may need.
#[derive(Clone, Copy, Debug)]
pub struct Context {
    /// `now()`, fixed once per query.
    pub now_ms: i64,
    /// Whether a null argument is a null (true) or has already been replaced by the column's default (false).
    pub null_handling: bool,
}

/// One scalar function with all its signatures.
pub trait ScalarFunction: Send + Sync {
    /// Canonical name: lower case, no underscores, e.g. `datetrunc`.
    fn name(&self) -> &'static str;

    /// Result type for these arguments. A constant argument is given, since some results depend on it
    /// (`CAST(x AS 'LONG')`, `jsonExtractScalar(c, p, 'INT_ARRAY')`).
    fn return_type(&self, args: &[Argument<'_>]) -> Result<ColumnType, Error>;

    /// Evaluates over `rows` rows. Array arguments have exactly `rows` entries.
    fn evaluate(&self, args: &[Vector], rows: usize, ctx: &Context) -> Result<Vector, Error>;

    /// Whether equal arguments give equal results, so that the call may be folded or run once per dictionary entry.
    fn is_deterministic(&self) -> bool {
        true
    }
}

/// What the binder knows of an argument.
#[derive(Clone, Copy, Debug)]
pub struct Argument<'a> {
    pub ty: ColumnType,
    pub constant: Option<&'a model::Value>,
}

/// Finds a function by any spelling: case and underscores do not count, aliases do.
pub fn lookup(name: &str) -> Option<&'static dyn ScalarFunction> {
    let _ = name;
    None
}
