//! A controller that pushes what a test says, and servers that behave as a test says.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use arrow::{
    array::{ArrayRef, RecordBatch, StringArray},
    datatypes::{DataType as ArrowType, Field, Schema as ArrowSchema},
};
use async_trait::async_trait;
use broker::{Broker, BrokerConfig, BrokerHandle, Deps, ServerClients};
use futures::StreamExt;
use proto::{ClusterClient, QueryClient, QueryError, Session, SessionError, v1};
use query::{ExecutionStats, PartialResult, QueryException};
use serde_json::{Value, json};
use tokio::sync::mpsc;

pub const DEADLINE: Duration = Duration::from_secs(20);

pub const SCHEMA: &str = r#"{"schemaName":"people",
    "dimensionFieldSpecs":[{"name":"name","dataType":"STRING"},{"name":"age","dataType":"INT"}],
    "dateTimeFieldSpecs":[{"name":"ts","dataType":"LONG","format":"EPOCH|MILLISECONDS","granularity":"MILLISECONDS"}]}"#;

pub fn config(name: &str, kind: &str) -> String {
    json!({
        "tableName": name, "tableType": kind,
        "segmentsConfig": {"replication": "1", "timeColumnName": "ts"},
        "tenants": {}, "tableIndexConfig": {"loadMode": "MMAP"}, "metadata": {},
    })
    .to_string()
}

/// What a server does with a query.
#[derive(Clone)]
pub enum Behaviour {
    /// Answers one row a segment: the segment's name.
    Answer,
    Refuse,
    /// Never answers.
    Hang,
    /// Answers with an error and nothing else.
    Fail(i32, &'static str),
    /// Answers, and says that a segment is missing.
    Missing,
}

pub struct FakeServer {
    behaviour: Mutex<Behaviour>,
    pub requests: Mutex<Vec<v1::ExecuteRequest>>,
    pub cancels: AtomicUsize,
    pub asked: tokio::sync::Notify,
}

impl FakeServer {
    pub fn behave(&self, behaviour: Behaviour) {
        *self.behaviour.lock().unwrap() = behaviour;
    }

    fn partial(&self, table: &v1::TableQuery) -> PartialResult {
        let rows: Vec<&str> = table.segments.iter().map(String::as_str).collect();
        let stats = ExecutionStats {
            total_docs: rows.len() as u64,
            num_docs_scanned: rows.len() as u64,
            num_segments_queried: rows.len() as u64,
            num_segments_processed: rows.len() as u64,
            ..ExecutionStats::default()
        };
        let schema = ArrowSchema::new(vec![Field::new("name", ArrowType::Utf8, true)]);
        let column: ArrayRef = Arc::new(StringArray::from(rows));
        let batch = RecordBatch::try_new(Arc::new(schema), vec![column]).unwrap();
        PartialResult { batch: Some(batch), stats, ..PartialResult::default() }
    }
}

#[async_trait]
impl QueryClient for FakeServer {
    async fn execute(&self, request: v1::ExecuteRequest, timeout: Duration) -> Result<v1::ExecuteResponse, QueryError> {
        self.requests.lock().unwrap().push(request.clone());
        self.asked.notify_one();
        let behaviour = self.behaviour.lock().unwrap().clone();
        let failure = |code, message: &str| {
            let exceptions = vec![QueryException { error_code: code, message: message.to_owned() }];
            PartialResult { exceptions, ..PartialResult::default() }
        };
        let mut results = Vec::new();
        for table in &request.tables {
            let partial = match &behaviour {
                Behaviour::Answer => self.partial(table),
                Behaviour::Missing => {
                    let mut partial = self.partial(table);
                    partial.exceptions = failure(235, "1 segments [x] missing on server: S").exceptions;
                    partial
                }
                Behaviour::Fail(code, message) => failure(*code, message),
                Behaviour::Refuse => {
                    return Err(QueryError::Unreachable(tonic::Status::unavailable("connection refused")));
                }
                Behaviour::Hang => {
                    tokio::time::sleep(timeout).await;
                    return Err(QueryError::TimedOut(timeout));
                }
            };
            let partial = query::codec::encode_partial(&partial).unwrap();
            results.push(v1::TableResult { table: table.table.clone(), partial: partial.into() });
        }
        Ok(v1::ExecuteResponse { results })
    }

