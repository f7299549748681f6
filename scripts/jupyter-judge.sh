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
. "$(dirname "$0")/lib/judge-venv.sh"

judge_venv jupyter-venv \
  "$jupyter_client-$nbclient-$nbconvert-$nbformat-$papermill-$pyarrow-$jupyterlab" \
  "jupyter_client==$jupyter_client" "nbclient==$nbclient" "nbconvert==$nbconvert" "nbformat==$nbformat" \
  "papermill==$papermill" "pyarrow==$pyarrow" "jupyterlab==$jupyterlab"
echo "Jupyter judges ready: jupyter_client $jupyter_client, nbconvert $nbconvert, papermill $papermill, JupyterLab $jupyterlab."
