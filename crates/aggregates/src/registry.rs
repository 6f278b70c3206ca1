//! The table of aggregations and what each must do.

use std::{
    collections::HashMap,
    fmt::Debug,
    sync::{Arc, LazyLock},
};

use arrow::{array::ArrayRef, datatypes::DataType as ArrowType};
use model::{ColumnType, Value};

use crate::{basic, collect, distinct, multi_value, percentile, statistics};

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

    /// Bytes held, for the query's memory accounting. Called once a block, so it must not walk over the groups.
    fn memory_bytes(&self) -> usize;
}

/// What an aggregation is bound to.
#[derive(Clone, Copy, Debug)]
pub struct Call<'a> {
    /// Canonical spelling as asked for, e.g. `percentile95`.
    pub name: &'a str,
    /// Types of the expression arguments; single-value, since the multi-value form flattens before it calls.
    pub args: &'a [ColumnType],
    /// Literal parameters after the arguments. For a name like `percentile95` the number is the first of them.
    pub literals: &'a [Value],
    pub null_handling: bool,
}

impl Call<'_> {
    /// An error of this call.
    pub fn invalid(&self, reason: impl Into<String>) -> Error {
        Error::Invalid { function: self.name.to_owned(), reason: reason.into() }
    }

    /// The arguments, if there are exactly `N`.
    pub fn arguments<const N: usize>(&self) -> Result<[ColumnType; N], Error> {
        <[ColumnType; N]>::try_from(self.args).map_err(|_| {
            let plural = if N == 1 { "" } else { "s" };
            self.invalid(format!("expects {N} column argument{plural}, got {}", self.args.len()))
        })
    }
}

/// One aggregation in the table.
pub struct Entry {
    pub name: &'static str,
    pub aliases: &'static [&'static str],
    /// Whether `<name>mv` exists, and the plain name over a multi-value column means it.
    pub multi_value: bool,
    /// Whether `<name>95` means `<name>(x, 95)`.
    pub percentile: bool,
    pub bind: fn(&Call<'_>) -> Result<Arc<dyn AggregateFunction>, Error>,
}

impl Entry {
    /// An entry without aliases and other forms.
    pub const fn new(name: &'static str, bind: fn(&Call<'_>) -> Result<Arc<dyn AggregateFunction>, Error>) -> Self {
        Self { name, aliases: &[], multi_value: false, percentile: false, bind }
    }

    pub const fn aliases(mut self, aliases: &'static [&'static str]) -> Self {
        self.aliases = aliases;
        self
    }

    /// With an MV form.
    pub const fn mv(mut self) -> Self {
        self.multi_value = true;
        self
    }

    /// With forms that carry the percentile in the name.
    pub const fn percentile(mut self) -> Self {
        self.percentile = true;
        self
    }
}

/// Every aggregation. A new one is a file in its family's folder and a line here.
static ENTRIES: &[Entry] = &[
    Entry::new("count", basic::count::bind).mv(),
    Entry::new("sum", basic::numeric::sum).mv(),
    Entry::new("min", basic::numeric::min).mv(),
    Entry::new("max", basic::numeric::max).mv(),
    Entry::new("avg", basic::numeric::avg).mv(),
    Entry::new("minmaxrange", basic::numeric::min_max_range).mv(),
    Entry::new("minlong", basic::whole::min_long).mv(),
    Entry::new("maxlong", basic::whole::max_long).mv(),
    Entry::new("sumint", basic::whole::sum_long).mv(),
    Entry::new("sumlong", basic::whole::sum_long).mv(),
    Entry::new("booland", basic::whole::bool_and),
    Entry::new("boolor", basic::whole::bool_or),
    Entry::new("sumprecision", basic::precision::bind),
    Entry::new("mode", basic::mode::bind),
    Entry::new("anyvalue", basic::kept::any_value),
    Entry::new("minstring", basic::kept::min_string),
    Entry::new("maxstring", basic::kept::max_string),
    Entry::new("firstwithtime", basic::kept::first_with_time),
    Entry::new("lastwithtime", basic::kept::last_with_time),
    Entry::new("distinctcount", distinct::count::count).aliases(&["distinctcountoffheap"]).mv(),
    Entry::new("distinctcountsmarthll", distinct::count::smart),
    Entry::new("distinctsum", distinct::count::sum).mv(),
    Entry::new("distinctavg", distinct::count::avg).mv(),
    Entry::new("segmentpartitioneddistinctcount", distinct::count::partitioned),
    Entry::new("distinctcountbitmap", distinct::bitmap::bind).mv(),
    Entry::new("distinctcounthll", distinct::hll::estimate).mv(),
    Entry::new("distinctcountrawhll", distinct::hll::raw).mv(),
    Entry::new("percentile", percentile::exact::bind).mv().percentile(),
    Entry::new("percentilesmarttdigest", percentile::exact::bind),
    Entry::new("percentileest", percentile::estimate::quantile).mv().percentile(),
    Entry::new("percentiletdigest", percentile::estimate::t_digest).mv().percentile(),
    Entry::new("percentilerawtdigest", percentile::estimate::raw_t_digest).mv().percentile(),
    Entry::new("varpop", statistics::variance::var_pop),
    Entry::new("varsamp", statistics::variance::var_samp),
    Entry::new("stddevpop", statistics::variance::stddev_pop),
    Entry::new("stddevsamp", statistics::variance::stddev_samp),
    Entry::new("covarpop", statistics::covariance::pop),
    Entry::new("covarsamp", statistics::covariance::samp),
    Entry::new("skewness", statistics::moments::skewness),
    Entry::new("kurtosis", statistics::moments::kurtosis),
    Entry::new("histogram", statistics::histogram::bind),
    Entry::new("arrayagg", collect::list::array),
    Entry::new("listagg", collect::list::list),
    Entry::new("sumarraylong", collect::sum_array::long),
    Entry::new("sumarraydouble", collect::sum_array::double),
];

