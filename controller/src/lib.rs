//! The controller role: the only writer of cluster state.
//!
//! It keeps schemas, tables, segments, instances and cluster configuration in a metadata store; serves Pinot's REST
//! API, with its documentation at `/help`; makes segments of uploaded files; says which server holds which segment;
//! and tells brokers and servers, over one session each, what concerns them. Servers report what they hold; from
//! that the external view is derived.
//!
//! - [`Controller`] starts a [`ControllerHandle`]; [`ControllerConfig`] has the settings.
//! - `cluster`: state, sessions, assignment. `http`: a file per REST resource. `ingest`: from file to segment.
//!   `reconcile`: what runs by itself. `rpc`: the gRPC service and its in-process form.
//!
//! Never here: answering queries (they are forwarded to a broker), holding segments, consuming streams.

mod clock;
pub mod cluster;
mod config;
mod controller;
mod error;
mod http;
mod ingest;
mod jobs;
mod periodic;
mod quotas;
mod reconcile;
mod replace;
mod rpc;
mod tables;
mod tenants;
mod zk;

pub use clock::{Clock, SystemClock};
pub use config::ControllerConfig;
pub use controller::{Controller, ControllerHandle, Deps};
pub use error::Error;
pub use periodic::Periods;
pub use rpc::InProcessClient;
