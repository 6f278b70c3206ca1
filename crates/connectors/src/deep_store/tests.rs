//! One suite for every kind of store.

use std::sync::atomic::{AtomicU32, Ordering};

use object_store::{
    GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, PutMultipartOptions, PutOptions, PutPayload,
    PutResult,
};

use super::*;

async fn conforms(store: &DeepStore) {
    let dir = tempfile::tempdir().unwrap();
    let (source, target) = (dir.path().join("source"), dir.path().join("target"));
    let content: Vec<u8> = (0..3_000_000u32).flat_map(|i| i.to_le_bytes()).take(9_000_001).collect();
    std::fs::write(&source, &content).unwrap();

    assert!(!store.exists("t/seg").await.unwrap());
    assert!(matches!(store.get_file("t/seg", &target).await, Err(Error::NotFound { .. })));
    assert!(!target.exists());
    store.delete("t/seg").await.unwrap();
    assert_eq!(store.list("t").await.unwrap(), []);

    let put = store.put_file("t/seg", &source).await.unwrap();
    assert_eq!(put, file_checksum(&source).unwrap());
    assert!(store.exists("t/seg").await.unwrap());
    assert_eq!(store.get_file("t/seg", &target).await.unwrap(), put);
    assert_eq!(std::fs::read(&target).unwrap(), content);
    store.get_file_checked("t/seg", &target, put.crc).await.unwrap();
    let wrong = store.get_file_checked("t/seg", &target, put.crc ^ 1).await;
    assert!(matches!(wrong, Err(Error::Checksum { .. })));

    // Replaced as a whole; odd names keep theirs.
    std::fs::write(&source, b"short").unwrap();
    store.put_file("t/seg", &source).await.unwrap();
    store.get_file("t/seg", &target).await.unwrap();
    assert_eq!(std::fs::read(&target).unwrap(), b"short");
    std::fs::write(&source, b"").unwrap();
    store.put_file("t/a b%20é#1", &source).await.unwrap();
    store.put_file("u/x", &source).await.unwrap();
    let list = |files: Vec<StoredFile>| files.into_iter().map(|f| (f.path, f.size_bytes)).collect::<Vec<_>>();
    let in_t = [("t/a b%20é#1".to_owned(), 0), ("t/seg".to_owned(), 5)];
    assert_eq!(list(store.list("t").await.unwrap()), in_t);
    assert_eq!(store.list("").await.unwrap().len(), 3);

    store.delete("t/seg").await.unwrap();
    assert!(!store.exists("t/seg").await.unwrap());
    for bad in ["", "../x", "t/../../x", "/t", "t//x", "t/.", "t\\x", "t/\n"] {
        assert!(matches!(store.put_file(bad, &source).await, Err(Error::InvalidPath { .. })), "{bad:?}");
    }
    // Neither temporary files nor leftovers beside source and target.
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 2);
}

#[tokio::test]
async fn a_local_directory_conforms() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().join("made/when/missing");
    let store = DeepStore::new(&format!("file://{}", root.display()), &BTreeMap::new()).unwrap();
    conforms(&store).await;
    let plain = DeepStore::new(&root.display().to_string(), &BTreeMap::new()).unwrap();
    assert!(plain.exists("u/x").await.unwrap());
    assert!(root.join("u/x").is_file());
    assert_eq!(plain.url_of("u/x"), format!("{}/u/x", root.display()));
}

#[tokio::test]
async fn memory_conforms() {
    conforms(&DeepStore::new("memory://test", &BTreeMap::new()).unwrap()).await;
}

#[test]
fn bad_urls_are_told() {
    for (url, reason) in [("s5://bucket/x", "scheme 's5' is not supported"), ("file://", "names no directory")] {
        let error = DeepStore::new(url, &BTreeMap::new()).err().unwrap().to_string();
        assert!(error.contains(reason), "{error}");
    }
    let options = BTreeMap::from([("retry.attempts".to_owned(), "many".to_owned())]);
    assert!(DeepStore::new("memory://x", &options).err().unwrap().to_string().contains("is not a number"));
}

/// Fails the first `left` reads.
#[derive(Debug)]
struct Flaky {
    inner: InMemory,
    left: AtomicU32,
}

impl std::fmt::Display for Flaky {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("flaky")
    }
}

#[async_trait::async_trait]
impl ObjectStore for Flaky {
    async fn put_opts(&self, at: &StorePath, payload: PutPayload, o: PutOptions) -> object_store::Result<PutResult> {
        self.inner.put_opts(at, payload, o).await
    }

    async fn put_multipart_opts(
        &self,
        at: &StorePath,
        o: PutMultipartOptions,
    ) -> object_store::Result<Box<dyn MultipartUpload>> {
        self.inner.put_multipart_opts(at, o).await
    }

    async fn get_opts(&self, at: &StorePath, o: GetOptions) -> object_store::Result<GetResult> {
        if self.left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |n| n.checked_sub(1)).is_ok() {
            return Err(object_store::Error::Generic { store: "flaky", source: "down".into() });
        }
        self.inner.get_opts(at, o).await
    }

    fn delete_stream(
        &self,
        locations: futures::stream::BoxStream<'static, object_store::Result<StorePath>>,
    ) -> futures::stream::BoxStream<'static, object_store::Result<StorePath>> {
        self.inner.delete_stream(locations)
    }

    fn list(&self, p: Option<&StorePath>) -> futures::stream::BoxStream<'static, object_store::Result<ObjectMeta>> {
        self.inner.list(p)
    }

    async fn list_with_delimiter(&self, p: Option<&StorePath>) -> object_store::Result<ListResult> {
        self.inner.list_with_delimiter(p).await
    }

    async fn copy_opts(
        &self,
        from: &StorePath,
        to: &StorePath,
        o: object_store::CopyOptions,
    ) -> object_store::Result<()> {
        self.inner.copy_opts(from, to, o).await
    }
}

#[tokio::test(start_paused = true)]
async fn failures_are_tried_again_a_few_times() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("f");
    std::fs::write(&file, b"content").unwrap();
    let try_with = async |failures| {
        let flaky = Flaky { inner: InMemory::new(), left: AtomicU32::new(failures) };
        DeepStore::over(Arc::new(flaky), "flaky://", RetryPolicy::default()).put_file("t/s", &file).await
    };
    assert!(try_with(2).await.is_ok());
    let error = try_with(3).await.unwrap_err();
    assert_eq!(error.to_string(), "deep store: cannot read back t/s after 3 attempts");
    assert!(error.is_retryable());
}
