//! Every aggregation, once: state, update, merge, serialise, finish.
//!
//! Used by the engine (per segment and server), by the broker's reduce, by star-trees and roll-up and, wrapped, by
//! the multi-stage engine. An aggregation is one file in a family folder and one line in [`registry`].
//!
//! States travel as Arrow columns, so a server's partial result is one record batch. State bytes come from the network:
//! whatever they hold, merging gives a state or an error.

mod basic;
mod cells;
mod collect;
mod columns;
mod distinct;
mod literals;
mod multi_value;
mod percentile;
#[cfg(test)]
mod properties;
pub mod registry;
mod statistics;
#[cfg(test)]
mod testing;

pub use registry::{
    Accumulator, AggregateFunction, Error, Fused, Groups, canonical_name, has_multi_value_form, is_aggregate, resolve,
};
