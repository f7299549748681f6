#!/usr/bin/env bash
# Installs the peers of the benchmarks of queries (tpch, wide, s3): DuckDB 1.5.5 with its httpfs, iceberg and avro
# extensions (and tpch, which
# makes the data), PyIceberg and Polars, in a Python venv of their own. Idempotent; keyed by version under $LAKEBOOK_JUDGES,
# $HOME/.cache/lakebook-ci when that is not set.
set -euo pipefail
# Extensions load into the engine of exactly their version.
duckdb=1.5.5
pyiceberg=0.12.0
polars=2.1.0
. "$(dirname "$0")/lib/judge-venv.sh"

extensions=()
for name in httpfs iceberg avro tpch; do extensions+=("duckdb-extension-$name==$duckdb"); done
judge_venv bench-venv "duckdb-$duckdb-pyiceberg-$pyiceberg-polars-$polars" \
  "duckdb==$duckdb" "${extensions[@]}" "pyiceberg[pyarrow,s3fs]==$pyiceberg" "polars==$polars"
echo "Benchmark peers ready: DuckDB $duckdb with its extensions, PyIceberg $pyiceberg, Polars $polars."
