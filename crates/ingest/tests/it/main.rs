//! Real files: the tables and exercises that the project is held against. Passed over, with a message, where they are
//! not at hand.

mod conformance;
mod exercises;
mod place;
