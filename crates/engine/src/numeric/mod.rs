//! Numbers of a block as doubles, without arrays in between: columns, arithmetic, comparisons and CASE over them, and
//! tables of any function over a small dictionary. Booleans are 0 and 1.

mod compile;
mod read;

use segment::reader::{Ids, Numbers};

pub(crate) use compile::compile;
pub(crate) use read::{doubles, sum};

/// An expression compiled for one segment.
pub(crate) enum Numeric<'s> {
    Constant(f64),
    I32(&'s [i32]),
    I64(&'s [i64]),
    F32(&'s [f32]),
    F64(&'s [f64]),
    /// Dictionary entries, read through ids.
    Dictionary {
        ids: Ids<'s>,
        entries: Numbers<'s>,
    },
    Sorted {
        starts: &'s [u32],
        entries: Numbers<'s>,
    },
    /// Results of an expression, one a dictionary entry.
    Table {
        ids: Ids<'s>,
        entries: Vec<f64>,
    },
    SortedTable {
        starts: &'s [u32],
        entries: Vec<f64>,
    },
    Binary(Operator, Box<Numeric<'s>>, Box<Numeric<'s>>),
    Not(Box<Numeric<'s>>),
    /// Condition, value where it holds, value elsewhere.
    Select(Box<[Numeric<'s>; 3]>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operator {
    Plus,
    Minus,
    Times,
    Divide,
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    And,
    Or,
}

/// Buffers for the inner nodes of an expression.
#[derive(Default)]
pub(crate) struct Scratch {
    free: Vec<Vec<f64>>,
}
