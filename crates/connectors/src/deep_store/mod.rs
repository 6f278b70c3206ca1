//! The deep store: the durable home of committed segments.
//!
//! Paths are `<raw table>/<segment>` below the root that the URL names. A file appears whole or not at all. Every
//! file's CRC-32 is checked after it was written and, where the caller knows it, after it was fetched.

mod checksum;
pub(crate) mod cloud;
mod path;
mod retry;

#[cfg(test)]
mod tests;

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::Arc,
};

use futures::TryStreamExt as _;
use object_store::{
    ObjectStore, ObjectStoreExt as _, WriteMultipart, local::LocalFileSystem, memory::InMemory,
    path::Path as StorePath, prefix::PrefixStore,
};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

pub use self::{checksum::file_checksum, retry::RetryPolicy};
use crate::{Error, net::Reach};

/// Larger files go up in parts of this size.
const PART_BYTES: usize = 8 << 20;

/// What is known of a stored file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredFile {
    /// As given to [`DeepStore::put_file`].
    pub path: String,
    pub size_bytes: u64,
}

/// Size and checksum of a file that was written or fetched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Transfer {
    pub size_bytes: u64,
    /// CRC-32 (IEEE) of all bytes.
    pub crc: u32,
}

/// A store of segment files. Cheap to clone.
#[derive(Clone)]
pub struct DeepStore {
    store: Arc<dyn ObjectStore>,
    /// The same store where it is a local directory: its files are synced to disk before a put is done.
    local: Option<Arc<LocalFileSystem>>,
    /// The store compares checksums itself before it takes a file.
    checks: bool,
    url: Arc<str>,
    retry: RetryPolicy,
}

impl DeepStore {
    /// Opens the store that a URL names: `file:///dir`, a plain directory (created when missing), `s3://bucket/dir`,
    /// `gs://bucket/dir`, `abfs://container@account.dfs.core.windows.net/dir`, `adl2://container/dir`, or
    /// `memory://name` (a store of its own, for tests). Nothing is asked over the network yet.
    ///
    /// `options`: what Pinot has under `pinot.<role>.storage.factory.`, as `s3.region`, `s3.accessKey`, `gs.gcpKey`,
    /// `adl2.accountName`, `class.<scheme>`; and `retry.attempts` (3), `retry.initial.delay.ms` (100),
    /// `retry.max.delay.ms` (5000).
    pub fn new(url: &str, options: &BTreeMap<String, String>) -> Result<Self, Error> {
        let config = |reason: String| Error::StoreConfig { url: url.to_owned(), reason };
        let retry = RetryPolicy::from_options(options).map_err(config)?;
        let scheme = crate::remote::scheme(url).unwrap_or_else(|| "file".to_owned());
        match scheme.as_str() {
            "file" => {
                let rest = url.split_once(':').filter(|(before, _)| before.eq_ignore_ascii_case("file"));
                let rest = rest.map_or(url, |(_, rest)| rest.strip_prefix("//").unwrap_or(rest));
                let local = local(rest).map_err(config)?;
                Ok(Self { local: Some(local.clone()), ..Self::over(local, url, retry) })
            }
            "memory" => Ok(Self::over(Arc::new(InMemory::new()), url, retry)),
            _ => {
                let class = options.get(&format!("class.{scheme}")).map(String::as_str);
                let kind = cloud::Kind::of(&scheme, class).map_err(config)?;
                let properties = cloud::properties_of(kind, &scheme, options);
                let (root, below) = match kind.split_uri(url) {
                    Ok((root, below)) => (root, below),
                    // The bucket itself is the root.
                    Err(_) if url.contains("://") => (url.trim_end_matches('/').to_owned(), String::new()),
                    Err(reason) => return Err(config(reason)),
                };
                if root.split_once("://").is_none_or(|(_, bucket)| bucket.is_empty()) {
                    return Err(config("it names no bucket".to_owned()));
                }
                let store = cloud::open(kind, &root, &properties, Reach::Any).map_err(config)?;
                let below = below.trim_matches('/');
                let store: Arc<dyn ObjectStore> =
                    if below.is_empty() { store } else { Arc::new(PrefixStore::new(store, path::location(below)?)) };
                Ok(Self { checks: kind == cloud::Kind::S3, ..Self::over(store, url, retry) })
            }
        }
    }

    /// Over any object store; `url` is what files are said to lie under.
    pub fn over(store: Arc<dyn ObjectStore>, url: &str, retry: RetryPolicy) -> Self {
        Self { store, local: None, checks: false, url: url.into(), retry }
    }

    /// The URL that the store was opened with.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The URL of a file in the store.
    pub fn url_of(&self, path: &str) -> String {
        format!("{}/{path}", self.url.trim_end_matches('/'))
    }

