//! The session with the controller: its pushes become the [`ClusterView`].

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use arc_swap::ArcSwap;
use async_trait::async_trait;
use model::{RawTableName, Schema, TableConfig, TableNameWithType};
use proto::{SessionError, SessionHandler, v1};

use crate::{
    error::Error,
    routing::{
        ClusterView, SegmentRoute, Selector, ServerClients, TableRoute,
        facts::SegmentFacts,
        servers::{ServerUpdate, name_servers, with_server},
        table::{Replica, ReplicaState, is_fresh},
    },
};

/// What a registration says of this instance.
#[derive(Clone, Debug)]
pub struct Identity {
    pub instance_id: String,
    pub host: String,
    pub port: u16,
    pub tags: Vec<String>,
    /// Changes with every start.
    pub incarnation: String,
}

/// Keeps the view up to date. Only one session runs at a time, so changes never race.
pub struct ControllerSession {
    identity: Identity,
    view: Arc<ArcSwap<ClusterView>>,
    clients: Arc<dyn ServerClients>,
    connected: Arc<AtomicBool>,
}

impl ControllerSession {
    /// `connected` is set while a session is open.
    pub fn new(
        identity: Identity,
        view: Arc<ArcSwap<ClusterView>>,
        clients: Arc<dyn ServerClients>,
        connected: Arc<AtomicBool>,
    ) -> Self {
        Self { identity, view, clients, connected }
    }

    /// `before` is the picture until now; none of it is known before the first.
    fn put_tables(&self, view: &mut ClusterView, tables: Vec<v1::Table>, before: &ClusterView) {
        for table in tables {
            let name = table.name.clone();
            let earlier = before.tables.get(name.as_str()).map(|table| &**table);
            view.other_tables.remove(&name);
            match table_route_after(table, before.ready, earlier) {
                Ok(route) => {
                    view.tables.insert(Arc::clone(&route.name), Arc::new(route));
                }
                // The last good definition goes on being used.
                Err(error) => tracing::error!(table = name, %error, "a table's definition cannot be used"),
            }
        }
    }

    /// Gives the tables whose changes do not build on what is held.
    fn change_tables(view: &mut ClusterView, changes: Vec<v1::TableChange>) -> Vec<String> {
        let mut unknown = Vec::new();
        for change in changes {
            let name = change.name.clone();
            let changed = view.tables.get(name.as_str()).and_then(|table| changed(table, change));
            match changed {
                Some(table) => {
                    view.tables.insert(Arc::clone(&table.name), Arc::new(table));
                }
                None => unknown.push(name),
            }
        }
        unknown
    }

    fn put_servers(&self, view: &mut ClusterView, instances: Vec<v1::Instance>) {
        for instance in instances {
            let update = ServerUpdate {
                id: instance.instance_id,
                host: instance.host,
                port: u16::try_from(instance.port).unwrap_or_default(),
                tags: instance.tags,
                live: instance.live,
                enabled: instance.enabled,
            };
            with_server(&mut view.servers, update, &*self.clients);
        }
        name_servers(&mut view.servers);
    }
}

#[async_trait]
impl SessionHandler for ControllerSession {
    fn register(&self) -> v1::Register {
        v1::Register {
            instance_id: self.identity.instance_id.clone(),
            role: v1::Role::Broker as i32,
            host: self.identity.host.clone(),
            port: u32::from(self.identity.port),
            admin_port: u32::from(self.identity.port),
            tags: self.identity.tags.clone(),
            incarnation: self.identity.incarnation.clone(),
            segments: Vec::new(),
            version: service::VERSION.to_owned(),
            takes_table_changes: true,
        }
    }

    async fn snapshot(&self, snapshot: v1::Snapshot) {
        let before = self.view.load_full();
        // Servers are carried over for their clients and failure records, then reduced to those still named.
        let mut view = ClusterView::default();
        view.ready = true;
        view.configs = snapshot.cluster_configs;
        view.other_tables = snapshot.other_tables.into_iter().collect();
        let named: std::collections::BTreeSet<&str> =
            snapshot.instances.iter().map(|instance| instance.instance_id.as_str()).collect();
        view.servers = before
            .servers
            .iter()
            .filter(|(id, _)| named.contains(&***id))
            .map(|(id, server)| (Arc::clone(id), Arc::clone(server)))
            .collect();
        self.put_servers(&mut view, snapshot.instances);
        self.put_tables(&mut view, snapshot.tables, &before);
        view.index();
        self.view.store(Arc::new(view));
    }

