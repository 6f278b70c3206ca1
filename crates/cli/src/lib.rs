//! The binary `cuvee`, as a library: what can be typed, how roles are put together, and what is shown.
//!
//! `start` wires one role or all of them; `quickstart` adds sample data; `ask` shows answers. No logic of a role is
//! here. Only the binary and tests use this crate.

pub mod args;
pub mod ask;
pub mod commands;
pub mod quickstart;
pub mod start;
