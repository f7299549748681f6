#!/usr/bin/env bash
# Installs what judges the HTTP gateway: schemathesis, newman, and the FastAPI gateway of bench/gateway_peer.py.
# Idempotent; kept by version under $LAKEBOOK_JUDGES, $HOME/.cache/lakebook-ci when that is not set.
set -euo pipefail
schemathesis=4.32.5
newman=6.2.2
fastapi=0.165.0
uvicorn=0.54.0
multipart=0.0.34
pyiceberg=0.12.0
cache="${LAKEBOOK_JUDGES:-${HOME:-/root}/.cache/lakebook-ci}"
venv="$cache/gateway-venv"
key="$schemathesis-$fastapi-$uvicorn-$multipart-$pyiceberg"

if ! command -v python3 >/dev/null 2>&1; then
  apt-get update -qq
  DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=600 install -y -qq python3 python3-venv >/dev/null
fi
if [ ! -f "$venv/.$key" ]; then
  rm -rf "$venv"
  mkdir -p "$cache"
  python3 -m venv "$venv"
  "$venv/bin/pip" install -q --disable-pip-version-check \
    "schemathesis==$schemathesis" "fastapi==$fastapi" "uvicorn[standard]==$uvicorn" "python-multipart==$multipart" \
    "pyiceberg[sql-sqlite,pyarrow,pyiceberg-core]==$pyiceberg" "duckdb==1.5.5"
  touch "$venv/.$key"
fi
if [ ! -x "$cache/newman-$newman/node_modules/.bin/newman" ]; then
  mkdir -p "$cache/newman-$newman"
  npm install --silent --ignore-scripts --no-audit --no-fund --prefix "$cache/newman-$newman" "newman@$newman"
fi
echo "Gateway judges ready: schemathesis $schemathesis, newman $newman, FastAPI $fastapi."
