//! GROUP BY, plain aggregation and DISTINCT.

pub(crate) mod finish;
pub(crate) mod general;
pub(crate) mod interner;
pub(crate) mod keys;
pub(crate) mod table;
