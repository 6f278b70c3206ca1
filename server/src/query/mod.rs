//! Queries of brokers over the segments of this server.

pub mod admission;
pub mod executor;
pub mod running;

pub use executor::{Executor, Limits};
