//! Segments written, read back and damaged.

mod round_trip;
mod support;
