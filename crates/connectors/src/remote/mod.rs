//! One file, wherever a URI says it is: `file:`, `http(s):`, `s3:`, `gs:`, `abfs:`.
//!
//! For what a request names: where it may lead is said by [`Access`], and what comes is bounded.

mod http;
mod local;

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use futures::TryStreamExt as _;
use object_store::ObjectStoreExt as _;
use tokio::io::AsyncWriteExt as _;

use crate::{
    Error,
    deep_store::{Transfer, cloud},
    net::Reach,
};

pub(crate) use local::decoded;

/// Which files of this machine may be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Files {
    None,
    /// Regular files that every user of this machine may read.
    Public,
    Any,
}

/// What a URI may lead to.
#[derive(Clone, Debug)]
pub struct Access {
    pub files: Files,
    /// Directories that are never read from, whatever `files` says: this process' own.
    pub private_dirs: Vec<PathBuf>,
    /// Of `http:` and `https:` URIs.
    pub http: Reach,
    /// Of the endpoints of object stores.
    pub stores: Reach,
    /// Larger files are refused.
    pub max_bytes: u64,
}

impl Access {
    /// For what an operator has configured.
    pub fn unlimited() -> Self {
        let private_dirs = Vec::new();
        Self { files: Files::Any, private_dirs, http: Reach::Any, stores: Reach::Any, max_bytes: u64::MAX }
    }
}

/// A file on this machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fetched {
    /// `to` of [`fetch`], or the file that a `file:` URI names.
    pub path: PathBuf,
    pub size_bytes: u64,
}

/// Makes the file that `uri` names one of this machine. What has to be copied goes to `to`, which appears whole or not
/// at all; a `file:` URI's file is left where it is.
///
/// `properties` are those of the file system, by the names that Pinot's have (`region`, `accessKey`, …);
/// `class_name` is the one that Pinot has for it, where the scheme alone does not say.
pub async fn fetch(
    uri: &str,
    class_name: Option<&str>,
    properties: &BTreeMap<String, String>,
    access: &Access,
    to: &Path,
) -> Result<Fetched, Error> {
    let scheme = scheme(uri);
    match scheme.as_deref() {
        None | Some("file") => local::open(uri, access),
        Some("http" | "https") => http::download(uri, access, to).await,
        Some(scheme) => {
            let kind = cloud::Kind::of(scheme, class_name).map_err(|reason| refused(uri, reason))?;
            let (root, path) = kind.split_uri(uri).map_err(|reason| refused(uri, reason))?;
            if let Some(file) = properties.get("gcpKey").filter(|_| kind == cloud::Kind::Gcs) {
                // A property that names a file of this machine is no way around what is said of files.
                local::open(file, access)?;
            }
            let store = cloud::open(kind, &root, properties, access.stores).map_err(|reason| refused(uri, reason))?;
            let path = cloud::existing_key(&path).map_err(|reason| refused(uri, reason))?;
            let found = store.get(&path).await.map_err(|error| cloud_error(uri, error))?;
            check_size(uri, Some(found.meta.size), access)?;
            let chunks = found.into_stream().map_err(|error| cloud_error(uri, error));
            let size_bytes = save(uri, chunks, access, to).await?.size_bytes;
            Ok(Fetched { path: to.to_owned(), size_bytes })
        }
    }
}

/// The scheme of a URI in small letters. None: a plain path.
pub fn scheme(uri: &str) -> Option<String> {
    let (scheme, _) = uri.split_once(':')?;
    let is_scheme = scheme.len() > 1
        && scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.'));
    is_scheme.then(|| scheme.to_ascii_lowercase())
}

/// Whether a URI that others will fetch from is one of a kind that is known, and does not by itself lead where `access`
/// forbids. Names of hosts are not resolved.
pub fn check(uri: &str, access: &Access) -> Result<(), Error> {
    match scheme(uri).as_deref() {
        None | Some("file") if access.files == Files::None => {
            Err(refused(uri, "files are not read; controller.ingestFromURI.allowLocalFileSystem=true allows it"))
        }
        None | Some("file") => Ok(()),
        Some("http" | "https") => {
            let url = uri.parse().map_err(|error| refused(uri, format!("it is no URL: {error}")))?;
            crate::net::check(&url, access.http)
        }
        Some(scheme) => cloud::Kind::of(scheme, None).map(drop).map_err(|reason| refused(uri, reason)),
    }
}

