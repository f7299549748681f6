#!/usr/bin/env bash
# Installs what test/vscode needs: code-server (VS Code's real workbench and extension host, from npm) and Chromium.
# Idempotent; kept by version under $LAKEBOOK_JUDGES, $HOME/.cache/lakebook-ci when that is not set.
set -euo pipefail
version=4.139.1
cache="${LAKEBOOK_JUDGES:-${HOME:-/root}/.cache/lakebook-ci}"
target="$cache/code-server-$version"
done_file="$target/.ready"

if ! command -v chromium >/dev/null 2>&1; then
  # Another installation may hold the lock for a while.
  wait_for_lock=(-o DPkg::Lock::Timeout=600)
  apt-get update -qq
  DEBIAN_FRONTEND=noninteractive apt-get "${wait_for_lock[@]}" install -y -qq chromium fonts-dejavu-core >/dev/null
fi

if [ ! -f "$done_file" ]; then
  rm -rf "$target"
  mkdir -p "$target"
  cd "$target"
  echo '{ "private": true }' >package.json
  # Without install scripts: the optional native parts they build only print a warning when they are missing.
  quiet=(--ignore-scripts --no-audit --no-fund --loglevel=error)
  npm install "${quiet[@]}" node@24 "code-server@$version"
  (cd node_modules/node && node installArchSpecificPackage.js)
  (cd node_modules/code-server/lib/vscode && npm install "${quiet[@]}" --omit=dev)
  (cd node_modules/code-server/lib/vscode/extensions && npm install "${quiet[@]}" --omit=dev)
  touch "$done_file"
fi
echo "VS Code judge ready: code-server $version, $(chromium --version 2>/dev/null | head -1)."
