//! Cluster state in memory: what the store holds, ready to be read by requests and sessions.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use metadata::znode::ZnRecord;
use model::{Schema, TableConfig};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::lineage::Lineage;
use super::outbox::{TableTouch, TableTouches, touch};
use crate::jobs::Job;

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
    /// Where the OFFLINE half of a hybrid table ends for queries, when an operator has fixed it.
    pub time_boundary_ms: Option<i64>,
}

impl TableEntry {
    pub fn new(config: TableConfig, enabled: bool, creation_time_ms: i64, modified_time_ms: i64) -> Self {
        let json = config.to_json();
        let text = json.to_string().into();
        Self {
            config: Arc::new(config),
            json,
            text,
            enabled,
            creation_time_ms,
            modified_time_ms,
            time_boundary_ms: None,
        }
    }

    /// The entry with another config; what is not config stays.
    pub fn with_config(&self, config: TableConfig, modified_time_ms: i64) -> Self {
        let new = Self::new(config, self.enabled, self.creation_time_ms, modified_time_ms);
        Self { time_boundary_ms: self.time_boundary_ms, ..new }
    }
}

/// Which servers hold which partition and replica group of a table, as computed or as set by an operator.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct InstancePartitions {
    /// `<raw table>_OFFLINE`, `_CONSUMING`, `_COMPLETED`, or `<table with type>__TIER__<tier>`.
    pub instance_partitions_name: String,
    /// `<partition>_<replica group>` → instance ids.
    pub partition_to_instances_map: BTreeMap<String, Vec<String>>,
}

/// A node that a user made in the metadata browser.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Node {
    /// None: the node holds nothing but may have children.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub record: Option<ZnRecord>,
    /// Counts writes.
    pub version: i32,
    pub created_ms: i64,
    pub modified_ms: i64,
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
    /// Instance id → wanted state.
    pub ideal: BTreeMap<String, String>,
}

impl SegmentEntry {
    pub fn new(record: SegmentRecord, ideal: BTreeMap<String, String>) -> Self {
        Self { record: Arc::new(record), ideal }
    }

    /// The record as one JSON object, metadata included: as it is stored and as other roles get it.
    pub fn text(&self) -> String {
        let mut text = serde_json::to_string(&*self.record).unwrap_or_default();
        let metadata = self.record.metadata.as_str();
        // The record has members, so its text ends with one and a brace.
        if !metadata.is_empty() && text.pop() == Some('}') {
            text.reserve(metadata.len() + 16);
            text.push_str(",\"metadata\":");
            text.push_str(metadata);
            text.push('}');
        }
        text
    }
}

/// JSON that is kept as text: of a hundred thousand segments it takes a fraction of the memory of the values.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct JsonText(Arc<str>);

impl JsonText {
    pub fn new(value: &Value) -> Self {
        if value.is_null() { Self::default() } else { Self(value.to_string().into()) }
    }

    /// A JSON text as it is; None when it is no JSON.
    pub fn from_text(text: &str) -> Option<Self> {
        serde_json::from_str::<serde::de::IgnoredAny>(text).ok()?;
        Some(Self(text.into()))
    }

    /// Empty when there is nothing.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The document as a type, if it can be read as that.
    pub fn read<T: serde::de::DeserializeOwned>(&self) -> Option<T> {
        serde_json::from_str(&self.0).ok()
    }
}

impl<'de> Deserialize<'de> for JsonText {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Value::deserialize(deserializer).map(|value| Self::new(&value))
    }
}

