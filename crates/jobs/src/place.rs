//! A directory that files are read from or written to: local, or in an object store.

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
};

use connectors::deep_store::DeepStore;

use crate::Error;

/// Directories below each other that are looked into.
const MAX_DEPTH: usize = 64;

/// A directory, or one file of a directory.
#[derive(Clone)]
pub struct Place {
    uri: String,
    kind: Kind,
    /// Set when the URI names a file.
    only: Option<String>,
    /// The files of a store, where opening it has listed them.
    listed: Option<Vec<Found>>,
}

#[derive(Clone)]
enum Kind {
    Local(PathBuf),
    Store(DeepStore),
}

/// A file below a [`Place`].
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Found {
    /// Below the place, with `/` between the parts.
    pub path: String,
    pub size_bytes: u64,
}

impl Place {
    /// Opens what a URI names for reading: a local path, `file:…`, or a URL of an object store. `configs` are
    /// those of the stores, see [`crate::JobSpec::store_options`]. A local directory that is not there is an error.
    pub async fn to_read(uri: &str, configs: &BTreeMap<String, String>) -> Result<Self, Error> {
        if let Some(path) = local_path(uri)? {
            let metadata = fs::metadata(&path).map_err(Error::io("read", &path))?;
            if metadata.is_dir() {
                return Ok(Self::local(path));
            }
            let (Some(dir), Some(name)) = (path.parent(), path.file_name().and_then(|n| n.to_str())) else {
                return Err(invalid(uri, "it is not a directory"));
            };
            return Ok(Self { only: Some(name.to_owned()), ..Self::local(dir.to_owned()) });
        }
        let place = Self::store(uri, configs)?;
        let listed = place.list(true).await?;
        if !listed.is_empty() {
            return Ok(Self { listed: Some(listed), ..place });
        }
        // It may name one object.
        let trimmed = uri.trim_end_matches('/');
        if let Some((dir, name)) = trimmed.rsplit_once('/').filter(|(dir, _)| !dir.ends_with('/')) {
            let parent = Self::store(dir, configs)?;
            if parent.exists(name).await? {
                return Ok(Self { only: Some(name.to_owned()), ..parent });
            }
        }
        Ok(place)
    }

    /// Opens a directory for writing. A local one is created.
    pub fn to_write(uri: &str, configs: &BTreeMap<String, String>) -> Result<Self, Error> {
        let Some(path) = local_path(uri)? else { return Self::store(uri, configs) };
        fs::create_dir_all(&path).map_err(Error::io("create the directory", &path))?;
        Ok(Self::local(path))
    }

    fn local(dir: PathBuf) -> Self {
        Self { uri: file_uri(&dir), kind: Kind::Local(dir), only: None, listed: None }
    }

    fn store(uri: &str, configs: &BTreeMap<String, String>) -> Result<Self, Error> {
        let uri = uri.trim_end_matches('/');
        Ok(Self { uri: uri.to_owned(), kind: Kind::Store(DeepStore::new(uri, configs)?), only: None, listed: None })
    }

    /// Without a slash at the end.
    pub fn uri(&self) -> &str {
        &self.uri
    }

    /// The URI of a file below this place.
    pub fn uri_of(&self, path: &str) -> String {
        match &self.kind {
            Kind::Local(dir) => file_uri(&dir.join(path)),
            Kind::Store(_) => format!("{}/{path}", self.uri),
        }
    }

    /// What patterns and name generators look at: the plain path of a local file, else the URI.
    pub fn shown(&self, path: &str) -> String {
        match &self.kind {
            Kind::Local(dir) => dir.join(path).to_string_lossy().into_owned(),
            Kind::Store(_) => self.uri_of(path),
        }
    }

    /// All files, ordered by path. Without `recursive` only those directly in the directory.
    pub async fn list(&self, recursive: bool) -> Result<Vec<Found>, Error> {
        let mut found = match &self.kind {
            Kind::Local(dir) => {
                let (dir, only) = (dir.clone(), self.only.clone());
                blocking(move || walk(&dir, only.as_deref(), recursive)).await?
            }
            Kind::Store(store) => {
                let mut files = match &self.listed {
                    Some(files) => files.clone(),
                    None => {
                        let all = store.list("").await?.into_iter();
                        all.map(|file| Found { path: file.path, size_bytes: file.size_bytes }).collect()
                    }
                };
                files.retain(|file| match &self.only {
                    Some(only) => file.path == *only,
                    None => recursive || !file.path.contains('/'),
                });
                files
            }
        };
        found.sort();
        Ok(found)
    }

