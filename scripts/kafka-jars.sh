#!/usr/bin/env bash
# Fetches Apache Kafka's jars from Maven Central, each checked against its SHA-1, and prints the folder.
#   scripts/kafka-jars.sh [DIR]       default: data/kafka-<version>; what is there already is kept
set -euo pipefail
cd "$(dirname "$0")/.."
list=$PWD/packaging/docker/kafka/jars.txt
version=$(sed -n 's|.*/kafka-clients-\(.*\)\.jar$|\1|p' "$list")
dir=${1:-$PWD/data/kafka-$version}
central=${MAVEN_CENTRAL:-https://repo1.maven.org/maven2}
mkdir -p "$dir"
cd "$dir"

missing=$(while read -r sum path; do
  file=${path##*/}
  echo "$sum  $file" | sha1sum -c --status 2>/dev/null || echo "$path"
done <"$list")
if [ -n "$missing" ]; then
  sed "s|.*|url = \"$central/&\"\nremote-name|" <<<"$missing" |
    curl -fS --retry 3 --parallel --parallel-max 8 --no-progress-meter --config - >&2
fi
sed 's|^\([0-9a-f]*\) .*/\(.*\)$|\1  \2|' "$list" | sha1sum -c --quiet - >&2
echo "$dir"
