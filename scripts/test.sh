#!/usr/bin/env bash
# Runs everything that must hold before a change lands: format, lints, tests, documentation.
#   scripts/test.sh           all of it
#   scripts/test.sh NAME      only tests whose name contains NAME
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/setup.sh
# The console's test looks at it in a browser. Where none can be installed the test says so and is skipped.
if ! command -v chromium >/dev/null && command -v apt-get >/dev/null && [ "$(id -u)" = 0 ]; then need chromium chromium; fi

python_env

if [ $# -gt 0 ]; then
  exec cargo test --locked --workspace "$@"
fi

step() { printf '\n== %s\n' "$*"; }

step format
cargo fmt --all --check
step lints
cargo clippy --locked --workspace --all-targets -- -D warnings
step tests
cargo test --locked --workspace --no-fail-fast
step REST APIs, fuzzed
scripts/schemathesis.sh
