#!/usr/bin/env bash
# The admin tool by the name that Pinot's users know: pinot-admin.sh <Verb> -flag value …
#   scripts/pinot-admin.sh -help
# The binary: $CUVEE, else the one beside this script (an installed bin/), else the newer build in target/, else on PATH.
set -euo pipefail
here=$(cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")" && pwd)
if [ -z "${CUVEE:-}" ]; then
  target=${CARGO_TARGET_DIR:-$here/../target}
  built=$(ls -t "$target/release/cuvee" "$target/debug/cuvee" 2>/dev/null | head -n 1 || true)
  if [ -x "$here/cuvee" ]; then
    CUVEE=$here/cuvee
  elif [ -n "$built" ] && [ -f "$here/../Cargo.toml" ]; then
    CUVEE=$built
  elif ! CUVEE=$(command -v cuvee); then
    echo "Error: no binary 'cuvee' beside $here, in target/ or on PATH; build it with 'cargo build --release'" >&2
    exit 127
  fi
fi
exec "$CUVEE" "$@"
