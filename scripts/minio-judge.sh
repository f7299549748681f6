#!/usr/bin/env bash
# Builds the real MinIO server for the suites that run on object storage. Go comes from apt when it is missing.
# Idempotent; kept by version under $LAKEBOOK_JUDGES, $HOME/.cache/lakebook-ci when that is not set.
set -euo pipefail
version="${MINIO_VERSION:-v0.0.0-20260212201848-7aac2a2c5b7c}"
cache="${LAKEBOOK_JUDGES:-${HOME:-/root}/.cache/lakebook-ci}"
target="$cache/bin"
stamp="$target/.minio-$version"

is_built() {
  [ -x "$target/minio" ] || return 1
  [ -f "$stamp" ] || { command -v go >/dev/null 2>&1 && go version -m "$target/minio" | grep -q "$version"; }
}

if ! is_built; then
  if ! command -v go >/dev/null 2>&1; then
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=600 install -y -qq golang-go >/dev/null
  fi
  mkdir -p "$target"
  # Built beside its place, so that a build that was cut off leaves none.
  build="$(mktemp -d "$target/.build-XXXXXX")"
  trap 'rm -rf "$build"' EXIT
  # Go fetches a newer toolchain by itself when MinIO asks for one.
  GOBIN="$build" GOFLAGS=-trimpath GOTOOLCHAIN=auto go install "github.com/minio/minio@$version"
  mv -f "$build/minio" "$target/minio"
fi
touch "$stamp"
echo "MinIO judge ready: $version."
