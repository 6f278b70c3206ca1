//! Which partition a value belongs to.

use model::Value;

/// The partitions of a column that occur in one segment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Partitions {
    pub function: String,
    pub count: u32,
    /// Ascending.
    pub ids: Vec<u32>,
}

impl Partitions {
    /// False when the value's partition is certainly none of the segment's.
    pub fn may_hold(&self, value: &Value) -> bool {
        match partition_of(&self.function, self.count, value) {
            Some(partition) => self.ids.contains(&partition),
            None => true,
        }
    }
}

/// The partition of a value; `None` for a function or a value that is not known here.
fn partition_of(function: &str, count: u32, value: &Value) -> Option<u32> {
    let _ = (function, count, value);
    None
}
