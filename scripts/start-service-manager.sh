#!/usr/bin/env bash
# StartServiceManager, with the same flags: scripts/start-service-manager.sh -help
exec "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/pinot-admin.sh" StartServiceManager "$@"
