# `just` lists the tasks.
default:
    @just --list

# What continuous integration runs.
verify:
    scripts/test.sh

# Licences, advisories, sources.
deny:
    cargo deny check

# The release binary.
build:
    cargo build --release --locked -p cuvee-cli

# A cluster in one process with sample data.
quickstart: build
    target/release/cuvee quickstart

# Agreement with Apache Pinot on a sample of its own statements (needs the conformance folder).
conformance *args:
    scripts/conformance.sh {{args}}

# Speed beside DuckDB (needs the bench folder).
bench *args:
    scripts/bench.sh {{args}}

# The compose file started for real, with Debian's Docker engine, and exercises on it (needs root).
compose-test:
    scripts/compose-test.sh

# The Debian package.
deb:
    scripts/deb.sh
