#!/usr/bin/env bash
# Makes or completes the Python environment .venv, for benches and tests that compare with Python tools; prints its python.
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"
cd "$root"

packages=("geopandas>=1.1" "pyogrio>=0.11" "pyarrow>=20" "duckdb>=1.3" "pytest>=8")

python=.venv/bin/python
if [ ! -x "$python" ] || ! "$python" -m pip --version >/dev/null 2>&1; then
    scripts/deps.sh python
    rm -rf .venv
    python3 -m venv .venv
fi
# A stamp with the list inside: nothing is fetched while the list is the same.
if [ "$(cat .venv/packages 2>/dev/null)" != "${packages[*]}" ]; then
    say "installing into .venv: ${packages[*]}"
    "$python" -m pip install --quiet --disable-pip-version-check "${packages[@]}" >&2
    printf '%s\n' "${packages[*]}" >.venv/packages
fi
printf '%s\n' "$root/$python"
