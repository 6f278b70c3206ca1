//! Holds the architecture's arrows: which crate may depend on which, and where the heavy dependencies live.

use std::collections::{BTreeMap, BTreeSet};

/// Crate, then the crates of ours that it may depend on outside of tests. A new arrow is a decision: add it with thought.
const ARROWS: &[(&str, &[&str])] = &[
    ("model", &[]),
    ("proto", &[]),
    ("metadata", &["model"]),
    ("functions", &["model"]),
    ("aggregates", &["model"]),
    ("segment", &["model"]),
    ("connectors", &["model"]),
    ("query", &["model", "functions", "aggregates"]),
    ("engine", &["model", "functions", "aggregates", "query", "segment"]),
    ("ingest", &["model", "functions", "query", "connectors", "segment"]),
    ("jobs", &["model", "functions", "connectors", "segment", "ingest"]),
    ("service", &["model"]),
    ("controller", &["model", "metadata", "connectors", "ingest", "segment", "query", "proto", "service"]),
    ("broker", &["model", "query", "proto", "service"]),
    ("server", &["model", "engine", "query", "segment", "connectors", "proto", "service"]),
    ("minion", &["model", "proto", "service"]),
    ("cli", &["model", "ingest", "jobs", "metadata", "proto", "service", "controller", "broker", "server", "minion"]),
    ("testkit", &["cli", "service"]),
    (
        "benches",
        &[
            "model",
            "functions",
            "aggregates",
            "query",
            "segment",
            "engine",
            "ingest",
            "connectors",
            "controller",
            "metadata",
            "service",
        ],
    ),
];

/// A dependency that costs much to build or to understand, and the only crates that may name it.
const HOMES: &[(&str, &[&str])] = &[
    ("redb", &["metadata"]),
    ("object_store", &["connectors"]),
    ("parquet", &["connectors"]),
    ("apache-avro", &["connectors", "jobs"]),
    ("sqlparser", &["query"]),
    ("roaring", &["segment", "engine", "aggregates"]),
    ("rdkafka", &["connectors"]),
    ("clap", &["cli"]),
];

fn short(package: &str) -> Option<&str> {
    package.strip_prefix("cuvee-")
}

#[test]
fn crates_depend_only_as_the_architecture_says() {
    let metadata = cargo_metadata::MetadataCommand::new().no_deps().exec().expect("cargo metadata");
    let allowed: BTreeMap<&str, BTreeSet<&str>> =
        ARROWS.iter().map(|(from, to)| (*from, to.iter().copied().collect())).collect();
    let mut wrong = Vec::new();
    for package in &metadata.packages {
        let Some(from) = short(&package.name) else {
            wrong.push(format!("package {} is not called cuvee-…", package.name));
            continue;
        };
        let Some(allowed) = allowed.get(from) else {
            wrong.push(format!("crate {from} has no line in ARROWS"));
            continue;
        };
        for dependency in &package.dependencies {
            if dependency.kind != cargo_metadata::DependencyKind::Normal {
                continue;
            }
            match short(&dependency.name) {
                Some(to) if !allowed.contains(to) => wrong.push(format!("{from} -> {to} is not an arrow of ours")),
                Some(_) => {}
                None => {
                    for (heavy, homes) in HOMES {
                        if dependency.name == *heavy && !homes.contains(&from) {
                            wrong.push(format!("{from} names {heavy}, whose home is {homes:?}"));
                        }
                    }
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// `segment` is bytes in, bitmaps and arrays out; it must not grow a runtime or a network.
#[test]
fn the_segment_crate_has_no_runtime() {
    let metadata = cargo_metadata::MetadataCommand::new().no_deps().exec().expect("cargo metadata");
    for package in metadata.packages.iter().filter(|p| p.name.as_str() == "cuvee-segment") {
        for name in ["tokio", "tonic", "hyper", "reqwest", "axum", "sqlparser", "datafusion"] {
            let found =
                package.dependencies.iter().any(|d| d.name == name && d.kind == cargo_metadata::DependencyKind::Normal);
            assert!(!found, "segment must not depend on {name}");
        }
    }
}