/// The class name and the properties for the scheme of a URI, out of all of `pinot.<role>.storage.factory.*`.
pub fn properties_for(uri: &str, options: &BTreeMap<String, String>) -> (Option<String>, BTreeMap<String, String>) {
    let Some(scheme) = scheme(uri) else { return Default::default() };
    let class = options.get(&format!("class.{scheme}")).cloned();
    let properties = match cloud::Kind::of(&scheme, class.as_deref()) {
        Ok(kind) => cloud::properties_of(kind, &scheme, options),
        Err(_) => BTreeMap::new(),
    };
    (class, properties)
}

fn refused(uri: &str, reason: impl Into<String>) -> Error {
    Error::Refused { what: shown(uri), reason: reason.into() }
}

fn cloud_error(uri: &str, error: object_store::Error) -> Error {
    match error {
        object_store::Error::NotFound { .. } => Error::NoSource { uri: shown(uri), reason: "it does not exist".into() },
        error => Error::NoSource { uri: shown(uri), reason: crate::net::error_text(&error) },
    }
}

/// A URI without what may be secret in it: user, password, query.
fn shown(uri: &str) -> String {
    let plain = uri.split(['?', '#']).next().unwrap_or_default();
    match plain.split_once("://").map(|(scheme, rest)| (scheme, rest.split_once('/').unwrap_or((rest, "")))) {
        // In abfs URIs what stands before the @ is the container.
        Some((scheme @ ("http" | "https"), (host, path))) if host.contains('@') => {
            let host = host.rsplit('@').next().unwrap_or_default();
            format!("{scheme}://{host}/{path}")
        }
        _ => plain.to_owned(),
    }
}

fn check_size(uri: &str, size: Option<u64>, access: &Access) -> Result<(), Error> {
    match size {
        Some(size) if size > access.max_bytes => {
            Err(refused(uri, format!("it has {size} bytes, more than the {} that are taken at once", access.max_bytes)))
        }
        _ => Ok(()),
    }
}

/// Writes chunks to a file beside `to` and gives it that name when it is whole.
async fn save<B: AsRef<[u8]>>(
    uri: &str,
    chunks: impl futures::Stream<Item = Result<B, Error>>,
    access: &Access,
    to: &Path,
) -> Result<Transfer, Error> {
    let local = |source| Error::LocalFile { path: to.to_owned(), source };
    let folder = to.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."));
    // Removed when dropped, on every way out but the last.
    let part = tempfile::Builder::new().prefix(".part-").tempfile_in(folder).map_err(local)?;
    let mut file = tokio::fs::File::from_std(part.as_file().try_clone().map_err(local)?);
    let mut chunks = std::pin::pin!(chunks);
    let mut sum = crc32fast::Hasher::new();
    let mut size_bytes = 0u64;
    while let Some(chunk) = chunks.try_next().await? {
        let chunk = chunk.as_ref();
        size_bytes += chunk.len() as u64;
        check_size(uri, Some(size_bytes), access)?;
        sum.update(chunk);
        file.write_all(chunk).await.map_err(local)?;
    }
    file.flush().await.map_err(local)?;
    part.persist(to).map_err(|error| local(error.error))?;
    Ok(Transfer { size_bytes, crc: sum.finalize() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn schemes() {
        for (uri, expected) in [
            ("s3://b/k", Some("s3")),
            ("S3A://b/k", Some("s3a")),
            ("file:/x", Some("file")),
            ("/a:b/c", None),
            ("c:\\x", None),
            ("plain", None),
            ("1x://y", None),
        ] {
            assert_eq!(scheme(uri).as_deref(), expected, "{uri}");
        }
    }

    #[test]
    fn secrets_are_not_shown() {
        for (uri, expected) in [
            ("https://user:pw@host/a/b?sig=secret", "https://host/a/b"),
            ("abfs://c@a.dfs.core.windows.net/x", "abfs://c@a.dfs.core.windows.net/x"),
            ("s3://b/k#f", "s3://b/k"),
        ] {
            assert_eq!(shown(uri), expected);
        }
    }

    #[tokio::test]
    async fn unknown_schemes_are_refused() {
        let dir = tempfile::tempdir().unwrap();
        let to = dir.path().join("x");
        for (uri, reason) in [
            ("hdfs://name/x", "hdfs"),
            ("gopher://h/x", "scheme 'gopher'"),
            ("s3://", "bucket"),
            ("s3://bucket", "names no object"),
            ("gs://bucket/", "names no object"),
        ] {
            let error = fetch(uri, None, &BTreeMap::new(), &Access::unlimited(), &to).await.unwrap_err();
            assert!(error.to_string().contains(reason), "{uri}: {error}");
        }
    }
}
