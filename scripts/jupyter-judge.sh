#!/usr/bin/env bash
# Installs what drives the Jupyter kernel in tests: jupyter_client, nbconvert, papermill and JupyterLab, in a Python venv
# of their own.
# Idempotent; kept by version under $LAKEBOOK_JUDGES, $HOME/.cache/lakebook-ci when that is not set.
set -euo pipefail
jupyter_client=8.10.0
nbclient=0.11.0
nbconvert=7.17.2
nbformat=5.11.1
papermill=2.7.0
pyarrow=26.0.1
jupyterlab=4.6.6
cache="${LAKEBOOK_JUDGES:-${HOME:-/root}/.cache/lakebook-ci}"
venv="$cache/jupyter-venv"
key="$jupyter_client-$nbclient-$nbconvert-$nbformat-$papermill-$pyarrow-$jupyterlab"

if ! command -v python3 >/dev/null 2>&1; then
  apt-get update -qq
  DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=600 install -y -qq python3 python3-venv >/dev/null
fi
if [ ! -f "$venv/.$key" ]; then
  rm -rf "$venv"
  mkdir -p "$cache"
  python3 -m venv "$venv"
  "$venv/bin/pip" install -q --disable-pip-version-check \
    "jupyter_client==$jupyter_client" "nbclient==$nbclient" "nbconvert==$nbconvert" "nbformat==$nbformat" \
    "papermill==$papermill" "pyarrow==$pyarrow" "jupyterlab==$jupyterlab"
  touch "$venv/.$key"
fi
echo "Jupyter judges ready: jupyter_client $jupyter_client, nbconvert $nbconvert, papermill $papermill, JupyterLab $jupyterlab."
