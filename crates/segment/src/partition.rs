//! Which partitions a column's values fall into.

use std::collections::BTreeSet;

use model::{PartitionConfig, PartitionFunction, Value};

/// Ascending partition ids of `values`; `None` when the function is unknown or does not take one of them.
pub(crate) fn ids(config: &PartitionConfig, values: impl Iterator<Item = Value>) -> Option<Vec<u32>> {
    let function = PartitionFunction::new(&config.function, config.num_partitions, &config.function_config).ok()?;
    let mut found = BTreeSet::new();
    for value in values {
        found.insert(function.partition(&value)?);
    }
    Some(found.into_iter().collect())
}
