//! The broker role: SQL over HTTP, routing, scatter and gather.
//!
//! It parses and binds statements against the tables that the controller pushes, splits hybrid tables, prunes
//! segments, chooses replicas, asks servers, reduces their partial results and writes Pinot's JSON. It never opens a
//! segment and never writes cluster state. While the controller is away it answers from what it was told last.

mod broker;
mod config;
mod cursor;
mod error;
mod http;
pub mod query;
mod quota;
pub mod routing;
mod rpc;
mod state;

pub use broker::{Broker, BrokerHandle, Deps};
pub use config::BrokerConfig;
pub use cursor::CursorConfig;
pub use error::Error;
pub use routing::ServerClients;
pub use rpc::clients::{GrpcClients, LocalClients};
