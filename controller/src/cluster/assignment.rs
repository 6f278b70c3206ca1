//! Which servers hold a new segment.

use std::collections::BTreeMap;

use super::state::Table;

/// Picks `replication` servers for a new segment: those that hold the fewest segments of the table, ties by name.
/// Fewer when there are not as many candidates.
///
/// `candidates` are ids of instances of the table's server tenant that are enabled, ascending.
pub(crate) fn balanced(table: &Table, candidates: &[String], replication: usize) -> BTreeMap<String, String> {
    let mut load: BTreeMap<&str, usize> = candidates.iter().map(|id| (id.as_str(), 0)).collect();
    for segment in table.segments.values() {
        for id in segment.ideal.keys() {
            if let Some(count) = load.get_mut(id.as_str()) {
                *count += 1;
            }
        }
    }
    let mut order: Vec<(usize, &str)> = load.into_iter().map(|(id, count)| (count, id)).collect();
    order.sort_unstable();
    order.into_iter().take(replication.max(1)).map(|(_, id)| (id.to_owned(), "ONLINE".to_owned())).collect()
}
