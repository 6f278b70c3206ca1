//! The bound query: what a server executes and the broker reduces.

use std::{collections::BTreeMap, ops::Bound};

pub use functions::Expr;
use model::{ColumnType, Value};
use serde::{Deserialize, Serialize};

/// One single-table query with every name, type and constant resolved.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BoundQuery {
    /// The physical table (`name_OFFLINE` / `name_REALTIME`); the raw name until the broker has split it.
    pub table: String,
    pub shape: Shape,
    pub filter: Filter,
    /// Rows wanted after `offset`. `LIMIT 0` is allowed for selections.
    pub limit: usize,
    /// Only honoured for a selection with ORDER BY.
    pub offset: usize,
    /// Parsed options, keys as in [`crate::QueryOptions`]; unknown keys are kept.
    pub options: BTreeMap<String, String>,
    pub null_handling: bool,
    /// `now()` of this query.
    pub now_ms: i64,
    /// EXPLAIN PLAN FOR: describe instead of execute.
    pub explain: bool,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Shape {
    Selection(Selection),
    Distinct(Distinct),
    Aggregate(Aggregate),
}

/// One output column: an expression and its header.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Projection {
    pub expr: Expr,
    pub header: String,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OrderBy {
    pub expr: Expr,
    pub ascending: bool,
    pub nulls_first: bool,
}

/// Plain rows. A server returns the projections, then those order-by expressions that are no projection, for at most
/// `offset + limit` rows (sorted when there is an ORDER BY).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Selection {
    pub projections: Vec<Projection>,
    pub order_by: Vec<OrderBy>,
}

/// SELECT DISTINCT; order-by expressions are `Expr::Input` slots of the projections. A multi-value projection is
/// exploded.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Distinct {
    pub projections: Vec<Projection>,
    pub order_by: Vec<OrderBy>,
}

/// Aggregation with or without group keys. A server returns one row a group: the keys, then each aggregate's state
/// columns. `projections`, `having` and `order_by` are over `Expr::Input` slots: the keys first, then the aggregates.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Aggregate {
    /// Empty for an aggregation without GROUP BY. A multi-value key explodes the row.
    pub group_by: Vec<Expr>,
    pub aggregates: Vec<AggregateCall>,
    pub projections: Vec<Projection>,
    pub having: Option<Expr>,
    pub order_by: Vec<OrderBy>,
}

/// One aggregate function call; `aggregates::resolve(&function, types of args, &literals, null_handling)` gives its
/// implementation on both sides.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AggregateCall {
    /// Canonical name, MV form already chosen (`summv` for SUM over a multi-value column).
    pub function: String,
    /// Empty for `COUNT(*)`.
    pub args: Vec<Expr>,
    pub literals: Vec<Value>,
    /// `FILTER (WHERE …)`.
    pub filter: Option<Filter>,
    pub result_type: ColumnType,
    /// Canonical text, e.g. `sum(x)`.
    pub text: String,
}

/// A WHERE tree. Constants are folded: `All` and `Nothing` appear only alone at the root.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Filter {
    All,
    Nothing,
    And(Vec<Filter>),
    Or(Vec<Filter>),
    Not(Box<Filter>),
    Predicate(Predicate),
}

/// `lhs op constants`. Constants are already converted to the type of `lhs`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Predicate {
    pub lhs: Expr,
    pub op: PredicateOp,
}

/// On a multi-value `lhs`, positive operators match when any element does, `NotEq` and `NotIn` when all do.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum PredicateOp {
    Eq(Value),
    NotEq(Value),
    In(Vec<Value>),
    NotIn(Vec<Value>),
    Range {
        lower: Bound<Value>,
        upper: Bound<Value>,
    },
    /// Java-style regular expression, found anywhere. LIKE arrives here too, translated, with its own text kept for EXPLAIN.
    RegexpLike {
        pattern: String,
        case_insensitive: bool,
        like: Option<String>,
    },
    IsNull,
    IsNotNull,
    TextMatch(String),
    TextContains(String),
    JsonMatch {
        filter: String,
        options: Option<String>,
    },
    /// A boolean expression evaluated row by row; `lhs` is the whole expression.
    IsTrue,
}
