//! Names as types: tables, segments, instances, tenants and tags.
//!
//! Each of them may become a path component (deep store, data directories, metadata paths), so a value that exists
//! is safe to join to a path: never empty, no separator, no control character, no `..`, no percent-encoded dot,
//! separator or NUL, at most 255 bytes.

mod instance;
mod segment;
mod table;

use std::{borrow::Cow, fmt};

pub use instance::{InstanceId, InstanceRole, TenantName};
pub use segment::{LlcSegmentName, SegmentName};
pub use table::{RawTableName, TableNameWithType, TableType, split_table_name};

/// A text that cannot be a name. The message says which kind, which text and why.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{kind}: '{name}' {reason}")]
pub struct NameError {
    /// `Table name`, `Segment name`, ….
    pub kind: &'static str,
    /// The refused text, cut to 100 characters, control characters escaped.
    pub name: String,
    pub reason: Cow<'static, str>,
}

impl NameError {
    pub(crate) fn new(kind: &'static str, name: &str, reason: impl Into<Cow<'static, str>>) -> Self {
        let shown = name.chars().take(100).flat_map(char::escape_debug).collect();
        Self { kind, name: shown, reason: reason.into() }
    }
}

/// Longest name in bytes: what common file systems allow for one path component.
pub const MAX_NAME_BYTES: usize = 255;

/// Refuses what could escape from a directory or confuse a log: the rule all names share.
pub(crate) fn check_component(kind: &'static str, name: &str) -> Result<(), NameError> {
    let fail = |reason: &'static str| Err(NameError::new(kind, name, reason));
    if name.is_empty() {
        return fail("must not be empty");
    }
    if name.len() > MAX_NAME_BYTES {
        return fail("is longer than 255 bytes");
    }
    if name.chars().any(char::is_control) {
        return fail("contains a control character, which is not allowed");
    }
    if name.contains(['/', '\\']) {
        return fail("contains a path separator, which is not allowed");
    }
    if name == "." || name.contains("..") {
        return fail("contains '..' or is '.', which is not allowed");
    }
    if has_percent_trick(name) {
        return fail("contains a percent-encoded dot, separator or NUL, which is not allowed");
    }
    Ok(())
}

fn has_percent_trick(name: &str) -> bool {
    name.as_bytes().windows(3).any(|w| {
        w[0] == b'%'
            && matches!([w[1], w[2].to_ascii_lowercase()], [b'2', b'e' | b'f' | b'5'] | [b'5', b'c'] | [b'0', b'0'])
    })
}

/// Implements what all string newtypes of this module share.
macro_rules! string_name {
    ($name:ident) => {
        impl $name {
            pub fn as_str(&self) -> &str {
                &self.0
            }
            pub fn into_string(self) -> String {
                self.0
            }
        }
        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(&self.0)
            }
        }
        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                std::fmt::Debug::fmt(&self.0, f)
            }
        }
        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }
        impl std::borrow::Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }
        impl std::str::FromStr for $name {
            type Err = crate::names::NameError;
            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Self::parse(text)
            }
        }
        impl TryFrom<String> for $name {
            type Error = crate::names::NameError;
            fn try_from(text: String) -> Result<Self, Self::Error> {
                Self::parse(&text)
            }
        }
        impl From<$name> for String {
            fn from(name: $name) -> Self {
                name.0
            }
        }
    };
}
pub(crate) use string_name;

/// Shows a list of names as `[a, b]`.
pub struct Names<'a, T>(pub &'a [T]);

impl<T: fmt::Display> fmt::Display for Names<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[")?;
        for (i, name) in self.0.iter().enumerate() {
            if i > 0 {
                f.write_str(", ")?;
            }
            write!(f, "{name}")?;
        }
        f.write_str("]")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every attempt to leave a directory, in every kind of name.
    #[test]
    fn path_tricks_are_refused_everywhere() {
        let tricks = [
            "",
            ".",
            "..",
            "../x",
            "a/../b",
            "/etc/passwd",
            "a/b",
            "a\\b",
            "a\0b",
            "a\nb",
            "%2e%2e",
            "%2E%2E%2Fx",
            "x%2fy",
            "x%5Cy",
            "x%00",
            "a..b",
            "C:\\x",
        ];
        for trick in tricks {
            assert!(RawTableName::parse(trick).is_err(), "raw table name {trick:?}");
            assert!(TableNameWithType::parse(&format!("{trick}_OFFLINE")).is_err() || trick.is_empty(), "{trick:?}");
            assert!(SegmentName::parse(trick).is_err(), "segment {trick:?}");
            assert!(InstanceId::parse(&format!("Server_{trick}_8098")).is_err(), "instance {trick:?}");
            assert!(TenantName::parse(trick).is_err(), "tenant {trick:?}");
        }
        let long = "x".repeat(256);
        assert!(SegmentName::parse(&long).is_err());
        assert_eq!(
            SegmentName::parse("../x").unwrap_err().to_string(),
            "Segment name: '../x' contains a path separator, which is not allowed"
        );
    }
}
