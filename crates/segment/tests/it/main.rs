//! Segments written, read back, packed, reloaded and damaged.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod archive;
mod budget;
mod damage;
mod golden;
mod indexes;
mod packed;
mod reload;
mod round_trip;
mod support;
