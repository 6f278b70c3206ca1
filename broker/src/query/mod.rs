//! The life of a query in the broker: request, plan, scatter, gather, reduce, answer.

mod answer;
mod catalog;
mod cursor;
pub(crate) mod plan;
mod request;
mod running;
mod scatter;

pub use answer::{Answer, answer};
pub use request::{RawError, SqlRequest};
pub use running::Running;
