//! GROUP BY, plain aggregation and DISTINCT.

pub(crate) mod dense;
pub(crate) mod finish;
pub(crate) mod fused;
pub(crate) mod general;
pub(crate) mod global;
pub(crate) mod interner;
pub(crate) mod keys;
pub(crate) mod radix;
pub(crate) mod single;
pub(crate) mod slots;
pub(crate) mod table;
