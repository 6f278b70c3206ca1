//! Jobs that build segments, without a cluster.

mod create;
mod push;
mod support;
