//! The cluster as the controller knows it: stored state, live instances, and the sessions that tell them.
//!
//! Every write goes through [`Cluster::write`]: one at a time it is planned against the present state, stored in one
//! transaction, applied, and told to the sessions it concerns. Nothing is acknowledged before it is stored.

mod assignment;
mod lineage;
mod live;
mod outbox;
mod persist;
pub(crate) mod sessions;
mod state;
mod told;
mod view;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use metadata::MetadataStore;
use model::{TableConfig, TableType};
use parking_lot::{RwLock, RwLockReadGuard};
use proto::v1::{self, Role};
use tokio::sync::watch;

pub(crate) use assignment::balanced;
pub use lineage::{Held, Lineage, LineageEntry, LineageState};
pub use live::Current;
pub(crate) use live::{Live, LiveInstances};
pub use state::{
    Change, InstanceEntry, InstancePartitions, JsonText, Node, SchemaEntry, SegmentEntry, SegmentRecord, State, Table,
    TableEntry, Tombstone,
};
pub(crate) use view::serves;

use crate::config::ControllerConfig;
use crate::error::Error;
use outbox::{TableTouch, TableTouches};
pub(crate) use state::Touched;

/// Cluster state with everything that watches it.
pub struct Cluster {
    pub config: ControllerConfig,
    /// Address that clients reach the REST API at: `http://host:port`.
    pub base_url: String,
    pub instance_id: String,
    store: Arc<dyn MetadataStore>,
    state: RwLock<State>,
    live: RwLock<LiveInstances>,
    /// Held while a write is planned, stored and applied.
    writer: tokio::sync::Mutex<()>,
    sessions: AtomicU64,
    /// Grows when anything that a waiter may wait for has changed: state or reports.
    changes: watch::Sender<u64>,
    settled: watch::Sender<bool>,
    store_failed: AtomicBool,
}

impl Cluster {
    /// Reads the store.
    pub async fn load(config: ControllerConfig, port: u16, store: Arc<dyn MetadataStore>) -> Result<Arc<Self>, Error> {
        let state = persist::load(&*store).await?;
        let base_url = format!("http://{}:{port}", config.host);
        let instance_id = format!("Controller_{}_{port}", config.host);
        let expects_servers = state.tables.values().any(|table| table.segments.values().any(|s| !s.ideal.is_empty()));
        let cluster = Arc::new(Self {
            config,
            base_url,
            instance_id,
            store,
            state: RwLock::new(state),
            live: RwLock::default(),
            writer: tokio::sync::Mutex::new(()),
            sessions: AtomicU64::new(0),
            changes: watch::channel(0).0,
            settled: watch::channel(!expects_servers).0,
            store_failed: AtomicBool::new(false),
        });
        Ok(cluster)
    }

