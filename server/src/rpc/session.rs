//! The session with the controller.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use parking_lot::Mutex;
use proto::{SessionError, SessionHandler, v1};
use tokio::sync::Notify;

use crate::segments::{
    Assignment, ReportedState, SegmentManager, SegmentReport, TableAssignment, TableChange, Target, Wanted,
};

/// What a registration says of this instance.
#[derive(Clone, Debug)]
pub struct Identity {
    pub instance_id: String,
    pub host: String,
    pub query_port: u16,
    pub admin_port: u16,
    pub tags: Vec<String>,
    /// Changes with every start.
    pub incarnation: String,
}

/// Applies what the controller sends to the segment manager, and reports its states.
pub struct ControllerSession {
    identity: Identity,
    segments: Arc<SegmentManager>,
    connected: AtomicBool,
    /// A snapshot has been applied, or the first attempt to get one failed.
    attempted: Notify,
    attempted_once: AtomicBool,
    /// Which of the controller's messages about a table is applied; changes build on it.
    revisions: Mutex<HashMap<String, u64>>,
}

impl ControllerSession {
    pub fn new(identity: Identity, segments: Arc<SegmentManager>) -> Self {
        Self {
            identity,
            segments,
            connected: AtomicBool::new(false),
            attempted: Notify::new(),
            attempted_once: AtomicBool::new(false),
            revisions: Mutex::default(),
        }
    }

    pub fn is_connected(&self) -> bool {
        self.connected.load(Ordering::Relaxed)
    }

    /// Waits for the end of the first attempt to reach the controller; with `successful` for the first that succeeds.
    pub async fn first_attempt(&self, successful: bool) {
        loop {
            let attempted = self.attempted.notified();
            let done = if successful { &self.connected } else { &self.attempted_once };
            if done.load(Ordering::Acquire) {
                return;
            }
            attempted.await;
        }
    }

    fn mark_attempt(&self) {
        self.attempted_once.store(true, Ordering::Release);
        self.attempted.notify_waiters();
    }

    async fn run(&self, request: &v1::Request) -> Result<String, String> {
        let payload: serde_json::Value = match request.payload_json.as_str() {
            "" => serde_json::Value::Null,
            text => serde_json::from_str(text).map_err(|error| format!("its payload is no JSON: {error}"))?,
        };
        let table = payload.get("table").and_then(|name| name.as_str()).ok_or("its payload names no `table`")?;
        let names = payload.get("segments").and_then(|names| names.as_array());
        let names: Option<Vec<&str>> = names.map(|names| names.iter().filter_map(|name| name.as_str()).collect());
        let force = payload.get("forceDownload").is_some_and(|force| force == true);
        let outcome = match request.kind.as_str() {
            "RELOAD_SEGMENT" => self.segments.reload(table, names.as_deref(), force).await,
            "REFRESH_SEGMENT" => self.segments.refresh(table, names.as_deref()).await,
            kind => return Err(format!("this server does not know requests of kind {kind}")),
        };
        let outcome = outcome.map_err(|error| error.chain())?;
        let failures: Vec<_> = outcome
            .failures
            .iter()
            .map(|(segment, error)| serde_json::json!({ "segment": &**segment, "error": error }))
            .collect();
        Ok(serde_json::json!({ "success": outcome.success, "failures": failures }).to_string())
    }
}

#[async_trait]
impl SessionHandler for ControllerSession {
    fn register(&self) -> v1::Register {
        v1::Register {
            instance_id: self.identity.instance_id.clone(),
            role: v1::Role::Server as i32,
            host: self.identity.host.clone(),
            port: u32::from(self.identity.query_port),
            admin_port: u32::from(self.identity.admin_port),
            tags: self.identity.tags.clone(),
            incarnation: self.identity.incarnation.clone(),
            segments: self.segments.held().into_iter().map(segment_state).collect(),
            version: service::VERSION.to_owned(),
            takes_table_changes: true,
        }
    }

    async fn snapshot(&self, snapshot: v1::Snapshot) {
        let mut assignment = Assignment::new();
        let mut revisions = HashMap::new();
        for table in snapshot.tables {
            revisions.insert(table.name.clone(), table.revision);
            let (name, table) = table_assignment(table);
            assignment.insert(name, table);
        }
        *self.revisions.lock() = revisions;
        self.segments.forget_unassigned(&assignment).await;
        self.segments.replace(assignment);
    }

    async fn update(&self, update: v1::Update) -> Vec<String> {
        let mut unknown = Vec::new();
        let mut revisions = self.revisions.lock();
        for name in &update.removed_tables {
            revisions.remove(name);
            self.segments.remove_table(name);
        }
        for table in update.tables {
            revisions.insert(table.name.clone(), table.revision);
            let (name, table) = table_assignment(table);
            self.segments.put_table(&name, table);
        }
        for change in update.table_changes {
            let builds_on_it = revisions.get(&change.name) == Some(&change.base_revision);
            let (name, revision) = (change.name.clone(), change.revision);
            if builds_on_it && self.segments.change_table(&name, table_change(change)) {
                revisions.insert(name, revision);
            } else {
                unknown.push(name);
            }
        }
        unknown
    }

    async fn request(&self, request: v1::Request) -> v1::RequestReply {
        let (error, payload_json) = match self.run(&request).await {
            Ok(payload) => (String::new(), payload),
            Err(error) => (error, String::new()),
        };
        v1::RequestReply { id: request.id, error, payload_json }
    }

    async fn next_report(&self) -> v1::StateReport {
        let reports = self.segments.reports().next().await;
        v1::StateReport { segments: reports.into_iter().map(segment_state).collect() }
    }

    fn opened(&self) {
        self.connected.store(true, Ordering::Relaxed);
        self.mark_attempt();
        tracing::info!("the session with the controller is open");
    }

    fn lost(&self, error: &SessionError, pause: Duration) {
        let was_connected = self.connected.swap(false, Ordering::Relaxed);
        let first = !self.attempted_once.load(Ordering::Relaxed);
        self.mark_attempt();
        if was_connected || first {
            tracing::warn!(%error, ?pause, "no session with the controller; queries go on over what is loaded");
        } else {
            tracing::debug!(%error, ?pause, "the controller was not reached");
        }
    }
}

fn wanted(segment: v1::Segment) -> (String, Arc<Wanted>) {
    let wanted =
        Wanted { target: Target::parse(&segment.target), crc: segment.crc, metadata_json: segment.metadata_json };
    (segment.name, Arc::new(wanted))
}

fn table_change(change: v1::TableChange) -> TableChange {
    TableChange {
        version: change.version,
        put: change.segments.into_iter().map(wanted).collect(),
        removed: change.removed_segments,
    }
}

fn table_assignment(table: v1::Table) -> (String, TableAssignment) {
    let segments = table.segments.into_iter().map(wanted);
    let assignment = TableAssignment {
        version: table.version,
        enabled: table.enabled,
        config_json: table.config_json,
        schema_json: table.schema_json,
        segments: segments.collect(),
    };
    (table.name, assignment)
}

fn segment_state(report: SegmentReport) -> v1::SegmentState {
    let (state, error) = match report.state {
        ReportedState::Online => ("ONLINE", String::new()),
        ReportedState::Offline => ("OFFLINE", String::new()),
        ReportedState::Error(error) => ("ERROR", error),
        ReportedState::Dropped => ("DROPPED", String::new()),
    };
    v1::SegmentState {
        table: report.table.to_string(),
        segment: report.segment.to_string(),
        state: state.to_owned(),
        crc: report.crc,
        error,
        size_bytes: report.size_bytes,
    }
}
