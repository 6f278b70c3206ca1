//! Segments that were built elsewhere, honest ones and others.

use std::io::Write as _;
use std::sync::Arc;
use std::time::Duration;

use flate2::{Compression, write::GzEncoder};
use metadata::{MemoryStore, MetadataStore};
use proto::session::ClusterClient;
use proto::v1;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::cluster::{Cluster, answer, next, register};
use crate::ingest::{ready, stored, work_files};

/// A table `name` with one segment; the segment's name and its archive.
async fn archive(cluster: &Cluster, name: &str) -> (String, Vec<u8>) {
    cluster.table(name).await;
    assert_eq!(cluster.upload(&format!("{name}_OFFLINE"), "x.csv", "a,n\nx,1\ny,2\n").await.0, 200);
    let listed = cluster.get(&format!("/segments/{name}")).await.1;
    let segment = listed[0]["OFFLINE"][0].as_str().unwrap().to_owned();
    let got = cluster.http.get(cluster.url(&format!("/segments/{name}/{segment}"))).send().await.unwrap();
    assert_eq!(got.headers()["content-disposition"], format!("attachment; filename={segment}"));
    let length: usize = got.headers()["content-length"].to_str().unwrap().parse().unwrap();
    let bytes = got.bytes().await.unwrap().to_vec();
    assert_eq!((length, &bytes[..2]), (bytes.len(), &[0x1f, 0x8b][..]));
    (segment, bytes)
}

/// Posts a file with headers.
async fn push(cluster: &Cluster, path: &str, headers: &[(&str, &str)], content: &[u8]) -> (u16, Value) {
    let part = reqwest::multipart::Part::bytes(content.to_vec()).file_name("whatever.tar.gz");
    let mut call = cluster.http.post(cluster.url(path));
    for (name, value) in headers {
        call = call.header(*name, *value);
    }
    answer(call.multipart(reqwest::multipart::Form::new().part("x", part))).await
}

async fn post_uri(cluster: &Cluster, path: &str, headers: &[(&str, &str)]) -> (u16, Value) {
    let mut call = cluster.http.post(cluster.url(path));
    for (name, value) in headers {
        call = call.header(*name, *value);
    }
    answer(call.json(&json!({}))).await
}

