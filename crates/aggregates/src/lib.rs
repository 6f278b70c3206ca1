//! Every aggregation, once: state, update, merge, serialise, finish.
//!
//! Used by the engine (per segment and server), by the broker's reduce, by star-trees and roll-up and, wrapped, by
//! the multi-stage engine. An aggregation is one file in a family folder and one line in [`registry`].
//!
//! States travel as Arrow columns, so a server's partial result is one record batch.

pub mod registry;

pub use registry::{Accumulator, AggregateFunction, Error, Fused, Groups, resolve};
