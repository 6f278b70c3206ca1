//! A statement as parsed: names unresolved, types unknown.

use std::fmt::{self, Write as _};

use model::Value;

use crate::text;

/// An expression before binding. Operators are functions, `*` in `COUNT(*)` is the identifier `*`.
///
/// [`fmt::Display`] gives the canonical text that clients see as a column header.
#[derive(Clone, Debug, PartialEq)]
pub enum Expression {
    Identifier(String),
    Literal(Value),
    Function(Function),
}

/// A call. `name` is canonical: lower case without underscores, except that predicates keep theirs
/// (`greater_than`, `is_null`, `json_match`, …), as headers show them.
#[derive(Clone, Debug, PartialEq)]
pub struct Function {
    pub name: String,
    pub args: Vec<Expression>,
}

impl Expression {
    pub fn identifier(name: impl Into<String>) -> Self {
        Self::Identifier(name.into())
    }

    pub fn function(name: impl Into<String>, args: Vec<Self>) -> Self {
        Self::Function(Function { name: name.into(), args })
    }

    pub fn string(text: impl Into<String>) -> Self {
        Self::Literal(Value::String(text.into()))
    }

    pub fn boolean(value: bool) -> Self {
        Self::Literal(Value::Boolean(value))
    }

    pub fn is_literal(&self) -> bool {
        matches!(self, Self::Literal(_))
    }

    pub fn as_function(&self) -> Option<&Function> {
        match self {
            Self::Function(function) => Some(function),
            _ => None,
        }
    }

    /// The literal, when it is one.
    pub fn as_literal(&self) -> Option<&Value> {
        match self {
            Self::Literal(value) => Some(value),
            _ => None,
        }
    }

    /// Calls `visit` with every identifier in it.
    pub fn for_each_identifier(&self, visit: &mut impl FnMut(&str)) {
        match self {
            Self::Identifier(name) => visit(name),
            Self::Literal(_) => {}
            Self::Function(function) => function.args.iter().for_each(|arg| arg.for_each_identifier(visit)),
        }
    }

    /// Levels of nesting, 1 for a leaf.
    pub(crate) fn depth(&self) -> usize {
        match self {
            Self::Function(function) => 1 + function.args.iter().map(Self::depth).max().unwrap_or(0),
            _ => 1,
        }
    }
}

impl fmt::Display for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Identifier(name) => f.write_str(name),
            Self::Literal(value) => write!(f, "'{}'", text::value_text(value)),
            Self::Function(function) => function.fmt(f),
        }
    }
}

impl fmt::Display for Function {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)?;
        f.write_char('(')?;
        for (i, arg) in self.args.iter().enumerate() {
            if i > 0 {
                f.write_char(',')?;
            }
            arg.fmt(f)?;
        }
        f.write_char(')')
    }
}

/// One item of the select list.
#[derive(Clone, Debug, PartialEq)]
pub struct SelectItem {
    pub expression: Expression,
    pub alias: Option<String>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct OrderItem {
    pub expression: Expression,
    pub ascending: bool,
    /// `None` when not written: nulls are then the largest.
    pub nulls_first: Option<bool>,
}

/// A single-table SELECT.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Query {
    /// As written: `table`, `table_OFFLINE`, `db.table`. `None` without FROM.
    pub table: Option<String>,
    pub table_alias: Option<String>,
    pub distinct: bool,
    pub select: Vec<SelectItem>,
    pub filter: Option<Expression>,
    pub group_by: Vec<Expression>,
    pub having: Option<Expression>,
    pub order_by: Vec<OrderItem>,
    pub limit: Option<u64>,
    pub offset: Option<u64>,
}

/// The canonical name of a function: case and underscores do not count.
pub fn canonical_function(name: &str) -> String {
    let mut canonical = String::with_capacity(name.len());
    canonical.extend(name.chars().filter(|&c| c != '_').map(|c| c.to_ascii_lowercase()));
    match canonical.as_str() {
        "notequals" => "not_equals",
        "greaterthan" => "greater_than",
        "greaterthanorequal" => "greater_than_or_equal",
        "lessthan" => "less_than",
        "lessthanorequal" => "less_than_or_equal",
        "notin" => "not_in",
        "regexplike" => "regexp_like",
        "isnull" => "is_null",
        "isnotnull" => "is_not_null",
        "textcontains" => "text_contains",
        "textmatch" => "text_match",
        "jsonmatch" => "json_match",
        "vectorsimilarity" => "vector_similarity",
        _ => return canonical,
    }
    .to_owned()
}
