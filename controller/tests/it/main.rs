//! The controller over its REST API and its sessions, in this process, on a free port.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod browser;
mod cluster;
mod hostile;
mod ingest;
mod rest;
mod sessions;
mod table_rest;
mod upload;
