//! The contract of metadata stores.

use std::{fmt, sync::Arc};

use async_trait::async_trait;

use crate::{Error, RecordPath, Result, Watch};

/// When a record was last written. Versions only grow, also over deletion and re-creation of a record; all records
/// written by one transaction have the same version, later transactions a higher one.
pub type Version = u64;

/// Largest value of one record.
pub const MAX_VALUE_BYTES: usize = 256 << 20;

/// One record as it was when read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    pub path: RecordPath,
    pub value: Arc<[u8]>,
    pub version: Version,
}

/// What has to hold of a record for a transaction to go through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expect {
    Any,
    /// There is no such record.
    Absent,
    /// There is one, whatever its version.
    Present,
    /// There is one, last written at this version.
    Version(Version),
}

impl Expect {
    pub(crate) fn holds(self, found: Option<Version>) -> bool {
        match self {
            Self::Any => true,
            Self::Absent => found.is_none(),
            Self::Present => found.is_some(),
            Self::Version(version) => found == Some(version),
        }
    }
}

impl fmt::Display for Expect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any => f.write_str("expected anything"),
            Self::Absent => f.write_str("expected no record"),
            Self::Present => f.write_str("expected a record"),
            Self::Version(version) => write!(f, "expected version {version}"),
        }
    }
}

/// One step of a transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Op {
    Put {
        path: RecordPath,
        value: Vec<u8>,
        expect: Expect,
    },
    /// Deletes one record, not what lies below it. No record is no error unless expected.
    Delete {
        path: RecordPath,
        expect: Expect,
    },
    /// Changes nothing.
    Check {
        path: RecordPath,
        expect: Expect,
    },
}

impl Op {
    pub fn put(path: RecordPath, value: Vec<u8>, expect: Expect) -> Self {
        Self::Put { path, value, expect }
    }

    /// A put of a JSON document.
    pub fn put_json<T: serde::Serialize + ?Sized>(path: RecordPath, value: &T, expect: Expect) -> Result<Self> {
        let value = serde_json::to_vec(value).map_err(|source| Error::Encode { path: path.to_string(), source })?;
        Ok(Self::Put { path, value, expect })
    }

    pub fn delete(path: RecordPath, expect: Expect) -> Self {
        Self::Delete { path, expect }
    }

    pub fn check(path: RecordPath, expect: Expect) -> Self {
        Self::Check { path, expect }
    }

    pub fn path(&self) -> &RecordPath {
        match self {
            Self::Put { path, .. } | Self::Delete { path, .. } | Self::Check { path, .. } => path,
        }
    }

    pub fn expect(&self) -> Expect {
        match self {
            Self::Put { expect, .. } | Self::Delete { expect, .. } | Self::Check { expect, .. } => *expect,
        }
    }
}

/// A store of records with versions.
///
/// Reads see every transaction that was acknowledged before them. A future that is dropped leaves a transaction done
/// or not done, never half done.
#[async_trait]
pub trait MetadataStore: Send + Sync + 'static {
    /// The record at a path.
    async fn get(&self, path: &RecordPath) -> Result<Option<Record>>;

    /// All records below a path (not the path's own), ascending by path, as of one moment.
    async fn list(&self, below: &RecordPath) -> Result<Vec<Record>>;

    /// Names one component below a path, ascending: of records and of what only has records below it.
    async fn children(&self, path: &RecordPath) -> Result<Vec<String>>;

    /// Does all steps or none. Durable, where the store is, before it returns. The steps name different paths.
    /// Returns the version of what was written.
    async fn commit(&self, ops: Vec<Op>) -> Result<Version>;

    /// Changes of a path and of what lies below it, in the order of transactions, from this call on. To follow a
    /// subtree without gaps, watch first and list then.
    fn watch(&self, path: &RecordPath) -> Watch;

    /// Writes one record.
    async fn put(&self, path: &RecordPath, value: Vec<u8>, expect: Expect) -> Result<Version> {
        self.commit(vec![Op::put(path.clone(), value, expect)]).await
    }

    /// Deletes one record.
    async fn delete(&self, path: &RecordPath, expect: Expect) -> Result<Version> {
        self.commit(vec![Op::delete(path.clone(), expect)]).await
    }
}

/// Refuses transactions that no store takes.
pub(crate) fn check_ops(ops: &[Op]) -> Result<()> {
    let mut seen = std::collections::HashSet::with_capacity(ops.len());
    for op in ops {
        let path = op.path();
        if path.is_root() {
            return Err(Error::InvalidPath { path: "/".to_owned(), reason: "the root holds no record" });
        }
        if !seen.insert(path) {
            return Err(Error::Duplicate { path: path.to_string() });
        }
        if let Op::Put { value, .. } = op
            && value.len() > MAX_VALUE_BYTES
        {
            return Err(Error::TooLarge { path: path.to_string(), size: value.len(), limit: MAX_VALUE_BYTES });
        }
    }
    Ok(())
}
