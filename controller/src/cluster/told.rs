//! What one session was told of the cluster, and so what it has still to be told.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use proto::v1::{self, Role};

use super::live::LiveInstances;
use super::outbox::{Pending, TableTouch};
use super::state::{State, Table};
use super::{Cluster, view};

/// One session's side of the picture.
pub(super) struct Told {
    id: String,
    role: Role,
    /// The instance takes changes of single segments.
    takes_changes: bool,
    /// Tables that it was sent.
    tables: HashMap<String, Sent>,
    /// Brokers: tables that exist and that others answer for.
    others: BTreeSet<String>,
}

#[derive(Default)]
struct Sent {
    /// Grows with every message about the table.
    revision: u64,
    /// Servers: the segments it was told to hold.
    segments: HashSet<String>,
}

impl Told {
    pub fn new(id: String, role: Role, takes_changes: bool) -> Self {
        Self { id, role, takes_changes, tables: HashMap::new(), others: BTreeSet::new() }
    }

    /// Everything that concerns the instance.
    pub fn snapshot(&mut self, cluster: &Cluster) -> v1::Snapshot {
        let state = cluster.read();
        let live = cluster.live();
        self.tables.clear();
        self.others.clear();
        let mut tables = Vec::new();
        for name in state.tables.keys() {
            match self.whole(&state, &live, name) {
                Some(table) => tables.push(table),
                None if self.role == Role::Broker => {
                    self.others.insert(name.clone());
                }
                None => {}
            }
        }
        let servers = state.instances.values().filter(|entry| self.role == Role::Broker && entry.role == "SERVER");
        let instances = servers.map(|entry| view::instance(entry, live.is_live(&entry.id))).collect();
        v1::Snapshot {
            lease_ms: cluster.config.lease.as_millis() as u64,
            tables,
            instances,
            cluster_configs: self.configs(&state),
            other_tables: self.others.iter().cloned().collect(),
        }
    }

    /// What is pending, as the instance is told it.
    pub fn update(&mut self, cluster: &Cluster, pending: &Pending) -> v1::Update {
        let state = cluster.read();
        let live = cluster.live();
        let mut update = v1::Update::default();
        for (name, touch) in &pending.tables {
            self.table(&state, &live, name, touch, &mut update);
        }
        if self.role == Role::Broker {
            for instance in &pending.instances {
                match state.instances.get(instance) {
                    Some(entry) if entry.role == "SERVER" => {
                        update.instances.push(view::instance(entry, live.is_live(instance)));
                    }
                    Some(_) => {}
                    None => update.removed_instances.push(instance.clone()),
                }
            }
        }
        if pending.configs {
            update.cluster_configs_changed = true;
            update.cluster_configs = self.configs(&state);
        }
        update
    }

    fn configs(&self, state: &State) -> BTreeMap<String, String> {
        match self.role {
            Role::Broker => crate::quotas::broker_configs(state, &self.id),
            _ => state.configs.clone(),
        }
    }

    fn table(&mut self, state: &State, live: &LiveInstances, name: &str, touch: &TableTouch, update: &mut v1::Update) {
        if self.is_no_concern(state, name, touch) {
            return;
        }
        if let (TableTouch::Segments { records, replicas }, true) = (touch, self.takes_changes)
            && let Some(table) = state.tables.get(name)
            && let Some(change) = self.change(table, live, name, records, replicas)
        {
            if !is_nothing(&change) {
                update.table_changes.push(change);
            }
            return;
        }
        if let Some(table) = self.whole(state, live, name) {
            update.tables.push(table);
            return;
        }
        let was_told = self.tables.remove(name).is_some() | self.others.remove(name);
        if was_told {
            update.removed_tables.push(name.to_owned());
        }
        if self.role == Role::Broker && state.tables.contains_key(name) {
            self.others.insert(name.to_owned());
            update.other_tables.push(name.to_owned());
        }
    }

    /// A server that holds nothing of a table and is given none of the segments that have changed.
    fn is_no_concern(&self, state: &State, name: &str, touch: &TableTouch) -> bool {
        let TableTouch::Segments { records, .. } = touch else { return false };
        let Some(table) = state.tables.get(name) else { return false };
        let given = |name: &String| table.segments.get(name).is_some_and(|entry| entry.ideal.contains_key(&self.id));
        self.role == Role::Server && !self.tables.contains_key(name) && !records.iter().any(given)
    }

    /// The whole table. None when the instance has nothing to do with it.
    fn whole(&mut self, state: &State, live: &LiveInstances, name: &str) -> Option<v1::Table> {
        let mut table = match self.role {
            Role::Server => view::table_for_server(state, name, &self.id),
            Role::Broker => view::table_for_broker(state, live, name, &self.id),
            Role::Minion | Role::Unspecified => None,
        }?;
        self.others.remove(name);
        let sent = self.tables.entry(name.to_owned()).or_default();
        sent.revision += 1;
        if self.role == Role::Server {
            sent.segments = table.segments.iter().map(|segment| segment.name.clone()).collect();
        }
        table.revision = sent.revision;
        Some(table)
    }

    /// What changes single segments of a table. None when the table has to be sent whole or taken back.
    fn change(
        &mut self,
        table: &Table,
        live: &LiveInstances,
        name: &str,
        records: &BTreeSet<String>,
        replicas: &BTreeSet<String>,
    ) -> Option<v1::TableChange> {
        let sent = self.tables.get_mut(name)?;
        let mut change = v1::TableChange { name: name.to_owned(), version: table.version, ..Default::default() };
        let states = |segment: &str| -> BTreeMap<String, String> {
            live.replicas(name, segment).into_iter().map(|(id, current)| (id, current.state.clone())).collect()
        };
        for segment in records {
            let entry = table.segments.get(segment);
            match self.role {
                Role::Server => {
                    match entry.and_then(|entry| view::segment_for_server(table, segment, entry, &self.id)) {
                        Some(wanted) => {
                            sent.segments.insert(segment.clone());
                            change.segments.push(wanted);
                        }
                        None if sent.segments.remove(segment) => change.removed_segments.push(segment.clone()),
                        None => {}
                    }
                }
                _ => match entry.filter(|_| !table.lineage.hides(segment)) {
                    Some(entry) => change.segments.push(view::segment_for_broker(segment, entry, states(segment))),
                    None => change.removed_segments.push(segment.clone()),
                },
            }
        }
        if self.role == Role::Server && sent.segments.is_empty() {
            return None;
        }
        if self.role == Role::Broker {
            let shown = |s: &String| table.segments.contains_key(s) && !table.lineage.hides(s);
            let known = replicas.iter().filter(|s| !records.contains(*s) && shown(s));
            let shown = known.map(|s| v1::SegmentReplicas { segment: s.clone(), replicas: states(s) });
            change.replicas.extend(shown);
        }
        if !is_nothing(&change) {
            change.base_revision = sent.revision;
            sent.revision += 1;
            change.revision = sent.revision;
        }
        Some(change)
    }
}

fn is_nothing(change: &v1::TableChange) -> bool {
    change.segments.is_empty() && change.removed_segments.is_empty() && change.replicas.is_empty()
}
