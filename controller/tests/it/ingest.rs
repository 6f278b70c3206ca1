//! From a file to a segment, and what is left of it.

use std::sync::Arc;
use std::time::Duration;

use metadata::{EmbeddedStore, MetadataStore};
use proto::session::ClusterClient;
use proto::v1::Role;
use serde_json::json;

use crate::cluster::{Cluster, FakeServer, answer, next, register};

pub async fn ready(cluster: &Cluster) -> (FakeServer, proto::session::Session) {
    let client = cluster.handle.client();
    let server = FakeServer::join(client.clone(), "Server_h_1", 1).await;
    let mut broker = client.connect(register("Broker_h_1", Role::Broker, 1)).await.unwrap();
    next(&mut broker).await;
    (server, broker)
}

pub fn stored(cluster: &Cluster) -> Vec<String> {
    let root = cluster.dir.path().join("deep");
    let mut found = Vec::new();
    for table in std::fs::read_dir(&root).unwrap().flatten().filter(|e| e.file_name() != ".work") {
        for file in std::fs::read_dir(table.path()).into_iter().flatten().flatten() {
            found.push(file.file_name().to_string_lossy().into_owned());
        }
    }
    found.sort();
    found
}

pub fn work_files(cluster: &Cluster) -> usize {
    std::fs::read_dir(cluster.dir.path().join("deep/.work")).unwrap().count()
}

#[tokio::test]
async fn a_file_becomes_a_segment() {
    let cluster = Cluster::start().await;
    let (server, _broker) = ready(&cluster).await;
    cluster.table("t").await;
    let (status, answer) = cluster.upload("t_OFFLINE", "x.csv", "a,n\nx,1\ny,2\nz,\n").await;
    assert_eq!(status, 200, "{answer}");
    let text = answer["status"].as_str().unwrap();
    let segment = text.strip_prefix("Successfully ingested file into table: t_OFFLINE as segment: ").unwrap();
    assert!(segment.starts_with("t_"), "{segment}");
    assert_eq!(stored(&cluster), [segment]);
    assert_eq!(work_files(&cluster), 0);
    assert!(server.held.lock().contains_key(segment));

    assert_eq!(cluster.get("/segments/t").await.1, json!([{"OFFLINE": [segment]}]));
    let placed = json!({"OFFLINE": {segment: {"Server_h_1": "ONLINE"}}, "REALTIME": null});
    assert_eq!(cluster.get("/tables/t/idealstate").await.1, placed);
    assert_eq!(cluster.get("/tables/t/externalview").await.1, placed);
    assert_eq!(cluster.get("/tables/t/segmentsStatus").await.1[0]["segmentStatus"], "GOOD");
    let (_, record) = cluster.get(&format!("/segments/t/{segment}/metadata")).await;
    assert_eq!((&record["segment.total.docs"], &record["segment.index.version"]), (&json!("3"), &json!("v3")));
    assert!(record["segment.download.url"].as_str().unwrap().ends_with(&format!("/segments/t/{segment}")));
    assert_eq!(cluster.get("/tables/t/size").await.1["reportedSizeInBytes"], 1000);

    let url = cluster.url(&format!("/segments/t/{segment}"));
    let response = cluster.http.get(url).header("accept", "application/vnd.cuvee.segment").send().await.unwrap();
    assert_eq!(response.headers()["content-disposition"], format!("attachment; filename={segment}").as_str());
    let bytes = response.bytes().await.unwrap();
    assert_eq!(record["segment.size.in.bytes"], bytes.len().to_string());

    assert_eq!(
        cluster.ask("DELETE", &format!("/segments/t/{segment}?retention=0d"), None).await.1,
        json!({"status": "Segment deleted"})
    );
    assert_eq!(cluster.get("/segments/t").await.1, json!([{"OFFLINE": []}]));
    until(|| stored(&cluster).is_empty()).await;
    assert_eq!(cluster.get(&format!("/segments/t/{segment}")).await.0, 404);
}

async fn until(holds: impl Fn() -> bool) {
    let waited = tokio::time::timeout(Duration::from_secs(10), async {
        while !holds() {
            tokio::task::yield_now().await;
        }
    });
    waited.await.expect("in time");
}

