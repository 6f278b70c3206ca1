//! HTTP/1, HTTP/2 and gRPC on one port.
//!
//! A role binds early with [`Listener::bind`] (port 0 is any free one), builds its routes, and starts a [`Server`].
//! Requests whose content type is gRPC's go to the gRPC services, all others to the routes. Every refusal, panic and
//! unknown path leaves in the JSON that clients of that kind of role expect: see [`ErrorStyle`].

mod body;
mod error;
mod layers;
pub mod loggers;
mod server;

pub use body::{Json, collect};
pub use error::{ApiError, ErrorStyle};
pub use layers::{Limits, finish};
pub use server::{BindError, Listener, Server, ServerHandle};
