//! The one binary: start a role or a whole cluster, administer, ask.
fn main() {}