    /// Where a file lies, or would lie, when the store is a directory of this machine.
    pub fn local_file(&self, path: &str) -> Option<PathBuf> {
        let target = path::location(path).ok()?;
        self.local.as_ref()?.path_to_filesystem(&target).ok()
    }

    /// Copies a local file into the store under `path`, replacing what is there in one step, and makes sure that what
    /// is stored is what was sent: the store compares a checksum, or the file is read back once. When this fails, or
    /// the future is dropped half way, the old file (or none) remains.
    pub async fn put_file(&self, path: &str, from: &Path) -> Result<Transfer, Error> {
        let target = path::location(path)?;
        self.retry
            .run(|| async {
                let sent = self.upload(path, &target, from).await?;
                if self.checks {
                    let found = self.store.head(&target).await.map_err(store_error("look at", path))?.size;
                    if found != sent.size_bytes {
                        return Err(Error::Cut { path: path.to_owned(), expected: sent.size_bytes, found });
                    }
                    return Ok(sent);
                }
                let stored = self.stored_checksum(path, &target).await?;
                if stored != sent {
                    return Err(Error::Checksum { path: path.to_owned(), expected: sent.crc, found: stored.crc });
                }
                Ok(sent)
            })
            .await
    }

    async fn upload(&self, path: &str, target: &StorePath, from: &Path) -> Result<Transfer, Error> {
        let local = |source| Error::LocalFile { path: from.to_owned(), source };
        let mut file = tokio::fs::File::open(from).await.map_err(local)?;
        let length = file.metadata().await.map_err(local)?.len();
        if length <= PART_BYTES as u64 && self.local.is_none() {
            // One request, and nothing to clean up after.
            let mut bytes = Vec::with_capacity(length as usize);
            file.read_to_end(&mut bytes).await.map_err(local)?;
            let transfer = Transfer { size_bytes: bytes.len() as u64, crc: crc32fast::hash(&bytes) };
            self.store.put(target, bytes.into()).await.map_err(write_error(path))?;
            return Ok(transfer);
        }
        let upload = self.store.put_multipart(target).await.map_err(write_error(path))?;
        let mut upload = WriteMultipart::new_with_chunk_size(upload, PART_BYTES);
        let transfer = match send(&mut file, &mut upload, path, from).await {
            Ok(transfer) => transfer,
            Err(error) => {
                // The first error is the one to tell.
                let _ = upload.abort().await;
                return Err(error);
            }
        };
        upload.finish().await.map_err(store_error("write", path))?;
        self.sync(target).await?;
        Ok(transfer)
    }

    /// A rename is durable once file and folder are synced.
    async fn sync(&self, target: &StorePath) -> Result<(), Error> {
        let Some(local) = &self.local else { return Ok(()) };
        let file = local.path_to_filesystem(target).map_err(store_error("write", target.as_ref()))?;
        let failed = |source| Error::LocalFile { path: file.clone(), source };
        tokio::fs::File::open(&file).await.map_err(failed)?.sync_all().await.map_err(failed)?;
        if let Some(folder) = file.parent() {
            tokio::fs::File::open(folder).await.map_err(failed)?.sync_all().await.map_err(failed)?;
        }
        Ok(())
    }

    async fn stored_checksum(&self, path: &str, target: &StorePath) -> Result<Transfer, Error> {
        let mut stream = self.store.get(target).await.map_err(store_error("read back", path))?.into_stream();
        let mut sum = crc32fast::Hasher::new();
        let mut size_bytes = 0;
        while let Some(bytes) = stream.try_next().await.map_err(store_error("read back", path))? {
            sum.update(&bytes);
            size_bytes += bytes.len() as u64;
        }
        Ok(Transfer { size_bytes, crc: sum.finalize() })
    }

    /// Copies a stored file to a local path; the local file appears whole or not at all.
    pub async fn get_file(&self, path: &str, to: &Path) -> Result<Transfer, Error> {
        self.get(path, to, None).await
    }

    /// As [`Self::get_file`], and an error when the file's CRC-32 is another than `crc`.
    pub async fn get_file_checked(&self, path: &str, to: &Path, crc: u32) -> Result<Transfer, Error> {
        self.get(path, to, Some(crc)).await
    }

    async fn get(&self, path: &str, to: &Path, crc: Option<u32>) -> Result<Transfer, Error> {
        let source = path::location(path)?;
        self.retry.run(|| self.download(path, &source, to, crc)).await
    }

