//! Distinct values: exact sets, bitmaps, HyperLogLog.

pub mod bitmap;
pub mod count;
pub mod hashes;
pub mod hll;
pub mod hll_registers;
pub mod set;
