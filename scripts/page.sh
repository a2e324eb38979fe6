#!/usr/bin/env bash
# page.sh [build|check|browser|pictures|measure]: the map page, in cabd-http/web.
#
#   build    install what package-lock.json names and build into cabd-http/web/dist, where nothing newer is (the default)
#   check    types, and tests of what needs no browser
#   measure  times of a first visit, of searching and of moving about: measure STORE|URL [setting=value…]
#   pictures renew the kept screenshots: those of README.md in docs/images, and a small one of each room
#   browser  tests in headless Chromium over a cabd that is built: SpatiaLite, and PostGIS where CABD_TEST_PG names a server
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"
web=$root/cabd-http/web
cd "$web"

install() {
    # npm writes this file last.
    if [ ! node_modules/.package-lock.json -nt package-lock.json ]; then
        say "installing the page's packages"
        npm ci --no-audit --no-fund --loglevel=error >&2
    fi
}

build() {
    install
    local newer
    newer=$(find src public index.html ./*.ts ./*.js package-lock.json -newer dist/page/index.html -print -quit 2>/dev/null || echo none)
    if [ -n "$newer" ]; then
        npm run -s build >&2
    fi
}

case ${1:-build} in
build) build ;;
check)
    install
    npm run -s check
    npm run -s unit
    ;;
browser)
    build
    npm run -s browser
    ;;
measure)
    build
    node test/browser/measure.mjs "${@:2}"
    ;;
pictures)
    build
    CABD_PAGE_BLESS=1 node --test --test-name-pattern='looks as it did' test/browser/whole.test.mjs
    ;;
*) die "usage: scripts/page.sh [build|check|browser|pictures|measure STORE]" ;;
esac