    /// A local file with the content: the file itself, or a copy in `work`, which the caller deletes.
    pub async fn fetch(&self, path: &str, work: &Path) -> Result<Fetched, Error> {
        match &self.kind {
            Kind::Local(dir) => Ok(Fetched { path: dir.join(path), _dir: None }),
            Kind::Store(store) => {
                let dir = tempfile::tempdir_in(work).map_err(Error::io("create a directory in", work))?;
                let to = dir.path().join("input");
                store.get_file(path, &to).await?;
                Ok(Fetched { path: to, _dir: Some(dir) })
            }
        }
    }

    pub async fn exists(&self, path: &str) -> Result<bool, Error> {
        match &self.kind {
            Kind::Local(dir) => Ok(dir.join(path).is_file()),
            Kind::Store(store) => Ok(store.exists(path).await?),
        }
    }

    /// Writes a file, replacing one that is there. It appears whole or not at all.
    pub async fn put(&self, path: &str, from: &Path) -> Result<(), Error> {
        match &self.kind {
            Kind::Local(dir) => {
                let (to, from) = (dir.join(path), from.to_owned());
                blocking(move || move_file(&from, &to)).await
            }
            Kind::Store(store) => {
                store.put_file(path, from).await?;
                Ok(())
            }
        }
    }

    pub async fn delete(&self, path: &str) -> Result<(), Error> {
        match &self.kind {
            Kind::Local(dir) => match fs::remove_file(dir.join(path)) {
                Err(e) if e.kind() != io::ErrorKind::NotFound => Err(Error::io("delete", dir.join(path))(e)),
                _ => Ok(()),
            },
            Kind::Store(store) => Ok(store.delete(path).await?),
        }
    }
}

/// A local file; a copy is deleted when this is dropped.
pub struct Fetched {
    pub path: PathBuf,
    _dir: Option<tempfile::TempDir>,
}

pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(error) => Err(Error::Internal(error.to_string())),
    }
}

fn invalid(uri: &str, reason: &str) -> Error {
    Error::Value { what: "URI", value: uri.to_owned(), reason: reason.to_owned() }
}

/// The absolute path of a local URI, `None` for other URIs.
pub(crate) fn local_path(uri: &str) -> Result<Option<PathBuf>, Error> {
    let path = if let Some(rest) = uri.strip_prefix("file:") {
        // file:/a, file:///a and file://host/a, of which only this host is known.
        let rest = match rest.strip_prefix("//") {
            Some(rest) if rest.starts_with('/') => rest,
            Some(rest) => match rest.split_once('/') {
                Some(("localhost", path)) => &rest[rest.len() - path.len() - 1..],
                _ => return Err(invalid(uri, "a file URI is written file:///directory/file")),
            },
            None => rest,
        };
        percent_decoded(rest).ok_or_else(|| invalid(uri, "a % is not followed by two hex digits"))?
    } else if uri.contains("://") {
        return Ok(None);
    } else {
        uri.to_owned()
    };
    if path.is_empty() || path.contains('\0') {
        return Err(invalid(uri, "it names no directory or file"));
    }
    std::path::absolute(&path).map(Some).map_err(Error::io("find", path))
}

fn percent_decoded(text: &str) -> Option<String> {
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        if byte != b'%' {
            out.push(byte);
            continue;
        }
        let digits = [bytes.next()?, bytes.next()?];
        out.push(u8::from_str_radix(std::str::from_utf8(&digits).ok()?, 16).ok()?);
    }
    String::from_utf8(out).ok()
}

fn file_uri(path: &Path) -> String {
    let mut uri = "file://".to_owned();
    for byte in path.to_string_lossy().bytes() {
        if byte.is_ascii_alphanumeric() || b"/-_.~+,=@:!$&'()*;".contains(&byte) {
            uri.push(char::from(byte));
        } else {
            uri.push_str(&format!("%{byte:02X}"));
        }
    }
    uri
}

/// Links to directories are not followed.
fn walk(dir: &Path, only: Option<&str>, recursive: bool) -> Result<Vec<Found>, Error> {
    let mut found = Vec::new();
    if let Some(name) = only {
        let path = dir.join(name);
        let size_bytes = fs::metadata(&path).map_err(Error::io("read", &path))?.len();
        return Ok(vec![Found { path: name.to_owned(), size_bytes }]);
    }
    let mut open = vec![(dir.to_owned(), String::new(), 0)];
    while let Some((dir, prefix, depth)) = open.pop() {
        for entry in fs::read_dir(&dir).map_err(Error::io("list", &dir))? {
            let entry = entry.map_err(Error::io("list", &dir))?;
            let path = entry.path();
            let name = entry.file_name();
            let Some(name) = name.to_str() else {
                return Err(invalid(&path.to_string_lossy(), "its name is not UTF-8"));
            };
            let kind = entry.file_type().map_err(Error::io("read", &path))?;
            if kind.is_dir() {
                if recursive && depth < MAX_DEPTH {
                    open.push((path, format!("{prefix}{name}/"), depth + 1));
                }
                continue;
            }
            // A link that leads nowhere is no file.
            let Ok(metadata) = fs::metadata(&path) else { continue };
            if metadata.is_file() {
                found.push(Found { path: format!("{prefix}{name}"), size_bytes: metadata.len() });
            }
        }
    }
    Ok(found)
}

