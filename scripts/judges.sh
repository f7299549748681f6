#!/usr/bin/env bash
# Installs what the tests beyond `npm test` and the benchmarks need: Chromium, a Python venv with PyIceberg and PySpark,
# and Iceberg's Spark runtime with a SQLite driver from Maven Central. Idempotent; keyed by version.
set -euo pipefail
. "$(dirname "$0")/lib/judge-venv.sh"
pyiceberg=0.12.0
pyspark=4.1.4
iceberg=1.12.0
sqlite_jdbc=3.54.1.0
mkdir -p "$cache/jars"

need() { command -v "$1" >/dev/null 2>&1; }
apt() { DEBIAN_FRONTEND=noninteractive apt-get install -y -qq "$@" >/dev/null; }
if ! need java || ! need mvn || ! need chromium; then
  apt-get update -qq
  need java || apt openjdk-17-jre-headless
  need mvn || apt maven
  need chromium || apt chromium fonts-dejavu-core
fi

judge_venv venv "py-$pyiceberg-$pyspark-2" \
  "pyiceberg[sql-sqlite,pyarrow,pyiceberg-core]==$pyiceberg" "pyspark==$pyspark" "duckdb==1.5.5" nbformat

jar() { # group artifact version
  local file="$cache/jars/$2-$3.jar"
  [ -f "$file" ] && return
  mvn -q -B dependency:copy -Dartifact="$1:$2:$3" -DoutputDirectory="$cache/jars" -Dmdep.useBaseVersion=true
  [ -f "$file" ] || { echo "could not get $2 $3" >&2; exit 1; }
}
jar org.apache.iceberg iceberg-spark-runtime-4.1_2.13 "$iceberg"
jar org.apache.iceberg iceberg-aws-bundle "$iceberg"
jar org.xerial sqlite-jdbc "$sqlite_jdbc"
echo "Judges ready: PyIceberg $pyiceberg, Spark $pyspark with Iceberg $iceberg."
