#!/usr/bin/env bash
# A whole cluster with sample data in one process: scripts/quick-start-batch.sh -help
exec "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/pinot-admin.sh" QuickStart -type batch "$@"
