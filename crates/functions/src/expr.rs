//! A bound expression: every name resolved, every type known.

use model::{ColumnType, Value};
use serde::{Deserialize, Serialize};

/// Serialisable, so that a bound query can travel to a server.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Expr {
    /// A column by its schema name (virtual columns start with `$`).
    Column {
        name: String,
        ty: ColumnType,
    },
    Literal(Value),
    /// `function` is canonical (lower case, no underscores) and in the registry. Operators are functions too:
    /// `plus`, `equals`, `and`, `case`, `cast`, …
    Call {
        function: String,
        args: Vec<Expr>,
        ty: ColumnType,
    },
    /// A slot of an earlier phase's output: in a query's post-aggregation, group keys first, then aggregates.
    Input {
        index: usize,
        ty: ColumnType,
    },
}

impl Expr {
    pub fn ty(&self) -> ColumnType {
        match self {
            Self::Column { ty, .. } | Self::Call { ty, .. } | Self::Input { ty, .. } => *ty,
            Self::Literal(value) => value.column_type(),
        }
    }
}