    /// The present state. Hold it briefly, and take nothing else while it is held but [`Cluster::live`].
    pub fn read(&self) -> RwLockReadGuard<'_, State> {
        self.state.read()
    }

    /// Who is live and what they report. Taken after [`Cluster::read`] when both are needed.
    pub(crate) fn live(&self) -> RwLockReadGuard<'_, LiveInstances> {
        self.live.read()
    }

    /// Plans a change against the present state, stores it, applies it. When this gives Ok it is durable.
    pub async fn write<T>(&self, plan: impl FnOnce(&State) -> Result<(Vec<Change>, T), Error>) -> Result<T, Error> {
        let _one_at_a_time = self.writer.lock().await;
        let (changes, result) = plan(&self.state.read())?;
        if changes.is_empty() {
            return Ok(result);
        }
        let stored = persist::store(&*self.store, &self.state, &changes).await;
        self.store_failed.store(stored.is_err(), Ordering::Relaxed);
        stored?;
        let mut touched = Touched::default();
        {
            let mut state = self.state.write();
            for change in changes {
                state.apply(change, &mut touched);
            }
        }
        self.tell(&touched);
        Ok(result)
    }

    /// False while the store refuses writes.
    pub fn store_is_healthy(&self) -> bool {
        !self.store_failed.load(Ordering::Relaxed)
    }

    fn tell(&self, touched: &Touched) {
        for instance in self.live.read().by_id.values() {
            instance.outbox.tables(&touched.tables);
            if touched.configs {
                instance.outbox.configs();
            }
            if instance.role == Role::Broker {
                instance.outbox.instances(&touched.instances);
            }
        }
        self.changed();
    }

    fn changed(&self) {
        self.changes.send_modify(|version| *version += 1);
    }

    /// Waits until `holds` does, looking again after every change. False after `timeout`.
    pub async fn wait_until(&self, timeout: Duration, holds: impl Fn(&Self) -> bool) -> bool {
        let mut changes = self.changes.subscribe();
        let deadline = tokio::time::Instant::now() + timeout;
        loop {
            changes.borrow_and_update();
            if holds(self) {
                return true;
            }
            match tokio::time::timeout_at(deadline, changes.changed()).await {
                Ok(Ok(())) => {}
                Ok(Err(_)) | Err(_) => return holds(self),
            }
        }
    }

    // Sessions.

    pub(crate) fn next_session(&self) -> u64 {
        self.sessions.fetch_add(1, Ordering::Relaxed) + 1
    }

    pub(crate) fn live_address(&self, id: &str) -> Option<(String, u16)> {
        self.live.read().by_id.get(id).map(|live| (live.host.clone(), live.port))
    }

    /// Makes an instance live. An earlier session of it is forgotten and ends by itself.
    pub(crate) fn session_opened(&self, id: &str, live: Live) {
        let mut touches = live.touches();
        let replaced = self.live.write().by_id.insert(id.to_owned(), live);
        if let Some(replaced) = replaced {
            replaced.outbox.close();
            for (table, touched) in replaced.touches() {
                outbox::touch(&mut touches, table, touched);
            }
        }
        self.tell_brokers(&touches, &BTreeSet::from([id.to_owned()]));
        self.settle_when_all_are_back();
    }

    pub(crate) fn session_ended(&self, id: &str, session: u64) {
        let removed = {
            let mut live = self.live.write();
            match live.by_id.get(id) {
                Some(found) if found.session == session => live.by_id.remove(id),
                _ => None,
            }
        };
        if let Some(removed) = removed {
            removed.outbox.close();
            self.tell_brokers(&removed.touches(), &BTreeSet::from([id.to_owned()]));
        }
    }

    fn tell_brokers(&self, tables: &TableTouches, instances: &BTreeSet<String>) {
        for instance in self.live.read().by_id.values().filter(|live| live.role == Role::Broker) {
            instance.outbox.tables(tables);
            instance.outbox.instances(instances);
        }
        self.changed();
    }

    pub(crate) fn report(&self, id: &str, session: u64, segments: Vec<v1::SegmentState>) {
        let changed = self.live.write().report(id, session, segments);
        if !changed.is_empty() {
            let touches = changed.into_iter().map(|(table, names)| (table, TableTouch::replicas(names))).collect();
            self.tell_brokers(&touches, &BTreeSet::new());
        }
    }

    /// Resolves when the servers that hold segments are back after a start of the controller, or enough time is gone.
    pub(crate) async fn settled(&self) {
        let mut settled = self.settled.subscribe();
        while !*settled.borrow_and_update() {
            if settled.changed().await.is_err() {
                return;
            }
        }
    }

    pub(crate) fn settle(&self) {
        self.settled.send_replace(true);
    }

    fn settle_when_all_are_back(&self) {
        if *self.settled.borrow() {
            return;
        }
        let expected: BTreeSet<String> = {
            let state = self.state.read();
            let segments = state.tables.values().flat_map(|table| table.segments.values());
            segments.flat_map(|segment| segment.ideal.keys().cloned()).collect()
        };
        let live = self.live.read();
        if expected.iter().all(|id| live.is_live(id)) {
            self.settled.send_replace(true);
        }
    }

    /// Sends a request to a live instance and waits for its reply.
    pub async fn request(
        &self,
        instance: &str,
        kind: &str,
        payload: &serde_json::Value,
        timeout: Duration,
    ) -> Result<v1::RequestReply, Error> {
        let waiting = {
            let live = self.live.read();
            let found = live.by_id.get(instance);
            let found = found.ok_or_else(|| Error::Unavailable(format!("Instance {instance} is not live")))?;
            found.outbox.request(kind, payload.to_string())
        };
        let waiting =
            waiting.ok_or_else(|| Error::Unavailable(format!("Too many requests wait for instance {instance}")))?;
        match tokio::time::timeout(timeout, waiting).await {
            Ok(Ok(reply)) if reply.error.is_empty() => Ok(reply),
            Ok(Ok(reply)) => Err(Error::Internal(format!("{instance}: {}", reply.error))),
            Ok(Err(_)) => Err(Error::Unavailable(format!("Instance {instance} went away before it answered"))),
            Err(_) => Err(Error::Unavailable(format!("Instance {instance} did not answer within {timeout:?}"))),
        }
    }

    // Views.

    /// Segment → instance → state of a table, disabled and dead instances left out.
    pub fn external_view(&self, table: &str) -> BTreeMap<String, BTreeMap<String, String>> {
        self.live.read().external_view(table)
    }

    /// Ids of live instances with their roles.
    pub fn live_ids(&self) -> BTreeSet<String> {
        self.live.read().by_id.keys().cloned().chain([self.instance_id.clone()]).collect()
    }

    /// Live brokers of a table, ascending.
    pub fn live_brokers_of(&self, table: &Table, state: &State) -> Vec<InstanceEntry> {
        let live = self.live.read();
        let brokers = state.instances.values().filter(|i| i.role == "BROKER" && i.enabled && live.is_live(&i.id));
        let name = table.entry.config.table_name();
        brokers.filter(|broker| serves(state, name.as_str(), &broker.id)).cloned().collect()
    }

    /// `host:port` of an admin HTTP API of a live server.
    pub fn admin_address(&self, server: &str) -> Option<String> {
        let live = self.live.read();
        let found = live.by_id.get(server).filter(|live| live.admin_port != 0)?;
        Some(format!("{}:{}", found.host, found.admin_port))
    }
}

/// Tag of the brokers that serve a table.
pub(crate) fn broker_tag(config: &TableConfig) -> String {
    format!("{}_BROKER", config.broker_tenant())
}

/// Tag of the servers that hold a table's segments.
pub(crate) fn server_tag(config: &TableConfig) -> String {
    let suffix = match config.table_type() {
        TableType::Offline => "OFFLINE",
        TableType::Realtime => "REALTIME",
    };
    format!("{}_{suffix}", config.server_tenant())
}
