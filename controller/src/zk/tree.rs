//! Reading the tree.

use std::collections::BTreeSet;

use metadata::znode::ZnRecord;
use parking_lot::RwLockReadGuard;

use super::{ZkPath, records};
use crate::cluster::{Cluster, LiveInstances, State};

/// One node.
#[derive(Clone, Debug, Default)]
pub(crate) struct ZkNode {
    /// None: the node holds nothing.
    pub record: Option<ZnRecord>,
    pub children: BTreeSet<String>,
    /// Times of nodes that have some; the others are as old as the controller's run.
    pub created_ms: Option<i64>,
    pub modified_ms: Option<i64>,
    /// Of a node that users keep; the others' follows from what they hold.
    own_version: Option<i32>,
    /// The session that the node lives as long as; 0 for lasting ones.
    pub owner: u64,
}

impl ZkNode {
    fn folder<T: Into<String>>(children: impl IntoIterator<Item = T>) -> Self {
        Self { children: children.into_iter().map(Into::into).collect(), ..Self::default() }
    }

    fn leaf(record: ZnRecord) -> Self {
        Self { record: Some(record), ..Self::default() }
    }

    fn at(mut self, created_ms: i64, modified_ms: i64) -> Self {
        (self.created_ms, self.modified_ms) = (Some(created_ms), Some(modified_ms));
        self
    }

    /// What the node holds, as it would lie in a store.
    pub fn data(&self) -> Vec<u8> {
        self.record.as_ref().and_then(|record| serde_json::to_vec_pretty(record).ok()).unwrap_or_default()
    }

    /// Differs between any two contents, so that a writer can tell whether the node is still what it has read.
    pub fn version(&self) -> i32 {
        match (self.own_version, &self.record) {
            (Some(version), _) => version,
            (None, None) => 0,
            // FNV-1a; the sign bit is left out, since -1 means any version.
            (None, Some(_)) => {
                let hash = self
                    .data()
                    .iter()
                    .fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193));
                (hash & 0x7fff_ffff) as i32
            }
        }
    }
}

/// The tree at one moment.
pub(crate) struct Tree<'a> {
    cluster: &'a Cluster,
    pub state: RwLockReadGuard<'a, State>,
    live: RwLockReadGuard<'a, LiveInstances>,
}

/// State machines that resources of this cluster follow, with their states, best first.
const MODELS: [(&str, [&str; 3]); 2] = [
    (records::SEGMENT_MODEL, ["ONLINE", "OFFLINE", "DROPPED"]),
    (records::BROKER_MODEL, ["ONLINE", "OFFLINE", "DROPPED"]),
];

impl<'a> Tree<'a> {
    pub fn of(cluster: &'a Cluster) -> Self {
        let state = cluster.read();
        Self { cluster, state, live: cluster.live() }
    }

    fn name(&self) -> &str {
        &self.cluster.config.cluster_name
    }

    fn is_live(&self, id: &str) -> bool {
        id == self.cluster.instance_id || self.live.is_live(id)
    }

    /// The node at a path.
    pub fn node(&self, path: &ZkPath) -> Option<ZkNode> {
        let parts = path.parts();
        let Some((first, rest)) = parts.split_first() else {
            return Some(ZkNode::folder([self.name()]));
        };
        if *first != self.name() {
            return None;
        }
        let own = self.own(rest);
        let kept = self.kept(&rest.join("/"));
        match (own, kept) {
            // Users may keep nodes beside the cluster's own.
            (Some(mut own), Some(kept)) => {
                own.children.extend(kept.children);
                Some(own)
            }
            (own, kept) => own.or(kept),
        }
    }

    /// A node that users keep, or a folder that leads to one.
    fn kept(&self, path: &str) -> Option<ZkNode> {
        let below = if path.is_empty() { String::new() } else { format!("{path}/") };
        let inside = self.state.nodes.range(below.clone()..).take_while(|(name, _)| name.starts_with(&below));
        let children: BTreeSet<String> =
            inside.filter_map(|(name, _)| name[below.len()..].split('/').next().map(str::to_owned)).collect();
        match self.state.nodes.get(path) {
            Some(node) => Some(ZkNode {
                record: node.record.clone(),
                children,
                created_ms: Some(node.created_ms),
                modified_ms: Some(node.modified_ms),
                own_version: Some(node.version),
                owner: 0,
            }),
            None => (!children.is_empty()).then(|| ZkNode::folder(children)),
        }
    }

