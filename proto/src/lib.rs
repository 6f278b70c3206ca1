//! Messages and services that roles speak to one another.
//!
//! The `.proto` files under `cuvee/v1` are the contract; [`v1`] is generated from them and committed, so a build needs
//! no protobuf compiler. Each service has a client trait with a gRPC form here ([`ClusterClient`], [`QueryClient`]);
//! the role that serves it implements the same trait for callers in its own process, so that one process needs no
//! sockets between its roles.
//!
//! Generated types stop at a role's edge: nothing but `rpc` modules and these traits should hold them.

pub mod keep;
pub mod query;
pub mod session;

#[rustfmt::skip]
#[allow(clippy::all, clippy::pedantic, missing_docs)]
#[path = "generated/cuvee.v1.rs"]
pub mod v1;

pub use keep::{Backoff, SessionHandler, keep_session};
pub use query::{GrpcQueryClient, QueryClient, QueryError};
pub use session::{ClusterClient, GrpcClusterClient, Session, SessionError};

/// The largest message either side accepts. Partial results of a wide group-by are the largest thing sent.
pub const MAX_MESSAGE_BYTES: usize = 256 << 20;
