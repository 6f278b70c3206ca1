//! Where records lie: Pinot's layout.
//!
//! Names of `model` are safe path components, so these cannot fail.

use model::{InstanceId, RawTableName, SegmentName, TableNameWithType};

use crate::{RecordPath, Result};

pub const TABLES: &str = "PROPERTYSTORE/CONFIGS/TABLE";
pub const SCHEMAS: &str = "PROPERTYSTORE/SCHEMAS";
pub const SEGMENTS: &str = "PROPERTYSTORE/SEGMENTS";
pub const IDEAL_STATES: &str = "IDEALSTATES";
pub const INSTANCES: &str = "CONFIGS/PARTICIPANT";
pub const CLUSTER_CONFIGS: &str = "CONFIGS/CLUSTER";

/// One of the constants above as a path.
pub fn folder(path: &'static str) -> RecordPath {
    RecordPath::parse(path).unwrap_or_default()
}

fn join(folder: &str, name: &str) -> RecordPath {
    RecordPath::parse(&format!("{folder}/{name}")).unwrap_or_default()
}

pub fn table(table: &TableNameWithType) -> RecordPath {
    join(TABLES, table.as_str())
}

pub fn schema(name: &RawTableName) -> RecordPath {
    join(SCHEMAS, name.as_str())
}

/// The folder of a table's segments.
pub fn segments(table: &TableNameWithType) -> RecordPath {
    join(SEGMENTS, table.as_str())
}

pub fn segment(table: &TableNameWithType, segment: &SegmentName) -> RecordPath {
    RecordPath::parse(&format!("{SEGMENTS}/{table}/{segment}")).unwrap_or_default()
}

pub fn ideal_state(table: &TableNameWithType) -> RecordPath {
    join(IDEAL_STATES, table.as_str())
}

pub fn instance(instance: &InstanceId) -> RecordPath {
    join(INSTANCES, instance.as_str())
}

/// The cluster's configs. Fails on a cluster name that is no path component.
pub fn cluster_config(cluster: &str) -> Result<RecordPath> {
    folder(CLUSTER_CONFIGS).child(cluster)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn layout() {
        let table_name = TableNameWithType::parse("movies_OFFLINE").unwrap();
        let segment_name = SegmentName::parse("movies 0").unwrap();
        assert_eq!(table(&table_name).as_str(), "PROPERTYSTORE/CONFIGS/TABLE/movies_OFFLINE");
        assert_eq!(segment(&table_name, &segment_name).as_str(), "PROPERTYSTORE/SEGMENTS/movies_OFFLINE/movies 0");
        assert!(segments(&table_name).contains(&segment(&table_name, &segment_name)));
        assert_eq!(ideal_state(&table_name).as_str(), "IDEALSTATES/movies_OFFLINE");
        assert_eq!(folder(INSTANCES).as_str(), INSTANCES);
        assert!(cluster_config("a/b").is_err());
    }
}