/// What is known of a committed segment. Absent members are unknown.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct SegmentRecord {
    pub download_url: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deep_store_uri: Option<String>,
    /// The controller's HTTP, where the other two lead elsewhere: it asks the segment's servers when all else fails.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub controller_url: Option<String>,
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
    /// What those who push segments keep with them.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub custom: BTreeMap<String, String>,
    /// As the uploader named it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub crypter: Option<String>,
    /// The segment's own metadata. [`SegmentEntry::text`] writes it.
    #[serde(skip_serializing)]
    pub metadata: JsonText,
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
    /// A broker that holds no query quotas.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub query_rate_limit_disabled: bool,
    /// Tags of a drained minion, which it takes back when it is enabled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous_tags: Option<Vec<String>>,
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
            query_rate_limit_disabled: false,
            previous_tags: None,
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
    /// Replacements of segments.
    pub lineage: Lineage,
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
    /// Reloads, by id.
    pub jobs: BTreeMap<String, Job>,
    /// By name.
    pub instance_partitions: BTreeMap<String, InstancePartitions>,
    /// Brokers that answer for a table, by its name with type. It follows tags only when it is told to.
    pub broker_resource: BTreeMap<String, BTreeSet<String>>,
    /// Nodes that users keep in the metadata browser, by path below the cluster.
    pub nodes: BTreeMap<String, Node>,
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
    PutJob(Job),
    RemoveJob(String),
    PutLineage {
        table: String,
        lineage: Lineage,
    },
    PutInstance(InstanceEntry),
    RemoveInstance(String),
    PutConfig(String, String),
    RemoveConfig(String),
    PutTombstone(Tombstone),
    RemoveTombstone(String),
    PutInstancePartitions(InstancePartitions),
    RemoveInstancePartitions(String),
    /// Who answers for a table. A new table gets the brokers of its tenant by itself.
    PutBrokers {
        table: String,
        brokers: BTreeSet<String>,
    },
    /// A node of the metadata browser that is none of the cluster's own records.
    PutNode(String, Node),
    RemoveNode(String),
}

