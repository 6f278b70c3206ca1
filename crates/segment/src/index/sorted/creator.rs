//! Turns counts per id into runs.

/// First doc of each id, and the number of docs at the end.
pub(crate) fn starts(counts: &[u32]) -> Vec<u32> {
    let mut starts = Vec::with_capacity(counts.len() + 1);
    let mut doc = 0;
    starts.push(doc);
    for count in counts {
        doc += count;
        starts.push(doc);
    }
    starts
}
