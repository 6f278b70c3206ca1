//! The session with the controller: its pushes become the [`ClusterView`].

use std::{
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
        table::{Replica, ReplicaState, incomplete_servers, mark_fresh},
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
            match table_route(table) {
                Ok(mut route) => {
                    if before.ready {
                        let earlier = before.tables.get(&*route.name).map(|table| &**table);
                        mark_fresh(&mut route, earlier);
                    }
                    view.tables.insert(Arc::clone(&route.name), Arc::new(route));
                }
                // The last good definition goes on being used.
                Err(error) => tracing::error!(table = name, %error, "a table's definition cannot be used"),
            }
        }
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
        }
    }

    async fn snapshot(&self, snapshot: v1::Snapshot) {
        let before = self.view.load_full();
        // Servers are carried over for their clients and failure records, then reduced to those still named.
        let mut view = ClusterView::default();
        view.ready = true;
        view.configs = snapshot.cluster_configs;
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

    async fn update(&self, update: v1::Update) {
        let before = self.view.load_full();
        let mut view = ClusterView::clone(&before);
        for name in &update.removed_tables {
            view.tables.remove(name.as_str());
        }
        for id in &update.removed_instances {
            view.servers.remove(id.as_str());
        }
        if update.cluster_configs_changed {
            view.configs = update.cluster_configs;
        }
        self.put_servers(&mut view, update.instances);
        self.put_tables(&mut view, update.tables, &before);
        view.index();
        self.view.store(Arc::new(view));
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
pub(crate) fn table_route(table: v1::Table) -> Result<TableRoute, Error> {
    let bad = |reason: String| Error::Table { table: table.name.clone(), reason };
    let name = TableNameWithType::parse(&table.name).map_err(|error| bad(error.to_string()))?;
    let config = serde_json::from_str(&table.config_json).map_err(|error| bad(error.to_string()))?;
    let config = TableConfig::from_json(&config).map_err(|error| bad(error.to_string()))?;
    let schema = serde_json::from_str(&table.schema_json).map_err(|error| bad(error.to_string()))?;
    let schema = Schema::from_json(&schema).map_err(|error| bad(error.to_string()))?;
    let raw_name: RawTableName = name.raw();
    let mut segments: Vec<SegmentRoute> = table
        .segments
        .into_iter()
        .map(|segment| SegmentRoute {
            name: Arc::from(segment.name),
            // The map is ordered, so replicas ascend by server.
            replicas: segment
                .replicas
                .into_iter()
                .map(|(server, state)| Replica { server: Arc::from(server), state: ReplicaState::parse(&state) })
                .collect(),
            facts: SegmentFacts::parse(&segment.metadata_json, &config.indexing().partition),
            fresh: false,
        })
        .collect();
    segments.sort_by(|a, b| a.name.cmp(&b.name));
    let incomplete_servers = incomplete_servers(&segments);
    Ok(TableRoute {
        name: Arc::from(name.as_str()),
        raw_name: Arc::from(raw_name.as_str()),
        version: table.version,
        enabled: table.enabled,
        time_column: config.time_column().map(str::to_owned),
        pushes_hourly: config.push_frequency().is_some_and(|frequency| frequency.eq_ignore_ascii_case("HOURLY")),
        selector: Selector::from_config(config.instance_selector_type()),
        config,
        schema: Arc::new(schema),
        segments,
        incomplete_servers,
    })
}
