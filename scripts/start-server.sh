#!/usr/bin/env bash
# StartServer, with the same flags: scripts/start-server.sh -help
exec "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/pinot-admin.sh" StartServer "$@"
