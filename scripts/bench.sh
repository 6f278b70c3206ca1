#!/usr/bin/env bash
# Measures the release build beside DuckDB in the same run, and writes docs/performance.md from what it saw.
#   scripts/bench.sh [STEP …]        all steps, or: start load scan serving throughput memory startree noindex onethread
#                                    skew segments restart report
#   ROWS=6000000  BENCH_DATA=…  OUT=…  are read from the environment
# Results are JSON lines in $OUT (default data/bench-results/); `report` makes the page of them.
set -euo pipefail
. "$(dirname "$0")/lib.sh"
[ -d "$shared/bench" ] || { echo "no $shared/bench; set CUVEE_SHARED" >&2; exit 2; }
rows=${ROWS:-6000000}
data=${BENCH_DATA:-$root/data/bench-$rows}
skewed=${BENCH_SKEW_DATA:-$data-skew}
out=${OUT:-$root/data/bench-results}
mkdir -p "$out" "$(dirname "$data")"
steps=("$@")
[ ${#steps[@]} -gt 0 ] || steps=(start load scan serving throughput memory startree noindex onethread skew segments restart report)

venv "$root/.venv/bench" "$shared/bench/requirements.txt"
python=${BENCH_PYTHON:-$root/.venv/bench/bin/python}
status=0
bench() { # the step's name, then the harness's arguments
  local step=$1
  shift
  # A wrong answer is in the result, and ends this script with status 1 when the rest is measured, too.
  "$python" -B "$shared/bench/bench.py" "$@" --label "$step" --out "$out/results.jsonl" || status=1
}
note() { # a figure of our own: step, name, value
  printf '{"command":"note","step":"%s","name":"%s","value":%s}\n' "$1" "$2" "$3" >>"$out/results.jsonl"
}
wanted() { [[ " ${steps[*]} " == *" $1 "* ]]; }
memory() { awk -v key="$1:" '$1 == key {print $2 * 1024}' "/proc/${pids[0]}/status"; }

generate() { # directory, more arguments
  [ -f "$1/meta.json" ] || "$python" -B "$shared/bench/bench.py" gen --rows "$rows" --out "$@"
}
loaded= # what the running process holds
with() { # a fresh process that holds: default, star, none, skew
  [ "$loaded" = "$1" ] && return
  stop_all
  rm -rf "${work:?}/data"
  start_one_process
  loaded=$1
  case $1 in
    default) bench load ingest --dir "$data" --pid "${pids[0]}" ;;
    star) bench load-star ingest --dir "$data" --star-tree --pid "${pids[0]}" ;;
    none) bench load-none ingest --dir "$data" --indexes none --pid "${pids[0]}" ;;
    skew) bench load-skew ingest --dir "$skewed" --pid "${pids[0]}" ;;
  esac
}

generate "$data"
if wanted start; then
  echo "== start to the first answer, and idle memory"
  before=$(date +%s%N)
  start_one_process
  until curl -fs -o /dev/null -d '{"sql":"select 1"}' http://localhost:8099/query/sql; do :; done
  note start ready_ms "$((($(date +%s%N) - before) / 1000000))"
  sleep 2
  note start idle_bytes "$(memory VmRSS)"
  note start binary_bytes "$(stat -c %s "$cuvee")"
  echo "== a tiny query, one process"
  "$python" "$root/scripts/tiny_query.py" | tee "$out/tiny.txt"
  stop_all
fi
if wanted load; then
  echo "== load, CSV"
  bench load-duckdb load --target duckdb --dir "$data"
  loaded=
  with default
  note load peak_bytes "$(memory VmHWM)"
  note load deep_store_bytes "$(du -sb "$work"/data/*/deep* "$work"/data/deep* 2>/dev/null | awk '{n += $1} END {print n + 0}')"
fi
if wanted scan; then
  echo "== latency, scans and Star Schema Benchmark"
  with default
  bench scan latency --dir "$data" --queries scan.sql ssb.sql --save-server "$out/scan.json" --compare "$shared/bench/pinot-2t.json"
fi
if wanted serving; then
  echo "== what a page asks, one client"
  with default
  bench serving latency --dir "$data" --queries serving.sql
fi
if wanted throughput; then
  echo "== what a page asks, eight clients"
  with default
  bench throughput throughput --dir "$data" --clients 8 --seconds 20 --duckdb
fi
if wanted memory; then
  with default
  note memory resident_bytes "$(memory VmRSS)"
  note memory anonymous_bytes "$(memory RssAnon)"
  note memory hot_bytes "$(curl -fs http://localhost:9000/tables/lineorder_flat/size | "$python" -c 'import json,sys; print(json.load(sys.stdin)["reportedSizeInBytes"])')"
fi
if wanted onethread; then
  echo "== one thread each"
  with default
  bench onethread latency --dir "$data" --queries scan.sql ssb.sql --threads 1 \
    --options "timeoutMs=120000;numGroupsLimit=20000000;groupTrimThreshold=1000000000;maxExecutionThreads=1"
fi
if wanted startree; then
  echo "== with a star-tree"
  with star
  sed -n '/-- name: Q3c/,/^$/p;/-- name: Q7/,/^$/p' "$shared/bench/queries/scan.sql" >"$work/star.sql"
  bench startree latency --dir "$data" --queries "$work/star.sql"
  bench startree-off latency --dir "$data" --queries "$work/star.sql" \
    --options "timeoutMs=120000;numGroupsLimit=20000000;groupTrimThreshold=1000000000;useStarTree=false"
fi
if wanted noindex; then
  echo "== without indexes"
  with none
  bench noindex latency --dir "$data" --queries scan.sql ssb.sql
fi
if wanted skew; then
  echo "== skewed keys"
  generate "$skewed" --skew 1.1
  with skew
  bench skew latency --dir "$skewed" --queries scan.sql ssb.sql
fi
if wanted segments; then
  echo "== 2,000 small segments beside 20, and a restart with them"
  stop_all
  loaded=
  rm -rf "${work:?}/data"
  start_one_process
  "$python" "$root/scripts/many_segments.py" "$out/results.jsonl"
  if wanted restart; then
    pid=${pids[0]}
    bench restart restart --table many_2000 many_20 \
      --cmd-stop "kill $pid; while kill -0 $pid 2>/dev/null; do sleep 0.05; done" \
      --cmd-start "'$cuvee' quickstart -type empty -dataDir '$work/data' >'$work/restarted.log' 2>&1 & echo \$! >'$work/restarted.pid'; wait"
    pids=("$(cat "$work/restarted.pid")")
  fi
  stop_all
fi
stop_all
if wanted report; then
  "$python" -B "$root/scripts/bench_report.py" "$out/results.jsonl" "$shared/bench" >"$root/docs/performance.md"
  echo "wrote docs/performance.md"
fi
exit "$status"
