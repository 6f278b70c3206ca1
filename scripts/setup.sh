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
need c++ g++
need make make
need curl curl
if ! command -v cargo >/dev/null 2>&1; then
  echo "'cargo' is missing: install Rust 1.95 or newer (https://www.rust-lang.org/tools/install)" >&2
  exit 1
fi

# Sets PYTHON_ENV to a Python environment with the clients of scripts/requirements.txt, made when it is not there yet.
# It lies outside the checkout, so that a fresh clone finds it again.
python_env() {
  local requirements stamp
  requirements=$(dirname "${BASH_SOURCE[0]}")/requirements.txt
  stamp=$(sha256sum "$requirements" | cut -c1-12)
  PYTHON_ENV=${CUVEE_PYTHON_ENV:-${XDG_CACHE_HOME:-$HOME/.cache}/cuvee/python-$stamp}
  if [ ! -e "$PYTHON_ENV/.complete" ]; then
    need python3 python3
    python3 -c 'import ensurepip' 2>/dev/null || need ensurepip-of-python3 python3-venv
    python3 -m venv "$PYTHON_ENV"
    "$PYTHON_ENV/bin/pip" install --quiet --disable-pip-version-check -r "$requirements"
    touch "$PYTHON_ENV/.complete"
  fi
  export PYTHON_ENV
}
