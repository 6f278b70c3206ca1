#!/usr/bin/env bash
# Starts docker-compose.yml for real and does the first exercises on it. Needs root; reaches no image registry: the engine is Debian's
# package, the base image comes from debootstrap, Kafka from Maven Central. The commands of docs/exercises.md are followed by their test
# (`cargo test`) in these containers. What it starts it stops, and nothing else.
#   scripts/compose-test.sh
# CUVEE=FILE          the binary to put into the image; default: the release build, made when it is not there
# PORTS=28000         first of the eight host ports
# KEEP=1              leaves the cluster running (and says how to stop it)
# DOCKER_DATA=DIR     where images are kept between runs; default data/docker
set -euo pipefail
cd "$(dirname "$0")/.."
root=$PWD
shared=${CUVEE_SHARED:-$root/../shared}
ports=${PORTS:-28000}
export PATH=/usr/sbin:/usr/bin:$PATH # Debian's engine and client before others
say() { printf '\n== %s\n' "$*"; }

[ "$(id -u)" = 0 ] || { echo "run this as root: it starts a Docker engine" >&2; exit 2; }

say "Docker engine"
missing=()
for package in docker.io:dockerd docker-compose:docker-compose debootstrap:debootstrap iptables:iptables; do
  command -v "${package#*:}" >/dev/null || missing+=("${package%:*}")
