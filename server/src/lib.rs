//! The server role: holds segments and answers queries over them.
//!
//! It fetches what the controller assigns from the deep store, checks, unpacks and maps it, and runs bound queries over
//! it for brokers. It keeps a local copy of its assignment and goes on while the controller is away. It never parses
//! SQL, never writes cluster state, and reports only its own segments' states. A segment file is never edited, only
//! replaced; running queries keep what they pinned.

mod config;
mod error;
mod fetch;
mod http;
mod query;
mod rpc;
pub mod segments;
mod server;

pub use config::ServerConfig;
pub use error::Error;
pub use fetch::Fetcher;
pub use server::{Deps, Server, ServerHandle};