#[tokio::test]
async fn mistakes_leave_nothing() {
    let cluster = Cluster::start().await;
    let (_server, _broker) = ready(&cluster).await;
    cluster.table("t").await;
    for (table, name, content, status, part) in [
        ("none_OFFLINE", "x.csv", "a,n\nx,1\n", 404, "none_OFFLINE not found"),
        ("t", "x.csv", "a,n\nx,1\n", 400, "Must provide table name with type suffix"),
        ("t_OFFLINE", "", "movies.csv", 400, "@movies.csv"),
        ("t_OFFLINE", "x.csv", "a,n\nx,one\n", 400, "x.csv:2:n"),
    ] {
        let (found, answer) = cluster.upload(table, name, content).await;
        assert_eq!(found, status, "{table} {content:?}: {answer}");
        assert!(answer["error"].as_str().unwrap().contains(part), "{answer}");
    }
    let form = || {
        reqwest::multipart::Form::new()
            .part("file", reqwest::multipart::Part::bytes(b"a,n\nx,1\n".to_vec()).file_name("x.csv"))
    };
    for (query, part) in [
        (vec![("tableNameWithType", "t_OFFLINE")], "batchConfigMapStr"),
        (vec![("tableNameWithType", "t_OFFLINE"), ("batchConfigMapStr", "{")], "end-of-input"),
        (vec![("tableNameWithType", "t_OFFLINE"), ("batchConfigMapStr", "{}")], "inputFormat"),
        (vec![("tableNameWithType", "t_OFFLINE"), ("batchConfigMapStr", "{\"inputFormat\":\"papyrus\"}")], "papyrus"),
        (vec![("batchConfigMapStr", "{}")], "tableNameWithType"),
        (
            vec![
                ("tableNameWithType", "t_OFFLINE"),
                (
                    "batchConfigMapStr",
                    "{\"inputFormat\":\"csv\",\"segment.name\":\"../x\",\"segmentNameGenerator.type\":\"fixed\",\"segmentNameGenerator.configs.segment.name\":\"../x\"}",
                ),
            ],
            "..",
        ),
    ] {
        let call = cluster.http.post(cluster.url("/ingestFromFile")).query(&query).multipart(form());
        let (status, answer) = crate::cluster::answer(call).await;
        assert_eq!(status, 400, "{query:?}: {answer}");
        assert!(answer["error"].as_str().unwrap().contains(part), "{answer}");
    }
    assert_eq!(cluster.get("/segments/t").await.1, json!([{"OFFLINE": []}]));
    assert!(stored(&cluster).is_empty(), "{:?}", stored(&cluster));
    until(|| work_files(&cluster) == 0).await;
}

/// What was acknowledged is there after a restart; what a crash has left of an ingestion is gone.
#[tokio::test]
async fn restart() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("metadata.redb");
    let store: Arc<dyn MetadataStore> = Arc::new(EmbeddedStore::open(&file).await.unwrap());
    let cluster = Cluster::start_with(Arc::clone(&store), dir, &[]).await;
    let (_server, _broker) = ready(&cluster).await;
    cluster.table("t").await;
    assert_eq!(cluster.upload("t_OFFLINE", "x.csv", "a,n\nx,1\n").await.0, 200);
    let before =
        (cluster.get("/tables/t").await, cluster.get("/segments/t/zkmetadata").await, cluster.get("/schemas/t").await);
    let kept = stored(&cluster);
    let Cluster { handle, dir, .. } = cluster;
    handle.shutdown(Duration::from_secs(5)).await;

    // A crash after a file was stored and before its segment was recorded; another in the middle of an upload.
    std::fs::write(dir.path().join("deep/t/half"), b"half").unwrap();
    std::fs::write(dir.path().join("deep/t/half#1"), b"ha").unwrap();
    let path = metadata::RecordPath::parse("PROPERTYSTORE/DEEP_STORE_DELETIONS/t/half").unwrap();
    let intent = serde_json::to_vec(&json!({"path": "t/half", "dueMs": i64::MAX, "pending": true})).unwrap();
    store.put(&path, intent, metadata::Expect::Any).await.unwrap();
    std::fs::create_dir(dir.path().join("deep/.work/upload-x")).unwrap();

    let cluster = Cluster::start_with(store, dir, &[]).await;
    until(|| stored(&cluster) == kept).await;
    assert_eq!(work_files(&cluster), 0);
    let after =
        (cluster.get("/tables/t").await, cluster.get("/segments/t/zkmetadata").await, cluster.get("/schemas/t").await);
    assert_eq!(after, before);
}

