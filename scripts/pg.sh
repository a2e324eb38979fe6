#!/usr/bin/env bash
# A private PostGIS server for tests: own folder under /tmp, own port on 127.0.0.1, no durability, gone when stopped.
#
#   pg.sh start          starts it, or finds it running; prints its URL
#   pg.sh url            prints the URL of the running server
#   pg.sh stop           stops it and removes its files
#   pg.sh run -- CMD…    a server for one command: CMD sees CABD_TEST_PG, the server goes when CMD ends, however it ends
#   pg.sh clean          stops and removes every server of this checkout
#
# `run` leaves a CABD_TEST_PG that is already set alone. A server of `start` and those of `run` never meet.
# PostgreSQL refuses to run as root, so root starts it as the user postgres.
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"

# One file per server, holding the path of its folder. `main` belongs to `start`, `run-<pid>` to a `run`.
state=$root/.pg

as_owner() {
    if [ "$(id -u)" != 0 ]; then
        "$@"
    elif have runuser; then
        runuser -u postgres -- "$@"
    elif have setpriv; then
        setpriv --reuid postgres --regid postgres --init-groups -- "$@"
    else
        # shellcheck disable=SC2016 # expanded by the inner shell
        su postgres -s /bin/sh -c '"$0" "$@"' -- "$@"
    fi
}

alive() { # folder
    [ -f "$1/url" ] && [ -f "$1/data/postmaster.pid" ] &&
        "$bin/pg_isready" -q -d "$(cat "$1/url")"
}

# Processes whose working folder is the data folder: a server, or what a killed one left.
members() { # folder
    local link
    for link in /proc/[0-9]*/cwd; do
        case $(readlink "$link" 2>/dev/null) in
        "$1/data" | "$1/data (deleted)")
            link=${link#/proc/}
            printf '%s\n' "${link%/cwd}"
            ;;
        esac
    done
}

destroy() { # name
    local dir pid segment='' tries=0
    dir=$(cat "$state/$1" 2>/dev/null) || dir=
    # Only ever a folder that this script made.
    case $dir in
    /tmp/cabd-pg.??????)
        if [ -f "$dir/data/postmaster.pid" ]; then
            segment=$(sed -n '7s/.* //p' "$dir/data/postmaster.pid")
            (cd / && as_owner "$bin/pg_ctl" -s -w -t 30 -m immediate -D "$dir/data" stop) >/dev/null 2>&1 || true
        fi
        # What a killed server left, or a server whose folder somebody removed.
        while pid=$(members "$dir") && [ -n "$pid" ]; do
            tries=$((tries + 1))
            # shellcheck disable=SC2086 # a list
            if [ $tries -le 20 ]; then
                kill -QUIT $pid 2>/dev/null || true
            elif [ $tries -le 25 ]; then
                kill -9 $pid 2>/dev/null || true
            else
                die "the server in $dir does not end: processes" $pid
            fi
            sleep 0.2
        done
        # A server that was killed could not give its shared memory back; the number is in its pid file.
        if [ -f "$dir/data/postmaster.pid" ] && [ -n "$segment" ] && have ipcrm; then
            ipcrm -m "$segment" 2>/dev/null || true
        fi
        rm -rf "$dir"
        ;;
    esac
    rm -f "$state/$1"
    rmdir "$state" 2>/dev/null || true
}

