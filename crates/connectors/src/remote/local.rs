//! `file:` and plain paths.

use std::{
    fs::Metadata,
    path::{Path, PathBuf},
};

use super::{Access, Fetched, Files, check_size, refused};
use crate::Error;

/// Says how to read it all the same.
const ALLOW: &str = "controller.ingestFromURI.allowLocalFileSystem=true allows it";
/// Not files but windows into the kernel.
const NEVER: [&str; 3] = ["/proc", "/sys", "/dev"];

pub(super) fn open(uri: &str, access: &Access) -> Result<Fetched, Error> {
    if access.files == Files::None {
        return Err(refused(uri, format!("files of this machine are not read; {ALLOW}")));
    }
    let given = path_of(uri)?;
    let no_source = |reason: String| Error::NoSource { uri: uri.to_owned(), reason };
    // Symbolic links are followed first: what counts is where they lead.
    let path = given.canonicalize().map_err(|error| no_source(format!("it cannot be read: {error}")))?;
    let metadata = path.metadata().map_err(|error| no_source(format!("it cannot be read: {error}")))?;
    if !metadata.is_file() {
        return Err(no_source("it is not a file that can be read".to_owned()));
    }
    let own = access.private_dirs.iter().find_map(|dir| {
        let whole = dir.canonicalize().unwrap_or_else(|_| dir.clone());
        path.starts_with(whole).then(|| dir.display().to_string())
    });
    if let Some(own) = own.or_else(|| NEVER.iter().find(|dir| path.starts_with(dir)).map(|dir| (*dir).to_owned())) {
        return Err(refused(uri, format!("files below {own} are not read")));
    }
    if access.files == Files::Public && !is_public(&metadata) {
        return Err(refused(uri, format!("it is private: not every user of this machine may read it; {ALLOW}")));
    }
    check_size(uri, Some(metadata.len()), access)?;
    Ok(Fetched { path, size_bytes: metadata.len() })
}

/// The path of `file:///a/b`, `file:/a/b` or `/a/b`. Percent-encoded characters of a URI are decoded.
fn path_of(uri: &str) -> Result<PathBuf, Error> {
    let path = match uri.split_once(':') {
        Some((scheme, rest)) if scheme.eq_ignore_ascii_case("file") => {
            let rest = match rest.strip_prefix("//") {
                Some(after) => after.strip_prefix("localhost").filter(|path| path.starts_with('/')).unwrap_or(after),
                None => rest,
            };
            let plain = Path::new(rest);
            // A file whose name really has a % in it is that file.
            if plain.exists() { rest.to_owned() } else { decoded(rest) }
        }
        _ => uri.to_owned(),
    };
    let path = PathBuf::from(path);
    if !path.is_absolute() {
        return Err(refused(uri, "it has to name a file by its whole path, as in file:///data/movies.csv"));
    }
    Ok(path)
}

/// Text with `%20` and the like decoded, where that gives UTF-8.
pub(crate) fn decoded(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let code = bytes.get(at + 1..at + 3).and_then(|digits| std::str::from_utf8(digits).ok());
        let byte = code.filter(|digits| digits.bytes().all(|b| b.is_ascii_hexdigit()));
        match (bytes[at], byte.and_then(|digits| u8::from_str_radix(digits, 16).ok())) {
            (b'%', Some(byte)) => {
                out.push(byte);
                at += 3;
            }
            (byte, _) => {
                out.push(byte);
                at += 1;
            }
        }
    }
    String::from_utf8(out).unwrap_or_else(|_| text.to_owned())
}

#[cfg(unix)]
fn is_public(metadata: &Metadata) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    metadata.permissions().mode() & 0o004 != 0
}

#[cfg(not(unix))]
fn is_public(_: &Metadata) -> bool {
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_may_be_read_is_read() {
        use std::os::unix::fs::PermissionsExt as _;
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().canonicalize().unwrap();
        let file = root.join("a b.csv");
        std::fs::write(&file, "x").unwrap();
        let mode = |mode| std::fs::set_permissions(&file, std::fs::Permissions::from_mode(mode)).unwrap();
        std::fs::create_dir(root.join("own")).unwrap();
        std::fs::write(root.join("own/secret"), "x").unwrap();
        std::os::unix::fs::symlink(root.join("own/secret"), root.join("link")).unwrap();
        let uri = format!("file://{}", file.display().to_string().replace(' ', "%20"));
        let access = |files| Access { files, private_dirs: vec![root.join("own")], ..Access::unlimited() };
        let reason = |uri: &str, files| open(uri, &access(files)).err().map(|error| error.to_string());
        mode(0o644);
        assert_eq!(open(&uri, &access(Files::Public)).unwrap(), Fetched { path: file.clone(), size_bytes: 1 });
        assert!(open(&file.display().to_string(), &access(Files::Public)).is_ok());
        assert!(reason(&uri, Files::None).unwrap().contains("allowLocalFileSystem"));
        mode(0o600);
        assert!(reason(&uri, Files::Public).unwrap().contains("private"));
        assert!(reason(&uri, Files::Any).is_none());
        for (uri, text) in [
            (root.join("link").display().to_string(), "files below"),
            ("/proc/self/environ".to_owned(), "files below /proc"),
            ("/dev/null".to_owned(), "not a file"),
            (root.display().to_string(), "not a file"),
            ("file:relative.csv".to_owned(), "whole path"),
            ("file:///no/such".to_owned(), "cannot be read"),
        ] {
            let told = reason(&uri, Files::Any).unwrap();
            assert!(told.contains(text), "{uri}: {told}");
        }
    }
}