/// A segment that comes again under its name replaces itself; the old file goes only after that.
#[tokio::test]
async fn the_same_segment_again() {
    let cluster = Cluster::start().await;
    let (server, _broker) = ready(&cluster).await;
    cluster.table("t").await;
    let upload = async |content: &'static str| {
        let part = reqwest::multipart::Part::bytes(content.as_bytes().to_vec()).file_name("x.csv");
        let config = r#"{"inputFormat":"csv","segmentNameGenerator.type":"fixed","segmentNameGenerator.configs.segment.name":"one"}"#;
        let query = [("tableNameWithType", "t_OFFLINE"), ("batchConfigMapStr", config)];
        let form = reqwest::multipart::Form::new().part("file", part);
        crate::cluster::answer(cluster.http.post(cluster.url("/ingestFromFile")).query(&query).multipart(form)).await
    };
    assert_eq!(upload("a,n\nx,1\n").await.0, 200);
    let first = server.held.lock()["one"].clone();
    assert_eq!(upload("a,n\nx,1\ny,2\n").await.0, 200);
    let second = server.held.lock()["one"].clone();
    assert_ne!(first, second);
    let (_, record) = cluster.get("/segments/t/one/metadata").await;
    assert_eq!(record["segment.total.docs"], "2");
    assert!(record["segment.refresh.time"].is_string());
    until(|| stored(&cluster).len() == 1).await;
    assert_eq!(cluster.http.get(cluster.url("/segments/t/one")).send().await.unwrap().status(), 200);
}

/// What a reader's property names is read by the same rules as an input.
#[tokio::test]
async fn descriptor_files_follow_the_rules_of_inputs() {
    use std::os::unix::fs::PermissionsExt as _;
    let cluster = Cluster::start().await;
    let (_server, _broker) = ready(&cluster).await;
    cluster.table("t").await;
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("shop.desc");
    std::fs::write(&file, b"nonsense").unwrap();
    let upload = async |descriptor: &str| {
        let part = reqwest::multipart::Part::bytes(b"".to_vec()).file_name("x.pb");
        let form = reqwest::multipart::Form::new().part("file", part);
        let config = json!({"inputFormat": "proto", "recordReader.prop.descriptorFile": descriptor}).to_string();
        let query = [("tableNameWithType", "t_OFFLINE"), ("batchConfigMapStr", &config)];
        let (status, answer) =
            answer(cluster.http.post(cluster.url("/ingestFromFile")).query(&query).multipart(form)).await;
        (status, answer["error"].as_str().unwrap_or_default().to_owned())
    };
    let shown = file.display().to_string();
    let mode = |mode| std::fs::set_permissions(&file, std::fs::Permissions::from_mode(mode)).unwrap();
    mode(0o600);
    let deep = cluster.dir.path().join("deep").display().to_string();
    for (descriptor, reason) in [
        (shown.as_str(), "it is private"),
        ("/proc/self/environ", "files below /proc are not read"),
        (deep.as_str(), "it is not a file"),
        ("", "it is missing"),
        ("gopher://x/y", "gopher"),
    ] {
        let (status, error) = upload(descriptor).await;
        assert_eq!(status, 400, "{descriptor}: {error}");
        assert!(error.contains(reason), "{descriptor}: {error}");
    }
    mode(0o644);
    let (status, error) = upload(&shown).await;
    assert!(status == 400 && error.contains("it is not a descriptor set"), "{error}");
    assert_eq!(work_files(&cluster), 0);
}
