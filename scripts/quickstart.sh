#!/usr/bin/env bash
# Builds the release binary and starts a whole cluster with sample data in one process.
#   scripts/quickstart.sh [flags of `cuvee quickstart`, e.g. -dataDir DIR]
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/setup.sh

cargo build --release --locked -p cuvee-cli
exec "${CARGO_TARGET_DIR:-target}/release/cuvee" quickstart "$@"