    async fn cancel(&self, _: u64) -> Result<bool, QueryError> {
        self.cancels.fetch_add(1, Ordering::SeqCst);
        Ok(true)
    }
}

/// The servers by instance id, made when first asked for.
#[derive(Default)]
pub struct Servers {
    servers: Mutex<HashMap<String, Arc<FakeServer>>>,
}

impl Servers {
    pub fn get(&self, id: &str) -> Arc<FakeServer> {
        let make = || {
            Arc::new(FakeServer {
                behaviour: Mutex::new(Behaviour::Answer),
                requests: Mutex::default(),
                cancels: AtomicUsize::new(0),
                asked: tokio::sync::Notify::new(),
            })
        };
        Arc::clone(self.servers.lock().unwrap().entry(id.to_owned()).or_insert_with(make))
    }
}

impl ServerClients for Servers {
    fn client(&self, instance_id: &str, _: &str, _: u16) -> Arc<dyn QueryClient> {
        self.get(instance_id)
    }
}

/// Gives every session the same snapshot, then what the test sends.
struct Controller {
    snapshot: v1::Snapshot,
    sessions: mpsc::UnboundedSender<mpsc::UnboundedSender<v1::ControllerMessage>>,
}

#[async_trait]
impl ClusterClient for Controller {
    async fn connect(&self, _: v1::Register) -> Result<Session, SessionError> {
        let (to_broker, messages) = mpsc::unbounded_channel();
        let first = v1::controller_message::Message::Snapshot(self.snapshot.clone());
        let _ = to_broker.send(v1::ControllerMessage { message: Some(first) });
        self.sessions.send(to_broker).map_err(|_| SessionError::ShuttingDown)?;
        let (sender, mut heartbeats) = mpsc::channel(8);
        tokio::spawn(async move { while heartbeats.recv().await.is_some() {} });
        let messages = futures::stream::unfold(messages, |mut messages| async move {
            messages.recv().await.map(|message| (Ok(message), messages))
        });
        Ok(Session { sender, messages: messages.boxed() })
    }
}

pub struct Cluster {
    pub broker: BrokerHandle,
    pub servers: Arc<Servers>,
    /// The controller's side of the session; dropping it ends the session.
    pub session: Option<mpsc::UnboundedSender<v1::ControllerMessage>>,
    sessions: mpsc::UnboundedReceiver<mpsc::UnboundedSender<v1::ControllerMessage>>,
    http: reqwest::Client,
}

/// `replicas` as `server: state`; `facts` is merged into the segment's record.
pub fn segment(name: &str, replicas: &[(&str, &str)], facts: Value) -> v1::Segment {
    let mut record = json!({ "totalDocs": 1, "creationTimeMs": 1 });
    if let (Some(record), Some(facts)) = (record.as_object_mut(), facts.as_object()) {
        record.extend(facts.clone());
    }
    v1::Segment {
        name: name.to_owned(),
        target: String::new(),
        metadata_json: record.to_string(),
        replicas: replicas.iter().map(|(server, state)| ((*server).to_owned(), (*state).to_owned())).collect(),
        crc: String::new(),
    }
}

pub fn table(name: &str, segments: Vec<v1::Segment>) -> v1::Table {
    let (raw, kind) = name.rsplit_once('_').unwrap();
    v1::Table {
        name: name.to_owned(),
        version: 1,
        config_json: config(raw, kind),
        schema_json: SCHEMA.to_owned(),
        enabled: true,
        segments,
        revision: 1,
        time_boundary_ms: None,
    }
}

pub fn server(id: &str, host: &str, live: bool) -> v1::Instance {
    v1::Instance {
        instance_id: id.to_owned(),
        host: host.to_owned(),
        port: 8098,
        admin_port: 8097,
        tags: Vec::new(),
        live,
        enabled: true,
    }
}

impl Cluster {
    pub async fn start(tables: Vec<v1::Table>, instances: Vec<v1::Instance>) -> Self {
        Self::start_with(tables, instances, BTreeMap::new(), BrokerConfig::default()).await
    }

