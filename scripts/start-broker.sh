#!/usr/bin/env bash
# StartBroker, with the same flags: scripts/start-broker.sh -help
exec "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/pinot-admin.sh" StartBroker "$@"
