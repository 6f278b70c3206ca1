//! The minion role: runs the controller's background tasks.
//!
//! It registers, keeps its session with the controller, and answers health checks. It never serves queries and never
//! writes cluster state: what a task makes goes through the deep store and the controller's API. No kind of task is
//! known to this version; a request for one is refused with a sentence.

mod config;
mod http;
mod minion;
mod rpc;

pub use config::MinionConfig;
pub use minion::{Deps, Error, Minion, MinionHandle};
