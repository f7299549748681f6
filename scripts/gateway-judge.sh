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
. "$(dirname "$0")/lib/judge-venv.sh"

judge_venv gateway-venv "$schemathesis-$fastapi-$uvicorn-$multipart-$pyiceberg" \
  "schemathesis==$schemathesis" "fastapi==$fastapi" "uvicorn[standard]==$uvicorn" "python-multipart==$multipart" \
  "pyiceberg[sql-sqlite,pyarrow,pyiceberg-core]==$pyiceberg" "duckdb==1.5.5"
if [ ! -x "$cache/newman-$newman/node_modules/.bin/newman" ]; then
  mkdir -p "$cache/newman-$newman"
  npm install --silent --ignore-scripts --no-audit --no-fund --prefix "$cache/newman-$newman" "newman@$newman"
fi
echo "Gateway judges ready: schemathesis $schemathesis, newman $newman, FastAPI $fastapi."
