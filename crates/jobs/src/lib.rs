//! Batch jobs: many files into segments, and segments to controllers.
//!
//! [`JobSpec`] says what to do; it is read from Pinot's job-spec YAML, see [`spec`]. [`run()`] does it: lists the input,
//! builds a segment of each file on all cores, writes them as archives to the output, and pushes them. A job that is
//! run again gives the same names, so that its segments replace those of the first run.
//!
//! Never here: flags, progress bars and other things of a terminal, the formats (`connectors`), rows (`ingest`), the
//! segment's bytes (`segment`). The controller is only known by its REST API.

pub mod archives;
pub mod avro_messages;
mod controller;
pub mod convert;
mod create;
mod error;
pub mod generate;
mod input;
mod pattern;
mod place;
mod push;
mod replace;
pub mod rows;
mod run;
pub mod spec;

pub use controller::Controller;
pub use error::{Error, Problem};
pub use pattern::PathPattern;
pub use place::{Found, Place};
pub use run::{Event, Options, Summary, run};
pub use spec::{JobSpec, PushMode, Replace};

/// A text's SHA-256 in hex digits, for names that follow from it.
pub fn sha256_hex(bytes: &[u8]) -> String {
    use sha2::Digest as _;
    sha2::Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}
