//! Clusters for tests: in one process on free ports, or as real processes.
