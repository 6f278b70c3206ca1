//! The typed documents of the cluster. All are JSON; unknown members of older or newer versions are ignored.

mod ideal_state;
mod instance;
mod segment;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

pub use ideal_state::{ExternalView, IdealState, TargetState};
pub use instance::InstanceRecord;
pub use segment::{ColumnRecord, RealtimeStatus, SegmentRecord};

/// A physical table's config.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TableRecord {
    /// The config's document, unknown keys included.
    pub config: Json,
    #[serde(default)]
    pub creation_time_ms: i64,
    #[serde(default)]
    pub last_modified_ms: i64,
}

/// A schema.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SchemaRecord {
    /// The schema's document, unknown keys included.
    pub schema: Json,
    #[serde(default)]
    pub last_modified_ms: i64,
}

/// Properties of the whole cluster.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ClusterConfigRecord {
    pub configs: BTreeMap<String, String>,
}
