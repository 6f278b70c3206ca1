//! The table of aggregations and what each must do.

use std::{fmt::Debug, sync::Arc};

use arrow::{array::ArrayRef, datatypes::DataType as ArrowType};
use model::{ColumnType, Value};

/// Why an aggregation cannot be bound or computed, as a sentence for the user who wrote it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    #[error("Unsupported function: {0}")]
    Unknown(String),
    #[error("{function}: {reason}")]
    Invalid { function: String, reason: String },
}

/// Which group each row of a block belongs to. Group ids are dense: `< groups` of the last [`Accumulator::resize`].
#[derive(Clone, Copy, Debug)]
pub enum Groups<'a> {
    /// All rows in one group (group 0 without GROUP BY).
    One(u32),
    /// One id a row, as long as the block.
    PerRow(&'a [u32]),
}

/// The loop that the engine may run itself over dictionary ids or raw numbers instead of calling
/// [`Accumulator::update`]. The state it hands over is the one documented at each variant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fused {
    /// State `[Int64 count]`.
    Count,
    /// State `[Float64 sum]`, null when null handling is on and no value was seen.
    Sum,
    /// State `[Float64 min]`, null when no value was seen.
    Min,
    /// State `[Float64 max]`, null when no value was seen.
    Max,
    /// State `[Float64 sum, Int64 count]`.
    Avg,
    /// State `[Float64 min, Float64 max]`, null when no value was seen.
    MinMaxRange,
    /// State `[List<T> distinct values]` with T the argument's Arrow type; the engine may collect dictionary ids.
    DistinctCount,
    /// Only the generic path.
    None,
}

/// An aggregation bound to its argument types and literal parameters.
pub trait AggregateFunction: Send + Sync + Debug {
    /// Canonical name, e.g. `distinctcounthll`, `percentile`, `summv`.
    fn name(&self) -> &str;

    /// The type in the response.
    fn result_type(&self) -> ColumnType;

    /// Arrow types of the partial state's columns; all nullable.
    fn state_types(&self) -> Vec<ArrowType>;

    fn fused(&self) -> Fused {
        Fused::None
    }

    /// An accumulator with zero groups.
    fn accumulator(&self) -> Box<dyn Accumulator>;
}

/// States of many groups, in columns.
pub trait Accumulator: Send {
    /// Grows to `groups` groups; never shrinks.
    fn resize(&mut self, groups: usize);

    /// Adds rows. `args` are the aggregate's expression arguments in order (for MV forms a list array), all of the
    /// block's length, of the Arrow type of the argument's `ColumnType`. A null entry is a SQL NULL and is skipped.
    fn update(&mut self, args: &[ArrayRef], rows: usize, groups: Groups<'_>) -> Result<(), Error>;

    /// Adds partial states: one entry a row in each state column.
    fn merge(&mut self, state: &[ArrayRef], groups: Groups<'_>) -> Result<(), Error>;

    /// The states, one row a group, of the types of [`AggregateFunction::state_types`].
    fn state(&mut self) -> Result<Vec<ArrayRef>, Error>;

    /// The final values, one row a group, of Arrow type `result_type().arrow()`.
    fn finish(&mut self) -> Result<ArrayRef, Error>;

    /// Bytes held, for the query's memory accounting.
    fn memory_bytes(&self) -> usize;
}

/// Binds an aggregation by any spelling (case and underscores do not count).
///
/// `args` are the types of the expression arguments, `literals` the literal parameters that follow them (precision,
/// percentile, …). With `null_handling` an empty input finishes as NULL, else as Pinot's default.
pub fn resolve(
    name: &str,
    args: &[ColumnType],
    literals: &[Value],
    null_handling: bool,
) -> Result<Arc<dyn AggregateFunction>, Error> {
    let _ = (args, literals, null_handling);
    Err(Error::Unknown(name.to_owned()))
}