    async fn update(&self, update: v1::Update) -> Vec<String> {
        let before = self.view.load_full();
        let mut view = ClusterView::clone(&before);
        for name in &update.removed_tables {
            view.tables.remove(name.as_str());
            view.other_tables.remove(name);
        }
        view.other_tables.extend(update.other_tables);
        for id in &update.removed_instances {
            view.servers.remove(id.as_str());
        }
        if update.cluster_configs_changed {
            view.configs = update.cluster_configs;
        }
        self.put_servers(&mut view, update.instances);
        self.put_tables(&mut view, update.tables, &before);
        let unknown = Self::change_tables(&mut view, update.table_changes);
        view.index();
        self.view.store(Arc::new(view));
        unknown
    }

    async fn request(&self, request: v1::Request) -> v1::RequestReply {
        let error = format!("this broker does not know requests of kind {}", request.kind);
        v1::RequestReply { id: request.id, error, payload_json: String::new() }
    }

    async fn next_report(&self) -> v1::StateReport {
        // A broker holds no segments.
        std::future::pending().await
    }

    fn opened(&self) {
        self.connected.store(true, Ordering::Relaxed);
        tracing::info!("the session with the controller is open");
    }

    fn lost(&self, error: &SessionError, pause: Duration) {
        if self.connected.swap(false, Ordering::Relaxed) {
            tracing::warn!(%error, ?pause, "no session with the controller; queries go on with what is known");
        } else {
            tracing::debug!(%error, ?pause, "the controller was not reached");
        }
    }
}

/// A pushed table as queries are routed over it.
#[cfg(test)]
pub(crate) fn table_route(table: v1::Table) -> Result<TableRoute, Error> {
    table_route_after(table, false, None)
}

/// As the first picture of the cluster shows it, or `watching` since: then `before` is what was held.
fn table_route_after(table: v1::Table, watching: bool, before: Option<&TableRoute>) -> Result<TableRoute, Error> {
    let bad = |reason: String| Error::Table { table: table.name.clone(), reason };
    let name = TableNameWithType::parse(&table.name).map_err(|error| bad(error.to_string()))?;
    let config = serde_json::from_str(&table.config_json).map_err(|error| bad(error.to_string()))?;
    let config = TableConfig::from_json(&config).map_err(|error| bad(error.to_string()))?;
    let schema = serde_json::from_str(&table.schema_json).map_err(|error| bad(error.to_string()))?;
    let schema = Schema::from_json(&schema).map_err(|error| bad(error.to_string()))?;
    let raw_name: RawTableName = name.raw();
    let mut segments: Vec<Arc<SegmentRoute>> = table
        .segments
        .into_iter()
        .map(|segment| {
            let mut route = segment_route(segment, &config);
            route.fresh = watching && is_fresh(&route, before);
            Arc::new(route)
        })
        .collect();
    segments.sort_by(|a, b| a.name.cmp(&b.name));
    let mut route = TableRoute {
        name: Arc::from(name.as_str()),
        raw_name: Arc::from(raw_name.as_str()),
        version: table.version,
        revision: table.revision,
        enabled: table.enabled,
        time_boundary_ms: table.time_boundary_ms,
        time_column: config.time_column().map(str::to_owned),
        pushes_hourly: config.push_frequency().is_some_and(|frequency| frequency.eq_ignore_ascii_case("HOURLY")),
        selector: Selector::from_config(config.instance_selector_type()),
        config: Arc::new(config),
        schema: Arc::new(schema),
        segments,
        incomplete_servers: Default::default(),
    };
    route.count_incomplete();
    Ok(route)
}

fn segment_route(segment: v1::Segment, config: &TableConfig) -> SegmentRoute {
    SegmentRoute {
        name: Arc::from(segment.name),
        replicas: replicas(segment.replicas),
        facts: Arc::new(SegmentFacts::parse(&segment.metadata_json, &config.indexing().partition)),
        fresh: false,
    }
}

