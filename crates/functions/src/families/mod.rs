//! The functions, a file for each family. A function is one entry in its family's table `FUNCTIONS`; a family is one
//! line in [`ALL`].

use crate::registry::ScalarFunction;

pub mod arithmetic;
pub mod case;
pub mod cast;
pub mod comparison;
pub mod logic;
pub mod math;
pub mod null;
pub mod regex;
pub mod string;

/// A family's table.
pub type Family = &'static [&'static dyn ScalarFunction];

/// Every family.
pub static ALL: &[Family] = &[
    arithmetic::FUNCTIONS,
    case::FUNCTIONS,
    cast::FUNCTIONS,
    comparison::FUNCTIONS,
    logic::FUNCTIONS,
    math::FUNCTIONS,
    null::FUNCTIONS,
    regex::FUNCTIONS,
    string::FUNCTIONS,
];