    async fn download(&self, path: &str, source: &StorePath, to: &Path, crc: Option<u32>) -> Result<Transfer, Error> {
        let local = |source| Error::LocalFile { path: to.to_owned(), source };
        let mut stream = self.store.get(source).await.map_err(store_error("read", path))?.into_stream();
        let folder = to.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
        // Removed when dropped, on every way out but the last.
        let part = tempfile::Builder::new().prefix(".part-").tempfile_in(folder).map_err(local)?;
        let mut file = tokio::fs::File::from_std(part.as_file().try_clone().map_err(local)?);
        let mut sum = crc32fast::Hasher::new();
        let mut size_bytes = 0;
        while let Some(bytes) = stream.try_next().await.map_err(store_error("read", path))? {
            sum.update(&bytes);
            size_bytes += bytes.len() as u64;
            file.write_all(&bytes).await.map_err(local)?;
        }
        file.flush().await.map_err(local)?;
        file.sync_all().await.map_err(local)?;
        let found = sum.finalize();
        if let Some(expected) = crc.filter(|&c| c != found) {
            return Err(Error::Checksum { path: path.to_owned(), expected, found });
        }
        part.persist(to).map_err(|e| local(e.error))?;
        Ok(Transfer { size_bytes, crc: found })
    }

    /// Removes a file. One that is not there is no error.
    pub async fn delete(&self, path: &str) -> Result<(), Error> {
        let target = path::location(path)?;
        let removed =
            self.retry.run(|| async { self.store.delete(&target).await.map_err(store_error("delete", path)) }).await;
        match removed {
            Err(Error::NotFound { .. }) => Ok(()),
            other => other,
        }
    }

    /// Whether there is a file at `path`.
    pub async fn exists(&self, path: &str) -> Result<bool, Error> {
        let target = path::location(path)?;
        let found =
            self.retry.run(|| async { self.store.head(&target).await.map_err(store_error("look at", path)) }).await;
        match found {
            Ok(_) => Ok(true),
            Err(Error::NotFound { .. }) => Ok(false),
            Err(e) => Err(e),
        }
    }

    /// All files below a folder (a raw table's name; empty for all), ordered by path.
    pub async fn list(&self, folder: &str) -> Result<Vec<StoredFile>, Error> {
        let below = if folder.is_empty() { None } else { Some(path::location(folder)?) };
        let mut files = self
            .retry
            .run(|| async {
                let found = self.store.list(below.as_ref()).try_collect::<Vec<_>>().await;
                match found.map_err(store_error("list", folder)) {
                    Err(Error::NotFound { .. }) => Ok(Vec::new()),
                    other => other,
                }
            })
            .await?
            .into_iter()
            .map(|meta| StoredFile { path: path::decoded(&meta.location), size_bytes: meta.size })
            .collect::<Vec<_>>();
        files.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(files)
    }
}

/// Sends a file in parts. On an error some may have been stored: the caller aborts.
async fn send(
    file: &mut tokio::fs::File,
    upload: &mut WriteMultipart,
    path: &str,
    from: &Path,
) -> Result<Transfer, Error> {
    let mut sum = crc32fast::Hasher::new();
    let mut size_bytes = 0;
    let mut buffer = vec![0; PART_BYTES.min(1 << 20)];
    loop {
        let got = file.read(&mut buffer).await;
        let got = got.map_err(|source| Error::LocalFile { path: from.to_owned(), source })?;
        if got == 0 {
            return Ok(Transfer { size_bytes, crc: sum.finalize() });
        }
        sum.update(&buffer[..got]);
        size_bytes += got as u64;
        upload.write(&buffer[..got]);
        upload.wait_for_capacity(2).await.map_err(store_error("write", path))?;
    }
}

fn local(directory: &str) -> Result<Arc<LocalFileSystem>, String> {
    if directory.is_empty() {
        return Err("it names no directory".to_owned());
    }
    let directory = PathBuf::from(directory);
    std::fs::create_dir_all(&directory).map_err(|e| format!("cannot create {}: {e}", directory.display()))?;
    let store = LocalFileSystem::new_with_prefix(&directory)
        .map_err(|e| format!("cannot use {}: {e}", directory.display()))?
        .with_automatic_cleanup(true);
    Ok(Arc::new(store))
}

/// Of a write: what is not there is the bucket.
fn write_error(path: &str) -> impl Fn(object_store::Error) -> Error + '_ {
    move |source| Error::Store { action: "write", path: path.to_owned(), attempts: 1, source }
}

fn store_error<'a>(action: &'static str, path: &'a str) -> impl Fn(object_store::Error) -> Error + 'a {
    move |source| match source {
        object_store::Error::NotFound { .. } => Error::NotFound { path: path.to_owned() },
        source => Error::Store { action, path: path.to_owned(), attempts: 1, source },
    }
}
