#!/usr/bin/env bash
# deps.sh demo|page|test|python: installs what the work needs and the machine lacks, by apt, and says what.
#
#   demo    a C compiler
#   page    the same, and Node with npm for the map page
#   test    the same, PostgreSQL with PostGIS, the spatialite shell, GDAL's programs, curl, Chromium
#   python  the same as demo, and Python's venv
#
# Never touches the Rust toolchain.
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"

wanted=${1:-}
case $wanted in
demo | page | test | python) ;;
*) die "usage: scripts/deps.sh demo|page|test|python" ;;
esac

have cargo || die "cargo is not on the PATH: install Rust $(sed -n 's/^rust-version = "\(.*\)"/\1/p' "$root/Cargo.toml") or later"
if [ "$wanted" = test ]; then
    cargo fmt --version >/dev/null 2>&1 || die "cargo fmt is missing: rustup component add rustfmt"
    cargo clippy --version >/dev/null 2>&1 || die "cargo clippy is missing: rustup component add clippy"
fi
case $wanted in
test | python) have python3 || die "python3 is not on the PATH" ;;
esac

missing=()
have cc || missing+=(build-essential)
if [ "$wanted" = page ] || [ "$wanted" = test ]; then
    have node || missing+=(nodejs)
    have npm || missing+=(npm)
fi
if [ "$wanted" = test ]; then
    have chromium || [ -n "${CABD_CHROMIUM:-}" ] || missing+=(chromium)
    pg_bindir >/dev/null || missing+=(postgis-server)
    have spatialite || missing+=(spatialite-bin)
    have ogr2ogr || missing+=(gdal-bin)
    have curl || missing+=(curl)
fi
if [ "$wanted" = python ]; then
    python3 -c 'import ensurepip, venv' 2>/dev/null || missing+=(python3-venv)
fi
# Distributions have had older ones.
node_is_new() {
    [ "$wanted" != page ] && [ "$wanted" != test ] ||
        node -e 'const [a, b] = process.versions.node.split(".").map(Number); process.exit(a > 20 || (a === 20 && b >= 19) ? 0 : 1)' ||
        die "the map page needs Node 20.19 or later, here is $(node --version): https://nodejs.org/en/download"
}
if [ ${#missing[@]} -eq 0 ]; then
    node_is_new
    exit 0
fi

# The server's package carries its version in its name; `postgis-server` above stands for whichever fits here.
candidate() { [[ "$(apt-cache policy "$1" 2>/dev/null)" =~ Candidate:\ [^\(] ]]; }

postgis_package() {
    local version name
    # A server that is here already gets PostGIS for its own version, otherwise the distribution's default version.
    version=$(printf '%s\n' /usr/lib/postgresql/*/bin/initdb | sed -n 's|.*/postgresql/\([0-9]*\)/bin/initdb|\1|p' | sort -n | tail -n 1)
    [ -n "$version" ] || version=$(apt-cache depends postgresql 2>/dev/null | sed -n 's/.*Depends: postgresql-\([0-9]*\)$/\1/p')
    for name in ${version:+"postgresql-$version-postgis-3"} postgresql-postgis; do
        if candidate "$name"; then
            printf '%s\n' "$name"
            return 0
        fi
    done
    return 1
}

if ! have apt-get; then
    die "this machine lacks: ${missing[*]}, and has no apt-get. Install them by hand (postgis-server = PostgreSQL 14 or later with PostGIS 3; CABD_PG_BINDIR may name its folder of programs), then try again"
fi
as_root=()
if [ "$(id -u)" != 0 ]; then
    have sudo || die "this machine lacks: ${missing[*]} (postgis-server = postgresql-<version>-postgis-3). Installing needs root, and there is no sudo: ask an administrator for apt-get install ${missing[*]/postgis-server/postgresql-postgis}"
    as_root=(sudo)
fi

apt() {
    ${as_root[@]+"${as_root[@]}"} env DEBIAN_FRONTEND=noninteractive \
        apt-get -qq -o DPkg::Lock::Timeout=600 -o Acquire::Retries=3 "$@" >&2
}
say "this machine lacks: ${missing[*]}; reading the package lists"
tries=0
until apt update; do # another apt may hold the lock of the lists
    tries=$((tries + 1))
    [ $tries -lt 5 ] || die "apt-get update failed"
    sleep 10
done

packages=()
for package in "${missing[@]}"; do
    if [ "$package" = postgis-server ]; then
        package=$(postgis_package) || die "no package with PostgreSQL and PostGIS 3 found in the package lists; looked for postgresql-<version>-postgis-3 and postgresql-postgis"
        say "note: the PostgreSQL package makes a cluster of its own named main; nothing here uses it"
    fi
    packages+=("$package")
done
say "installing by apt: ${packages[*]}"
apt install -y --no-install-recommends "${packages[@]}" || die "apt-get install ${packages[*]} failed"

if [ "$wanted" = test ]; then
    pg_bindir >/dev/null || die "PostgreSQL with PostGIS is still not found after installing ${packages[*]}"
fi
node_is_new
