//! What the controller wants this server to hold.

use std::{collections::BTreeMap, sync::Arc};

use serde::{Deserialize, Serialize};

/// Wanted state of one segment at this server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Target {
    Online,
    Consuming,
    /// Assigned, but to be neither loaded nor queried; its file stays.
    Offline,
}

impl Target {
    /// A state this version does not know is treated as `OFFLINE`.
    pub fn parse(text: &str) -> Self {
        match text {
            "ONLINE" => Self::Online,
            "CONSUMING" => Self::Consuming,
            _ => Self::Offline,
        }
    }
}

/// One assigned segment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wanted {
    pub target: Target,
    /// Checksum of the committed segment; a new one means a new file.
    pub crc: String,
    /// The controller's record of the segment, as it came.
    pub metadata_json: String,
}

/// One assigned table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TableAssignment {
    pub version: u64,
    pub enabled: bool,
    pub config_json: String,
    pub schema_json: String,
    pub segments: BTreeMap<String, Arc<Wanted>>,
}

/// A change of some segments of a table.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TableChange {
    pub version: u64,
    pub put: BTreeMap<String, Arc<Wanted>>,
    pub removed: Vec<String>,
}

impl TableAssignment {
    pub fn apply(&mut self, change: &TableChange) {
        self.version = change.version;
        for segment in &change.removed {
            self.segments.remove(segment);
        }
        for (segment, wanted) in &change.put {
            self.segments.insert(segment.clone(), Arc::clone(wanted));
        }
    }
}

/// Everything assigned, by table name with type.
pub type Assignment = BTreeMap<String, TableAssignment>;
