//! Where protocol messages become this crate's own types, and back.

pub mod query;
pub mod session;
