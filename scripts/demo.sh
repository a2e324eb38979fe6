#!/usr/bin/env bash
# Builds the `cabd` command and shows it at work: the sample inventory and the real sets found beside the checkout
# (../shared/data, or CABD_REAL_DATA) go into demo/inventory.sqlite, a few questions are answered, and the inventory is served
# on PORT (8080 unless set) until Ctrl-C. Where CI is set, or DEMO_SECONDS, the service ends by itself after 2 or so many seconds.
# Needs Rust and a C compiler; no PostgreSQL, no system SpatiaLite. Writes only into demo/; run again, it begins afresh.
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"
cd "$root"
read -ra flags <<<"${CARGO_FLAGS:-}"

port=${PORT:-8080}
seconds=${DEMO_SECONDS:-${CI:+2}}
answers() { (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; }
! answers || die "port $port is in use: name another one, PORT=8081 make demo"

scripts/deps.sh demo
if have node && have npm && scripts/deps.sh page; then
    scripts/page.sh build
else
    say "note: the map page is left out, it needs Node 20.19 or later with npm"
fi
say "building cabd (the first time takes some minutes)"
cargo build "${flags[@]}" -p cabd-cli
target=$(cargo metadata --format-version 1 --no-deps | sed 's/.*"target_directory":"\([^"]*\)".*/\1/')
PATH="$target/debug:$PATH"
[ "$(command -v cabd)" = "$target/debug/cabd" ] || die "the build left no cabd in $target/debug"

data=${CABD_REAL_DATA:-../shared/data}
store=demo/inventory.sqlite
mkdir -p demo
rm -f "$store" "$store"-* demo/*.rejected.csv demo/barriers.geojson demo/base.pmtiles

# Says what comes, shows the command line as it can be typed, and runs it.
show() { # sentence, command…
    local word line=''
    printf '\n# %s\n' "$1"
    shift
    for word in "$@"; do
        case $word in
        *[!A-Za-z0-9_./:,=%+@-]* | '') word="'$word'" ;;
        esac
        line+=" $word"
    done
    printf '$%s\n' "$line"
    "$@" 2>&1
}

load() { # mapping, file
    if [ -f "$2" ]; then
        show "Load ${2##*/}" \
            cabd load "$store" --mapping "$1" --rejects "demo/${2##*/}.rejected.csv" --author demo "$2"
    else
        printf '\n# %s is not there: left out\n' "$2"
    fi
}

show "Make the inventory: one SpatiaLite file with the shipped catalogue" cabd init "$store"

for set in dams waterfalls fishways; do
    load "sample-$set" "catalog/sample/$set.csv"
done
show "The same file again changes nothing" \
    cabd load "$store" --mapping sample-dams --author demo catalog/sample/dams.csv
if [ -d "$data" ]; then
    load dams-bc "$data/dams-bc/dams_bc.geojson"
    # A plant completes the dam of its name nearby: dams first.
    load hydro-plants-canada "$data/hydro-plants-canada/hydro_plants.csv"
    load waterfalls-bc-fiss "$data/waterfalls-bc-fiss/fiss_obstacles.csv.gz"
    # A crossing that is assessed again is the same crossing: older files first.
    load crossings-pscis-2022-all "$data/crossings-pscis/peace_2022_pscis_all.csv"
    load crossings-pscis-2023 "$data/crossings-pscis/skeena_2023.csv"
    load crossings-pscis-2023 "$data/crossings-pscis/nechako_2023.csv"
    load crossings-pscis-2024 "$data/crossings-pscis/skeena_2024.csv"
    load crossings-pscis-2024 "$data/crossings-pscis/peace_2024.csv"
    load crossings-pscis-obstacles "$data/crossings-pscis/hab_features_elk_2021.geojson"
    load crossings-pscis-obstacles "$data/crossings-pscis/hab_features_skeena_2023.geojson"
    load dams-nid "$data/dams-nid/nid_border_states.csv.gz"
    load cabd-reference-nhn "$data/cabd-reference/nhn_workunit_names.csv"
    load cabd-reference-data-sources "$data/cabd-reference/data_sources.csv"
    load cabd-reference-fish-species "$data/cabd-reference/fish_species.csv"
    load boundaries-statcan-provinces "$data/boundaries-statcan/prov.geojson.gz"
    load boundaries-statcan-subdivisions "$data/boundaries-statcan/csd.geojson.gz"
    load watersheds-bc-precincts "$data/watersheds-bc/water_precincts_bc.geojson.gz"
    for name in skeena_watershed_groups elk_watershed_group; do
        load watersheds-bc-groups "$data/watersheds-bc/$name.geojson.gz"
    done
    for name in crossing_catchments_skeena_2023 crossing_catchments_elk_2021; do
        load watersheds-bc-catchments "$data/watersheds-bc/$name.geojson.gz"
    done
