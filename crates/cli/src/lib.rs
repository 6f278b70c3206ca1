//! The binary `cuvee`, as a library: what can be typed, how roles are put together, and what is shown.
//!
//! `verbs` has a file for each verb; `start` wires one role or all of them; `quickstart` adds sample data; `ask` shows
//! answers. No logic of a role is here. Only the binary and tests use this crate.

pub mod args;
pub mod ask;
pub mod discover;
pub mod exit;
pub mod job_view;
pub mod pid_file;
pub mod quickstart;
pub mod start;
pub mod states;
pub mod verbs;