#[tokio::test]
async fn a_segment_goes_to_another_table() {
    let cluster = Cluster::start().await;
    let _ready = ready(&cluster).await;
    let (segment, bytes) = archive(&cluster, "from").await;
    cluster.table("to").await;
    let sent = format!("Successfully uploaded segment: {segment} of table: to_OFFLINE");
    let upload = "/v2/segments?tableName=to";
    assert_eq!(push(&cluster, upload, &[], &bytes).await, (200, json!({ "status": sent })));
    let shown = |cluster: &Cluster| {
        let url = cluster.url(&format!("/segments/to/{segment}/metadata"));
        let call = cluster.http.get(url);
        async move { answer(call).await.1 }
    };
    let first = shown(&cluster).await;
    assert!(first.get("segment.refresh.time").is_none());
    assert_eq!(first["segment.total.docs"], "2");

    // The same again changes the record, and copies nothing.
    let files = stored(&cluster);
    let custom = [("Pinot-SegmentZKMetadataCustomMapModifier", r#"{"mapModifyMode":"UPDATE","map":{"k":"v"}}"#)];
    assert_eq!(push(&cluster, "/segments?tableName=to_OFFLINE&tableType=offline", &custom, &bytes).await.0, 200);
    let second = shown(&cluster).await;
    assert!(second.get("segment.refresh.time").is_some());
    assert_eq!((second["custom.map"].as_str(), &second["segment.crc"]), (Some("{\"k\":\"v\"}"), &first["segment.crc"]));
    assert_eq!(stored(&cluster), files);

    let crc = first["segment.crc"].as_str().unwrap();
    assert_eq!(push(&cluster, upload, &[("IF-MATCH", crc)], &bytes).await.0, 200);
    for (path, headers, status, reason) in [
        ("/v2/segments?tableName=to", &[("IF-MATCH", "12345")][..], 412, "does not match existing CRC"),
        ("/v2/segments?tableName=to", &[("IF-MATCH", "x")], 412, "has to be a CRC"),
        ("/v2/segments?tableName=to&allowRefresh=false", &[], 409, "already exists"),
        ("/v2/segments?tableName=none", &[], 400, "Failed to find table: none_OFFLINE"),
        ("/v2/segments?tableName=to&tableType=REALTIME", &[], 400, "Failed to find table: to_REALTIME"),
        ("/v2/segments?tableName=to_OFFLINE&tableType=REALTIME", &[], 400, "does not match table type"),
        ("/v2/segments?tableName=to", &[("UPLOAD_TYPE", "PAINT")], 400, "PAINT"),
        ("/v2/segments?tableName=to", &[("UPLOAD_TYPE", "METADATA")], 400, "DOWNLOAD_URI"),
        ("/v2/segments?tableName=to", &[("CRYPTER", "some.Crypter")], 400, "some.Crypter"),
        (
            "/v2/segments?tableName=to",
            &[("Pinot-SegmentZKMetadataCustomMapModifier", "{")],
            400,
            "CustomMapModifier is no JSON",
        ),
        ("/v2/segments", &[("REFRESH_ONLY", "true")], 200, "of table: from_OFFLINE"),
    ] {
        let (found, body) = push(&cluster, path, headers, &bytes).await;
        assert_eq!(found, status, "{path} {headers:?}: {body}");
        assert!(body.to_string().contains(reason), "{body}");
    }
    cluster.table("third").await;
    let (status, body) = push(&cluster, "/v2/segments?tableName=third", &[("REFRESH_ONLY", "true")], &bytes).await;
    assert_eq!(status, 410, "{body}");
    let (status, body) = post_uri(&cluster, upload, &[("UPLOAD_TYPE", "URI")]).await;
    assert_eq!((status, body["code"].as_i64()), (400, Some(400)));
    let uri = [("UPLOAD_TYPE", "URI"), ("DOWNLOAD_URI", "file:///no/such.tar.gz")];
    let (_, body) = post_uri(&cluster, upload, &uri).await;
    assert_eq!(body["error"], "Unsupported URI: file:///no/such.tar.gz");
    let call = cluster.http.post(cluster.url(upload)).header("content-type", "text/plain").body("x");
    assert_eq!(answer(call).await.0, 415);
    assert_eq!(work_files(&cluster), 0);
}

#[tokio::test]
async fn segments_are_fetched_from_where_they_are() {
    let cluster = Cluster::start().await;
    let _ready = ready(&cluster).await;
    let (segment, bytes) = archive(&cluster, "from").await;
    cluster.table("to").await;
    let there = cluster.url(&format!("/segments/from/{segment}"));
    let uri = [("UPLOAD_TYPE", "URI"), ("DOWNLOAD_URI", there.as_str())];
    let (status, body) = post_uri(&cluster, "/v2/segments?tableName=to", &uri).await;
    assert_eq!(status, 200, "{body}");
    let shown = cluster.get(&format!("/segments/to/{segment}/metadata")).await.1;
    assert!(shown["segment.download.url"].as_str().unwrap().contains("/segments/to/"), "{shown}");

    // Metadata alone: the segment stays where it is, unless it is to be copied.
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("s.tar.gz"), &bytes).unwrap();
    let found = segment::archive::read(&dir.path().join("s.tar.gz"), dir.path(), &Default::default()).unwrap();
    let small = dir.path().join("m.tar.gz");
    segment::archive::write_metadata(&found.packed.unwrap(), &small).unwrap();
    let metadata = std::fs::read(&small).unwrap();
    for (table, copy, expected) in [("kept", "false", "/segments/from/"), ("copied", "true", "/segments/copied/")] {
        cluster.table(table).await;
        let headers =
            [("UPLOAD_TYPE", "METADATA"), ("DOWNLOAD_URI", there.as_str()), ("COPY_SEGMENT_TO_DEEP_STORE", copy)];
        let (status, body) = push(&cluster, &format!("/v2/segments?tableName={table}"), &headers, &metadata).await;
        assert_eq!(status, 200, "{body}");
        let shown = cluster.get(&format!("/segments/{table}/{segment}/metadata")).await.1;
        assert!(shown["segment.download.url"].as_str().unwrap().contains(expected), "{shown}");
    }
    let (status, body) = push(&cluster, "/v2/segments?tableName=to", &[], &metadata).await;
    assert_eq!(status, 400, "{body}");
    assert!(body["error"].as_str().unwrap().contains("metadata alone"), "{body}");

    // Many at once.
    cluster.table("batch").await;
    let entry = segment::archive::BatchEntry { metadata: found.metadata, download_uri: there.clone() };
    segment::archive::write_metadata_batch(&[entry], &small).unwrap();
    let batch = std::fs::read(&small).unwrap();
    let path = "/segments/batchUpload?tableName=batch&tableType=OFFLINE";
    assert_eq!(push(&cluster, path, &[], &batch).await.0, 400);
    let (status, body) = push(&cluster, path, &[("UPLOAD_TYPE", "METADATA")], &batch).await;
    assert_eq!(status, 200, "{body}");
    assert!(body["status"].as_str().unwrap().contains(&segment), "{body}");
    assert_eq!(push(&cluster, path, &[("UPLOAD_TYPE", "METADATA")], &bytes).await.0, 400);

    // Link-local addresses, where clouds keep credentials, are not asked.
    let secret = [("UPLOAD_TYPE", "URI"), ("DOWNLOAD_URI", "http://169.254.169.254/latest/meta-data")];
    let (status, body) = post_uri(&cluster, "/v2/segments?tableName=to", &secret).await;
    assert_eq!(status, 400);
    assert!(body["error"].as_str().unwrap().contains("allowPrivateAddresses"), "{body}");
    for uri in ["http://169.254.169.254/x", "gopher://h/x"] {
        let headers = [("UPLOAD_TYPE", "METADATA"), ("DOWNLOAD_URI", uri)];
        let (status, body) = push(&cluster, "/v2/segments?tableName=to", &headers, &metadata).await;
        assert_eq!(status, 400, "{uri}: {body}");
    }
    assert_eq!(work_files(&cluster), 0);
}

/// A tar of one entry.
fn forged(kind: tar::EntryType, path: &str, body: &[u8]) -> Vec<u8> {
    let mut header = tar::Header::new_gnu();
    header.as_mut_bytes()[..path.len()].copy_from_slice(path.as_bytes());
    header.set_entry_type(kind);
    header.set_size(body.len() as u64);
    header.set_mode(0o644);
    header.set_cksum();
    let mut tar = header.as_bytes().to_vec();
    tar.extend_from_slice(body);
    tar.resize(tar.len().next_multiple_of(512) + 1024, 0);
    let mut gz = GzEncoder::new(Vec::new(), Compression::fast());
    gz.write_all(&tar).unwrap();
    gz.finish().unwrap()
}

#[tokio::test]
async fn hostile_archives_leave_nothing() {
    let more = [("controller.segment.upload.maxUnpackedSize", "1M"), ("controller.ingest.maxFileSize", "2M")];
    let store = Arc::new(MemoryStore::new());
    let cluster = Cluster::start_with(store, tempfile::tempdir().unwrap(), &more).await;
    let _ready = ready(&cluster).await;
    let (_, bytes) = archive(&cluster, "t").await;
    let before = stored(&cluster);
    let file = tar::EntryType::Regular;
    for (name, content, reason) in [
        ("traversal", forged(file, "../../../evil", b"x"), "leads out of its directory"),
        ("absolute", forged(file, "/tmp/cuvee-evil", b"x"), "leads out of its directory"),
        ("link", forged(tar::EntryType::Symlink, "s/segment.cuvee", b""), "symbolic link"),
        ("device", forged(tar::EntryType::Char, "s/segment.cuvee", b""), "device"),
        ("bomb", forged(file, "s/segment.cuvee", &vec![0; 4 << 20]), "more than 1048576 bytes"),
        ("pinot", forged(file, "s/v3/columns.psf", b"x"), "Apache Pinot's own format"),
        ("cut", bytes[..bytes.len() / 2].to_vec(), "cut off"),
        ("text", b"no tar file".to_vec(), "no segment archive"),
        ("huge", vec![0; 3 << 20], "larger than 2097152 bytes"),
    ] {
        let (status, body) = push(&cluster, "/v2/segments?tableName=t", &[], &content).await;
        assert_eq!(status, 400, "{name}: {body}");
        assert!(body["error"].as_str().unwrap().contains(reason), "{name}: {body}");
    }
    // Its columns are not those of the table.
    let schema = json!({"schemaName": "other", "dimensionFieldSpecs": [{"name": "a", "dataType": "LONG"}]});
    assert_eq!(cluster.ask("POST", "/schemas", Some(schema)).await.0, 200);
    assert_eq!(cluster.ask("POST", "/tables", Some(crate::cluster::table_config("other"))).await.0, 200);
    let (status, body) = push(&cluster, "/v2/segments?tableName=other", &[], &bytes).await;
    assert_eq!(status, 400);
    assert!(body["error"].as_str().unwrap().contains("its column 'a' is single-value STRING"), "{body}");
    assert_eq!(stored(&cluster), before);
    assert_eq!(work_files(&cluster), 0);
    assert!(!std::path::Path::new("/tmp/cuvee-evil").exists());
}

#[tokio::test]
async fn a_storage_quota_is_kept() {
    let cluster = Cluster::start().await;
    let _ready = ready(&cluster).await;
    let (_, bytes) = archive(&cluster, "from").await;
    let schema = json!({"schemaName": "small", "dimensionFieldSpecs": [{"name": "a", "dataType": "STRING"}, {"name": "n", "dataType": "INT"}]});
    assert_eq!(cluster.ask("POST", "/schemas", Some(schema)).await.0, 200);
    let mut config = crate::cluster::table_config("small");
    config["quota"] = json!({"storage": "10B"});
    assert_eq!(cluster.ask("POST", "/tables", Some(config)).await.0, 200);
    let (status, body) = push(&cluster, "/v2/segments?tableName=small", &[], &bytes).await;
    assert_eq!(status, 403, "{body}");
    assert!(body["error"].as_str().unwrap().contains("the quota is 10 bytes"), "{body}");
}

#[tokio::test]
async fn slow_clients_are_given_up() {
    let more = [("controller.segment.upload.timeoutInMillis", "200")];
    let store = Arc::new(MemoryStore::new());
    let cluster = Cluster::start_with(store, tempfile::tempdir().unwrap(), &more).await;
    let _ready = ready(&cluster).await;
    cluster.table("t").await;
    for path in [
        "/v2/segments?tableName=t",
        "/ingestFromFile?tableNameWithType=t_OFFLINE&batchConfigMapStr=%7B%22inputFormat%22:%22csv%22%7D",
    ] {
        let mut stream = tokio::net::TcpStream::connect(cluster.handle.addr()).await.unwrap();
        let head = format!(
            "POST {path} HTTP/1.1\r\nhost: x\r\ncontent-length: 1000\r\ncontent-type: multipart/form-data; boundary=b\r\n\r\n\
             --b\r\ncontent-disposition: form-data; name=\"f\"; filename=\"f\"\r\n\r\nbegin"
        );
        stream.write_all(head.as_bytes()).await.unwrap();
        let mut text = vec![0; 4096];
        let got = tokio::time::timeout(Duration::from_secs(20), stream.read(&mut text)).await.unwrap().unwrap();
        let text = String::from_utf8_lossy(&text[..got]);
        assert!(text.starts_with("HTTP/1.1 408"), "{path}: {text}");
    }
    assert_eq!(work_files(&cluster), 0);
}

#[tokio::test]
async fn files_are_ingested_from_where_they_may_be_read() {
    let cluster = Cluster::start().await;
    let (_server, _broker) = ready(&cluster).await;
    cluster.table("t").await;
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("x.csv");
    std::fs::write(&file, "a,n\nx,1\n").unwrap();
    let ingest = |uri: &str, more: Value| {
        let mut batch = json!({"inputFormat": "csv"});
        batch.as_object_mut().unwrap().extend(more.as_object().cloned().unwrap());
        let batch = batch.to_string();
        let query = [("tableNameWithType", "t_OFFLINE"), ("batchConfigMapStr", batch.as_str()), ("sourceURIStr", uri)];
        let call = cluster.http.post(cluster.url("/ingestFromURI")).query(&query);
        async move { answer(call).await }
    };
    let uri = format!("file://{}", file.display());
    let (status, body) = ingest(&uri, json!({})).await;
    assert_eq!(status, 200, "{body}");
    assert!(body["status"].as_str().unwrap().starts_with("Successfully ingested file into table: t_OFFLINE"), "{body}");
    let own = cluster.dir.path().join("deep/secret");
    std::fs::write(&own, "a,n\nx,1\n").unwrap();
    let private = dir.path().join("private.csv");
    std::fs::write(&private, "a,n\nx,1\n").unwrap();
    std::fs::set_permissions(&private, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    for (uri, more, reason) in [
        (format!("file://{}", dir.path().join("none.csv").display()), json!({}), "cannot be read"),
        (format!("file://{}", private.display()), json!({}), "allowLocalFileSystem"),
        (format!("file://{}", own.display()), json!({}), "are not read"),
        ("file:///proc/self/environ".to_owned(), json!({}), "are not read"),
        (cluster.url("/tables"), json!({}), "allowPrivateAddresses"),
        ("http://169.254.169.254/x".to_owned(), json!({}), "allowPrivateAddresses"),
        ("hdfs://h/x".to_owned(), json!({}), "hdfs is not read"),
        (
            "s3://b/k".to_owned(),
            json!({"input.fs.prop.endpoint": "http://169.254.169.254", "input.fs.prop.accessKey": "a", "input.fs.prop.secretKey": "b"}),
            "allowPrivateAddresses",
        ),
        ("s3://b/k".to_owned(), json!({"input.fs.prop.accessKey": "a"}), "without secretKey"),
        ("gs://b/k".to_owned(), json!({"input.fs.prop.gcpKey": private.display().to_string()}), "allowLocalFileSystem"),
    ] {
        let (status, body) = ingest(&uri, more).await;
        assert_eq!(status, 400, "{uri}: {body}");
        assert!(body["error"].as_str().unwrap().contains(reason), "{uri}: {body}");
    }
    assert_eq!(work_files(&cluster), 0);
}

#[tokio::test]
async fn reloads_outlive_the_controller() {
    let store: Arc<dyn MetadataStore> = Arc::new(MemoryStore::new());
    let cluster = Cluster::start_with(Arc::clone(&store), tempfile::tempdir().unwrap(), &[]).await;
    let (server, broker) = ready(&cluster).await;
    cluster.table("t").await;
    let (status, body) = cluster.ask("POST", "/segments/t/reload", None).await;
    assert_eq!(status, 404, "nothing to reload: {body}");
    assert_eq!(cluster.upload("t_OFFLINE", "x.csv", "a,n\nx,1\n").await.0, 200);
    let (status, body) = cluster.ask("POST", "/segments/t/reload", None).await;
    assert_eq!(status, 200);
    let inner: Value = serde_json::from_str(body["status"].as_str().unwrap()).unwrap();
    let job = inner["t_OFFLINE"]["reloadJobId"].as_str().unwrap().to_owned();
    let done = |cluster: &Cluster, job: &str| {
        let call = cluster.http.get(cluster.url(&format!("/segments/segmentReloadStatus/{job}")));
        async move {
            for _ in 0..500 {
                let (status, body) = answer(call.try_clone().unwrap()).await;
                assert_eq!(status, 200, "{body}");
                if body["status"] == "COMPLETED" {
                    return body;
                }
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            panic!("the job does not end");
        }
    };
    let shown = done(&cluster, &job).await;
    assert_eq!((&shown["successCount"], &shown["metadata"]["messageCount"]), (&json!(1), &json!(1)));
    // A server that does not answer: the next controller asks again.
    drop(server);
    let mut silent = cluster.handle.client().connect(register("Server_h_1", v1::Role::Server, 1)).await.unwrap();
    next(&mut silent).await;
    let (status, body) = cluster.ask("POST", "/segments/t/reload", None).await;
    assert_eq!(status, 200);
    let inner: Value = serde_json::from_str(body["status"].as_str().unwrap()).unwrap();
    let second = inner["t_OFFLINE"]["reloadJobId"].as_str().unwrap().to_owned();
    let unfinished = cluster.get(&format!("/segments/segmentReloadStatus/{second}")).await.1;
    assert_eq!(unfinished["status"], "IN_PROGRESS", "{unfinished}");
    drop((silent, broker));
    let Cluster { handle, dir, .. } = cluster;
    // As after a kill: what the sessions' end would have told is not recorded.
    let copy = Arc::new(MemoryStore::new());
    for record in store.list(&metadata::RecordPath::default()).await.unwrap() {
        let put = metadata::Op::put(record.path, record.value.to_vec(), metadata::Expect::Any);
        copy.commit(vec![put]).await.unwrap();
    }
    handle.shutdown(Duration::from_secs(1)).await;
    let cluster = Cluster::start_with(copy, dir, &[]).await;
    let _ready = ready(&cluster).await;
    assert_eq!(done(&cluster, &job).await["metadata"]["jobId"], json!(job));
    assert_eq!(done(&cluster, &second).await["successCount"], json!(1));
    let jobs = cluster.get("/table/t/jobs").await.1;
    assert_eq!(jobs[&job]["submissionTimeMs"], json!(shown["metadata"]["submissionTimeMs"].to_string()));
}
