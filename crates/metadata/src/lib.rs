//! Cluster state: typed records, versions, compare-and-set and watch over a replaceable store.
