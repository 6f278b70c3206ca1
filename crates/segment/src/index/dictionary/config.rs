//! When a column has a dictionary.

/// What the table config and the schema ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Choice {
    /// Never: the column is configured raw.
    Raw,
    /// Always: an index that works on dict ids is configured.
    Required,
    /// Unless it does not pay, see [`pays`], or the memory budget forbids it.
    Automatic,
}

/// A metric with more distinct values than this is stored raw: sums read it faster that way.
pub const MAX_METRIC_CARDINALITY: u32 = 1 << 16;
/// Variable-width values at least this long on average, nearly all distinct, are stored raw and compressed.
const LONG_VALUE_BYTES: u64 = 64;

/// Whether the finished column of `num_entries` entries is worth a dictionary of `cardinality` values.
/// `var_bytes` is the size of all distinct values of a variable-width column, `None` for numbers.
pub fn pays(cardinality: u32, num_entries: u64, var_bytes: Option<u64>, is_metric: bool) -> bool {
    let cardinality = u64::from(cardinality);
    match var_bytes {
        Some(bytes) => {
            let nearly_unique = cardinality * 10 > num_entries * 8 && cardinality > 1024;
            !(nearly_unique && bytes / cardinality.max(1) >= LONG_VALUE_BYTES)
        }
        None if is_metric => cardinality <= u64::from(MAX_METRIC_CARDINALITY),
        None => cardinality <= u64::from(MAX_METRIC_CARDINALITY) || cardinality * 2 <= num_entries,
    }
}
