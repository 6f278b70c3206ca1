//! Paths inside the store: what callers write and what the store keeps.

use object_store::path::Path as StorePath;

use crate::Error;

/// The store's path for `<table>/<segment>`. Names may hold any character but `/`; what the store cannot keep is
/// percent-encoded by it.
pub(super) fn location(path: &str) -> Result<StorePath, Error> {
    let invalid = |reason: &str| Error::InvalidPath { path: path.to_owned(), reason: reason.to_owned() };
    if path.is_empty() {
        return Err(invalid("it is empty"));
    }
    let mut location = StorePath::default();
    for part in path.split('/') {
        if part.is_empty() || part == "." || part == ".." {
            return Err(invalid("a part of it is empty, '.' or '..'"));
        }
        if part.bytes().any(|b| b < 0x20) || part.contains('\\') {
            return Err(invalid("it holds a control character or a backslash"));
        }
        if part.len() > 255 {
            return Err(invalid("a part of it is longer than 255 bytes"));
        }
        location = location.join(part);
    }
    Ok(location)
}

/// The path as its writer gave it.
pub(super) fn decoded(location: &StorePath) -> String {
    let bytes = location.as_ref().as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let code = bytes.get(at + 1..at + 3).and_then(|d| std::str::from_utf8(d).ok());
        match (bytes[at], code.and_then(|d| u8::from_str_radix(d, 16).ok())) {
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
    String::from_utf8_lossy(&out).into_owned()
}
