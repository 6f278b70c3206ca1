//! The functions, a file for each family. A function is one entry in its family's table `FUNCTIONS`; a family is one
//! line in [`ALL`].

use crate::registry::ScalarFunction;

pub mod arithmetic;
pub mod array;
pub mod bytes;
pub mod case;
pub mod cast;
pub mod comparison;
pub mod date_time;
pub mod json;
pub mod logic;
pub mod map;
pub mod math;
pub mod null;
pub mod regex;
pub mod string;

/// A family's table.
pub type Family = &'static [&'static dyn ScalarFunction];

/// Every family.
pub static ALL: &[Family] = &[
    arithmetic::FUNCTIONS,
    array::DOUBLES,
    array::FLOATS,
    array::FUNCTIONS,
    array::INTS,
    array::INT_SETS,
    array::LONGS,
    array::STRINGS,
    array::STRING_SETS,
    bytes::FUNCTIONS,
    case::FUNCTIONS,
    cast::FUNCTIONS,
    comparison::FUNCTIONS,
    date_time::convert::FUNCTIONS,
    date_time::epoch::DAYS,
    date_time::epoch::FUNCTIONS,
    date_time::epoch::HOURS,
    date_time::epoch::MINUTES,
    date_time::epoch::SECONDS,
    date_time::fields::FUNCTIONS,
    date_time::shift::FUNCTIONS,
    date_time::truncate::FUNCTIONS,
    json::FUNCTIONS,
    logic::FUNCTIONS,
    map::FUNCTIONS,
    math::FUNCTIONS,
    null::FUNCTIONS,
    regex::FUNCTIONS,
    string::FUNCTIONS,
];

/// Every function.
pub fn all() -> impl Iterator<Item = &'static dyn ScalarFunction> {
    ALL.iter().flat_map(|family| family.iter().copied()).chain(date_time::multi_value::FUNCTIONS.iter().copied())
}
