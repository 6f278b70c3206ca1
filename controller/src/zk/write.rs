//! Writing the tree.
//!
//! | Path below the cluster | A write |
//! |---|---|
//! | `CONFIGS/CLUSTER/<cluster>` | replaces the cluster configuration |
//! | `CONFIGS/PARTICIPANT/<instance>` | changes tags, pools, ports, enabled; a deletion drops the instance |
//! | `PROPERTYSTORE/CONFIGS/TABLE/<table>` | replaces the table's config, by the rules of table updates |
//! | `PROPERTYSTORE/SCHEMAS/<schema>` | replaces the schema |
//! | `PROPERTYSTORE/SEGMENTS/<table>/<segment>` | changes where the segment lies and its times |
//! | anything that is none of the cluster's own | keeps the node |
//!
//! All other nodes show what the controller derives or guards; the refusal says which call changes them.

use metadata::znode::ZnRecord;

use super::{ZkPath, records};
use crate::cluster::{Change, InstanceEntry, Node, State};
use crate::error::Error;
use crate::tables::{self, Skip};

/// Nodes that users may keep, and bytes of one: what a ZooKeeper takes.
const MAX_NODES: usize = 100_000;
const MAX_NODE_BYTES: usize = 1 << 20;

/// What a path means to a writer.
enum Target<'a> {
    ClusterConfig,
    Participant(&'a str),
    Table(&'a str),
    Schema(&'a str),
    Segment(&'a str, &'a str),
    /// Kept as it comes, under this path below the cluster.
    Free(String),
    /// With the reason.
    Guarded(&'static str),
}

fn target<'a>(cluster: &str, path: &'a ZkPath) -> Result<Target<'a>, Error> {
    let parts: Vec<&'a str> = path.0.iter().map(String::as_str).collect();
    let Some((first, rest)) = parts.split_first() else {
        return Err(Error::Invalid("The root cannot be written".to_owned()));
    };
    if *first != cluster {
        let message = format!("ZKPath {path} is outside of this cluster, whose nodes lie below /{cluster}");
        return Err(Error::Invalid(message));
    }
    Ok(match rest {
        ["CONFIGS", "CLUSTER", name] if *name == cluster => Target::ClusterConfig,
        ["CONFIGS", "PARTICIPANT", id] => Target::Participant(id),
        ["PROPERTYSTORE", "CONFIGS", "TABLE", name] => Target::Table(name),
        ["PROPERTYSTORE", "SCHEMAS", name] => Target::Schema(name),
        ["PROPERTYSTORE", "SEGMENTS", table, segment] => Target::Segment(table, segment),
        []
        | ["PROPERTYSTORE"]
        | ["PROPERTYSTORE", "CONFIGS"]
        | ["PROPERTYSTORE", "CONFIGS", "TABLE", ..]
        | ["PROPERTYSTORE", "SCHEMAS" | "SEGMENTS", ..]
        | ["CONFIGS", ..] => Target::Guarded("it is a folder of the cluster"),
        ["PROPERTYSTORE", "INSTANCE_PARTITIONS", ..] => {
            Target::Guarded("use PUT or DELETE /tables/{tableName}/instancePartitions")
        }
        ["IDEALSTATES", "brokerResource"] => {
            Target::Guarded("use POST /tables/{tableName}/rebuildBrokerResourceFromHelixTags")
        }
        ["IDEALSTATES", ..] => {
            Target::Guarded("segments are assigned by the controller; upload, delete or rebalance them")
        }
        ["EXTERNALVIEW" | "LIVEINSTANCES" | "INSTANCES" | "CONTROLLER", ..] => {
            Target::Guarded("it follows from what instances report")
        }
        ["STATEMODELDEFS", ..] => Target::Guarded("it is part of the program"),
        free => Target::Free(free.join("/")),
    })
}

fn refused(path: &ZkPath, reason: &str) -> Error {
    Error::Invalid(format!("ZKPath {path} cannot be written here: {reason}"))
}

/// How a node is to be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// It may not be there yet.
    Create,
    /// As it comes; with a version only over that one.
    Put { expected: i32 },
}

