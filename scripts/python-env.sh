#!/usr/bin/env bash
# python-env.sh [test|bench]: makes or completes the Python environment .venv with what tests, or benches, compare with;
# prints its python.
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"
cd "$root"

use=${1:-test}
case $use in
test) packages=("pytest>=8" "openapi-spec-validator>=0.7" "schemathesis>=4" "owslib>=0.32") ;;
bench) packages=("geopandas>=1.1" "pyogrio>=0.11" "pyarrow>=20" "duckdb>=1.3") ;;
*) die "usage: scripts/python-env.sh [test|bench]" ;;
esac

python=.venv/bin/python
if [ ! -x "$python" ] || ! "$python" -m pip --version >/dev/null 2>&1; then
    scripts/deps.sh python
    rm -rf .venv
    python3 -m venv .venv
fi
# A stamp with the list inside: nothing is fetched while the list is the same.
stamp=.venv/packages-$use
if [ "$(cat "$stamp" 2>/dev/null)" != "${packages[*]}" ]; then
    say "installing into .venv: ${packages[*]}"
    "$python" -m pip install --quiet --disable-pip-version-check "${packages[@]}" >&2
    printf '%s\n' "${packages[*]}" >"$stamp"
fi
printf '%s\n' "$root/$python"
