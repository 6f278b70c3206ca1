use super::*;
use crate::Expect;

fn path(text: &str) -> RecordPath {
    RecordPath::parse(text).unwrap()
}

#[tokio::test]
async fn keeps_the_contract() {
    let directory = tempfile::tempdir().unwrap();
    let count = std::sync::atomic::AtomicUsize::new(0);
    crate::conformance::run(|| async {
        let number = count.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let file = directory.path().join(number.to_string()).join("metadata.redb");
        Arc::new(EmbeddedStore::open(file).await.unwrap()) as Arc<dyn MetadataStore>
    })
    .await;
}

#[tokio::test]
async fn survives_reopening() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("metadata.redb");
    let mut last = 0;
    for round in 0..3u8 {
        let store = EmbeddedStore::open(&file).await.unwrap();
        let records = store.list(&RecordPath::root()).await.unwrap();
        assert_eq!(records.len(), usize::from(round));
        let version = store.put(&path(&format!("r/{round}")), vec![round; 100_000], Expect::Absent).await.unwrap();
        assert!(version > last, "versions go on after reopening");
        last = version;
        assert_eq!(store.file(), file);
    }
}

/// A copy of the file while the store is open is what a killed process leaves: all acknowledged writes are in it.
#[tokio::test]
async fn acknowledged_writes_are_in_the_file() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("metadata.redb");
    let store = EmbeddedStore::open(&file).await.unwrap();
    for i in 0..10 {
        store.put(&path(&format!("r/{i}")), vec![b'x'; 1000], Expect::Absent).await.unwrap();
        let copy = directory.path().join(format!("copy-{i}"));
        fs::copy(&file, &copy).unwrap();
        let reopened = EmbeddedStore::open(&copy).await.unwrap();
        assert_eq!(reopened.list(&path("r")).await.unwrap().len(), i + 1);
    }
}

#[tokio::test]
async fn one_process_at_a_time() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("metadata.redb");
    let first = EmbeddedStore::open(&file).await.unwrap();
    let error = EmbeddedStore::open(&file).await.unwrap_err();
    assert!(matches!(error, Error::InUse { .. }), "{error:?}");
    assert!(error.to_string().contains("in use by another process"));
    drop(first);
    EmbeddedStore::open(&file).await.unwrap();
}

#[tokio::test]
async fn damaged_files_are_refused() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("metadata.redb");
    {
        let store = EmbeddedStore::open(&file).await.unwrap();
        for i in 0..50 {
            store.put(&path(&format!("r/{i}")), vec![i; 2000], Expect::Any).await.unwrap();
        }
    }
    let good = fs::read(&file).unwrap();
    let damaged = directory.path().join("damaged.redb");
    let mut refused = 0;
    for step in 0..24 {
        let mut bytes = good.clone();
        match step % 3 {
            // Cut off.
            0 => bytes.truncate(good.len() * step / 24),
            // A stretch overwritten.
            1 => {
                let at = good.len() * step / 24;
                let end = (at + 4096).min(bytes.len());
                bytes[at..end].fill(0xA5);
            }
            // Something else altogether.
            _ => bytes = vec![b'z'; step * 100],
        }
        fs::write(&damaged, &bytes).unwrap();
        match EmbeddedStore::open(&damaged).await {
            // Cut to nothing is a new store; damage in an unused page harms nothing.
            Ok(store) => {
                let records = store.list(&RecordPath::root()).await.unwrap();
                assert!(records.len() == 50 || bytes.is_empty(), "step {step}: {} records", records.len());
            }
            Err(Error::Corrupt { .. }) => refused += 1,
            Err(other) => panic!("step {step}: {other:?}"),
        }
    }
    assert!(refused >= 10, "only {refused} refused");
}

#[tokio::test]
async fn newer_formats_and_bad_places_are_refused() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("metadata.redb");
    let store = EmbeddedStore::open(&file).await.unwrap();
    let transaction = store.inner.database.begin_write().unwrap();
    transaction.open_table(META).unwrap().insert("format", FORMAT + 1).unwrap();
    transaction.commit().unwrap();
    drop(store);
    assert!(matches!(EmbeddedStore::open(&file).await, Err(Error::NewerFormat { found: 2, .. })));
    let error = EmbeddedStore::open(directory.path()).await.unwrap_err();
    assert!(matches!(error, Error::Open { .. }), "{error:?}");
    let below_a_file = file.join("x").join("metadata.redb");
    assert!(matches!(EmbeddedStore::open(below_a_file).await, Err(Error::Open { .. })));
}
