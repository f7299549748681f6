#!/usr/bin/env bash
# Installs Iceberg's own REST catalog server: its jars from Maven Central, and the small launcher of
# scripts/rest-judge compiled against them. Idempotent; kept by version under $LAKEBOOK_JUDGES, $HOME/.cache/lakebook-ci
# when that is not set.
set -euo pipefail
here="$(cd "$(dirname "$0")" && pwd)/rest-judge"
cache="${LAKEBOOK_JUDGES:-${HOME:-/root}/.cache/lakebook-ci}"
version="$(sed -n 's:.*<iceberg>\(.*\)</iceberg>.*:\1:p' "$here/pom.xml")"
target="$cache/rest-$version"
# What is installed, so that a change of either file installs anew.
key="$(cat "$here/pom.xml" "$here/RestServers.java" | sha256sum | cut -c1-16)"

need() { command -v "$1" >/dev/null 2>&1; }
if [ ! -f "$target/.$key" ]; then
  if ! need javac || ! need mvn; then
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=600 install -y -qq \
      openjdk-17-jdk-headless maven >/dev/null
  fi
  mkdir -p "$cache"
  # Built beside its place, so that an installation that was cut off leaves none.
  build="$(mktemp -d "$cache/.rest-XXXXXX")"
  trap 'rm -rf "$build"' EXIT
  mvn -q -B -f "$here/pom.xml" dependency:copy-dependencies -DincludeScope=runtime -DoutputDirectory="$build/jars"
  javac --release 17 -nowarn -cp "$build/jars/*" -d "$build/classes" "$here/RestServers.java"
  touch "$build/.$key"
  rm -rf "$target"
  mv "$build" "$target"
  trap - EXIT
fi
echo "REST catalog judge ready: Iceberg $version."
