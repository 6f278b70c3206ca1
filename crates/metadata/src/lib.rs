//! Cluster state: typed records, versions, compare-and-set and watch over a replaceable store.
//!
//! [`MetadataStore`] is the contract, [`MemoryStore`] and [`EmbeddedStore`] keep it (one conformance suite runs on
//! both). [`records`] are the typed documents, [`paths`] where they lie, [`Cluster`] reads and writes them by type.
//! [`view`] derives the external view from the ideal state, what instances report and who is live.
//!
//! Not here: who decides what the state should be (the controller), networks, tables' data.

pub mod cluster;
#[cfg(test)]
mod conformance;
mod embedded;
mod error;
mod memory;
mod path;
pub mod paths;
pub mod records;
mod store;
pub mod view;
mod watch;
pub mod znode;

pub use cluster::{Cluster, Versioned};
pub use embedded::EmbeddedStore;
pub use error::{Error, Result};
pub use memory::MemoryStore;
pub use path::RecordPath;
pub use store::{Expect, MAX_VALUE_BYTES, MetadataStore, Op, Record, Version};
pub use view::{CurrentState, SegmentState, external_view};
pub use watch::{Change, Watch, WatchEvent};
