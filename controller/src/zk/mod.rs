//! Cluster state as a tree of nodes in the layout that Pinot's users know from ZooKeeper, whichever store is under it.
//!
//! Most nodes are projections: they are made from the cluster's own state when they are read. Of those, the ones that
//! operators edit by hand can be written, with the effect that the edit has in Pinot: see [`write`]. Nodes that are
//! none of the cluster's own are kept as they come.

mod records;
mod tree;
pub(crate) mod write;

pub(crate) use tree::{Tree, ZkNode};

use crate::error::Error;

/// A path of the browser: `/`, or names that are joined by `/` with one before the first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ZkPath(Vec<String>);

impl ZkPath {
    pub fn parse(text: Option<&str>) -> Result<Self, Error> {
        let text = text.ok_or_else(|| Error::Invalid("ZKPath cannot be null".to_owned()))?.trim();
        let shown: String = text.escape_debug().take(500).collect();
        let Some(rest) = text.strip_prefix('/') else {
            return Err(Error::Invalid(format!("ZKPath {shown} must start with /")));
        };
        if rest.is_empty() {
            return Ok(Self(Vec::new()));
        }
        if rest.ends_with('/') {
            return Err(Error::Invalid(format!("ZKPath {shown} cannot end with /")));
        }
        // The rules of records' paths are those of nodes.
        metadata::RecordPath::parse(rest).map_err(|error| Error::Invalid(error.to_string()))?;
        Ok(Self(rest.split('/').map(str::to_owned).collect()))
    }

    pub fn child(&self, name: &str) -> Result<Self, Error> {
        if name.is_empty() || name.contains('/') {
            let shown: String = name.escape_debug().take(500).collect();
            return Err(Error::Invalid(format!("'{shown}' is no name of a node")));
        }
        Self::parse(Some(&format!("{}/{name}", if self.0.is_empty() { String::new() } else { self.to_string() })))
    }

    pub fn parts(&self) -> Vec<&str> {
        self.0.iter().map(String::as_str).collect()
    }
}

impl std::fmt::Display for ZkPath {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "/{}", self.0.join("/"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths() {
        assert_eq!(ZkPath::parse(Some("/")).unwrap().parts(), Vec::<&str>::new());
        let path = ZkPath::parse(Some(" /a/b c ")).unwrap();
        assert_eq!((path.parts(), path.to_string()), (vec!["a", "b c"], "/a/b c".to_owned()));
        assert_eq!(path.child("d").unwrap().to_string(), "/a/b c/d");
        for bad in [None, Some(""), Some("a"), Some("/a/"), Some("/a//b"), Some("/a/../b"), Some("/a\u{1}")] {
            assert!(ZkPath::parse(bad).is_err(), "{bad:?}");
        }
        assert!(path.child("x/y").is_err() && path.child("").is_err() && path.child("..").is_err());
    }
}
