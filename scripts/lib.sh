# shellcheck shell=bash
# Shared by the scripts of this folder; read with `.`, never run.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
export root

say() { printf '%s\n' "$*" >&2; }

die() {
    say "error: $*"
    exit 1
}

have() { command -v "$1" >/dev/null 2>&1; }

# Prints the folder of the newest PostgreSQL programs that have PostGIS beside them; fails when there is none.
# CABD_PG_BINDIR names another folder.
pg_bindir() {
    local dir version
    if [ -n "${CABD_PG_BINDIR:-}" ]; then
        [ -x "$CABD_PG_BINDIR/initdb" ] || die "no initdb in CABD_PG_BINDIR=$CABD_PG_BINDIR"
        printf '%s\n' "$CABD_PG_BINDIR"
        return 0
    fi
    for dir in $(printf '%s\n' /usr/lib/postgresql/*/bin | sort -t/ -k5,5 -rV); do
        version=${dir#/usr/lib/postgresql/}
        version=${version%/bin}
        if [ -x "$dir/initdb" ] && [ -f "/usr/share/postgresql/$version/extension/postgis.control" ]; then
            printf '%s\n' "$dir"
            return 0
        fi
    done
    # Other systems: whatever pg_config on the PATH belongs to.
    if have pg_config; then
        dir=$(pg_config --bindir)
        if [ -x "$dir/initdb" ] && [ -f "$(pg_config --sharedir)/extension/postgis.control" ]; then
            printf '%s\n' "$dir"
            return 0
        fi
    fi
    return 1
}
