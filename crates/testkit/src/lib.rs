//! Clusters for tests, and what tests do to them.
//!
//! - [`Client`]: tables, uploads and queries over HTTP, as a user does them.
//! - [`docs`]: follows the commands of a Markdown page.
//! - [`sql`]: runs SQL test files (`.slt`) against a cluster.
//!
//! Never shipped: only tests depend on it. Nothing here sleeps for a fixed time; [`until`] waits for a condition.

mod client;
pub mod docs;
pub mod fixture;
mod in_process;
pub mod process;
pub mod s3;
pub mod sql;
mod wait;

pub use client::Client;
pub use in_process::InProcess;
pub use wait::until;
