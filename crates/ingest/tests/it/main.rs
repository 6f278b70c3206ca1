//! Real files: the tables and exercises that the project is held against. Passed over, with a message, where they are
//! not at hand.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod conformance;
mod exercises;
mod formats;
mod place;
