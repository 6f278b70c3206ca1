//! What all roles share: configuration, HTTP and gRPC on one port, error bodies, the API's own documentation, tasks,
//! shutdown, telemetry.
//!
//! Nothing here knows what a table, a segment or a query is. A role brings its routes and its gRPC services; this
//! crate binds the port, speaks HTTP/1 and HTTP/2, bounds what comes in, turns panics and refusals into the error
//! bodies that clients of that role expect, and stops everything in order.

pub mod app_configs;
pub mod backoff;
pub mod config;
pub mod grpc;
pub mod http;
pub mod shutdown;
pub mod swagger;
pub mod tasks;
pub mod telemetry;
pub mod uptime;

pub use backoff::Backoff;
pub use config::{ConfigError, Properties};
pub use http::{ApiError, ErrorStyle, Listener, Server, ServerHandle};
pub use tasks::Tasks;

/// The version that is shown to clients: in `/version`, in headers, to other roles.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");
