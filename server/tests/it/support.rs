//! A controller that does what a test says, segments made by the real creator, a fetcher over a directory.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use arrow::{
    array::{ArrayRef, Int32Array, RecordBatch, StringArray},
    datatypes::{DataType as ArrowType, Field, Schema as ArrowSchema},
};
use async_trait::async_trait;
use futures::StreamExt;
use model::{Schema, TableConfig};
use proto::{ClusterClient, Session, SessionError, v1};
use segment::{CreatorOptions, SegmentCreator, packed};
use server::{
    Deps, Server, ServerConfig, ServerHandle,
    segments::{FetchSegment, RetryPauses, Source},
};
use tokio::sync::{Mutex, mpsc};

pub const TABLE: &str = "people_OFFLINE";

pub const SCHEMA: &str = r#"{"schemaName":"people",
    "dimensionFieldSpecs":[{"name":"name","dataType":"STRING"},{"name":"age","dataType":"INT"}]}"#;

pub const CONFIG: &str = r#"{"tableName":"people","tableType":"OFFLINE",
    "segmentsConfig":{"replication":"1"},"tenants":{},"tableIndexConfig":{"loadMode":"MMAP"},"metadata":{}}"#;

pub const DEADLINE: Duration = Duration::from_secs(20);

/// The test's side of every session.
pub struct Controller {
    /// Sessions are refused while it is down.
    pub down: AtomicBool,
    sessions: mpsc::UnboundedSender<OpenSession>,
}

pub struct OpenSession {
    pub register: v1::Register,
    pub from_server: mpsc::Receiver<v1::InstanceMessage>,
    to_server: mpsc::UnboundedSender<v1::ControllerMessage>,
}

impl Controller {
    pub fn new() -> (Arc<Self>, Mutex<mpsc::UnboundedReceiver<OpenSession>>) {
        let (sessions, opened) = mpsc::unbounded_channel();
        (Arc::new(Self { down: AtomicBool::new(false), sessions }), Mutex::new(opened))
    }
}

#[async_trait]
impl ClusterClient for Controller {
    async fn connect(&self, register: v1::Register) -> Result<Session, SessionError> {
        if self.down.load(Ordering::SeqCst) {
            return Err(SessionError::ShuttingDown);
        }
        let (sender, from_server) = mpsc::channel(64);
        let (to_server, messages) = mpsc::unbounded_channel();
        self.sessions.send(OpenSession { register, from_server, to_server }).map_err(|_| SessionError::ShuttingDown)?;
        let messages = futures::stream::unfold(messages, |mut messages| async move {
            messages.recv().await.map(|message| (Ok(message), messages))
        });
        Ok(Session { sender, messages: messages.boxed() })
    }
}

impl OpenSession {
    fn send(&self, message: v1::controller_message::Message) {
        self.to_server.send(v1::ControllerMessage { message: Some(message) }).unwrap();
    }

    pub fn snapshot(&self, tables: Vec<v1::Table>) {
        let snapshot = v1::Snapshot { lease_ms: 60_000, tables, ..v1::Snapshot::default() };
        self.send(v1::controller_message::Message::Snapshot(snapshot));
    }

    pub fn update(&self, tables: Vec<v1::Table>, removed: &[&str]) {
        let removed_tables = removed.iter().map(|name| (*name).to_owned()).collect();
        let update = v1::Update { tables, removed_tables, ..v1::Update::default() };
        self.send(v1::controller_message::Message::Update(update));
    }

    pub fn request(&self, id: u64, kind: &str, payload: serde_json::Value) {
        let request = v1::Request { id, kind: kind.to_owned(), payload_json: payload.to_string() };
        self.send(v1::controller_message::Message::Request(request));
    }

    async fn next(&mut self) -> v1::instance_message::Message {
        let message = tokio::time::timeout(DEADLINE, self.from_server.recv()).await.expect("a message in time");
        message.expect("an open session").message.expect("a known message")
    }

    /// Waits until a segment is reported in a state; gives the report.
    pub async fn reported(&mut self, segment: &str, state: &str) -> v1::SegmentState {
        loop {
            if let v1::instance_message::Message::State(report) = self.next().await
                && let Some(found) =
                    report.segments.into_iter().find(|report| report.segment == segment && report.state == state)
            {
                return found;
            }
        }
    }

    pub async fn reply(&mut self, id: u64) -> v1::RequestReply {
        loop {
            if let v1::instance_message::Message::Reply(reply) = self.next().await
                && reply.id == id
            {
                return reply;
            }
        }
    }
}

/// Copies packed segments from a directory, and counts.
pub struct DirFetcher {
    pub fetches: AtomicUsize,
    pub broken: AtomicBool,
}

#[async_trait]
impl FetchSegment for DirFetcher {
    async fn fetch(&self, source: &Source, to: &Path) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        self.fetches.fetch_add(1, Ordering::SeqCst);
        if self.broken.load(Ordering::SeqCst) {
            return Err("the deep store is away".into());
        }
        let from = source.deep_store_uri.as_deref().ok_or("no address")?;
        std::fs::copy(from, to)?;
        Ok(())
    }
}

