//! Cluster state as records of the metadata store.
//!
//! | Record | Value |
//! |---|---|
//! | `PROPERTYSTORE/SCHEMAS/<schema>` | the schema's JSON |
//! | `PROPERTYSTORE/CONFIGS/TABLE/<table with type>` | config, enabled, times |
//! | `PROPERTYSTORE/SEGMENTS/<table with type>/<segment>` | the segment's record and its ideal state |
//! | `PROPERTYSTORE/INSTANCE_PARTITIONS/<name>` | an [`InstancePartitions`] |
//! | `BROKER_RESOURCE/<table with type>` | ids of the brokers that answer for it |
//! | `NODES/<path>` | a [`Node`] |
//! | `PROPERTYSTORE/SEGMENT_LINEAGE/<table with type>` | a [`Lineage`] |
//! | `PROPERTYSTORE/CONTROLLER_JOBS/RELOAD_SEGMENT/<id>` | a [`Job`] |
//! | `PROPERTYSTORE/DEEP_STORE_DELETIONS/<raw table>/<file>` | a [`Tombstone`] |
//! | `CONFIGS/PARTICIPANT/<instance>` | an [`InstanceEntry`] |
//! | `CONFIGS/CLUSTER` | cluster configuration, one map |

use std::collections::{BTreeMap, BTreeSet};

use metadata::{Expect, MetadataStore, Op, RecordPath};
use model::{Schema, TableConfig};
use parking_lot::RwLock;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::lineage::Lineage;
use super::state::{
    Change, InstanceEntry, InstancePartitions, JsonText, Node, SchemaEntry, SegmentEntry, SegmentRecord, State, Table,
    TableEntry, Tombstone,
};
use crate::error::Error;
use crate::jobs::Job;

