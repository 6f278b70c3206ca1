//! Cluster state in memory: what the store holds, ready to be read by requests and sessions.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use model::{Schema, TableConfig};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A schema with the JSON that clients read back.
#[derive(Clone, Debug)]
pub struct SchemaEntry {
    pub schema: Arc<Schema>,
    pub json: Value,
    /// The same JSON as text, as it is sent to other roles.
    pub text: Arc<str>,
}

impl SchemaEntry {
    pub fn new(schema: Schema) -> Self {
        let json = schema.to_json();
        Self { text: json.to_string().into(), json, schema: Arc::new(schema) }
    }
}

/// What is stored of a table beside its segments.
#[derive(Clone, Debug)]
pub struct TableEntry {
    pub config: Arc<TableConfig>,
    /// The config as clients read it back.
    pub json: Value,
    pub text: Arc<str>,
    pub enabled: bool,
    pub creation_time_ms: i64,
    pub modified_time_ms: i64,
}

impl TableEntry {
    pub fn new(config: TableConfig, enabled: bool, creation_time_ms: i64, modified_time_ms: i64) -> Self {
        let json = config.to_json();
        let text = json.to_string().into();
        Self { config: Arc::new(config), json, text, enabled, creation_time_ms, modified_time_ms }
    }
}

/// A file of the deep store that no record names any more, to be deleted when it is due.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Tombstone {
    pub path: String,
    pub due_ms: i64,
    /// The file is just being stored. It is due only when the controller starts and finds it still pending.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub pending: bool,
}

/// One segment: its record and where it should be.
#[derive(Clone, Debug)]
pub struct SegmentEntry {
    pub record: Arc<SegmentRecord>,
    /// The record as other roles get it.
    pub text: Arc<str>,
    /// Instance id → wanted state.
    pub ideal: BTreeMap<String, String>,
}

impl SegmentEntry {
    pub fn new(record: SegmentRecord, ideal: BTreeMap<String, String>) -> Self {
        let text = serde_json::to_string(&record).unwrap_or_default().into();
        Self { record: Arc::new(record), text, ideal }
    }
}

/// What is known of a committed segment. Absent members are unknown.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct SegmentRecord {
    pub download_url: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deep_store_uri: Option<String>,
    /// Below the root of the deep store: `<raw table>/<segment>`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deep_store_path: Option<String>,
    pub crc: String,
    pub packed_size_bytes: u64,
    pub total_docs: u64,
    pub creation_time_ms: i64,
    pub push_time_ms: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refresh_time_ms: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub start_time_ms: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub end_time_ms: Option<i64>,
    /// In the unit of the time column.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub start_time_raw: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub end_time_raw: Option<i64>,
    /// The segment's own metadata.
    #[serde(skip_serializing_if = "Value::is_null")]
    pub metadata: Value,
}

/// A registered instance: configured, whether or not it is live.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct InstanceEntry {
    pub id: String,
    pub host: String,
    pub port: u16,
    /// CONTROLLER, BROKER, SERVER or MINION.
    pub role: String,
    pub tags: Vec<String>,
    pub enabled: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pools: Option<BTreeMap<String, String>>,
    /// -1 where there is none.
    pub grpc_port: i32,
    pub admin_port: i32,
    pub query_service_port: i32,
    pub query_mailbox_port: i32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub queries_disabled: Option<String>,
}

impl InstanceEntry {
    pub fn new(id: String, host: String, port: u16, role: &str, tags: Vec<String>) -> Self {
        Self {
            id,
            host,
            port,
            role: role.to_owned(),
            tags,
            enabled: true,
            pools: None,
            grpc_port: -1,
            admin_port: -1,
            query_service_port: -1,
            query_mailbox_port: -1,
            queries_disabled: None,
        }
    }

    pub fn has_tag(&self, tag: &str) -> bool {
        self.tags.iter().any(|t| t == tag)
    }
}

/// A table with its segments.
#[derive(Clone, Debug)]
pub struct Table {
    pub entry: TableEntry,
    pub segments: BTreeMap<String, SegmentEntry>,
    /// Grows with every change of the table, of one of its segments or of its schema.
    pub version: u64,
}

