#!/usr/bin/env bash
# Everything that must hold: format, lints, docs, tests on every store, the small build, examples, the commands in the docs.
#
# CARGO_FLAGS adds flags to each cargo command (CI: --locked).
# CABD_TEST_PG names a PostGIS server to use instead of a private one; the value `skip` leaves PostGIS out.
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"
cd "$root"
read -ra flags <<<"${CARGO_FLAGS:-}"
# Kept across the `exec` below, which starts the clock of the shell anew.
export CABD_TEST_BEGUN=${CABD_TEST_BEGUN:-$(date +%s)}

step=start
passed=0 ignored=0
complete=no

step() { # name, command…
    local begun=$SECONDS
    step=$1
    shift
    printf '\n==> %s\n' "$step"
    "$@"
    printf '<== %s: %s s\n' "$step" $((SECONDS - begun))
}

lint() {
    cargo clippy "${flags[@]}" --workspace --all-targets --all-features -- -D warnings
    if have shellcheck; then
        shellcheck -x scripts/*.sh .ci/run
    fi
}

docs() { RUSTDOCFLAGS="-D warnings" cargo doc "${flags[@]}" --workspace --no-deps --all-features; }

rust_tests() {
    local log status=0
    log=$(mktemp)
    cargo test "${flags[@]}" --workspace --all-features --no-fail-fast 2>&1 | tee "$log" || status=$?
    # "test result: ok. 3 passed; 0 failed; 0 ignored; …", once per test program.
    read -r passed failed ignored < <(awk '/^test result:/ { p += $4; f += $6; i += $8 } END { print p + 0, f + 0, i + 0 }' "$log")
    rm -f "$log"
    if [ "$status" != 0 ]; then
        printf '\ncargo test ended with status %s; %s passed, %s failed\n' "$status" "$passed" "$failed"
        return 1
    fi
}

page_in_a_browser() {
    cargo build "${flags[@]}" -p cabd-cli
    scripts/page.sh browser
}

python_tests() {
    local python target
    python=$(scripts/python-env.sh test)
    target=$(cargo metadata --format-version 1 --no-deps | "$python" -c 'import json, sys; print(json.load(sys.stdin)["target_directory"])')
    CABD="$target/debug/cabd" "$python" -m pytest -q tests/python
}

finish() {
    local seconds=$(($(date +%s) - CABD_TEST_BEGUN))
    # A signal runs this trap with status 0: only the flag tells that the last step was reached.
    if [ "$complete" = yes ]; then
        printf '\ntest result: ok. %s passed; 0 failed; %s ignored; all steps passed in %s s\n' "$passed" "$ignored" "$seconds"
    else
        printf '\ntest result: FAILED. step: %s; after %s s\n' "$step" "$seconds"
    fi
}

case ${1:-all} in
all)
    # The steps that need no server come first; the rest runs inside `pg.sh run`, which ends the server in any case.
    trap finish EXIT
    step "format" cargo fmt --all --check
    step "page" scripts/page.sh build
    step "tests of the page" scripts/page.sh check
    step "lint" lint
    step "docs" docs
    trap - EXIT
    if [ "${CABD_TEST_PG:-}" = skip ]; then
        say "WARNING: CABD_TEST_PG=skip, nothing is tested on PostGIS"
    fi
    exec scripts/pg.sh run -- "$0" served
    ;;
served)
    trap finish EXIT
    step "tests" rust_tests
    step "small build" cargo build "${flags[@]}" -p cabd
    step "examples" scripts/examples.sh
    step "page in a browser" page_in_a_browser
    step "commands in the docs" scripts/readme-check.sh
    if compgen -G 'tests/python/test_*.py' >/dev/null; then
        step "Python tests" python_tests
    fi
    complete=yes
    ;;
*) die "usage: scripts/test.sh" ;;
esac
