#!/usr/bin/env bash
# Runs the commands that the docs show: each ```sh block of README.md and docs/*.md with `<!-- run -->` on the line above.
#
# The blocks of one document run in order in one empty folder, each in a fresh bash that stops at the first failure,
# with the built `cabd` first on the PATH and CABD_ROOT naming the checkout. An argument names other documents.
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"
cd "$root"
read -ra flags <<<"${CARGO_FLAGS:-}"

documents=("$@")
[ $# -gt 0 ] || documents=(README.md docs/*.md)

dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

# Writes each marked block to a file of its own: <document number>-<line>.sh; the numbers sort by place.
number=100
for document in "${documents[@]}"; do
    [ -f "$document" ] || continue
    number=$((number + 1))
    printf '%s\n' "$document" >"$dir/$number.name"
    awk -v prefix="$dir/$number" -v document="$document" '
        function fail(message) { print "error: " document ":" NR ": " message > "/dev/stderr"; bad = 1; exit 1 }
        inside && /^```[ \t]*$/ { inside = 0; close(file); next }
        inside { print > file; next }
        marked && !/^```sh[ \t]*$/ { fail("<!-- run --> must stand directly above a ```sh block") }
        marked { marked = 0; inside = 1; file = sprintf("%s-%06d.sh", prefix, NR); printf "" > file; next }
        /^```/ { fence = !fence; next }
        !fence && /^<!-- run -->[ \t]*$/ { marked = 1 }
        END { if (!bad && (inside || marked)) fail("the document ends inside a marked block") }
    ' "$document"
done

shopt -s nullglob
blocks=("$dir"/*.sh)
if [ ${#blocks[@]} = 0 ]; then
    echo "no commands to run in the docs yet"
    exit 0
fi

cargo build "${flags[@]}" --workspace --all-features --bins
target=$(cargo metadata --format-version 1 --no-deps | python3 -c 'import json, sys; print(json.load(sys.stdin)["target_directory"])')
export PATH="$target/debug:$PATH" CABD_ROOT="$root"

for block in "${blocks[@]}"; do
    place=${block##*/}
    place=${place%.sh}
    number=${place%-*}
    line=$((10#${place#*-}))
    document=$(cat "$dir/$number.name")
    mkdir -p "$dir/$number"
    status=0
    (cd "$dir/$number" && timeout 600 bash -euo pipefail "$block") >"$dir/out" 2>&1 </dev/null || status=$?
    if [ "$status" != 0 ]; then
        cat "$block" "$dir/out"
        die "the commands at $document:$line ended with status $status"
    fi
    echo "commands at $document:$line ... ok"
done
echo "${#blocks[@]} blocks ran"
