//! A broker between a controller and servers of the test's own making.

#![expect(clippy::unwrap_used, reason = "a test ends where it fails")]

mod answers;
mod failures;
mod support;
mod surface;