done
if [ ${#missing[@]} -gt 0 ]; then
  apt-get update -qq
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
fi

work=$(mktemp -d /tmp/cuvee-compose.XXXXXX)
engine=""
bridge=$(ip link show docker0 >/dev/null 2>&1 && echo there || echo absent)
compose() { docker-compose -f "$root/docker-compose.yml" -f "$work/mounts.yml" "$@"; }
stop() {
  local status=$?
  if [ "${KEEP:-0}" = 1 ]; then
    echo "left running. To stop: DOCKER_HOST=${DOCKER_HOST:-} docker-compose -p $COMPOSE_PROJECT_NAME down -v; kill ${engine:-}; rm -r $work"
    return
  fi
  if [ -f "$work/mounts.yml" ]; then
    [ "$status" = 0 ] || compose logs --tail 30 2>/dev/null || true
    compose --profile tenants down -v --timeout 15 >/dev/null 2>&1 || true
  fi
  if [ -n "$engine" ]; then
    kill "$engine" 2>/dev/null || true
    wait "$engine" 2>/dev/null || true
    umount "$work"/run/netns/* 2>/dev/null || true
    [ "$bridge" = there ] || ip link delete docker0 2>/dev/null || true
  fi
  rm -rf "$work"
}
trap stop EXIT

if ! docker info >/dev/null 2>&1; then
  # An engine of our own, beside whatever else may be installed.
  data=${DOCKER_DATA:-$root/data/docker}
  mkdir -p "$data"
  dockerd --data-root "$data" --exec-root "$work/run" --pidfile "$work/docker.pid" -H "unix://$work/docker.sock" >"$work/dockerd.log" 2>&1 &
  engine=$!
  export DOCKER_HOST=unix://$work/docker.sock
  for _ in $(seq 60); do
    docker info >/dev/null 2>&1 && break
    kill -0 "$engine" 2>/dev/null || { tail -20 "$work/dockerd.log" >&2; exit 1; }
    sleep 0.5
  done
fi
docker version --format 'engine {{.Server.Version}}'

say "Images"
base=cuvee-base:bookworm
if ! docker image inspect "$base" >/dev/null 2>&1; then
  debootstrap --variant=minbase --include=ca-certificates,curl,netcat-openbsd,wget bookworm "$work/base" "${DEBIAN_MIRROR:-http://deb.debian.org/debian}" >"$work/debootstrap.log" ||
    { tail -20 "$work/debootstrap.log" >&2; exit 1; }
  tar -C "$work/base" --exclude='./var/cache/apt/archives/*.deb' --exclude='./var/lib/apt/lists/*' --exclude='./usr/share/doc/*' \
    --exclude='./usr/share/man/*' --exclude='./usr/share/locale/*' -c . | docker import - "$base" >/dev/null
  rm -rf "$work/base"
fi
cuvee=${CUVEE:-${CARGO_TARGET_DIR:-$root/target}/release/cuvee}
[ -x "$cuvee" ] || cargo build --release --locked -p cuvee-cli --bin cuvee
mkdir -p "$work/context/dist"
cp -r Dockerfile packaging examples scripts "$work/context/"
strip -o "$work/context/dist/cuvee" "$cuvee" 2>/dev/null || cp "$cuvee" "$work/context/dist/cuvee"
docker build -q -t cuvee:compose-test --target prebuilt --build-arg "BASE_IMAGE=$base" "$work/context"
kafka=cuvee-kafka:4.1.2
if ! docker image inspect "$kafka" >/dev/null 2>&1; then
  cp -r packaging/docker/kafka "$work/kafka"
  scripts/kafka-jars.sh "$work/kafka/jars"
  docker build -q -t "$kafka" --build-arg "BASE_IMAGE=$base" "$work/kafka"
fi
docker images --format '{{.Repository}}:{{.Tag}} {{.Size}}'

say "docker-compose up"
export COMPOSE_PROJECT_NAME=cuvee-compose-test CUVEE_IMAGE=cuvee:compose-test KAFKA_IMAGE=$kafka
export CONTROLLER_PORT=$ports BROKER_PORT=$((ports + 1)) SERVER_ADMIN_PORT=$((ports + 2)) KAFKA_PORT=$((ports + 5))
export BROKER_2_PORT=$((ports + 3)) SERVER_2_ADMIN_PORT=$((ports + 4))
# Job specs and file:// URIs of the checks name files of this machine, so those folders have the same path inside.
mkdir -m 777 "$work/tmp"
mounts=("$work/tmp:$work/tmp")
[ ! -d "$shared/exercises" ] || mounts+=("$(realpath "$shared/exercises"):$(realpath "$shared/exercises"):ro")
{
  echo "services:"
  for role in controller server; do
    echo "  pinot-$role:"
    echo "    volumes:"
    for mount in "${mounts[@]}"; do echo "      - $mount"; done
  done
} >"$work/mounts.yml"
before=$(date +%s)
compose up -d --no-build 2>&1 | grep -v '^Creating\|^$' || true
services="pinot-controller pinot-broker pinot-server pinot-minion kafka"
for name in $services; do
  for _ in $(seq 120); do
    state=$(docker inspect --format '{{.State.Health.Status}}' "$name" 2>/dev/null || echo absent)
    [ "$state" = healthy ] && break
    sleep 0.5
  done
  echo "$name: $state"
  [ "$state" = healthy ] || exit 1
done
echo "up and healthy after $(($(date +%s) - before)) s"
for name in pinot-controller pinot-broker pinot-server pinot-minion; do
  [ "$(docker exec "$name" id -u)" != 0 ] || { echo "$name runs as root" >&2; exit 1; }
done

controller=http://localhost:$CONTROLLER_PORT
broker=http://localhost:$BROKER_PORT
ok=0
check() { # what, pattern, command …
  local what=$1 pattern=$2 out
  shift 2
  out=$("$@" 2>&1) || { echo "FAILED $what: $out" >&2; exit 1; }
  grep -qE "$pattern" <<<"$out" || { echo "FAILED $what: nothing like /$pattern/ in: $out" >&2; exit 1; }
  ok=$((ok + 1))
  echo "ok $what"
}
# Until the command prints what matches; rows appear a moment after they were acknowledged.
eventually() { # what, pattern, command …
  local what=$1 pattern=$2 out
  shift 2
  for _ in $(seq 100); do
    out=$("$@" 2>&1) || true
    if grep -qE "$pattern" <<<"$out"; then
      ok=$((ok + 1))
      echo "ok $what"
      return
    fi
    sleep 0.2
  done
  echo "FAILED $what: nothing like /$pattern/ in: $out" >&2
  exit 1
}
ask() { curl -fsS "$broker/query/sql" -H 'Content-Type: application/json' -d "{\"sql\":\"$1\"}"; }
admin() { docker exec pinot-controller bin/pinot-admin.sh "$@"; }

say "Exercise 01: the cluster"
check "first page" '<html' curl -fsS "$controller/"
check "Swagger UI" 'swagger' curl -fsSL "$controller/help"
for role in Controller Broker Server Minion; do
  eventually "a $role is there" "${role}_pinot-${role,,}_" curl -fsS "$controller/instances"
done
check "tenants" 'DefaultTenant' curl -fsS "$controller/tenants"

say "Exercise 02: a table"
check "AddTable" '' admin AddTable -schemaFile examples/films/schema.json -tableConfigFile examples/films/table.json -exec
check "its schema" '"films"' curl -fsS "$controller/schemas/films"
check "its config" 'films_OFFLINE' curl -fsS "$controller/tables/films"
eventually "empty, and answers" '"rows":\[\[0\]\]' ask "select count(*) from films"

say "Exercise 03: rows"
check "ingestFromFile" 'Successfully ingested file into table: films_OFFLINE as segment: films_' \
  curl --fail-with-body -sS -F "file=@examples/films/rawdata/films.csv" "$controller/ingestFromFile?tableNameWithType=films_OFFLINE&batchConfigMapStr=%7B%22inputFormat%22:%22csv%22%7D"
eventually "6 rows" '"rows":\[\[6\]\]' ask "select count(*) from films"
check "LaunchDataIngestionJob" '' admin LaunchDataIngestionJob -jobSpecFile examples/films/job-spec.yaml
eventually "10 rows" '"rows":\[\[10\]\]' ask "select count(*) from films"
check "the job again" '' admin LaunchDataIngestionJob -jobSpecFile examples/films/job-spec.yaml
eventually "still 10 rows" '"rows":\[\[10\]\]' ask "select count(*) from films"

say "Restart: what was acknowledged is there"
compose restart --timeout 15 pinot-controller pinot-broker pinot-server >/dev/null 2>&1
eventually "10 rows after a restart" '"rows":\[\[10\]\]' ask "select count(*) from films"

say "Kafka"
check "produce" '' bash -c 'echo "{\"id\": 1}" | docker exec -i kafka /opt/kafka/bin/kafka-console-producer.sh --bootstrap-server kafka:9092 --topic compose-test'
check "consume" '"id": 1' docker exec kafka /opt/kafka/bin/kafka-console-consumer.sh --bootstrap-server kafka:9092 --topic compose-test --from-beginning --max-messages 1 --timeout-ms 20000

say "Exercise 10: a second broker and server"
compose --profile tenants up -d --no-build 2>&1 | grep -v '^Creating\|^$\|up-to-date' || true
eventually "second broker" 'Broker_pinot-broker-2_' curl -fsS "$controller/instances"
eventually "second server" 'Server_pinot-server-2_' curl -fsS "$controller/instances"

say "docs/exercises.md, its commands in these containers"
check "the example table goes" '' admin DeleteTable -tableName films -retention 0d -exec
check "its schema goes" '' admin DeleteSchema -schemaName films -exec
cat >"$work/cuvee.sh" <<END
#!/bin/sh
case \$1 in
  sql | PostQuery) exec docker exec -i pinot-broker bin/pinot-admin.sh "\$@" ;;
  *) exec docker exec -i pinot-controller bin/pinot-admin.sh "\$@" ;;
esac
END
chmod +x "$work/cuvee.sh"
CUVEE_DOCS_CLUSTER="localhost:$CONTROLLER_PORT localhost:$BROKER_PORT localhost:$SERVER_ADMIN_PORT" CUVEE_DOCS_CLI=$work/cuvee.sh \
  cargo test --locked --workspace --test it -- docs::exercises --exact
ok=$((ok + 1))

if [ -f "$shared/exercises/check.py" ]; then
  say "Recorded exercises 02, 03 and 10"
  venv=$root/.venv/compose-test
  [ -x "$venv/bin/python" ] || { python3 -m venv "$venv" && "$venv/bin/pip" install -q requests confluent-kafka; }
  # The recorded steps name the ports of this machine, so their admin tool runs in the image, on the host's network.
  cat >"$work/admin.sh" <<END
#!/bin/sh
exec docker run --rm --network host --user 0 -v $work/tmp:$work/tmp -v $(realpath "$shared/exercises"):$(realpath "$shared/exercises"):ro cuvee:compose-test "\$@"
END
  chmod +x "$work/admin.sh"
  TMPDIR=$work/tmp "$venv/bin/python" -B "$shared/exercises/check.py" --controller "$controller" --broker "$broker" \
    --kafka "localhost:$KAFKA_PORT" --only 02 --only 03 --only 10 --replace --bar "${BAR:-100}" \
    --cli "$work/admin.sh"
fi
say "A compose file of Pinot's users, with the image's name changed"
compose --profile tenants down -v --timeout 15 >/dev/null 2>&1
# No registry, so no ZooKeeper image; a listener on its port stands in, and is all that the file's health check asks for.
{
  echo 'version: "3.7"'
  echo "services:"
  echo "  zookeeper:"
  echo "    command: StartZookeeper"
} >"$work/zookeeper.yml"
export ZOOKEEPER_IMAGE=$CUVEE_IMAGE PINOT_IMAGE=$CUVEE_IMAGE ZOOKEEPER_PORT=$((ports + 6)) SERVER_PORT=$((ports + 7))
compose() { docker-compose -f "$root/examples/docker/docker-compose.zookeeper.yml" -f "$work/zookeeper.yml" "$@"; }
compose up -d --no-build 2>&1 | grep -v '^Creating\|^$' || true
for role in Controller Broker Server Minion; do
  eventually "a $role is there" "\"${role}_" curl -fsS "$controller/instances"
done
eventually "the table of the one-shot container answers" '"rows":\[\[0\]\]' ask "select count(*) from films"
check "ingestFromFile" 'Successfully ingested' \
  curl --fail-with-body -sS -F "file=@examples/films/rawdata/films.csv" "$controller/ingestFromFile?tableNameWithType=films_OFFLINE&batchConfigMapStr=%7B%22inputFormat%22:%22csv%22%7D"
eventually "6 rows" '"rows":\[\[6\]\]' ask "select count(*) from films"
eventually "the one-shot container ended well" '^exited 0$' \
  bash -c 'docker inspect --format "{{.State.Status}} {{.State.ExitCode}}" "$(docker ps -aq --filter label=com.docker.compose.service=add-table)"'
say "all $ok checks passed"