/// The map is ordered, so replicas ascend by server.
fn replicas(states: BTreeMap<String, String>) -> Vec<Replica> {
    let replica =
        |(server, state): (String, String)| Replica { server: server.into(), state: ReplicaState::parse(&state) };
    states.into_iter().map(replica).collect()
}

/// The table with a change of some of its segments. None when the change does not build on it.
fn changed(table: &TableRoute, change: v1::TableChange) -> Option<TableRoute> {
    if table.revision != change.base_revision {
        return None;
    }
    let mut new = table.clone();
    new.version = change.version;
    new.revision = change.revision;
    for name in &change.removed_segments {
        new.remove_segment(name);
    }
    for segment in change.segments {
        let mut route = segment_route(segment, &new.config);
        route.fresh = is_fresh(&route, Some(table));
        new.put_segment(route);
    }
    for change in change.replicas {
        let mut route = SegmentRoute::clone(table.segment(&change.segment)?);
        route.replicas = replicas(change.replicas);
        route.fresh = is_fresh(&route, Some(table));
        new.put_segment(route);
    }
    new.count_incomplete();
    Some(new)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn segment(name: &str, replicas: &[(&str, &str)]) -> v1::Segment {
        v1::Segment {
            name: name.to_owned(),
            replicas: replicas.iter().map(|(id, state)| ((*id).to_owned(), (*state).to_owned())).collect(),
            metadata_json: r#"{"totalDocs":1}"#.to_owned(),
            ..v1::Segment::default()
        }
    }

    fn table(segments: Vec<v1::Segment>) -> TableRoute {
        let config = r#"{"tableName":"t","tableType":"OFFLINE","segmentsConfig":{"replication":"1"},"tenants":{},
            "tableIndexConfig":{},"metadata":{},"routing":{"instanceSelectorType":"strictReplicaGroup"}}"#;
        table_route(v1::Table {
            name: "t_OFFLINE".to_owned(),
            version: 1,
            config_json: config.to_owned(),
            schema_json: r#"{"schemaName":"t","dimensionFieldSpecs":[{"name":"a","dataType":"INT"}]}"#.to_owned(),
            enabled: true,
            segments,
            revision: 3,
            time_boundary_ms: None,
        })
        .unwrap()
    }

    fn shown(table: &TableRoute) -> String {
        let segment = |s: &Arc<SegmentRoute>| {
            let replicas: Vec<String> = s.replicas.iter().map(|r| format!("{}={:?}", r.server, r.state)).collect();
            format!("{}{}[{}]", s.name, if s.fresh { "*" } else { "" }, replicas.join(" "))
        };
        table.segments.iter().map(segment).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn a_change_builds_on_what_is_held() {
        let before = table(vec![segment("a", &[("S", "ONLINE")]), segment("c", &[("S", "ONLINE")])]);
        let change = v1::TableChange {
            name: "t_OFFLINE".to_owned(),
            base_revision: 3,
            revision: 4,
            version: 9,
            segments: vec![segment("b", &[]), segment("d", &[("S", "ONLINE")])],
            removed_segments: vec!["a".to_owned(), "unknown".to_owned()],
            replicas: vec![v1::SegmentReplicas {
                segment: "c".to_owned(),
                replicas: BTreeMap::from([("S".to_owned(), "ERROR".to_owned())]),
            }],
        };
        let after = changed(&before, change.clone()).unwrap();
        assert_eq!(shown(&after), "b*[] c[S=Error] d[S=Online]");
        assert_eq!((after.revision, after.version, after.incomplete_servers.len()), (4, 9, 1));
        assert!(Arc::ptr_eq(&after.segment("c").unwrap().facts, &before.segment("c").unwrap().facts));
        assert!(changed(&after, change.clone()).is_none(), "another revision");
        let unknown = v1::SegmentReplicas { segment: "x".to_owned(), replicas: BTreeMap::new() };
        assert!(
            changed(&before, v1::TableChange { replicas: vec![unknown], ..change }).is_none(),
            "an unknown segment"
        );
    }
}
