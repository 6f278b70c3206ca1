//! Jobs that build and push segments, without a cluster.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

mod create;
mod push;
mod support;
