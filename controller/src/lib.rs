//! The controller role: the only writer of cluster state.
