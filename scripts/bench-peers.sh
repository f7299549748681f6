#!/usr/bin/env bash
# Installs the peers of the benchmarks of queries (tpch, wide, s3): DuckDB 1.5.5 with its httpfs, iceberg and avro
# extensions (and tpch, which
# makes the data), PyIceberg and Polars, in a Python venv of their own. Idempotent; keyed by version under $LAKEBOOK_JUDGES,
# $HOME/.cache/lakebook-ci when that is not set.
set -euo pipefail
cache="${LAKEBOOK_JUDGES:-${HOME:-/root}/.cache/lakebook-ci}"
# Extensions load into the engine of exactly their version.
duckdb=1.5.5
pyiceberg=0.12.0
polars=2.1.0
venv="$cache/bench-venv"
stamp="$venv/.duckdb-$duckdb-pyiceberg-$pyiceberg-polars-$polars"

if ! python3 -m venv --help >/dev/null 2>&1; then
  apt-get update -qq
  DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=600 install -y -qq python3 python3-venv >/dev/null
fi
if [ ! -f "$stamp" ]; then
  mkdir -p "$cache"
  # What an installation that was cut off left has no stamp.
  rm -rf "$venv"
  python3 -m venv "$venv"
  extensions=()
  for name in httpfs iceberg avro tpch; do extensions+=("duckdb-extension-$name==$duckdb"); done
  "$venv/bin/pip" install -q --disable-pip-version-check \
    "duckdb==$duckdb" "${extensions[@]}" "pyiceberg[pyarrow,s3fs]==$pyiceberg" "polars==$polars"
  touch "$stamp"
fi
echo "Benchmark peers ready: DuckDB $duckdb with its extensions, PyIceberg $pyiceberg, Polars $polars."