fn move_file(from: &Path, to: &Path) -> Result<(), Error> {
    let folder = to.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder).map_err(Error::io("create the directory", folder))?;
    readable_as(from, folder)?;
    if fs::rename(from, to).is_ok() {
        return Ok(());
    }
    // Another file system: copy beside the target, then rename.
    let part = tempfile::Builder::new().prefix(".part-").tempfile_in(folder).map_err(Error::io("write in", folder))?;
    // Takes the permissions along.
    fs::copy(from, part.path()).map_err(Error::io("write", to))?;
    part.persist(to).map_err(|e| Error::io("write", to)(e.error))?;
    Ok(())
}

/// Lets whoever may look into the folder read the file: temporary files are for their owner alone.
#[cfg(unix)]
fn readable_as(file: &Path, folder: &Path) -> Result<(), Error> {
    use std::os::unix::fs::PermissionsExt as _;
    let mode = fs::metadata(folder).map_err(Error::io("read", folder))?.permissions().mode() & 0o644;
    fs::set_permissions(file, fs::Permissions::from_mode(mode | 0o600)).map_err(Error::io("write", file))
}

#[cfg(not(unix))]
fn readable_as(_: &Path, _: &Path) -> Result<(), Error> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn local_uris() {
        for (uri, expected) in [
            ("/a/b", Some("/a/b")),
            ("file:/a/b", Some("/a/b")),
            ("file:///a/b%20c", Some("/a/b c")),
            ("file://localhost/a", Some("/a")),
            ("s3://bucket/a", None),
        ] {
            assert_eq!(local_path(uri).unwrap(), expected.map(PathBuf::from), "{uri}");
        }
        assert!(local_path("a/b").unwrap().unwrap().is_absolute());
        for uri in ["", "file:", "file://elsewhere/a", "file:///a%zz"] {
            assert!(local_path(uri).is_err(), "{uri}");
        }
        assert_eq!(file_uri(Path::new("/a b/ü")), "file:///a%20b/%C3%BC");
    }

    #[tokio::test]
    async fn files_come_in_order_and_are_replaced() {
        let dir = tempfile::tempdir().unwrap();
        for path in ["b/2.x", "b/10.x", "a.x", "b/c/d.x"] {
            let to = dir.path().join(path);
            fs::create_dir_all(to.parent().unwrap()).unwrap();
            fs::write(to, path).unwrap();
        }
        let uri = dir.path().to_str().unwrap();
        let none = BTreeMap::new();
        let place = Place::to_read(uri, &none).await.unwrap();
        let paths = |found: Vec<Found>| found.into_iter().map(|f| f.path).collect::<Vec<_>>();
        assert_eq!(paths(place.list(true).await.unwrap()), ["a.x", "b/10.x", "b/2.x", "b/c/d.x"]);
        assert_eq!(paths(place.list(false).await.unwrap()), ["a.x"]);
        let one = Place::to_read(&format!("{uri}/b/2.x"), &none).await.unwrap();
        assert_eq!(paths(one.list(true).await.unwrap()), ["2.x"]);
        assert!(Place::to_read(&format!("{uri}/nowhere"), &none).await.is_err());

        let out = Place::to_write(&format!("{uri}/out"), &none).unwrap();
        for text in ["one", "two"] {
            let from = dir.path().join("from");
            fs::write(&from, text).unwrap();
            out.put("x/y", &from).await.unwrap();
            assert_eq!(fs::read_to_string(dir.path().join("out/x/y")).unwrap(), text);
            #[cfg(unix)]
            {
                use std::os::unix::fs::PermissionsExt as _;
                let mode = |path: &str| fs::metadata(dir.path().join(path)).unwrap().permissions().mode();
                assert_eq!(mode("out/x/y") & 0o777, mode("out/x") & 0o644);
            }
        }
        assert!(out.exists("x/y").await.unwrap());
        out.delete("x/y").await.unwrap();
        out.delete("x/y").await.unwrap();
        assert!(!out.exists("x/y").await.unwrap());
    }
}
