#!/usr/bin/env bash
# StartController, with the same flags: scripts/start-controller.sh -help
exec "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/pinot-admin.sh" StartController "$@"