else
    printf '\n# No real data in %s: the sample alone\n' "$data"
fi

ground=()
if [ -d "$data/basemap-canvec" ] && [ -d "$data/basemap-natural-earth" ]; then
    canvec=$data/basemap-canvec earth=$data/basemap-natural-earth
    show "A base map of rivers, lakes, boundaries and towns for the page" \
        cabd basemap build demo/base.pmtiles \
        "waterway:0-4=$canvec/15M_watercourses.geojson.gz" "waterway:5-8=$canvec/5M_watercourses.geojson.gz" \
        "water:0-4=$earth/lakes_50m.geojson.gz" "water:5-8=$canvec/5M_waterbodies.geojson.gz" \
        "boundary=$earth/admin1_50m_ca_us.geojson.gz" "place=$earth/places_50m_ca.geojson.gz" \
        --attribution "Natural Earth" \
        --attribution "Contains information licensed under the Open Government Licence - Canada"
    ground=(--basemap demo/base.pmtiles)
fi

show "What came in, from where, and the attribution to show with it" cabd info "$store"
show "Is it sound?" cabd doctor "$store"

show "The five dams nearest to Vancouver" \
    cabd query "$store" dams --point -123.12,49.28 --limit 5 --select dam_name_en,waterbody_name_en,owner
show "The highest dams" \
    cabd query "$store" dams --filter height_m:notnull: --sort=-height_m --limit 5 \
    --select dam_name_en,height_m,dam_use,province_territory
show "Waterfalls higher than 50 m" \
    cabd query "$store" waterfalls --filter fall_height_m:gt:50 --sort=-fall_height_m --limit 5 \
    --select fall_name_en,fall_height_m,latitude,longitude
show "Dams by name, in French" \
    cabd query "$store" dams --lang fr --namefilter like:manic --namefilter like:bersimis \
    --select dam_name_fr,dam_use,passability_status,province_territory
show "Fishways and the dams that they belong to" \
    cabd query "$store" fishways --filter dam_id:notnull: --limit 5 --select structure_name_en,dam_id,fishpass_type
if [ -d "$data" ]; then
    show "Plants that found their dam" \
        cabd query "$store" dams --filter facility_name_fr:notnull: --limit 5 --select dam_name_fr,facility_name_fr,owner
    show "Stream crossings that were assessed as barriers" \
        cabd query "$store" stream_crossings --filter passability_status_code:eq:1 --limit 5 \
        --select stream_name,road_name,crossing_type_name,date_assessed
fi
show "How many barriers of any type in a box around the Skeena" \
    cabd query "$store" barriers --bbox -130,53.5,-126,56.5 --count
show "Every barrier as GeoJSON, for any other program" \
    cabd export "$store" --type barriers --format geojson -o demo/barriers.geojson

printf '\nThe inventory is %s: one file, open to QGIS, ogr2ogr and the spatialite shell.\n' "$store"

api="http://127.0.0.1:$port/cabd-api"
cat <<END

Serving it now:
  the map                  http://127.0.0.1:$port/
  the API, to try out      $api/api-docs/
  the data dictionary      $api/docs  ($api/docs?lang=fr)
  the feature types        $api/features/types
  dams near Vancouver      $api/features/dams?point=-123.12,49.28&max-results=5
  barriers in a box        $api/features/barriers?bbox=-130,53.5,-126,56.5&attributes=simple
END
[ -n "$seconds" ] || printf '\nCtrl-C ends it.\n'

cabd serve "$store" --listen "127.0.0.1:$port" --set log_level=warn ${ground[@]+"${ground[@]}"} &
service=$!
end() { kill -TERM "$service" 2>/dev/null || true; }
# Ctrl-C reaches the service from the terminal: it ends when the answers in progress are sent.
trap : INT
trap end TERM
until answers; do
    kill -0 "$service" 2>/dev/null || break
    sleep 0.1
done
if [ -n "$seconds" ]; then
    sleep "$seconds"
    end
fi
status=0
wait "$service" || status=$?
# A signal to this script ends the wait before the service has ended.
if [ "$status" -gt 128 ]; then
    status=0
    wait "$service" || status=$?
fi
exit "$status"
