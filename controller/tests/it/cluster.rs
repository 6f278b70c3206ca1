//! A controller with stand-ins for brokers and servers.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use controller::{Controller, ControllerConfig, ControllerHandle, Deps};
use futures::StreamExt;
use metadata::{MemoryStore, MetadataStore};
use proto::session::{ClusterClient, Session};
use proto::v1::{
    self, ControllerMessage, InstanceMessage, Register, RequestReply, SegmentState, StateReport, controller_message,
    instance_message,
};
use serde_json::{Value, json};
use service::Properties;
use tokio::sync::mpsc;

pub struct Cluster {
    pub handle: ControllerHandle,
    pub dir: tempfile::TempDir,
    pub http: reqwest::Client,
}

pub fn config(dir: &Path, more: &[(&str, &str)]) -> ControllerConfig {
    let mut properties = Properties::new();
    properties.set("controller.port", "0");
    properties.set("controller.data.dir", dir.join("deep").display().to_string());
    properties.set("controller.access.protocols.http.host", "127.0.0.1");
    properties.set("controller.host", "127.0.0.1");
    for (key, value) in more {
        properties.set(key, *value);
    }
    ControllerConfig::from_properties(&properties).unwrap()
}

impl Cluster {
    pub async fn start() -> Self {
        Self::start_with(Arc::new(MemoryStore::new()), tempfile::tempdir().unwrap(), &[]).await
    }

    pub async fn start_with(store: Arc<dyn MetadataStore>, dir: tempfile::TempDir, more: &[(&str, &str)]) -> Self {
        let handle = Controller::new(config(dir.path(), more), Deps::new(store)).start().await.unwrap();
        Self { handle, dir, http: reqwest::Client::new() }
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.handle.addr())
    }

    pub async fn ask(&self, method: &str, path: &str, body: Option<Value>) -> (u16, Value) {
        let mut call = self.http.request(method.parse().unwrap(), self.url(path));
        if let Some(body) = body {
            call = call.json(&body);
        }
        answer(call).await
    }

    pub async fn get(&self, path: &str) -> (u16, Value) {
        self.ask("GET", path, None).await
    }

    /// A schema and a table `t` of it.
    pub async fn table(&self, name: &str) {
        let schema = json!({"schemaName": name, "dimensionFieldSpecs": [{"name": "a", "dataType": "STRING"}, {"name": "n", "dataType": "INT"}]});
        assert_eq!(self.ask("POST", "/schemas", Some(schema)).await.0, 200);
        let (status, answer) = self.ask("POST", "/tables", Some(table_config(name))).await;
        assert_eq!((status, &answer["status"]), (200, &json!(format!("Table {name}_OFFLINE successfully added"))));
    }

    pub async fn upload(&self, table: &str, file_name: &str, content: impl Into<Vec<u8>>) -> (u16, Value) {
        let part = reqwest::multipart::Part::bytes(content.into()).file_name(file_name.to_owned());
        let form = reqwest::multipart::Form::new().part("file", part);
        let query = [("tableNameWithType", table), ("batchConfigMapStr", r#"{"inputFormat":"csv"}"#)];
        answer(self.http.post(self.url("/ingestFromFile")).query(&query).multipart(form)).await
    }
}

pub fn table_config(name: &str) -> Value {
    json!({
        "tableName": name, "tableType": "OFFLINE", "segmentsConfig": {"replication": "1"},
        "tenants": {}, "tableIndexConfig": {}, "metadata": {},
    })
}

pub async fn answer(call: reqwest::RequestBuilder) -> (u16, Value) {
    let response = call.send().await.unwrap();
    let status = response.status().as_u16();
    let text = response.text().await.unwrap();
    (status, serde_json::from_str(&text).unwrap_or(Value::String(text)))
}

pub fn register(id: &str, role: v1::Role, port: u32) -> Register {
    Register {
        instance_id: id.to_owned(),
        role: role.into(),
        host: "127.0.0.1".to_owned(),
        port,
        incarnation: "1".to_owned(),
        ..Register::default()
    }
}

/// A server that says it has loaded whatever it is given. It runs until it is dropped.
pub struct FakeServer {
    task: tokio::task::JoinHandle<()>,
    /// Segment → checksum, of what it was told to hold.
    pub held: Arc<parking_lot::Mutex<BTreeMap<String, String>>>,
    pub requests: Arc<parking_lot::Mutex<Vec<v1::Request>>>,
}

impl Drop for FakeServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl FakeServer {
    pub async fn join(client: Arc<dyn ClusterClient>, id: &str, port: u32) -> Self {
        Self::join_with(client, register(id, v1::Role::Server, port)).await
    }

    pub async fn join_with(client: Arc<dyn ClusterClient>, register: Register) -> Self {
        let mut session = client.connect(register).await.unwrap();
        let first = next(&mut session).await;
        let held = Arc::new(parking_lot::Mutex::new(BTreeMap::new()));
        let requests = Arc::new(parking_lot::Mutex::new(Vec::new()));
        let server = (Arc::clone(&held), Arc::clone(&requests));
        let task = tokio::spawn(async move {
            let (held, requests) = server;
            let controller_message::Message::Snapshot(snapshot) = first else { panic!("no snapshot: {first:?}") };
            take(&session.sender, snapshot.tables, &held).await;
            while let Some(Ok(message)) = session.messages.next().await {
                match message.message {
                    Some(controller_message::Message::Update(update)) => {
                        take(&session.sender, update.tables, &held).await
                    }
                    Some(controller_message::Message::Request(request)) => {
                        let reply = RequestReply { id: request.id, ..RequestReply::default() };
                        requests.lock().push(request);
                        send(&session.sender, instance_message::Message::Reply(reply)).await;
                    }
                    _ => {}
                }
            }
        });
        Self { task, held, requests }
    }
}

async fn take(
    sender: &mpsc::Sender<InstanceMessage>,
    tables: Vec<v1::Table>,
    held: &parking_lot::Mutex<BTreeMap<String, String>>,
) {
    let mut segments = Vec::new();
    for table in tables {
        for segment in table.segments {
            held.lock().insert(segment.name.clone(), segment.crc.clone());
            segments.push(SegmentState {
                table: table.name.clone(),
                segment: segment.name,
                state: segment.target,
                crc: segment.crc,
                size_bytes: 1000,
                ..SegmentState::default()
            });
        }
    }
    send(sender, instance_message::Message::State(StateReport { segments })).await;
}

pub async fn send(sender: &mpsc::Sender<InstanceMessage>, message: instance_message::Message) {
    let _ = sender.send(InstanceMessage { message: Some(message) }).await;
}

/// The next message of a session.
pub async fn next(session: &mut Session) -> controller_message::Message {
    let message =
        tokio::time::timeout(Duration::from_secs(10), session.messages.next()).await.expect("a message in time");
    let ControllerMessage { message } = message.expect("an open session").expect("no error");
    message.expect("a message that is known")
}