    fn own(&self, path: &[&str]) -> Option<ZkNode> {
        Some(match path {
            [] => ZkNode::folder([
                "CONFIGS",
                "CONTROLLER",
                "EXTERNALVIEW",
                "IDEALSTATES",
                "INSTANCES",
                "LIVEINSTANCES",
                "PROPERTYSTORE",
                "STATEMODELDEFS",
            ]),
            ["CONFIGS", rest @ ..] => return self.configs(rest),
            ["CONTROLLER"] => ZkNode::folder(["LEADER"]),
            ["CONTROLLER", "LEADER"] => ZkNode::leaf(records::of_live_instance(&self.cluster.instance_id, 0)),
            ["EXTERNALVIEW"] | ["IDEALSTATES"] => {
                ZkNode::folder(self.state.tables.keys().map(String::as_str).chain(["brokerResource"]))
            }
            ["IDEALSTATES", "brokerResource"] => ZkNode::leaf(records::broker_resource(&self.state, None)),
            ["EXTERNALVIEW", "brokerResource"] => {
                ZkNode::leaf(records::broker_resource(&self.state, Some(&|id| self.is_live(id))))
            }
            ["IDEALSTATES", table] => {
                let found = self.state.table(table)?;
                ZkNode::leaf(records::ideal_state(table, found))
                    .at(found.entry.creation_time_ms, found.entry.modified_time_ms)
            }
            ["EXTERNALVIEW", table] => {
                let found = self.state.table(table)?;
                ZkNode::leaf(records::external_view(table, found, self.live.external_view(table)))
                    .at(found.entry.creation_time_ms, found.entry.modified_time_ms)
            }
            ["INSTANCES", rest @ ..] => return self.instances(rest),
            ["LIVEINSTANCES"] => {
                let live = self.live.by_id.keys().map(String::as_str);
                ZkNode::folder(live.chain([self.cluster.instance_id.as_str()]))
            }
            ["LIVEINSTANCES", id] => {
                let session = self.live.by_id.get(*id).map(|live| live.session);
                let session = session.or_else(|| (*id == self.cluster.instance_id).then_some(0))?;
                ZkNode { owner: session, ..ZkNode::leaf(records::of_live_instance(id, session)) }
            }
            ["PROPERTYSTORE", rest @ ..] => return self.property_store(rest),
            ["STATEMODELDEFS"] => ZkNode::folder(MODELS.map(|(name, _)| name)),
            ["STATEMODELDEFS", name] => {
                let (name, states) = MODELS.iter().find(|(known, _)| known == name)?;
                let mut record = ZnRecord::new(*name);
                record.set("INITIAL_STATE", "OFFLINE");
                let states = states.iter().map(|state| (*state).to_owned()).collect();
                record.list_fields.insert("STATE_PRIORITY_LIST".to_owned(), states);
                ZkNode::leaf(record)
            }
            _ => return None,
        })
    }

    fn configs(&self, path: &[&str]) -> Option<ZkNode> {
        Some(match path {
            [] => ZkNode::folder(["CLUSTER", "PARTICIPANT", "RESOURCE"]),
            ["CLUSTER"] => ZkNode::folder([self.name()]),
            ["CLUSTER", name] if *name == self.name() => ZkNode::leaf(records::of_cluster(name, &self.state.configs)),
            ["PARTICIPANT"] => ZkNode::folder(self.state.instances.keys().map(String::as_str)),
            ["PARTICIPANT", id] => ZkNode::leaf(records::of_instance(self.state.instances.get(*id)?)),
            ["RESOURCE"] => ZkNode::default(),
            _ => return None,
        })
    }

    fn instances(&self, path: &[&str]) -> Option<ZkNode> {
        let (id, rest) = match path {
            [] => return Some(ZkNode::folder(self.state.instances.keys().map(String::as_str))),
            [id, rest @ ..] => (*id, rest),
        };
        if !self.state.instances.contains_key(id) {
            return None;
        }
        let live = self.live.by_id.get(id);
        let session = live.map(|live| format!("{:x}", live.session));
        Some(match rest {
            [] => ZkNode::folder(["CURRENTSTATES"]),
            ["CURRENTSTATES"] => ZkNode::folder(session),
            ["CURRENTSTATES", of] if session.as_deref() == Some(of) => {
                ZkNode::folder(live?.segments.keys().map(String::as_str))
            }
            ["CURRENTSTATES", of, table] if session.as_deref() == Some(of) => {
                let mut record = ZnRecord::new(*table);
                record.set("SESSION_ID", of);
                record.set("STATE_MODEL_DEF", records::SEGMENT_MODEL);
                for (segment, current) in live?.segments.get(*table)? {
                    let mut fields =
                        std::collections::BTreeMap::from([("CURRENT_STATE".to_owned(), current.state.clone())]);
                    if !current.error.is_empty() {
                        fields.insert("INFO".to_owned(), current.error.clone());
                    }
                    record.map_fields.insert(segment.clone(), fields);
                }
                ZkNode::leaf(record)
            }
            _ => return None,
        })
    }

    fn property_store(&self, path: &[&str]) -> Option<ZkNode> {
        let state = &self.state;
        Some(match path {
            [] => ZkNode::folder(["CONFIGS", "INSTANCE_PARTITIONS", "SCHEMAS", "SEGMENTS"]),
            ["CONFIGS"] => ZkNode::folder(["TABLE"]),
            ["CONFIGS", "TABLE"] => ZkNode::folder(state.tables.keys().map(String::as_str)),
            ["CONFIGS", "TABLE", name] => {
                let entry = &state.table(name)?.entry;
                ZkNode::leaf(records::of_table(name, entry)).at(entry.creation_time_ms, entry.modified_time_ms)
            }
            ["INSTANCE_PARTITIONS"] => ZkNode::folder(state.instance_partitions.keys().map(String::as_str)),
            ["INSTANCE_PARTITIONS", name] => {
                ZkNode::leaf(records::of_instance_partitions(state.instance_partitions.get(*name)?))
            }
            ["SCHEMAS"] => ZkNode::folder(state.schemas.keys().map(String::as_str)),
            ["SCHEMAS", name] => ZkNode::leaf(records::of_schema(name, &state.schemas.get(*name)?.json)),
            ["SEGMENTS"] => ZkNode::folder(state.tables.keys().map(String::as_str)),
            ["SEGMENTS", table] => ZkNode::folder(state.table(table)?.segments.keys().map(String::as_str)),
            ["SEGMENTS", table, segment] => {
                let entry = state.table(table)?.segments.get(*segment)?;
                let record = &entry.record;
                let modified = record.refresh_time_ms.unwrap_or(record.push_time_ms);
                ZkNode::leaf(records::of_segment(segment, entry)).at(record.push_time_ms, modified)
            }
            _ => return None,
        })
    }
}
