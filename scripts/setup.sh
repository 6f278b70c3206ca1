#!/usr/bin/env bash
# Sourced by the other scripts: makes sure that what the build needs is there.
set -euo pipefail

need() { # command, Debian package
  command -v "$1" >/dev/null 2>&1 && return 0
  if command -v apt-get >/dev/null 2>&1 && [ "$(id -u)" = 0 ]; then
    echo "installing $2 …"
    apt-get update -qq && apt-get install -y -qq "$2" >/dev/null
  else
    echo "'$1' is missing: install it first (Debian: apt-get install $2)" >&2
    exit 1
  fi
}

need cc gcc
need curl curl
if ! command -v cargo >/dev/null 2>&1; then
  echo "'cargo' is missing: install Rust 1.95 or newer (https://www.rust-lang.org/tools/install)" >&2
  exit 1
fi