use metadata::paths::{CLUSTER_CONFIGS as CONFIG, INSTANCES, SCHEMAS, SEGMENTS, TABLES};
const LINEAGE: &str = "PROPERTYSTORE/SEGMENT_LINEAGE";
const RELOAD_JOBS: &str = "PROPERTYSTORE/CONTROLLER_JOBS/RELOAD_SEGMENT";
const DELETIONS: &str = "PROPERTYSTORE/DEEP_STORE_DELETIONS";
const INSTANCE_PARTITIONS: &str = "PROPERTYSTORE/INSTANCE_PARTITIONS";
const BROKERS: &str = "BROKER_RESOURCE";
const NODES: &str = "NODES";

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct TableDocument {
    config: Value,
    enabled: bool,
    creation_time_ms: i64,
    modified_time_ms: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    time_boundary_ms: Option<i64>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct SegmentDocument {
    record: SegmentRecord,
    ideal_state: BTreeMap<String, String>,
}

impl SegmentDocument {
    /// Reads a document as this version writes it: the metadata is the last member of the record, and is taken over as
    /// text. None when it is not of that form, and has to be read as any JSON.
    fn read_own(value: &[u8]) -> Option<Self> {
        const METADATA: &str = ",\"metadata\":";
        const IDEAL: &str = "},\"idealState\":";
        let text = std::str::from_utf8(value).ok()?.strip_prefix("{\"record\":")?.strip_suffix('}')?;
        let (record, ideal) = text.rsplit_once(IDEAL)?;
        let (head, metadata) = record.split_once(METADATA)?;
        let record: SegmentRecord = serde_json::from_str(&format!("{head}}}")).ok()?;
        let metadata = JsonText::from_text(metadata)?;
        Some(Self { record: SegmentRecord { metadata, ..record }, ideal_state: serde_json::from_str(ideal).ok()? })
    }
}

/// Reads everything. A record that cannot be read is an error that names it.
pub(super) async fn load(store: &dyn MetadataStore) -> Result<State, Error> {
    let mut state = State::default();
    for (path, value) in records(store, SCHEMAS).await? {
        let json: Value = read(&path, &value)?;
        let schema = Schema::from_json(&json).map_err(|error| unreadable(&path, error))?;
        state.schemas.insert(schema.name.clone(), SchemaEntry::new(schema));
    }
    for (path, value) in records(store, TABLES).await? {
        let document: TableDocument = read(&path, &value)?;
        let config = TableConfig::from_json(&document.config).map_err(|error| unreadable(&path, error))?;
        let name = config.table_name().to_string();
        let entry = TableEntry::new(config, document.enabled, document.creation_time_ms, document.modified_time_ms);
        let entry = TableEntry { time_boundary_ms: document.time_boundary_ms, ..entry };
        state.tables.insert(name, Table { entry, segments: BTreeMap::new(), lineage: Lineage::default(), version: 0 });
    }
    let segments = records(store, SEGMENTS).await?;
    let segments = tokio::task::spawn_blocking(move || read_segments(&segments)).await;
    for (path, entry) in segments.map_err(|error| Error::Internal(format!("segments cannot be read: {error}")))?? {
        let mut names = path.as_str().rsplitn(3, '/');
        let (Some(segment), Some(table)) = (names.next(), names.next()) else { continue };
        match state.tables.get_mut(table) {
            Some(found) => {
                found.segments.insert(segment.to_owned(), entry);
            }
            // Tables and their segments are removed in one transaction.
            None => tracing::warn!(%path, "a segment without its table is left alone"),
        }
    }
    for (path, value) in records(store, LINEAGE).await? {
        let lineage: Lineage = read(&path, &value)?;
        if let Some(table) = path.as_str().rsplit('/').next().and_then(|name| state.tables.get_mut(name)) {
            table.lineage = lineage;
        }
    }
    for (path, value) in records(store, RELOAD_JOBS).await? {
        let job: Job = read(&path, &value)?;
        state.jobs.insert(job.id.clone(), job);
    }
    for (path, value) in records(store, DELETIONS).await? {
        let tombstone: Tombstone = read(&path, &value)?;
        state.tombstones.insert(tombstone.path.clone(), tombstone);
    }
    for (path, value) in records(store, INSTANCE_PARTITIONS).await? {
        let partitions: InstancePartitions = read(&path, &value)?;
        state.instance_partitions.insert(partitions.instance_partitions_name.clone(), partitions);
    }
    for (path, value) in records(store, INSTANCES).await? {
        let instance: InstanceEntry = read(&path, &value)?;
        state.instances.insert(instance.id.clone(), instance);
    }
    if let Some(record) = store.get(&RecordPath::parse(CONFIG)?).await? {
        state.configs = read(&record.path, &record.value)?;
    }
    for (path, value) in records(store, BROKERS).await? {
        state.broker_resource.insert(path.name().to_owned(), read(&path, &value)?);
    }
    state.broker_resource.retain(|table, _| state.tables.contains_key(table));
    // Tables of a store that an earlier version wrote.
    let unknown = state.tables.iter().filter(|(name, _)| !state.broker_resource.contains_key(*name));
    let derived: Vec<_> = unknown.map(|(name, t)| (name.clone(), state.brokers_by_tag(&t.entry.config))).collect();
    state.broker_resource.extend(derived);
    for (path, value) in records(store, NODES).await? {
        let name = path.as_str().strip_prefix(NODES).unwrap_or_default().trim_start_matches('/').to_owned();
        let node: Node = read(&path, &value)?;
        state.nodes.insert(name, node);
    }
    Ok(state)
}

/// Reads segments on all cores: a store may hold a hundred thousand of them.
fn read_segments(records: &[(RecordPath, std::sync::Arc<[u8]>)]) -> Result<Vec<(RecordPath, SegmentEntry)>, Error> {
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let read_some = |records: &[(RecordPath, std::sync::Arc<[u8]>)]| {
        let entry = |(path, value): &(RecordPath, std::sync::Arc<[u8]>)| {
            let document = match SegmentDocument::read_own(value) {
                Some(document) => document,
                None => read(path, value)?,
            };
            Ok((path.clone(), SegmentEntry::new(document.record, document.ideal_state)))
        };
        records.iter().map(entry).collect::<Result<Vec<_>, Error>>()
    };
    std::thread::scope(|scope| {
        let parts = records.chunks(records.len().div_ceil(threads).max(1));
        let workers: Vec<_> = parts.map(|part| scope.spawn(move || read_some(part))).collect();
        let mut entries = Vec::with_capacity(records.len());
        for worker in workers {
            let panicked = |_| Error::Internal("reading segments panicked".to_owned());
            entries.extend(worker.join().map_err(panicked)??);
        }
        Ok(entries)
    })
}

async fn records(store: &dyn MetadataStore, below: &str) -> Result<Vec<(RecordPath, std::sync::Arc<[u8]>)>, Error> {
    let found = store.list(&RecordPath::parse(below)?).await?;
    Ok(found.into_iter().map(|record| (record.path, record.value)).collect())
}

fn read<T: serde::de::DeserializeOwned>(path: &RecordPath, value: &[u8]) -> Result<T, Error> {
    serde_json::from_slice(value).map_err(|error| unreadable(path, error))
}

fn unreadable(path: &RecordPath, error: impl std::fmt::Display) -> Error {
    Error::Internal(format!("the stored record {path} cannot be read: {error}"))
}

/// Stores changes in one transaction. `state` is what they will be applied to.
pub(super) async fn store(store: &dyn MetadataStore, state: &RwLock<State>, changes: &[Change]) -> Result<(), Error> {
    let ops = {
        let state = state.read();
        operations(&state, changes)?
    };
    store.commit(ops).await?;
    Ok(())
}

fn operations(state: &State, changes: &[Change]) -> Result<Vec<Op>, Error> {
    // The last change of a path counts: a transaction names each path once.
    let mut ops: BTreeMap<RecordPath, Op> = BTreeMap::new();
    let mut configs: Option<BTreeMap<String, String>> = None;
    let mut put = |op: Op| {
        ops.insert(op.path().clone(), op);
    };
    for change in changes {
        match change {
            Change::PutSchema(entry) => {
                let json = entry.schema.to_json_with_unknown();
                put(put_json(path(SCHEMAS, &[&entry.schema.name])?, &json)?);
            }
            Change::RemoveSchema(name) => put(Op::delete(path(SCHEMAS, &[name])?, Expect::Any)),
            Change::PutTable(entry) => {
                let document = TableDocument {
                    config: entry.config.to_json_with_unknown(),
                    enabled: entry.enabled,
                    creation_time_ms: entry.creation_time_ms,
                    modified_time_ms: entry.modified_time_ms,
                    time_boundary_ms: entry.time_boundary_ms,
                };
                let name = entry.config.table_name();
                put(put_json(path(TABLES, &[name.as_str()])?, &document)?);
                if !state.tables.contains_key(name.as_str()) {
                    let brokers = state.brokers_by_tag(&entry.config);
                    put(put_json(path(BROKERS, &[name.as_str()])?, &brokers)?);
                }
            }
            Change::RemoveTable(name) => {
                put(Op::delete(path(TABLES, &[name])?, Expect::Any));
                put(Op::delete(path(LINEAGE, &[name])?, Expect::Any));
                put(Op::delete(path(BROKERS, &[name])?, Expect::Any));
                let held: BTreeSet<&String> =
                    state.tables.get(name).map(|table| table.segments.keys().collect()).unwrap_or_default();
                for segment in held {
                    put(Op::delete(path(SEGMENTS, &[name, segment])?, Expect::Any));
                }
            }
            Change::PutSegment { table, segment, entry } => {
                let ideal = serde_json::to_string(&entry.ideal).map_err(|error| Error::Internal(error.to_string()))?;
                let document = format!("{{\"record\":{},\"idealState\":{ideal}}}", entry.text());
                put(Op::put(path(SEGMENTS, &[table, segment])?, document.into_bytes(), Expect::Any));
            }
            Change::RemoveSegment { table, segment } => {
                put(Op::delete(path(SEGMENTS, &[table, segment])?, Expect::Any));
            }
            Change::PutJob(job) => put(put_json(path(RELOAD_JOBS, &[&job.id])?, job)?),
            Change::RemoveJob(id) => put(Op::delete(path(RELOAD_JOBS, &[id])?, Expect::Any)),
            Change::PutLineage { table, lineage } => {
                let path = path(LINEAGE, &[table])?;
                put(if lineage.entries.is_empty() { Op::delete(path, Expect::Any) } else { put_json(path, lineage)? });
            }
            Change::PutInstance(entry) => put(put_json(path(INSTANCES, &[&entry.id])?, entry)?),
            Change::RemoveInstance(id) => {
                put(Op::delete(path(INSTANCES, &[id])?, Expect::Any));
                for (table, brokers) in state.broker_resource.iter().filter(|(_, brokers)| brokers.contains(id)) {
                    let left: BTreeSet<&String> = brokers.iter().filter(|broker| *broker != id).collect();
                    put(put_json(path(BROKERS, &[table])?, &left)?);
                }
            }
            Change::PutTombstone(tombstone) => put(put_json(deletion_path(&tombstone.path)?, tombstone)?),
            Change::PutInstancePartitions(partitions) => {
                put(put_json(path(INSTANCE_PARTITIONS, &[&partitions.instance_partitions_name])?, partitions)?);
            }
            Change::RemoveInstancePartitions(name) => {
                put(Op::delete(path(INSTANCE_PARTITIONS, &[name])?, Expect::Any));
            }
            Change::PutBrokers { table, brokers } => put(put_json(path(BROKERS, &[table])?, brokers)?),
            Change::PutNode(at, node) => put(put_json(node_path(at)?, node)?),
            Change::RemoveNode(at) => put(Op::delete(node_path(at)?, Expect::Any)),
            Change::RemoveTombstone(of) => put(Op::delete(deletion_path(of)?, Expect::Any)),
            Change::PutConfig(key, value) => {
                configs.get_or_insert_with(|| state.configs.clone()).insert(key.clone(), value.clone());
            }
            Change::RemoveConfig(key) => {
                configs.get_or_insert_with(|| state.configs.clone()).remove(key);
            }
        }
    }
    if let Some(configs) = configs {
        put(put_json(RecordPath::parse(CONFIG)?, &configs)?);
    }
    Ok(ops.into_values().collect())
}

fn put_json<T: Serialize>(path: RecordPath, value: &T) -> Result<Op, Error> {
    Ok(Op::put_json(path, value, Expect::Any)?)
}

fn path(base: &str, names: &[&str]) -> Result<RecordPath, Error> {
    let mut path = RecordPath::parse(base)?;
    for name in names {
        path = path.child(name)?;
    }
    Ok(path)
}

/// A deep store path has two components.
fn deletion_path(of: &str) -> Result<RecordPath, Error> {
    path(DELETIONS, &of.split('/').collect::<Vec<&str>>())
}

fn node_path(of: &str) -> Result<RecordPath, Error> {
    path(NODES, &of.split('/').collect::<Vec<&str>>())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn own_documents_are_read_as_any_json_is() {
        let metadata = json!({ "columns": [{ "name": "},\"idealState\":", "min": "a,\"metadata\":" }] });
        let custom = [("metadata", "x"), ("a", ",\"metadata\":{}")].map(|(k, v)| (k.to_owned(), v.to_owned()));
        let plain = BTreeMap::new();
        for (custom, quick) in [(plain, true), (BTreeMap::from(custom), false)] {
            let metadata = JsonText::new(&metadata);
            let record = SegmentRecord { crc: "7".to_owned(), custom, metadata, ..Default::default() };
            let ideal = BTreeMap::from([("Server_h_1".to_owned(), "ONLINE".to_owned())]);
            let entry = SegmentEntry::new(record, ideal);
            let text = format!("{{\"record\":{},\"idealState\":{}}}", entry.text(), json!(entry.ideal));
            let any: SegmentDocument = serde_json::from_str(&text).unwrap();
            assert_eq!(any.record, *entry.record);
            let own = SegmentDocument::read_own(text.as_bytes());
            assert_eq!(own.is_some(), quick);
            if let Some(own) = own {
                assert_eq!((own.record, own.ideal_state), (any.record, any.ideal_state));
            }
        }
        for other in
            ["", "{}", "{\"record\":{},\"idealState\":{}}", "{\"record\":{\"a\":1,\"metadata\":{,},\"idealState\":{}}"]
        {
            assert!(SegmentDocument::read_own(other.as_bytes()).is_none(), "{other}");
        }
    }
}
