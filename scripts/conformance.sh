#!/usr/bin/env bash
# Asks Apache Pinot's own statements and counts how many answers agree.
#   scripts/conformance.sh [one|cluster|both] [SUITE …]      default: both, ontime200 ontime10k compat
set -euo pipefail
. "$(dirname "$0")/lib.sh"
[ -d "$shared/conformance" ] || { echo "no $shared/conformance; set CUVEE_SHARED" >&2; exit 2; }
mode=${1:-both}
[ $# -gt 0 ] && shift
suites=("$@")
[ ${#suites[@]} -gt 0 ] || suites=(ontime200 ontime10k compat)
args=()
for s in "${suites[@]}"; do args+=(--suite "$s"); done
venv "$root/.venv/conformance" "$shared/conformance/requirements.txt"
python="$root/.venv/conformance/bin/python"

ask() {
  (cd "$shared/conformance" && "$python" -B load.py --controller http://localhost:9000 --broker http://localhost:8099 "${args[@]}" &&
    "$python" -B run.py --broker http://localhost:8099 "${args[@]}" --include-visible --show "${SHOW:-3}" --failures "${FAILURES:-$work/failures.jsonl}")
}

if [ "$mode" != cluster ]; then
  echo "== one process"
  start_one_process
  ask
  stop_all
fi
if [ "$mode" != one ]; then
  echo "== a cluster of separate processes, two servers"
  start_cluster
  ask
  stop_all
fi
