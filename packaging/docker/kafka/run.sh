#!/bin/bash
# Formats the log directory once and runs the broker in KRaft mode. Settings: KAFKA_NODE_ID=1 becomes node.id=1; in names
# `_` is a dot, `__` an underscore, `___` a hyphen.
set -euo pipefail
conf=/opt/kafka/config/server.properties
env | grep '^KAFKA_' | while IFS='=' read -r name value; do
  case $name in KAFKA_HEAP_OPTS | KAFKA_CLUSTER_ID) continue ;; esac
  key=$(sed 's/^KAFKA_//; s/___/-/g; s/__/\x01/g; s/_/./g; s/\x01/_/g' <<<"$name" | tr '[:upper:]' '[:lower:]')
  echo "$key=$value"
done >"$conf"
grep -q '^log\.dirs=' "$conf" || echo log.dirs=/var/lib/kafka/data >>"$conf"
java=(java ${KAFKA_HEAP_OPTS:--Xms128m -Xmx512m} -Dorg.slf4j.simpleLogger.defaultLogLevel=warn -cp '/opt/kafka/libs/*')
"${java[@]}" kafka.tools.StorageTool format --ignore-formatted -t "${KAFKA_CLUSTER_ID:-5L6g3nShT-eMCtK--X86sw}" -c "$conf"
exec "${java[@]}" kafka.Kafka "$conf"
