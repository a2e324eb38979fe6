#!/usr/bin/env bash
# page.sh [build|check|browser]: the map page, in cabd-http/web.
#
#   build    install what package-lock.json names and build into cabd-http/web/dist, where nothing newer is (the default)
#   check    types, and tests of what needs no browser
#   browser  tests in headless Chromium over a cabd that is built: SpatiaLite, and PostGIS where CABD_TEST_PG names a server
#
# CABD_PAGE_BLESS=1 renews the kept screenshots.
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
*) die "usage: scripts/page.sh [build|check|browser]" ;;
esac