static BY_NAME: LazyLock<HashMap<&'static str, &'static Entry>> = LazyLock::new(|| {
    let names = |entry: &'static Entry| std::iter::once(entry.name).chain(entry.aliases.iter().copied());
    ENTRIES.iter().flat_map(|entry| names(entry).map(move |name| (name, entry))).collect()
});

/// A spelling taken apart: the entry, the percentile in the name, whether the MV form is meant.
struct Found {
    entry: &'static Entry,
    percentile: Option<f64>,
    multi_value: bool,
}

fn canonical(spelling: &str) -> String {
    spelling.chars().filter(|c| *c != '_').map(|c| c.to_ascii_lowercase()).collect()
}

fn find(name: &str) -> Option<Found> {
    let single = |name: &str| -> Option<(&'static Entry, Option<f64>)> {
        if let Some(entry) = BY_NAME.get(name) {
            return Some((entry, None));
        }
        let base = name.trim_end_matches(|c: char| c.is_ascii_digit());
        let entry = BY_NAME.get(base).filter(|e| e.percentile)?;
        let percentile: f64 = name[base.len()..].parse().ok()?;
        (percentile <= 100.0).then_some((*entry, Some(percentile)))
    };
    if let Some((entry, percentile)) = single(name) {
        return Some(Found { entry, percentile, multi_value: false });
    }
    let (entry, percentile) = single(name.strip_suffix("mv")?)?;
    entry.multi_value.then_some(Found { entry, percentile, multi_value: true })
}

/// Whether this spelling names an aggregation, e.g. `SUM`, `distinct_count`, `percentile95MV`.
pub fn is_aggregate(name: &str) -> bool {
    find(&canonical(name)).is_some()
}

/// The spelling used in headers and in the bound query: lower case, no underscores, aliases resolved, the percentile
/// in the name kept (`percentile95mv`). `None` for what is no aggregation.
pub fn canonical_name(spelling: &str) -> Option<String> {
    let found = find(&canonical(spelling))?;
    let percentile = found.percentile.map(|p| p.to_string()).unwrap_or_default();
    let suffix = if found.multi_value { "mv" } else { "" };
    Some(format!("{}{percentile}{suffix}", found.entry.name))
}

/// Whether this aggregation has an MV form, so that over a multi-value column its plain name means that form.
pub fn has_multi_value_form(name: &str) -> bool {
    find(&canonical(name)).is_some_and(|found| found.entry.multi_value)
}

/// The canonical names of all aggregations, without MV forms and numbered forms.
pub fn names() -> Vec<&'static str> {
    ENTRIES.iter().map(|entry| entry.name).collect()
}

/// Binds an aggregation by any spelling (case and underscores do not count).
///
/// `args` are the types of the expression arguments, `literals` the literal parameters that follow them (precision,
/// percentile, …). With `null_handling` an empty input finishes as NULL, else as Pinot's default. The MV form is
/// taken for its own name and for the plain name over a multi-value argument.
pub fn resolve(
    name: &str,
    args: &[ColumnType],
    literals: &[Value],
    null_handling: bool,
) -> Result<Arc<dyn AggregateFunction>, Error> {
    let canonical = canonical(name);
    let found = find(&canonical).ok_or_else(|| Error::Unknown(name.to_owned()))?;
    let mut parameters: Vec<Value> = found.percentile.map(Value::Double).into_iter().collect();
    parameters.extend_from_slice(literals);
    let over_arrays = found.entry.multi_value && args.iter().any(|arg| arg.multi_value);
    if !over_arrays {
        if found.multi_value {
            let reason = "the argument must be a multi-value column".to_owned();
            return Err(Error::Invalid { function: canonical, reason });
        }
        let call = Call { name: &canonical, args, literals: &parameters, null_handling };
        return (found.entry.bind)(&call);
    }
    let elements: Vec<ColumnType> = args.iter().map(|arg| arg.data_type.sv()).collect();
    let name = if found.multi_value { canonical } else { format!("{canonical}mv") };
    let call = Call { name: &name, args: &elements, literals: &parameters, null_handling };
    multi_value::wrap(&call, args, (found.entry.bind)(&call)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings() {
        assert_eq!(canonical_name("SUM_MV").as_deref(), Some("summv"));
        assert_eq!(canonical_name("Count").as_deref(), Some("count"));
        assert!(is_aggregate("min_Max_Range"));
        assert!(!is_aggregate("upper"));
        assert!(!is_aggregate("sum95"));
        assert!(!is_aggregate(""));
    }
}
