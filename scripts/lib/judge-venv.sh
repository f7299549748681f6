# For the scripts that install judges and peers in Python (sourced): where those are kept, and venvs by version.

# Kept by version under $LAKEBOOK_JUDGES, $HOME/.cache/lakebook-ci when that is not set.
cache="${LAKEBOOK_JUDGES:-${HOME:-/root}/.cache/lakebook-ci}"

# judge_venv NAME KEY PACKAGE...: $cache/NAME with those packages; made anew when KEY is another, or when an earlier
# installation was cut off, which left no stamp.
judge_venv() {
  local venv="$cache/$1" stamp="$cache/$1/.$2"
  shift 2
  [ -f "$stamp" ] && return
  # Debian's python3 may be there without what venvs are made with.
  if ! python3 -c 'import ensurepip' >/dev/null 2>&1; then
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=600 install -y -qq python3 python3-venv >/dev/null
  fi
  mkdir -p "$cache"
  rm -rf "$venv"
  python3 -m venv "$venv"
  "$venv/bin/pip" install -q --disable-pip-version-check "$@"
  touch "$stamp"
}
