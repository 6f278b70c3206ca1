//! The controller over its REST API and its sessions, in this process, on a free port.

mod cluster;
mod hostile;
mod ingest;
mod rest;
mod sessions;
