//! What every store has to keep, run on each backend.

use std::{future::Future, sync::Arc};

use crate::{Error, Expect, MetadataStore, Op, RecordPath, Watch, WatchEvent};

type Store = Arc<dyn MetadataStore>;

fn path(text: &str) -> RecordPath {
    RecordPath::parse(text).unwrap()
}

fn put(at: &str, value: &str, expect: Expect) -> Op {
    Op::put(path(at), value.as_bytes().to_vec(), expect)
}

async fn set(store: &Store, at: &str, value: &str) -> u64 {
    store.commit(vec![put(at, value, Expect::Any)]).await.unwrap()
}

async fn text(store: &Store, at: &str) -> Option<String> {
    store.get(&path(at)).await.unwrap().map(|record| String::from_utf8(record.value.to_vec()).unwrap())
}

/// Runs every case on a fresh store.
pub(crate) async fn run<F: Future<Output = Store>>(make: impl Fn() -> F) {
    reads_what_was_written(make().await).await;
    expectations(make().await).await;
    transactions_are_all_or_nothing(make().await).await;
    listing(make().await).await;
    refuses_bad_transactions(make().await).await;
    concurrent_compare_and_set(make().await).await;
    watch_sees_commits_in_order(make().await).await;
    large_transactions_reach_watchers_whole(make().await).await;
    cancelled_commits_are_whole(make().await).await;
}

async fn reads_what_was_written(store: Store) {
    assert_eq!(store.get(&path("a")).await.unwrap(), None);
    let first = set(&store, "a/b", "1").await;
    let second = set(&store, "a/b", "2").await;
    assert!(second > first);
    let record = store.get(&path("a/b")).await.unwrap().unwrap();
    assert_eq!((&*record.value, record.version), (&b"2"[..], second));
    assert_eq!(store.get(&path("a")).await.unwrap(), None, "an inner path is no record");
    assert_eq!(store.get(&RecordPath::root()).await.unwrap(), None);
    set(&store, "a", "parent").await;
    assert_eq!(text(&store, "a/b").await.unwrap(), "2");
    set(&store, "empty", "").await;
    assert_eq!(text(&store, "empty").await.unwrap(), "");
    let big = vec![7u8; 3 << 20];
    store.put(&path("big"), big.clone(), Expect::Absent).await.unwrap();
    assert_eq!(&*store.get(&path("big")).await.unwrap().unwrap().value, big.as_slice());
}

async fn expectations(store: Store) {
    let conflict = |result: crate::Result<u64>, found: Option<u64>| match result {
        Err(Error::Conflict { found: actual, .. }) => assert_eq!(actual, found),
        other => panic!("expected a conflict, found {other:?}"),
    };
    let at = path("x");
    let put = |value: &str, expect| store.put(&at, value.as_bytes().to_vec(), expect);
    conflict(put("0", Expect::Present).await, None);
    conflict(put("0", Expect::Version(1)).await, None);
    let v1 = put("1", Expect::Absent).await.unwrap();
    conflict(put("2", Expect::Absent).await, Some(v1));
    let v2 = put("2", Expect::Version(v1)).await.unwrap();
    conflict(put("3", Expect::Version(v1)).await, Some(v2));
    conflict(store.delete(&at, Expect::Version(v1)).await, Some(v2));
    assert_eq!(text(&store, "x").await.unwrap(), "2");
    store.delete(&at, Expect::Version(v2)).await.unwrap();
    conflict(store.delete(&at, Expect::Present).await, None);
    store.delete(&at, Expect::Any).await.unwrap();
    let v3 = put("again", Expect::Absent).await.unwrap();
    assert!(v3 > v2, "a version never comes back");
    conflict(put("3", Expect::Version(v1)).await, Some(v3));
}

async fn transactions_are_all_or_nothing(store: Store) {
    let v1 = set(&store, "b", "old").await;
    let ops = vec![put("a", "1", Expect::Any), put("b", "2", Expect::Version(v1 + 5)), put("c", "3", Expect::Any)];
    assert!(matches!(store.commit(ops).await, Err(Error::Conflict { path, .. }) if path == "/b"));
    assert_eq!((text(&store, "a").await, text(&store, "c").await), (None, None));
    let ops = vec![
        put("a", "1", Expect::Absent),
        Op::delete(path("b"), Expect::Version(v1)),
        Op::check(path("nothing"), Expect::Absent),
        put("c", "3", Expect::Any),
    ];
    let v2 = store.commit(ops).await.unwrap();
    let versions: Vec<u64> =
        store.list(&RecordPath::root()).await.unwrap().into_iter().map(|record| record.version).collect();
    assert_eq!(versions, [v2, v2]);
    assert!(store.commit(vec![Op::check(path("a"), Expect::Absent)]).await.is_err());
    assert_eq!(store.commit(vec![]).await.unwrap(), v2, "nothing to do changes nothing");
}

async fn listing(store: Store) {
    for at in ["a", "a/x", "a/y/1", "a/y/2", "a-1", "a0", "ab", "b/z"] {
        set(&store, at, at).await;
    }
    let names = |at: &'static str| {
        let store = store.clone();
        async move {
            store.list(&path(at)).await.unwrap().into_iter().map(|r| r.path.as_str().to_owned()).collect::<Vec<_>>()
        }
    };
    assert_eq!(names("a").await, ["a/x", "a/y/1", "a/y/2"]);
    assert_eq!(names("a/y").await, ["a/y/1", "a/y/2"]);
    assert_eq!(names("").await.len(), 8);
    assert!(names("nowhere").await.is_empty());
    assert_eq!(store.children(&RecordPath::root()).await.unwrap(), ["a", "a-1", "a0", "ab", "b"]);
    assert_eq!(store.children(&path("a")).await.unwrap(), ["x", "y"]);
    assert!(store.children(&path("a/x")).await.unwrap().is_empty());
}