/// Plans a write of one node.
pub(crate) fn put(
    state: &State,
    cluster: &str,
    path: &ZkPath,
    record: ZnRecord,
    now_ms: i64,
) -> Result<Vec<Change>, Error> {
    match target(cluster, path)? {
        Target::ClusterConfig => Ok(cluster_config(state, record)),
        Target::Participant(id) => participant(state, id, &record),
        Target::Table(name) => {
            let Some(table) = state.table(name) else {
                return Err(refused(path, "there is no such table; use POST /tables"));
            };
            let config = tables::read_config(&records::to_table(&record))?;
            if config.table_name() != table.entry.config.table_name() {
                return Err(refused(path, "the config in it is of another table"));
            }
            // Whoever edits here knows what they do.
            Ok(vec![tables::plan_update(state, &config, None, Skip::default(), now_ms)?])
        }
        Target::Schema(name) => {
            if !state.schemas.contains_key(name) {
                return Err(refused(path, "there is no such schema; use POST /schemas"));
            }
            Ok(vec![tables::put_schema(records::to_schema(name, &record)?)])
        }
        Target::Segment(table, segment) => {
            let known = state.table(table).and_then(|table| table.segments.get(segment));
            let known = known.ok_or_else(|| refused(path, "there is no such segment; upload it"))?;
            let entry = records::to_segment(known, &record)?;
            Ok(vec![Change::PutSegment { table: table.to_owned(), segment: segment.to_owned(), entry }])
        }
        Target::Free(at) => free(state, at, record, now_ms),
        Target::Guarded(reason) => Err(refused(path, reason)),
    }
}

fn cluster_config(state: &State, record: ZnRecord) -> Vec<Change> {
    let gone = state.configs.keys().filter(|key| !record.simple_fields.contains_key(*key));
    let mut changes: Vec<Change> = gone.map(|key| Change::RemoveConfig(key.clone())).collect();
    let new = record.simple_fields.into_iter().filter(|(key, value)| state.configs.get(key) != Some(value));
    changes.extend(new.map(|(key, value)| Change::PutConfig(key, value)));
    changes
}

fn participant(state: &State, id: &str, record: &ZnRecord) -> Result<Vec<Change>, Error> {
    let new;
    let known = match state.instances.get(id) {
        Some(known) => known,
        None => {
            let parsed = model::InstanceId::parse(id).map_err(|error| Error::Invalid(error.to_string()))?;
            let (host, port) = (parsed.host().to_owned(), parsed.port());
            new = InstanceEntry::new(id.to_owned(), host, port, parsed.role().name(), Vec::new());
            &new
        }
    };
    let entry = records::to_instance(known, record)?;
    crate::http::check_tags(&entry.tags)?;
    Ok(vec![Change::PutInstance(entry)])
}

fn free(state: &State, at: String, record: ZnRecord, now_ms: i64) -> Result<Vec<Change>, Error> {
    let size = serde_json::to_vec(&record).map_or(usize::MAX, |bytes| bytes.len());
    if size > MAX_NODE_BYTES {
        return Err(Error::Invalid(format!("The node has {size} bytes, {MAX_NODE_BYTES} is the most")));
    }
    let known = state.nodes.get(&at);
    if known.is_none() && state.nodes.len() >= MAX_NODES {
        return Err(Error::Invalid(format!("There are {MAX_NODES} nodes already, which is the most")));
    }
    let node = Node {
        record: Some(record),
        version: known.map_or(0, |known| known.version.wrapping_add(1).max(0)),
        created_ms: known.map_or(now_ms, |known| known.created_ms),
        modified_ms: now_ms,
    };
    Ok(vec![Change::PutNode(at, node)])
}

/// Plans the deletion of a node with everything below it. `droppable` says why an instance cannot be dropped.
pub(crate) fn delete(
    state: &State,
    cluster: &str,
    path: &ZkPath,
    droppable: impl Fn(&str) -> Result<(), Error>,
) -> Result<Vec<Change>, Error> {
    match target(cluster, path)? {
        Target::Free(at) => {
            let below = format!("{at}/");
            let gone = state.nodes.keys().filter(|name| **name == at || name.starts_with(&below));
            Ok(gone.map(|name| Change::RemoveNode(name.clone())).collect())
        }
        Target::Participant(id) => {
            droppable(id)?;
            Ok(vec![Change::RemoveInstance(id.to_owned())])
        }
        Target::ClusterConfig => Err(refused(path, "use DELETE /cluster/configs/{configName} for each key")),
        Target::Table(_) => Err(refused(path, "use DELETE /tables/{tableName}")),
        Target::Schema(_) => Err(refused(path, "use DELETE /schemas/{schemaName}")),
        Target::Segment(..) => Err(refused(path, "use DELETE /segments/{tableName}/{segmentName}")),
        Target::Guarded(reason) => Err(refused(path, reason)),
    }
}
