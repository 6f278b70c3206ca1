#!/usr/bin/env bash
# Builds the Debian package into target/debian (cargo-deb is installed when it is not there).
#   scripts/deb.sh
# In it: /usr/bin/cuvee, /etc/cuvee/*.conf, units cuvee (a whole cluster in one process) and cuvee-{controller,broker,server,minion},
# the user `cuvee`, /var/lib/cuvee for data, /usr/share/doc/cuvee with the examples. No unit is started by the installation.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/setup.sh
cargo deb --version >/dev/null 2>&1 || cargo install cargo-deb --locked --no-default-features
exec cargo deb -p cuvee-cli -- --locked