async fn refuses_bad_transactions(store: Store) {
    let twice = vec![put("a", "1", Expect::Any), Op::delete(path("a"), Expect::Any)];
    assert!(matches!(store.commit(twice).await, Err(Error::Duplicate { .. })));
    assert!(matches!(store.put(&RecordPath::root(), vec![], Expect::Any).await, Err(Error::InvalidPath { .. })));
    assert!(store.list(&RecordPath::root()).await.unwrap().is_empty());
}

async fn concurrent_compare_and_set(store: Store) {
    const WRITERS: usize = 8;
    const ROUNDS: usize = 10;
    set(&store, "counter", "0").await;
    let writers: Vec<_> = (0..WRITERS)
        .map(|_| {
            let store = store.clone();
            tokio::spawn(async move {
                let mut done = 0;
                while done < ROUNDS {
                    let record = store.get(&path("counter")).await.unwrap().unwrap();
                    let number: usize = std::str::from_utf8(&record.value).unwrap().parse().unwrap();
                    let next = (number + 1).to_string().into_bytes();
                    match store.put(&path("counter"), next, Expect::Version(record.version)).await {
                        Ok(_) => done += 1,
                        Err(Error::Conflict { .. }) => {}
                        Err(other) => panic!("{other}"),
                    }
                }
            })
        })
        .collect();
    for writer in writers {
        writer.await.unwrap();
    }
    assert_eq!(text(&store, "counter").await.unwrap(), (WRITERS * ROUNDS).to_string());
}

async fn next_text(watch: &mut Watch) -> String {
    match watch.next().await.unwrap() {
        WatchEvent::Changed(change) => {
            let value = change.value.map_or("gone".to_owned(), |value| String::from_utf8(value.to_vec()).unwrap());
            format!("{}={value}", change.path.as_str())
        }
        WatchEvent::Resync => "resync".to_owned(),
    }
}

async fn watch_sees_commits_in_order(store: Store) {
    set(&store, "t/old", "0").await;
    let mut below = store.watch(&path("t"));
    let mut all = store.watch(&RecordPath::root());
    let mut one = store.watch(&path("t/a"));
    store
        .commit(vec![put("t/a", "1", Expect::Any), put("other", "2", Expect::Any), put("t/b", "3", Expect::Any)])
        .await
        .unwrap();
    assert!(store.commit(vec![put("t/a", "x", Expect::Absent)]).await.is_err());
    store.delete(&path("t/none"), Expect::Any).await.unwrap();
    store.delete(&path("t/a"), Expect::Any).await.unwrap();
    set(&store, "tx", "5").await;
    set(&store, "t", "6").await;
    for expected in ["t/a=1", "t/b=3", "t/a=gone", "t=6"] {
        assert_eq!(next_text(&mut below).await, expected);
    }
    for expected in ["t/a=1", "other=2", "t/b=3", "t/a=gone", "tx=5", "t=6"] {
        assert_eq!(next_text(&mut all).await, expected);
    }
    for expected in ["t/a=1", "t/a=gone"] {
        assert_eq!(next_text(&mut one).await, expected);
    }
    // Concurrent writers: versions arrive ascending, the last value is the stored one.
    let mut watch = store.watch(&path("n"));
    let writers: Vec<_> = (0..4)
        .map(|writer| {
            let store = store.clone();
            tokio::spawn(async move {
                for i in 0..5 {
                    set(&store, "n/value", &format!("{writer}-{i}")).await;
                }
            })
        })
        .collect();
    for writer in writers {
        writer.await.unwrap();
    }
    let (mut last, mut value) = (0, None);
    for _ in 0..20 {
        let Some(WatchEvent::Changed(change)) = watch.next().await else { panic!("expected a change") };
        assert!(change.version > last);
        (last, value) = (change.version, change.value);
    }
    assert_eq!(value, store.get(&path("n/value")).await.unwrap().map(|record| record.value));
}

async fn large_transactions_reach_watchers_whole(store: Store) {
    let mut watch = store.watch(&path("w"));
    // A transaction is one entry of the queue, however much it changes.
    let ops = (0..2000).map(|i| put(&format!("w/{i:04}"), "v", Expect::Any)).collect();
    store.commit(ops).await.unwrap();
    for i in 0..2000 {
        assert_eq!(next_text(&mut watch).await, format!("w/{i:04}=v"));
    }
}

async fn cancelled_commits_are_whole(store: Store) {
    for i in 0..20 {
        let ops = vec![put("p", &i.to_string(), Expect::Any), put("q", &i.to_string(), Expect::Any)];
        let commit = store.commit(ops);
        // Polled at most once, then dropped.
        let _ = futures::future::select(commit, std::future::ready(())).await;
    }
    // A write that is acknowledged comes after all that were begun before it or is itself followed by none of them.
    set(&store, "after", "1").await;
    let records = store.list(&RecordPath::root()).await.unwrap();
    let value = |name: &str| records.iter().find(|r| r.path.as_str() == name).map(|r| (r.value.clone(), r.version));
    assert_eq!(value("p"), value("q"));
}
