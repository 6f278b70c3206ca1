//! The table of scalar functions.

use std::{collections::HashMap, sync::LazyLock};

use model::ColumnType;

use crate::{families, vector::Vector};

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

impl Error {
    pub(crate) fn no_signature(function: &str, types: &[ColumnType]) -> Self {
        let types = types.iter().map(|t| t.response_name()).collect::<Vec<_>>().join(", ");
        Self::NoSuchSignature { function: function.to_owned(), types }
    }

    pub(crate) fn failed(function: &str, reason: impl Into<String>) -> Self {
        Self::Failed { function: function.to_owned(), reason: reason.into() }
    }
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

    /// Other canonical names of the same function.
    fn aliases(&self) -> &'static [&'static str] {
        &[]
    }

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

static BY_NAME: LazyLock<HashMap<&'static str, &'static dyn ScalarFunction>> = LazyLock::new(|| {
    let mut by_name: HashMap<&'static str, &'static dyn ScalarFunction> = HashMap::new();
    for function in families::all() {
        for name in std::iter::once(function.name()).chain(function.aliases().iter().copied()) {
            by_name.insert(name, function);
        }
    }
    by_name
});

/// A name as the registry spells it: lower case, no underscores.
pub fn canonical(name: &str) -> String {
    name.chars().filter(|c| *c != '_').map(|c| c.to_ascii_lowercase()).collect()
}

/// Finds a function by any spelling: case and underscores do not count, aliases do.
pub fn lookup(name: &str) -> Option<&'static dyn ScalarFunction> {
    BY_NAME.get(name).or_else(|| BY_NAME.get(canonical(name).as_str())).copied()
}

/// The canonical names of all functions, aliases included, in order.
pub fn names() -> Vec<&'static str> {
    let mut names: Vec<_> = BY_NAME.keys().copied().collect();
    names.sort_unstable();
    names
}

/// The type that `+`, `-` and `*` of two literals or of two results after aggregation have: LONG when both are INT or
/// LONG, where a row's result is DOUBLE. `None` for any other call: its usual type holds.
pub fn folded_type(function: &str, args: &[ColumnType]) -> Option<ColumnType> {
    families::arithmetic::folded_type(function, args)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_canonical_and_given_once() {
        let mut seen = std::collections::HashSet::new();
        for function in families::all() {
            for name in std::iter::once(function.name()).chain(function.aliases().iter().copied()) {
                assert_eq!(name, canonical(name));
                assert!(seen.insert(name), "{name} is registered twice");
            }
        }
        assert!(lookup("DATE_TRUNC").is_some());
        assert!(lookup("frobnicate").is_none());
    }
}
