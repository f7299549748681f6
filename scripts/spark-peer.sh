#!/usr/bin/env bash
# Installs what PySpark's own client of Spark Connect needs beside scripts/judges.sh, for the benchmark of engines:
# gRPC and pandas, in a folder of their own for PYTHONPATH. Idempotent; keyed by version under $LAKEBOOK_JUDGES,
# $HOME/.cache/lakebook-ci when that is not set.
set -euo pipefail
cache="${LAKEBOOK_JUDGES:-${HOME:-/root}/.cache/lakebook-ci}"
grpcio=1.76.0
pandas=2.3.3
target="$cache/spark-client-$grpcio-$pandas"

if [ ! -d "$target" ]; then
  [ -x "$cache/venv/bin/pip" ] || { echo "run scripts/judges.sh first" >&2; exit 1; }
  # Built beside its place, so that an installation that was cut off leaves none.
  build="$(mktemp -d "$cache/.spark-client-XXXXXX")"
  trap 'rm -rf "$build"' EXIT
  "$cache/venv/bin/pip" install -q --disable-pip-version-check --target "$build" \
    "grpcio==$grpcio" "grpcio-status==$grpcio" "googleapis-common-protos>=1.71.0" "pandas==$pandas"
  mv "$build" "$target"
  trap - EXIT
fi
echo "Spark's own client ready: gRPC $grpcio, pandas $pandas."