/// Everything the store holds.
#[derive(Debug, Default)]
pub struct State {
    pub schemas: BTreeMap<String, SchemaEntry>,
    /// By name with type.
    pub tables: BTreeMap<String, Table>,
    pub instances: BTreeMap<String, InstanceEntry>,
    pub configs: BTreeMap<String, String>,
    /// By path in the deep store.
    pub tombstones: BTreeMap<String, Tombstone>,
    pub version: u64,
}

/// One change. A list of them is stored in one transaction and then applied.
#[derive(Clone, Debug)]
pub enum Change {
    PutSchema(SchemaEntry),
    RemoveSchema(String),
    PutTable(TableEntry),
    /// With all its segments.
    RemoveTable(String),
    PutSegment {
        table: String,
        segment: String,
        entry: SegmentEntry,
    },
    RemoveSegment {
        table: String,
        segment: String,
    },
    PutInstance(InstanceEntry),
    RemoveInstance(String),
    PutConfig(String, String),
    RemoveConfig(String),
    PutTombstone(Tombstone),
    RemoveTombstone(String),
}

/// What changes concern: which sessions have to be told.
#[derive(Debug, Default)]
pub struct Touched {
    pub tables: BTreeSet<String>,
    pub instances: BTreeSet<String>,
    pub configs: bool,
}

impl State {
    /// Applies a change that has been stored.
    pub fn apply(&mut self, change: Change, touched: &mut Touched) {
        self.version += 1;
        match change {
            Change::PutSchema(entry) => {
                let name = entry.schema.name.clone();
                self.schemas.insert(name.clone(), entry);
                self.touch_tables_of(&name, touched);
            }
            Change::RemoveSchema(name) => {
                self.schemas.remove(&name);
                self.touch_tables_of(&name, touched);
            }
            Change::PutTable(entry) => {
                let name = entry.config.table_name().to_string();
                touched.tables.insert(name.clone());
                match self.tables.get_mut(&name) {
                    Some(table) => {
                        table.entry = entry;
                        table.version = self.version;
                    }
                    None => {
                        let table = Table { entry, segments: BTreeMap::new(), version: self.version };
                        self.tables.insert(name, table);
                    }
                }
            }
            Change::RemoveTable(name) => {
                self.tables.remove(&name);
                touched.tables.insert(name);
            }
            Change::PutSegment { table, segment, entry } => {
                if let Some(found) = self.tables.get_mut(&table) {
                    found.segments.insert(segment, entry);
                    found.version = self.version;
                    touched.tables.insert(table);
                }
            }
            Change::RemoveSegment { table, segment } => {
                if let Some(found) = self.tables.get_mut(&table) {
                    found.segments.remove(&segment);
                    found.version = self.version;
                    touched.tables.insert(table);
                }
            }
            Change::PutInstance(entry) => {
                touched.instances.insert(entry.id.clone());
                self.instances.insert(entry.id.clone(), entry);
            }
            Change::RemoveInstance(id) => {
                self.instances.remove(&id);
                touched.instances.insert(id);
            }
            Change::PutConfig(key, value) => {
                self.configs.insert(key, value);
                touched.configs = true;
            }
            Change::PutTombstone(tombstone) => {
                self.tombstones.insert(tombstone.path.clone(), tombstone);
            }
            Change::RemoveTombstone(path) => {
                self.tombstones.remove(&path);
            }
            Change::RemoveConfig(key) => {
                self.configs.remove(&key);
                touched.configs = true;
            }
        }
    }

    fn touch_tables_of(&mut self, schema: &str, touched: &mut Touched) {
        for suffix in ["_OFFLINE", "_REALTIME"] {
            let name = format!("{schema}{suffix}");
            if let Some(table) = self.tables.get_mut(&name) {
                table.version = self.version;
                touched.tables.insert(name);
            }
        }
    }

    pub fn table(&self, name_with_type: &str) -> Option<&Table> {
        self.tables.get(name_with_type)
    }

    /// Ids of enabled and disabled instances that carry a tag, ascending.
    pub fn instances_with_tag(&self, tag: &str) -> Vec<&InstanceEntry> {
        self.instances.values().filter(|instance| instance.has_tag(tag)).collect()
    }
}
