#!/usr/bin/env bash
# Measures the release build beside DuckDB in the same run.
#   scripts/bench.sh [ROWS]            default 6000000
# Prints start time, memory, load, latency, the cost of a tiny query. Results go to $OUT (default bench-results/).
set -euo pipefail
. "$(dirname "$0")/lib.sh"
[ -d "$shared/bench" ] || { echo "no $shared/bench; set CUVEE_SHARED" >&2; exit 2; }
rows=${1:-6000000}
data=${BENCH_DATA:-$root/data/bench-$rows}
out=${OUT:-$root/data/bench-results}
mkdir -p "$out" "$(dirname "$data")"
venv "$root/.venv/bench" "$shared/bench/requirements.txt"
python="$root/.venv/bench/bin/python"
bench() { "$python" -B "$shared/bench/bench.py" "$@" --out "$out/results.jsonl"; }

[ -f "$data/meta.json" ] || "$python" -B "$shared/bench/bench.py" gen --rows "$rows" --out "$data"

echo "== start to the first answer, and idle memory"
before=$(date +%s%N)
start_one_process
until curl -fs -o /dev/null -d '{"sql":"select 1"}' http://localhost:8099/query/sql; do :; done
echo "ready after $((($(date +%s%N) - before) / 1000000)) ms"
sleep 2
pid=${pids[0]}
awk '/VmRSS/ {print "idle RSS " int($2 / 1024) " MB"}' "/proc/$pid/status"

echo "== load, CSV"
bench load --target duckdb --dir "$data"
bench ingest --dir "$data" --pid "$pid"
awk '/VmHWM/ {print "peak RSS " int($2 / 1024) " MB"}' "/proc/$pid/status"

echo "== latency, the scans"
bench latency --dir "$data" --queries scan.sql --save-server "$out/scan.json"

echo "== a tiny query, one process"
"$python" "$root/scripts/tiny_query.py"
stop_all

echo "== a tiny query, broker and server in separate processes"
start_cluster
"$python" "$root/scripts/tiny_query.py"
stop_all
