#!/usr/bin/env bash
# Builds the `cabd` command and shows it at work on the sample inventory, in the folder demo/.
# Needs Rust and a C compiler; no PostgreSQL, no system SpatiaLite. Run again, it starts afresh.
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"
cd "$root"
read -ra flags <<<"${CARGO_FLAGS:-}"

scripts/deps.sh demo
say "building cabd (the first time takes some minutes)"
cargo build "${flags[@]}" -p cabd-cli
target=$(cargo metadata --format-version 1 --no-deps | sed 's/.*"target_directory":"\([^"]*\)".*/\1/')
PATH="$target/debug:$PATH"
have cabd || die "the build left no cabd in $target/debug"

# The demonstration itself. Only the folder demo/ is written.
rm -rf demo
mkdir demo

show() {
    printf '\n$ %s\n' "$*"
    "$@"
}

[ -n "$(cabd --help)" ] || die "cabd has no commands yet"
show cabd --version
show cabd init demo/inventory.sqlite
show cabd load demo/inventory.sqlite catalog/sample
show cabd query demo/inventory.sqlite dams --limit 5
say ""
say "The inventory is demo/inventory.sqlite: one SpatiaLite file, open to QGIS, ogr2ogr and the spatialite shell."
