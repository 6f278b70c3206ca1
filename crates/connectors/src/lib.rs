//! The outside world: input formats and the deep store.
