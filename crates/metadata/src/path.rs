//! Paths of records.

use std::fmt;

use serde::Serialize;

use crate::{Error, Result};

/// A `/`-separated path without leading slash, e.g. `IDEALSTATES/movies_OFFLINE`. The root is the empty path: it can
/// be listed and watched but holds no record.
///
/// No component is empty, `.` or `..`, none has control characters, the whole has at most 2,048 bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
pub struct RecordPath(String);

impl RecordPath {
    pub fn root() -> Self {
        Self::default()
    }

    /// Reads a path; a leading slash is taken off.
    pub fn parse(text: &str) -> Result<Self> {
        let text = text.strip_prefix('/').unwrap_or(text);
        if text.is_empty() {
            return Ok(Self::root());
        }
        let fail = |reason| Err(Error::InvalidPath { path: text.escape_debug().take(200).collect(), reason });
        if text.len() > 2048 {
            return fail("it is longer than 2048 bytes");
        }
        for component in text.split('/') {
            if component.is_empty() {
                return fail("a component is empty");
            }
            if component == "." || component == ".." {
                return fail("a component is '.' or '..'");
            }
            if component.chars().any(char::is_control) {
                return fail("it has a control character");
            }
        }
        Ok(Self(text.to_owned()))
    }

    /// The path one component below. The component may not contain a slash.
    pub fn child(&self, component: &str) -> Result<Self> {
        if component.contains('/') {
            return Err(Error::InvalidPath {
                path: component.escape_debug().take(200).collect(),
                reason: "a component has a slash",
            });
        }
        let joined = if self.0.is_empty() { component.to_owned() } else { format!("{}/{component}", self.0) };
        if component.is_empty() {
            return Err(Error::InvalidPath { path: joined, reason: "a component is empty" });
        }
        Self::parse(&joined)
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub fn is_root(&self) -> bool {
        self.0.is_empty()
    }

    /// The last component; empty for the root.
    pub fn name(&self) -> &str {
        self.0.rsplit('/').next().unwrap_or_default()
    }

    /// Whether `other` is this path or lies below it.
    pub fn contains(&self, other: &Self) -> bool {
        self.is_root()
            || other.0.strip_prefix(self.0.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }

    /// The texts between which everything below this path sorts: first included, last excluded. `0` follows `/`.
    pub(crate) fn range_below(&self) -> (String, Option<String>) {
        if self.is_root() { (String::new(), None) } else { (format!("{}/", self.0), Some(format!("{}0", self.0))) }
    }
}

impl fmt::Display for RecordPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "/{}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths() {
        let path = RecordPath::parse("/A/b c").unwrap();
        assert_eq!((path.as_str(), path.name(), path.to_string()), ("A/b c", "b c", "/A/b c".to_owned()));
        assert!(RecordPath::parse("A").unwrap().contains(&path));
        assert!(!RecordPath::parse("A/b").unwrap().contains(&path));
        assert!(RecordPath::root().contains(&path) && path.contains(&path));
        assert_eq!(path.child("x").unwrap().as_str(), "A/b c/x");
        for bad in ["//", "a//b", "a/", "a/../b", "./a", "a\0", "a\n", &"x".repeat(3000)] {
            assert!(RecordPath::parse(bad).is_err(), "{bad:?}");
        }
        for bad in ["", "a/b", "..", "a\0"] {
            assert!(path.child(bad).is_err(), "{bad:?}");
        }
    }
}
