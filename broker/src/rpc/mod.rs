//! Where protocol messages become this crate's own types, and back.

pub mod clients;
pub mod session;
