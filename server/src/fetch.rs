//! Where segments come from: the deep store, where this server can open it, else whatever address the record names, else
//! the controller, which has peers.

use std::{
    collections::{BTreeMap, HashMap},
    path::Path,
    time::Duration,
};

use async_trait::async_trait;
use connectors::deep_store::DeepStore;
use connectors::remote::{self, Access};
use futures::StreamExt;
use parking_lot::Mutex;
use service::{ConfigError, Properties};
use tokio::io::AsyncWriteExt;

use crate::http::PACKED;
use crate::segments::{FetchSegment, Source};

/// A download that stands still for this long has failed.
const STALL: Duration = Duration::from_secs(60);
const CONNECT: Duration = Duration::from_secs(5);

type FetchError = Box<dyn std::error::Error + Send + Sync>;

/// Opens each deep store once, by its root.
#[derive(Default)]
pub struct Fetcher {
    options: BTreeMap<String, String>,
    stores: Mutex<HashMap<String, DeepStore>>,
    /// Made with the first download over HTTP.
    http: tokio::sync::OnceCell<reqwest::Client>,
}

impl Fetcher {
    /// `options` of the deep store, as its connector documents them.
    pub fn new(options: BTreeMap<String, String>) -> Self {
        Self { options, ..Self::default() }
    }

    /// With what Pinot's users have under `pinot.server.storage.factory.` and `pinot.server.segment.fetcher.`: of the
    /// latter the pauses between attempts. Class names of fetchers are known and need not be told apart.
    pub fn from_properties(properties: &Properties) -> Result<Self, ConfigError> {
        let mut options = properties.subset("pinot.server.storage.factory.");
        let fetcher = properties.subset("pinot.server.segment.fetcher.");
        let protocols = fetcher.get("protocols").cloned().unwrap_or_default();
        for protocol in protocols.split(',').map(str::trim).filter(|protocol| !protocol.is_empty()) {
            for (theirs, ours) in [("retry.count", "retry.attempts"), ("retry.wait.ms", "retry.initial.delay.ms")] {
                if let Some(value) = fetcher.get(&format!("{protocol}.{theirs}")) {
                    options.entry(ours.to_owned()).or_insert_with(|| value.clone());
                }
            }
        }
        Ok(Self::new(options))
    }

    async fn deep_store_copy(&self, uri: &str, to: &Path) -> Result<(), FetchError> {
        let (root, path) = split_uri(uri).ok_or_else(|| format!("`{uri}` does not end in <table>/<segment>"))?;
        let store = self.store(root)?;
        store.get_file(path, to).await?;
        Ok(())
    }

    fn store(&self, root: &str) -> Result<DeepStore, FetchError> {
        let mut stores = self.stores.lock();
        if let Some(store) = stores.get(root) {
            return Ok(store.clone());
        }
        let store = DeepStore::new(root, &self.options)?;
        stores.insert(root.to_owned(), store.clone());
        Ok(store)
    }

    /// From where whoever pushed the segment has left it.
    async fn elsewhere(&self, uri: &str, to: &Path) -> Result<(), FetchError> {
        let (class, properties) = remote::properties_for(uri, &self.options);
        let fetched = remote::fetch(uri, class.as_deref(), &properties, &Access::unlimited(), to).await?;
        if fetched.path != to {
            tokio::fs::copy(&fetched.path, to).await?;
        }
        Ok(())
    }

    async fn over_http(&self, url: &str, to: &Path) -> Result<(), FetchError> {
        let client = self
            .http
            .get_or_try_init(|| async {
                reqwest::Client::builder().connect_timeout(CONNECT).read_timeout(STALL).build()
            })
            .await?;
        // The packed file as it is, where the other end can give it; else an archive comes.
        let response = client.get(url).header(reqwest::header::ACCEPT, format!("{PACKED}, */*")).send().await?;
        let status = response.status();
        if !status.is_success() {
            let text: String = response.text().await.unwrap_or_default().chars().take(300).collect();
            return Err(format!("{url} answered {status}: {text}").into());
        }
        let mut file = tokio::fs::File::create(to).await?;
        let mut chunks = response.bytes_stream();
        while let Some(chunk) = chunks.next().await {
            file.write_all(&chunk?).await?;
        }
        file.flush().await?;
        Ok(())
    }
}

#[async_trait]
impl FetchSegment for Fetcher {
    async fn fetch(&self, source: &Source, to: &Path) -> Result<(), FetchError> {
        let mut first_error: Option<FetchError> = None;
        let download_url = source.download_url.as_ref().filter(|url| Some(*url) != source.deep_store_uri.as_ref());
        for uri in source.deep_store_uri.iter().chain(download_url).chain(&source.controller_url) {
            let result = match scheme(uri) {
                "http" | "https" => self.over_http(uri, to).await,
                // A directory of another machine is not here; making an empty one in its place would help nobody.
                "file" if !is_local_file(uri) => Err(format!("{uri} is not on this machine").into()),
                _ if Some(uri) == source.deep_store_uri.as_ref() => self.deep_store_copy(uri, to).await,
                _ => self.elsewhere(uri, to).await,
            };
            match result {
                Ok(()) => return Ok(()),
                Err(error) => first_error = first_error.or(Some(error)),
            }
        }
        Err(first_error.unwrap_or_else(|| "the segment's record names neither deepStoreUri nor downloadUrl".into()))
    }
}

fn scheme(uri: &str) -> &str {
    uri.split_once("://").map_or("file", |(scheme, _)| scheme)
}

fn is_local_file(uri: &str) -> bool {
    Path::new(uri.strip_prefix("file://").unwrap_or(uri)).is_file()
}

/// Root of the store and `<raw table>/<segment>`.
fn split_uri(uri: &str) -> Option<(&str, &str)> {
    let segment = uri.rfind('/')?;
    let table = uri[..segment].rfind('/')?;
    let (root, path) = (&uri[..table], &uri[table + 1..]);
    (!root.is_empty() && !root.ends_with('/')).then_some((root, path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uris_are_split() {
        assert_eq!(split_uri("file:///d/store/t/s"), Some(("file:///d/store", "t/s")));
        assert_eq!(split_uri("s3://bucket/t/s"), Some(("s3://bucket", "t/s")));
        assert_eq!(split_uri("file:///t/s"), None);
        assert_eq!(split_uri("s"), None);
    }

    #[tokio::test]
    async fn a_record_without_an_address_is_told() {
        let error = Fetcher::default().fetch(&Source::default(), Path::new("/nonexistent")).await.unwrap_err();
        assert!(error.to_string().contains("neither"), "{error}");
        let source = Source { deep_store_uri: Some("file:///no/such/t/s".to_owned()), ..Source::default() };
        let error = Fetcher::default().fetch(&source, Path::new("/nonexistent")).await.unwrap_err();
        assert!(error.to_string().contains("not on this machine"), "{error}");
    }
}
