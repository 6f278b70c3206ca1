#!/usr/bin/env bash
# Fuzzes the REST APIs of all roles from their OpenAPI documents, with a bounded number of calls.
# Nothing may answer 5xx (but for what schemathesis.toml names), with an undeclared status, or against its schema.
#   scripts/schemathesis.sh                              starts a cluster of its own, with the debug build
#   scripts/schemathesis.sh broker http://localhost:8099 [… more arguments of `schemathesis run`]
# CUVEE names the binary, ROLES some of the roles, EXAMPLES how many calls are made up for each operation.
# Calls change and delete what they find: give it a cluster made for tests.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/setup.sh
python_env

cluster=
work=$(mktemp -d)
finish() {
  if [ -n "$cluster" ]; then kill "$cluster" 2>/dev/null || true; wait "$cluster" 2>/dev/null || true; fi
  rm -rf "$work"
}
trap finish EXIT

fuzz() { # role, URL, further arguments
  local role=$1 url=$2
  shift 2
  printf '\n== %s at %s\n' "$role" "$url"
  (cd "$work" && "$PYTHON_ENV/bin/schemathesis" --config-file "$settings" run "$url/swagger.json" --url "$url" \
    ${EXAMPLES:+-n "$EXAMPLES"} --no-color "$@")
}

settings=$PWD/scripts/schemathesis.toml
export SERVER_PORT=8098 BROKER_PORT=8099
if [ $# -ge 2 ]; then
  fuzz "$@"
  exit
fi

cuvee=${CUVEE:-${CARGO_TARGET_DIR:-target}/debug/cuvee}
[ -x "$cuvee" ] || cargo build --locked --workspace
read -r controller broker admin SERVER_PORT minion < <("$PYTHON_ENV/bin/python" - <<'PORTS'
import socket
sockets = [socket.socket() for _ in range(5)]
for s in sockets:
    s.bind(("127.0.0.1", 0))
print(*(s.getsockname()[1] for s in sockets))
PORTS
)
BROKER_PORT=$broker
cat >"$work/cluster.conf" <<CONF
controller.port=$controller
pinot.broker.client.queryPort=$broker
pinot.server.adminapi.port=$admin
pinot.server.netty.port=$SERVER_PORT
pinot.minion.port=$minion
CONF
"$cuvee" quickstart -dataDir "$work/data" -configFile "$work/cluster.conf" >"$work/cluster.log" 2>&1 &
cluster=$!
for _ in $(seq 600); do
  if grep -q 'Ctrl-C' "$work/cluster.log"; then break; fi
  if ! kill -0 "$cluster" 2>/dev/null; then tail -20 "$work/cluster.log" >&2; exit 1; fi
  sleep 0.1
done

failed=
# The controller comes last: its calls delete what the others find.
for role in ${ROLES:-minion broker server controller}; do
  case $role in
    broker) url=http://localhost:$broker ;;
    server) url=http://localhost:$admin ;;
    controller) url=http://localhost:$controller ;;
    minion) url=http://localhost:$minion ;;
    *) echo "$role is no role" >&2; exit 2 ;;
  esac
  fuzz "$role" "$url" || failed="$failed $role"
  if ! kill -0 "$cluster" 2>/dev/null; then echo "the cluster has ended:" >&2; tail -20 "$work/cluster.log" >&2; exit 1; fi
done
if grep -n 'panicked' "$work/cluster.log"; then failed="$failed panics"; fi
if [ -n "$failed" ]; then echo "failed:$failed" >&2; exit 1; fi
