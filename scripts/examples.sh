#!/usr/bin/env bash
# Builds every example of the workspace and runs each in an empty folder of its own.
# An example is an `example` target of any package, or a program of the package cabd-examples.
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"
cd "$root"
read -ra flags <<<"${CARGO_FLAGS:-}"

list=$(cargo metadata --format-version 1 --no-deps | python3 -c '
import json, sys
metadata = json.load(sys.stdin)
for package in metadata["packages"]:
    for target in package["targets"]:
        path = metadata["target_directory"] + "/debug/"
        if "example" in target["kind"]:
            print(path + "examples/" + target["name"])
        elif "bin" in target["kind"] and package["name"] == "cabd-examples":
            print(path + target["name"])
')
if [ -z "$list" ]; then
    echo "no examples yet"
    exit 0
fi
cargo build "${flags[@]}" --workspace --all-features --examples --bins

dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
count=0
while read -r program; do
    name=${program##*/}
    mkdir "$dir/$name"
    status=0
    (cd "$dir/$name" && timeout 300 "$program") >"$dir/$name.out" 2>&1 </dev/null || status=$?
    if [ "$status" != 0 ]; then
        cat "$dir/$name.out"
        die "example $name ended with status $status"
    fi
    echo "example $name ... ok"
    count=$((count + 1))
done <<<"$list"
echo "$count examples ran"
