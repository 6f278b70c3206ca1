//! A server against a controller of the test's own making and real segment files.

#![expect(clippy::unwrap_used, reason = "a test ends where it fails")]

mod loading;
mod queries;
mod support;
