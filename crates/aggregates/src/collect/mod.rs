//! Aggregations that keep their values: ARRAYAGG, LISTAGG, element-wise sums.

pub mod list;
pub mod sum_array;
