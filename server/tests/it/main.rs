//! A server against a controller of the test's own making and real segment files.

mod loading;
mod queries;
mod support;