/// What changes concern: which sessions have to be told.
#[derive(Debug, Default)]
pub struct Touched {
    pub(crate) tables: TableTouches,
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
                touch(&mut touched.tables, name.clone(), TableTouch::Whole);
                if !self.tables.contains_key(&name) {
                    let brokers = self.brokers_by_tag(&entry.config);
                    self.broker_resource.insert(name.clone(), brokers);
                }
                match self.tables.get_mut(&name) {
                    Some(table) => {
                        table.entry = entry;
                        table.version = self.version;
                    }
                    None => {
                        let table = Table {
                            entry,
                            segments: BTreeMap::new(),
                            lineage: Lineage::default(),
                            version: self.version,
                        };
                        self.tables.insert(name, table);
                    }
                }
            }
            Change::RemoveTable(name) => {
                self.tables.remove(&name);
                self.broker_resource.remove(&name);
                touch(&mut touched.tables, name, TableTouch::Whole);
            }
            Change::PutSegment { table, segment, entry } => {
                if let Some(found) = self.tables.get_mut(&table) {
                    found.segments.insert(segment.clone(), entry);
                    found.version = self.version;
                    touch(&mut touched.tables, table, TableTouch::record(segment));
                }
            }
            Change::RemoveSegment { table, segment } => {
                if let Some(found) = self.tables.get_mut(&table) {
                    found.segments.remove(&segment);
                    found.version = self.version;
                    touch(&mut touched.tables, table, TableTouch::record(segment));
                }
            }
            Change::PutJob(job) => {
                self.jobs.insert(job.id.clone(), job);
            }
            Change::RemoveJob(id) => {
                self.jobs.remove(&id);
            }
            Change::PutLineage { table, lineage } => {
                if let Some(found) = self.tables.get_mut(&table) {
                    found.lineage = lineage;
                    found.version = self.version;
                    // What queries see changes in one step.
                    touch(&mut touched.tables, table, TableTouch::Whole);
                }
            }
            Change::PutInstance(entry) => {
                touched.instances.insert(entry.id.clone());
                touched.configs |= entry.role == "BROKER";
                self.instances.insert(entry.id.clone(), entry);
            }
            Change::RemoveInstance(id) => {
                self.instances.remove(&id);
                for (table, brokers) in &mut self.broker_resource {
                    if brokers.remove(&id) {
                        touch(&mut touched.tables, table.clone(), TableTouch::Whole);
                    }
                }
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
            Change::PutInstancePartitions(partitions) => {
                self.instance_partitions.insert(partitions.instance_partitions_name.clone(), partitions);
            }
            Change::RemoveInstancePartitions(name) => {
                self.instance_partitions.remove(&name);
            }
            Change::PutBrokers { table, brokers } => {
                if self.tables.contains_key(&table) {
                    self.broker_resource.insert(table.clone(), brokers);
                    touch(&mut touched.tables, table, TableTouch::Whole);
                }
            }
            Change::PutNode(path, node) => {
                touched.configs |= crate::quotas::is_quota_node(&path);
                self.nodes.insert(path, node);
            }
            Change::RemoveNode(path) => {
                touched.configs |= crate::quotas::is_quota_node(&path);
                self.nodes.remove(&path);
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
                touch(&mut touched.tables, name, TableTouch::Whole);
            }
        }
    }

    pub fn table(&self, name_with_type: &str) -> Option<&Table> {
        self.tables.get(name_with_type)
    }

    /// Ids of the brokers of a table's tenant, ascending.
    pub fn brokers_by_tag(&self, config: &TableConfig) -> BTreeSet<String> {
        let tag = super::broker_tag(config);
        let brokers = self.instances.values().filter(|i| i.role == "BROKER" && i.has_tag(&tag));
        brokers.map(|instance| instance.id.clone()).collect()
    }

    /// What makes a broker answer for the tables of its tags; with `only_add` it goes on answering for others, too.
    /// Gives the changes and the names with type of the tables that it begins and ceases to answer for.
    pub fn follow_tags(
        &self,
        broker: &str,
        tags: &[String],
        only_add: bool,
    ) -> (Vec<Change>, Vec<String>, Vec<String>) {
        let (mut changes, mut added, mut removed) = (Vec::new(), Vec::new(), Vec::new());
        for (name, table) in &self.tables {
            let tag = super::broker_tag(&table.entry.config);
            let mut brokers = self.broker_resource.get(name).cloned().unwrap_or_default();
            if tags.contains(&tag) {
                if brokers.insert(broker.to_owned()) {
                    added.push(name.clone());
                    changes.push(Change::PutBrokers { table: name.clone(), brokers });
                }
            } else if !only_add && brokers.remove(broker) {
                removed.push(name.clone());
                changes.push(Change::PutBrokers { table: name.clone(), brokers });
            }
        }
        (changes, added, removed)
    }

    /// What makes exactly the brokers of its tenant answer for a table. None when they do.
    pub fn rebuild_brokers(&self, table: &str) -> Option<Change> {
        let wanted = self.brokers_by_tag(&self.tables.get(table)?.entry.config);
        let same = self.broker_resource.get(table) == Some(&wanted);
        (!same).then(|| Change::PutBrokers { table: table.to_owned(), brokers: wanted })
    }

    /// Ids of enabled and disabled instances that carry a tag, ascending.
    pub fn instances_with_tag(&self, tag: &str) -> Vec<&InstanceEntry> {
        self.instances.values().filter(|instance| instance.has_tag(tag)).collect()
    }
}

#[cfg(test)]
mod segment_tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_record_comes_back_with_its_metadata() {
        let metadata = json!({ "columns": [{ "name": "a\"}", "min": 1.5 }] });
        for metadata in [JsonText::new(&metadata), JsonText::default()] {
            let record = SegmentRecord { crc: "7".to_owned(), end_time_ms: Some(3), metadata, ..Default::default() };
            let entry = SegmentEntry::new(record, BTreeMap::new());
            assert_eq!(serde_json::from_str::<SegmentRecord>(&entry.text()).unwrap(), *entry.record);
        }
    }
}