# Removes servers of `run`s that were killed before they could clean up.
sweep() {
    local file pid
    for file in "$state"/run-*; do
        [ -e "$file" ] || continue
        pid=${file##*/run-}
        kill -0 "$pid" 2>/dev/null || [ -d "/proc/$pid" ] || {
            say "removing the server left by process $pid"
            destroy "run-$pid"
        }
    done
}

create() { # name
    local dir port tries=0 version locale=(--locale=C)
    if [ "$(id -u)" = 0 ]; then
        id postgres >/dev/null 2>&1 || die "running as root needs a user named postgres to own the server"
    fi
    dir=$(mktemp -d /tmp/cabd-pg.XXXXXX)
    mkdir -p "$state"
    printf '%s\n' "$dir" >"$state/$1"
    mkdir "$dir/data" "$dir/run"
    chmod 700 "$dir/data" "$dir/run"
    : >"$dir/log"
    [ "$(id -u)" != 0 ] || chown -R postgres "$dir"

    # Text order of people, not of bytes: a query that forgot to ask for code-point order is found out.
    version=$("$bin/initdb" --version | sed 's/[^0-9]*\([0-9]*\).*/\1/')
    if locale -a 2>/dev/null | grep -qix 'c\.utf-\?8'; then
        locale=(--locale=C.UTF-8)
    fi
    if [ "$version" -ge 15 ]; then
        locale+=(--locale-provider=icu --icu-locale=en-CA)
    fi
    (cd / && as_owner "$bin/initdb" -D "$dir/data" -U postgres -A trust -E UTF8 --no-sync "${locale[@]}") \
        >"$dir/initdb.log" 2>&1 || {
        cat "$dir/initdb.log" >&2
        die "initdb failed"
    }
    cat >>"$dir/data/postgresql.conf" <<CONF
listen_addresses = '127.0.0.1'
unix_socket_directories = '$dir/run'
max_connections = 200
shared_buffers = 256MB
max_wal_size = 4GB
fsync = off
synchronous_commit = off
full_page_writes = off
# Inside the data folder: containers give /dev/shm little room, and a killed server would leave files there.
dynamic_shared_memory_type = mmap
timezone = 'UTC'
lc_messages = 'C'
CONF
    while :; do
        port=$((20000 + (RANDOM * 32768 + RANDOM) % 12000))
        tries=$((tries + 1))
        # Taken when something answers. A race for the port shows as a failed start, and another port is tried.
        if (: <>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then
            continue
        fi
        if (cd / && as_owner "$bin/pg_ctl" -s -w -t 60 -D "$dir/data" -l "$dir/log" -o "-p $port" start) \
            </dev/null >/dev/null 2>&1 9<&-; then
            break
        fi
        if [ $tries -ge 10 ] || ! grep -q 'could not bind' "$dir/log"; then
            cat "$dir/log" >&2
            die "the PostgreSQL server did not start"
        fi
    done
    printf 'postgres://postgres@127.0.0.1:%s/postgres\n' "$port" >"$dir/url"
}

start() {
    local dir
    mkdir -p "$state"
    # One `start` at a time; the lock is the checkout's folder itself, so no lock file stays.
    if have flock; then
        exec 9<"$root"
        flock -w 120 9 || die "another pg.sh start does not end"
    fi
    sweep
    if [ -f "$state/main" ]; then
        dir=$(cat "$state/main")
        if alive "$dir"; then
            cat "$dir/url"
            return 0
        fi
        say "removing a stale server"
        destroy main
    fi
    trap 'destroy main' EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM HUP
    create main
    trap - EXIT INT TERM HUP
    cat "$(cat "$state/main")/url"
}

run() {
    local name=run-$$ child=
    [ "${1:-}" != -- ] || shift
    [ $# -gt 0 ] || die "usage: scripts/pg.sh run -- COMMAND…"
    if [ -n "${CABD_TEST_PG:-}" ]; then
        exec "$@"
    fi
    bin=$(pg_bindir) || die "no PostgreSQL with PostGIS found: run scripts/deps.sh test, or set CABD_PG_BINDIR"
    sweep
    # The command is a job of its own group, so that a signal to this script ends all of it before the server goes.
    # shellcheck disable=SC2329,SC2317 # called by the traps
    finish() {
        local status=$?
        trap '' INT TERM HUP
        if [ -n "$child" ] && kill -0 "$child" 2>/dev/null; then
            kill -TERM -- "-$child" 2>/dev/null || true
            wait "$child" 2>/dev/null || true
        fi
        destroy "$name"
        exit "$status"
    }
    trap finish EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM HUP
    create "$name"
    CABD_TEST_PG=$(cat "$(cat "$state/$name")/url")
    export CABD_TEST_PG
    set -m
    "$@" &
    child=$!
    set +m
    wait "$child" && status=0 || status=$?
    child=
    exit "$status"
}

command=${1:-}
[ $# -eq 0 ] || shift
case $command in
run) run "$@" ;;
start | stop | url | clean)
    bin=$(pg_bindir) || die "no PostgreSQL with PostGIS found: run scripts/deps.sh test, or set CABD_PG_BINDIR"
    ;;
*) die "usage: scripts/pg.sh start|url|stop|clean|run -- COMMAND…" ;;
esac
case $command in
start) start ;;
url)
    if [ -f "$state/main" ] && alive "$(cat "$state/main")"; then
        cat "$(cat "$state/main")/url"
    else
        die "no server is running: start one with scripts/pg.sh start"
    fi
    ;;
stop)
    if [ -f "$state/main" ]; then
        destroy main
    else
        say "no server was running"
    fi
    ;;
clean)
    for file in "$state"/*; do
        [ ! -e "$file" ] || destroy "${file##*/}"
    done
    rmdir "$state" 2>/dev/null || true
    ;;
esac