/// Everything one test needs.
pub struct Setup {
    pub dir: tempfile::TempDir,
    pub controller: Arc<Controller>,
    pub sessions: Mutex<mpsc::UnboundedReceiver<OpenSession>>,
    pub fetcher: Arc<DirFetcher>,
}

impl Setup {
    pub fn new() -> Self {
        let (controller, sessions) = Controller::new();
        let fetcher = DirFetcher { fetches: AtomicUsize::new(0), broken: AtomicBool::new(false) };
        Self { dir: tempfile::tempdir().unwrap(), controller, sessions, fetcher: Arc::new(fetcher) }
    }

    pub fn data_dir(&self) -> PathBuf {
        self.dir.path().join("server")
    }

    pub async fn start(&self) -> ServerHandle {
        let config = ServerConfig {
            bind_host: "127.0.0.1".to_owned(),
            query_port: 0,
            admin_port: 0,
            instance_id: Some("Server_test_1".to_owned()),
            data_dir: self.data_dir(),
            retry_pauses: RetryPauses { first: Duration::from_millis(20), longest: Duration::from_millis(50) },
            ..ServerConfig::default()
        };
        let deps = Deps { cluster: Arc::clone(&self.controller) as _, fetcher: Arc::clone(&self.fetcher) as _ };
        Server::new(config, deps).start().await.unwrap()
    }

    pub async fn session(&self) -> OpenSession {
        let mut sessions = self.sessions.lock().await;
        tokio::time::timeout(DEADLINE, sessions.recv()).await.expect("a session in time").expect("a session")
    }

    /// Starts a server and gives it a first assignment.
    pub async fn start_with(&self, tables: Vec<v1::Table>) -> (ServerHandle, OpenSession) {
        let server = self.start().await;
        let session = self.session().await;
        session.snapshot(tables);
        (server, session)
    }

    /// Builds and packs a segment of people with these ages; gives its assignment.
    pub fn segment(&self, name: &str, ages: &[i32]) -> v1::Segment {
        let work = self.dir.path().join("work");
        std::fs::create_dir_all(&work).unwrap();
        let schema = Schema::from_json_text(SCHEMA).unwrap();
        let options = CreatorOptions {
            segment_name: name.to_owned(),
            table_name: TABLE.to_owned(),
            schema: Arc::new(schema),
            indexing: TableConfig::from_json_text(CONFIG).unwrap().indexing().clone(),
            time_column: None,
            output_file: work.join(format!("{name}.hot")),
            work_dir: work.clone(),
            memory_budget_bytes: 64 << 20,
        };
        let mut creator = SegmentCreator::new(options).unwrap();
        let names: Vec<String> = ages.iter().map(|age| format!("person{age}")).collect();
        let fields = vec![Field::new("name", ArrowType::Utf8, true), Field::new("age", ArrowType::Int32, true)];
        let columns: Vec<ArrayRef> =
            vec![Arc::new(StringArray::from(names)), Arc::new(Int32Array::from(ages.to_vec()))];
        let batch = RecordBatch::try_new(Arc::new(ArrowSchema::new(fields)), columns).unwrap();
        creator.append(&batch).unwrap();
        let built = creator.finish().unwrap();
        let packed_file = work.join(format!("{name}.{}.packed", built.crc));
        packed::pack(&built.file, &packed_file).unwrap();
        let record = serde_json::json!({
            "deepStoreUri": packed_file, "crc": built.crc, "totalDocs": built.num_docs,
        });
        v1::Segment {
            name: name.to_owned(),
            target: "ONLINE".to_owned(),
            metadata_json: record.to_string(),
            replicas: BTreeMap::new(),
            crc: built.crc,
        }
    }
}

pub fn table(segments: Vec<v1::Segment>) -> v1::Table {
    table_with(segments, CONFIG, SCHEMA)
}

pub fn table_with(segments: Vec<v1::Segment>, config: &str, schema: &str) -> v1::Table {
    v1::Table {
        name: TABLE.to_owned(),
        version: 1,
        config_json: config.to_owned(),
        schema_json: schema.to_owned(),
        enabled: true,
        segments,
        revision: 1,
        time_boundary_ms: None,
    }
}

/// All files under a directory.
pub fn files(dir: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(dir) else { return Vec::new() };
    let mut found = Vec::new();
    for entry in entries.flatten() {
        let path = entry.path();
        if path.is_dir() { found.extend(files(&path)) } else { found.push(path) }
    }
    found.sort();
    found
}

pub fn segment_files(setup: &Setup) -> Vec<PathBuf> {
    files(&setup.data_dir().join("segments"))
}

/// Waits until the server says that it has loaded what it holds.
pub async fn healthy(admin: std::net::SocketAddr) {
    let ready = async {
        while get(admin, "/health").await.0 != 200 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(DEADLINE, ready).await.expect("healthy in time");
}

pub async fn get(addr: std::net::SocketAddr, path: &str) -> (u16, String) {
    let response = reqwest::get(format!("http://{addr}{path}")).await.unwrap();
    (response.status().as_u16(), response.text().await.unwrap())
}
