//! Pushing, to a server that only remembers what it was sent.

use std::{
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{Arc, Mutex},
    thread,
};

use jobs::JobSpec;

use crate::support::Place;

/// Answers each request with the next of `answers`, the last one for ever, and keeps heads and bodies.
struct Fake {
    address: SocketAddr,
    seen: Arc<Mutex<Vec<Request>>>,
}

/// Head and body.
type Request = (String, Vec<u8>);

impl Fake {
    fn start<const N: usize>(answers: [(u16, &'static str); N]) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let requests = Arc::clone(&seen);
        thread::spawn(move || {
            for (number, connection) in listener.incoming().enumerate() {
                let (status, text) = answers[number.min(answers.len() - 1)];
                let mut connection = connection.unwrap();
                let request = read_request(&mut connection);
                requests.lock().unwrap().push(request);
                let length = text.len();
                let answer =
                    format!("HTTP/1.1 {status} X\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{text}");
                connection.write_all(answer.as_bytes()).unwrap();
            }
        });
        Self { address, seen }
    }

    fn heads(&self) -> Vec<String> {
        self.seen.lock().unwrap().iter().map(|(head, _)| head.clone()).collect()
    }
}

fn read_request(connection: &mut TcpStream) -> Request {
    let mut bytes = Vec::new();
    let mut buffer = [0; 65536];
    loop {
        if let Some(end) = bytes.windows(4).position(|w| w == b"\r\n\r\n") {
            let head = String::from_utf8_lossy(&bytes[..end]).to_ascii_lowercase();
            let length = head.lines().find_map(|l| l.strip_prefix("content-length: ")?.parse::<usize>().ok());
            let whole = end + 4 + length.unwrap_or(0);
            while bytes.len() < whole {
                let got = connection.read(&mut buffer).unwrap();
                assert!(got > 0, "the request broke off");
                bytes.extend_from_slice(&buffer[..got]);
            }
            let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
            return (head, bytes[end + 4..].to_vec());
        }
        let got = connection.read(&mut buffer).unwrap();
        assert!(got > 0, "the request broke off");
        bytes.extend_from_slice(&buffer[..got]);
    }
}

fn place() -> Place {
    let place = Place::new();
    place.write("in/a.json", "{\"id\":1,\"name\":\"n\",\"day\":19000}\n");
    place
}

fn spec(place: &Place, kind: &str, fake: &Fake, more: &str) -> JobSpec {
    let more =
        format!("pinotClusterSpecs:\n  - controllerURI: 'http://{}'\nauthToken: 'Basic abc'\n{more}", fake.address);
    place.spec(kind, "json", &more)
}

const SEGMENT: &str = "orders_OFFLINE_19000_19000_0";

#[tokio::test]
async fn bytes_are_pushed_with_name_table_and_token() {
    let fake = Fake::start([(200, r#"{"status":"Successfully uploaded segment"}"#)]);
    let place = place();
    let done = place.run(&spec(&place, "SegmentCreationAndTarPush", &fake, "cleanUpOutputDir: true\n")).await.unwrap();
    assert_eq!(done.segments_pushed, 1);
    let (head, body) = fake.seen.lock().unwrap()[0].clone();
    assert!(head.starts_with("POST /v2/segments?tableName=orders&tableType=OFFLINE HTTP/1.1"), "{head}");
    assert!(head.contains("authorization: Basic abc"), "{head}");
    let body = String::from_utf8_lossy(&body);
    assert!(body.contains(&format!("name=\"{SEGMENT}\"; filename=\"{SEGMENT}\"")), "{}", &body[..300]);
    assert_eq!(place.output(), Vec::<String>::new());
}

#[tokio::test]
async fn a_uri_or_metadata_alone_is_pushed() {
    let place = place();
    let fake = Fake::start([(200, "{}")]);
    let uri = format!("file://{}", place.path(&format!("out/{SEGMENT}.tar.gz")).display());
    place.run(&spec(&place, "SegmentCreationAndUriPush", &fake, "")).await.unwrap();
    let head = fake.heads()[0].clone();
    assert!(head.contains("upload_type: URI") && head.contains(&format!("download_uri: {uri}")), "{head}");

    let more = "pushJobSpec:\n  segmentUriPrefix: 'http://files'\n  segmentUriSuffix: '?x=1'\n  copyToDeepStoreForMetadataPush: true\n";
    place.run(&spec(&place, "SegmentMetadataPush", &fake, more)).await.unwrap();
    let (head, body) = fake.seen.lock().unwrap()[1].clone();
    let wrapped = format!("download_uri: http://files{}?x=1", place.path(&format!("out/{SEGMENT}.tar.gz")).display());
    assert!(head.contains("upload_type: METADATA") && head.contains(&wrapped), "{head}");
    assert!(head.contains("copy_segment_to_deep_store: true"), "{head}");
    let gzip = body.windows(2).position(|w| w == [0x1f, 0x8b]).expect("an archive");
    let file = place.path("metadata.tar.gz");
    std::fs::write(&file, &body[gzip..]).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let found = segment::archive::read(&file, dir.path(), &Default::default()).unwrap();
    assert_eq!((found.metadata.segment_name.as_str(), found.packed), (SEGMENT, None));
}

#[tokio::test]
async fn only_temporary_refusals_are_tried_again() {
    let place = place();
    let fake = Fake::start([(503, "busy"), (200, "{}")]);
    let more = "overwriteOutput: true\npushJobSpec:\n  pushAttempts: 2\n  pushRetryIntervalMillis: 1\n";
    place.run(&spec(&place, "SegmentCreationAndTarPush", &fake, more)).await.unwrap();
    assert_eq!(fake.heads().len(), 2);

    let fake = Fake::start([(400, r#"{"code":400,"error":"no such table"}"#)]);
    let error = place.run(&spec(&place, "SegmentTarPush", &fake, more)).await.unwrap_err().to_string();
    assert!(error.ends_with("answered 400: no such table"), "{error}");
    assert_eq!(fake.heads().len(), 1);

    let more = "pushJobSpec:\n  pushFileNamePattern: 'glob:**/other*'\n";
    let error = place.run(&spec(&place, "SegmentTarPush", &fake, more)).await.unwrap_err().to_string();
    assert!(error.contains("no segment"), "{error}");
}

#[tokio::test]
async fn nothing_is_pushed_when_a_file_is_bad() {
    let place = place();
    place.write("in/b.json", "{\"id\": nonsense\n");
    place.write("in/c.json", "{\"id\":\"x\",\"day\":19000}\n");
    let fake = Fake::start([(200, "{}")]);
    place.run(&spec(&place, "SegmentCreationAndTarPush", &fake, "")).await.unwrap_err();
    assert!(fake.heads().is_empty());
}

#[tokio::test]
async fn a_table_that_is_refreshed_as_a_whole_changes_at_once() {
    let place = place();
    let refresh = r#""ingestionConfig": {"batchIngestionConfig": {"segmentIngestionType": "REFRESH", "segmentIngestionFrequency": "DAILY", "consistentDataPush": true}}, "metadata""#;
    place.write("table.json", crate::support::TABLE.replace("\"metadata\"", refresh));
    let begun = r#"{"segmentLineageEntryId": "e 1"}"#;
    let fake = Fake::start([(200, r#"[{"OFFLINE": ["old"]}]"#), (200, begun), (200, "{}"), (200, "{}")]);
    place.run(&spec(&place, "SegmentCreationAndTarPush", &fake, "")).await.unwrap();
    let seen = fake.seen.lock().unwrap().clone();
    let lines: Vec<&str> = seen.iter().filter_map(|(head, _)| head.lines().next()).collect();
    assert_eq!(
        lines,
        [
            "GET /segments/orders?type=OFFLINE&excludeReplacedSegments=true HTTP/1.1",
            "POST /segments/orders/startReplaceSegments?type=OFFLINE&forceCleanup=true HTTP/1.1",
            "POST /v2/segments?tableName=orders&tableType=OFFLINE HTTP/1.1",
            "POST /segments/orders/endReplaceSegments?type=OFFLINE&segmentLineageEntryId=e%201 HTTP/1.1",
        ]
    );
    // The new name differs from that of the last run.
    let body = String::from_utf8_lossy(&seen[1].1);
    assert_eq!(body, r#"{"segmentsFrom":["old"],"segmentsTo":["orders_OFFLINE_19000_19000_1700000000000_0"]}"#);

    // A segment that is refused: the old ones stay.
    let fake = Fake::start([(200, "[]"), (200, begun), (400, "no"), (200, "{}")]);
    let again = format!("overwriteOutput: true\npinotClusterSpecs:\n  - controllerURI: 'http://{}'\n", fake.address);
    place.run(&place.spec("SegmentCreationAndTarPush", "json", &again)).await.unwrap_err();
    let heads = fake.heads();
    assert_eq!(heads.len(), 4, "{heads:?}");
    assert!(heads[3].starts_with("POST /segments/orders/revertReplaceSegments?"), "{}", heads[3]);
}

#[tokio::test]
async fn metadata_of_many_segments_go_in_one_request() {
    let place = place();
    place.write("in/b.json", "{\"id\":2,\"day\":19001}\n");
    let fake = Fake::start([(200, "{}")]);
    let more = "pushJobSpec:\n  batchSegmentUpload: true\n  segmentMetadataGenerationParallelism: 2\n";
    let done = place.run(&spec(&place, "SegmentCreationAndMetadataPush", &fake, more)).await.unwrap();
    assert_eq!(done.segments_pushed, 2);
    let (head, body) = fake.seen.lock().unwrap()[0].clone();
    assert!(head.starts_with("POST /segments/batchUpload?tableName=orders&tableType=OFFLINE"), "{head}");
    let gzip = body.windows(2).position(|w| w == [0x1f, 0x8b]).expect("an archive");
    let file = place.path("batch.tar.gz");
    std::fs::write(&file, &body[gzip..]).unwrap();
    let batch = segment::archive::read_metadata_batch(&file, &Default::default()).unwrap();
    let uris: Vec<&str> = batch.iter().map(|entry| entry.download_uri.as_str()).collect();
    assert!(uris[0].ends_with("/out/orders_OFFLINE_19000_19000_0.tar.gz"), "{uris:?}");
    assert!(uris[1].ends_with("/out/orders_OFFLINE_19001_19001_1.tar.gz"), "{uris:?}");
}