    pub async fn start_with(
        tables: Vec<v1::Table>,
        instances: Vec<v1::Instance>,
        cluster_configs: BTreeMap<String, String>,
        config: BrokerConfig,
    ) -> Self {
        let snapshot = v1::Snapshot { lease_ms: 60_000, tables, instances, cluster_configs, ..v1::Snapshot::default() };
        let (sender, mut sessions) = mpsc::unbounded_channel();
        let servers = Arc::new(Servers::default());
        let deps = Deps {
            cluster: Arc::new(Controller { snapshot, sessions: sender }),
            servers: Arc::clone(&servers) as Arc<dyn ServerClients>,
        };
        let config = BrokerConfig { bind_host: "127.0.0.1".to_owned(), port: 0, ..config };
        let broker = Broker::new(config, deps).start().await.unwrap();
        let session = tokio::time::timeout(DEADLINE, sessions.recv()).await.unwrap();
        let cluster = Self { broker, servers, session, sessions, http: reqwest::Client::new() };
        cluster.until(|broker| broker.is_ready()).await;
        cluster
    }

    pub async fn until(&self, condition: impl Fn(&BrokerHandle) -> bool) {
        let wait = async {
            while !condition(&self.broker) {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(DEADLINE, wait).await.expect("the condition holds in time");
    }

    pub fn update(&self, update: v1::Update) {
        let message = v1::controller_message::Message::Update(update);
        let session = self.session.as_ref().unwrap();
        session.send(v1::ControllerMessage { message: Some(message) }).unwrap();
    }

    /// Ends the session and waits until the broker has come back.
    pub async fn reconnect(&mut self) {
        self.session = None;
        self.session = tokio::time::timeout(DEADLINE, self.sessions.recv()).await.unwrap();
    }

    pub async fn post(&self, path: &str, body: impl Into<String>) -> (u16, String, String) {
        let url = format!("http://{}{path}", self.broker.addr());
        let response = self.http.post(url).body(body.into()).send().await.unwrap();
        let status = response.status().as_u16();
        let header = |name: &str| {
            response.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned()
        };
        assert_eq!(header("content-type"), "application/json");
        let code = header("x-pinot-error-code");
        (status, code, response.text().await.unwrap())
    }

    pub async fn get(&self, path: &str) -> (u16, String) {
        let response = self.http.get(format!("http://{}{path}", self.broker.addr())).send().await.unwrap();
        (response.status().as_u16(), response.text().await.unwrap())
    }

    pub async fn delete(&self, path: &str) -> (u16, String) {
        let response = self.http.delete(format!("http://{}{path}", self.broker.addr())).send().await.unwrap();
        (response.status().as_u16(), response.text().await.unwrap())
    }

    pub async fn sql(&self, sql: &str) -> Value {
        self.sql_with(sql, "").await
    }

    pub async fn sql_with(&self, sql: &str, options: &str) -> Value {
        let body = json!({ "sql": sql, "queryOptions": options }).to_string();
        let (status, _, text) = self.post("/query/sql", body).await;
        assert_eq!(status, 200, "{text}");
        serde_json::from_str(&text).unwrap()
    }
}

/// The rows of the first column.
pub fn rows(answer: &Value) -> Vec<String> {
    let rows = answer["resultTable"]["rows"].as_array().cloned().unwrap_or_default();
    rows.iter().map(|row| row[0].as_str().unwrap_or_default().to_owned()).collect()
}

/// The codes of the exceptions.
pub fn codes(answer: &Value) -> Vec<i64> {
    let exceptions = answer["exceptions"].as_array().cloned().unwrap_or_default();
    exceptions.iter().filter_map(|exception| exception["errorCode"].as_i64()).collect()
}
