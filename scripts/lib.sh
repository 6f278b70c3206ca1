#!/usr/bin/env bash
# Sourced: starts and stops clusters of the release build for the measuring scripts.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
shared=${CUVEE_SHARED:-$root/../shared}
cuvee=${CUVEE:-${CARGO_TARGET_DIR:-$root/target}/release/cuvee}
pids=()

venv() { # directory, requirement files …
  local dir=$1
  shift
  if [ ! -x "$dir/bin/python" ]; then
    python3 -m venv "$dir"
    local args=()
    for file in "$@"; do args+=(-r "$file"); done
    "$dir/bin/pip" install -q "${args[@]}"
  fi
}

wait_for() { # URL
  for _ in $(seq 300); do
    if curl -fs -o /dev/null "$1"; then return 0; fi
    for pid in "${pids[@]}"; do kill -0 "$pid" 2>/dev/null || { echo "a role has ended, see $work/*.log" >&2; exit 1; }; done
    sleep 0.1
  done
  echo "$1 does not answer" >&2
  exit 1
}

start() { # log name, arguments …
  local log=$1
  shift
  "$cuvee" "$@" >"$work/$log.log" 2>&1 &
  pids+=($!)
}

start_one_process() {
  start cuvee quickstart -type empty -dataDir "$work/data" "$@"
  wait_for http://localhost:9000/health
  wait_for http://localhost:8099/health
}

start_cluster() { # two servers, each role in a process of its own
  start controller StartController -controllerPort 9000 -dataDir "$work/controller"
  wait_for http://localhost:9000/health
  start server1 StartServer -serverPort 8098 -serverAdminPort 8097 -dataDir "$work/server1" -controller localhost:9000
  start server2 StartServer -serverPort 8198 -serverAdminPort 8197 -dataDir "$work/server2" -controller localhost:9000
  start broker StartBroker -brokerPort 8099 -controller localhost:9000
  wait_for http://localhost:8097/health
  wait_for http://localhost:8197/health
  wait_for http://localhost:8099/health
}

stop_all() {
  for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null || true; done
  for pid in "${pids[@]}"; do wait "$pid" 2>/dev/null || true; done
  pids=()
}

work=$(mktemp -d)
trap 'stop_all; rm -rf "$work"' EXIT
