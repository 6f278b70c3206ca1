#!/usr/bin/env bash
# StartMinion, with the same flags: scripts/start-minion.sh -help
exec "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/pinot-admin.sh" StartMinion "$@"
