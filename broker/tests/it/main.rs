//! A broker between a controller and servers of the test's own making.

mod answers;
mod failures;
mod support;
