//! Assignment to loaded segments, over failures, damage and restarts.

use std::sync::atomic::Ordering;

use crate::support::*;

#[tokio::test(flavor = "multi_thread")]
async fn loads_replaces_and_drops() {
    let setup = Setup::new();
    let first = setup.segment("s1", &[1, 2, 3]);
    let other = setup.segment("s2", &[4]);
    let (server, mut session) = setup.start_with(vec![table(vec![first.clone(), other.clone()])]).await;
    let report = session.reported("s1", "ONLINE").await;
    assert_eq!((report.table.as_str(), report.crc == first.crc), (TABLE, true));
    assert!(report.size_bytes > 0);
    server.settle().await;
    assert_eq!(segment_files(&setup).len(), 2);
    healthy(server.admin_addr()).await;

    let second = setup.segment("s1", &[1, 2, 3, 4, 5]);
    assert_ne!(first.crc, second.crc);
    session.update(vec![table(vec![second.clone(), other])], &[]);
    let report = session.reported("s1", "ONLINE").await;
    assert_eq!(report.crc, second.crc);
    server.settle().await;
    assert_eq!(segment_files(&setup).len(), 2, "the old version is gone");

    session.update(vec![table(vec![second])], &[]);
    session.reported("s2", "DROPPED").await;
    server.settle().await;
    assert_eq!(segment_files(&setup).len(), 1);

    session.update(Vec::new(), &[TABLE]);
    session.reported("s1", "DROPPED").await;
    server.settle().await;
    assert_eq!(segment_files(&setup), Vec::<std::path::PathBuf>::new());
    assert_eq!(get(server.admin_addr(), "/tables").await.1, r#"{"tables":[]}"#);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_fetch_is_an_error_and_is_retried() {
    let setup = Setup::new();
    setup.fetcher.broken.store(true, Ordering::SeqCst);
    let segment = setup.segment("s1", &[1]);
    let (server, mut session) = setup.start_with(vec![table(vec![segment])]).await;
    let report = session.reported("s1", "ERROR").await;
    assert!(report.error.contains("the deep store is away"), "{}", report.error);
    let debug = get(server.admin_addr(), "/debug/tables/people_OFFLINE").await.1;
    assert!(debug.contains("the deep store is away"), "{debug}");
    setup.fetcher.broken.store(false, Ordering::SeqCst);
    session.reported("s1", "ONLINE").await;
    let debug = get(server.admin_addr(), "/debug/tables/people_OFFLINE").await.1;
    assert!(debug.contains(r#""errorInfo":null"#), "{debug}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_download_is_refused() {
    let setup = Setup::new();
    let segment = setup.segment("s1", &[1, 2, 3]);
    let record: serde_json::Value = serde_json::from_str(&segment.metadata_json).unwrap();
    let packed = record["deepStoreUri"].as_str().unwrap();
    let whole = std::fs::read(packed).unwrap();
    let mut damaged = whole.clone();
    let middle = damaged.len() / 2;
    damaged[middle] ^= 0x40;
    std::fs::write(packed, &damaged).unwrap();
    let (_server, mut session) = setup.start_with(vec![table(vec![segment])]).await;
    session.reported("s1", "ERROR").await;
    assert_eq!(segment_files(&setup).len(), 0);
    std::fs::write(packed, &whole).unwrap();
    session.reported("s1", "ONLINE").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_segments_file_is_refused() {
    let setup = Setup::new();
    let mut segment = setup.segment("s1", &[1, 2, 3]);
    let impostor = setup.segment("s2", &[9]);
    segment.metadata_json = impostor.metadata_json;
    let (_server, mut session) = setup.start_with(vec![table(vec![segment])]).await;
    let report = session.reported("s1", "ERROR").await;
    assert!(report.error.contains("its name is s2, expected s1"), "{}", report.error);
}

#[tokio::test(flavor = "multi_thread")]
async fn restarts_without_a_controller_and_registers_what_it_holds() {
    let setup = Setup::new();
    let segments = vec![setup.segment("s1", &[1, 2, 3]), setup.segment("s2", &[4])];
    let (server, mut session) = setup.start_with(vec![table(segments.clone())]).await;
    session.reported("s1", "ONLINE").await;
    server.settle().await;
    assert!(server.shutdown(DEADLINE).await);
    assert_eq!(setup.fetcher.fetches.load(Ordering::SeqCst), 2);

    setup.controller.down.store(true, Ordering::SeqCst);
    setup.fetcher.broken.store(true, Ordering::SeqCst);
    let server = setup.start().await;
    let admin = server.admin_addr();
    healthy(admin).await;
    assert_eq!(get(admin, "/tables/people_OFFLINE/segments").await.1, r#"{"segments":["s1","s2"]}"#);
    assert!(!server.is_connected());

    setup.controller.down.store(false, Ordering::SeqCst);
    let session = setup.session().await;
    let held: Vec<(&str, &str)> =
        session.register.segments.iter().map(|held| (held.segment.as_str(), held.state.as_str())).collect();
    assert_eq!(held, [("s1", "ONLINE"), ("s2", "ONLINE")]);
    assert_eq!(session.register.segments[0].crc, segments[0].crc);
    assert_eq!(setup.fetcher.fetches.load(Ordering::SeqCst), 2, "nothing was fetched again");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_local_file_is_fetched_again() {
    let setup = Setup::new();
    let segments = vec![setup.segment("s1", &(0..5000).collect::<Vec<_>>())];
    let (server, mut session) = setup.start_with(vec![table(segments)]).await;
    session.reported("s1", "ONLINE").await;
    assert!(server.shutdown(DEADLINE).await);
    let file = segment_files(&setup).remove(0);
    let mut bytes = std::fs::read(&file).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&file, &bytes).unwrap();
    std::fs::write(setup.data_dir().join("tmp/left.packed"), "half").unwrap();

    setup.controller.down.store(true, Ordering::SeqCst);
    let server = setup.start().await;
    server.settle().await;
    assert_eq!(setup.fetcher.fetches.load(Ordering::SeqCst), 2);
    assert_eq!(get(server.admin_addr(), "/tables/people_OFFLINE/segments").await.1, r#"{"segments":["s1"]}"#);
    assert_eq!(files(&setup.data_dir().join("tmp")), Vec::<std::path::PathBuf>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_dropped_while_it_was_down_is_deleted() {
    let setup = Setup::new();
    let kept = setup.segment("s1", &[1]);
    let dropped = setup.segment("s2", &[2]);
    let (server, mut session) = setup.start_with(vec![table(vec![kept.clone(), dropped])]).await;
    session.reported("s2", "ONLINE").await;
    server.settle().await;
    assert!(server.shutdown(DEADLINE).await);
    let stray = setup.data_dir().join("segments/old_OFFLINE/x");
    std::fs::create_dir_all(&stray).unwrap();
    std::fs::write(stray.join("1.0.segment"), "x").unwrap();

    let (server, mut session) = setup.start_with(vec![table(vec![kept])]).await;
    session.reported("s2", "DROPPED").await;
    server.settle().await;
    assert_eq!(segment_files(&setup).len(), 1);
    assert!(!stray.exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reload_applies_config_and_schema() {
    let setup = Setup::new();
    let segment = setup.segment("s1", &(0..500).collect::<Vec<_>>());
    let (server, mut session) = setup.start_with(vec![table(vec![segment.clone()])]).await;
    session.reported("s1", "ONLINE").await;
    let config = CONFIG.replace(r#""loadMode":"MMAP""#, r#""loadMode":"MMAP","invertedIndexColumns":["name"]"#);
    let schema = SCHEMA.replace(r#"{"name":"age""#, r#"{"name":"town","dataType":"STRING"},{"name":"age""#);
    session.update(vec![table_with(vec![segment], &config, &schema)], &[]);
    // The request follows the update in the same stream.
    session.request(7, "RELOAD_SEGMENT", serde_json::json!({"table": TABLE}));
    let reply = session.reply(7).await;
    assert_eq!((reply.error.as_str(), reply.payload_json.as_str()), ("", r#"{"success":1,"failures":[]}"#));
    let indexes = get(server.admin_addr(), "/tables/people_OFFLINE/indexes").await.1;
    let indexes: serde_json::Value = serde_json::from_str(&indexes).unwrap();
    assert_eq!(indexes["columnToIndexesCount"]["name"]["inverted_index"], 1);
    assert_eq!(indexes["columnToIndexesCount"]["town"]["dictionary"], 1);
    assert_eq!(segment_files(&setup).len(), 1);

    session.request(8, "RELOAD_SEGMENT", serde_json::json!({"table": TABLE, "segments": ["s1", "gone"]}));
    let reply = session.reply(8).await;
    assert!(reply.payload_json.contains(r#""success":1"#) && reply.payload_json.contains("gone"), "{reply:?}");
    session.request(9, "REFRESH_SEGMENT", serde_json::json!({"table": TABLE, "segments": ["s1"]}));
    session.reply(9).await;
    assert_eq!(setup.fetcher.fetches.load(Ordering::SeqCst), 2);
    session.request(10, "PAINT", serde_json::json!({"table": TABLE}));
    assert!(session.reply(10).await.error.contains("PAINT"));
}

#[tokio::test(flavor = "multi_thread")]
async fn hostile_names_are_refused() {
    let setup = Setup::new();
    let mut segment = setup.segment("s1", &[1]);
    segment.name = "../../escape".to_owned();
    let good = setup.segment("s2", &[1]);
    let mut other = table(vec![segment]);
    other.name = "other_OFFLINE".to_owned();
    let (server, mut session) = setup.start_with(vec![other, table(vec![good])]).await;
    session.reported("s2", "ONLINE").await;
    server.settle().await;
    assert_eq!(get(server.admin_addr(), "/tables").await.1, r#"{"tables":["people_OFFLINE"]}"#);
    assert!(!setup.dir.path().join("escape").exists());
}
