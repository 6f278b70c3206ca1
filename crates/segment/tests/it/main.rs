//! Segments written, read back, packed, reloaded and damaged.

mod budget;
mod damage;
mod golden;
mod indexes;
mod packed;
mod reload;
mod round_trip;
mod support;
