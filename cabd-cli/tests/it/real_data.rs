//! The real sets beside the checkout, read in place and loaded with the shipped mappings.

use std::path::PathBuf;

use crate::support::{Database, Desk, root};

/// Mapping and file, in the order in which they are loaded: of the crossings, older files first.
const SETS: &[(&str, &str)] = &[
    ("dams-bc", "dams-bc/dams_bc.geojson"),
    (
        "waterfalls-bc-fiss",
        "waterfalls-bc-fiss/fiss_obstacles.csv.gz",
    ),
    (
        "crossings-pscis-2022-all",
        "crossings-pscis/peace_2022_pscis_all.csv",
    ),
    ("crossings-pscis-2023", "crossings-pscis/skeena_2023.csv"),
    ("crossings-pscis-2023", "crossings-pscis/nechako_2023.csv"),
    ("crossings-pscis-2024", "crossings-pscis/skeena_2024.csv"),
    ("crossings-pscis-2024", "crossings-pscis/peace_2024.csv"),
    (
        "crossings-pscis-obstacles",
        "crossings-pscis/hab_features_elk_2021.geojson",
    ),
    (
        "crossings-pscis-obstacles",
        "crossings-pscis/hab_features_skeena_2023.geojson",
    ),
    (
        "hydro-plants-canada",
        "hydro-plants-canada/hydro_plants.csv",
    ),
    ("dams-nid", "dams-nid/nid_border_states.csv.gz"),
    (
        "cabd-reference-nhn",
        "cabd-reference/nhn_workunit_names.csv",
    ),
    (
        "cabd-reference-data-sources",
        "cabd-reference/data_sources.csv",
    ),
    (
        "boundaries-statcan-provinces",
        "boundaries-statcan/prov.geojson.gz",
    ),
    (
        "boundaries-statcan-subdivisions",
        "boundaries-statcan/csd.geojson.gz",
    ),
    (
        "watersheds-bc-precincts",
        "watersheds-bc/water_precincts_bc.geojson.gz",
    ),
    (
        "watersheds-bc-groups",
        "watersheds-bc/skeena_watershed_groups.geojson.gz",
    ),
    (
        "watersheds-bc-groups",
        "watersheds-bc/elk_watershed_group.geojson.gz",
    ),
    (
        "watersheds-bc-catchments",
        "watersheds-bc/crossing_catchments_skeena_2023.geojson.gz",
    ),
    (
        "watersheds-bc-catchments",
        "watersheds-bc/crossing_catchments_elk_2021.geojson.gz",
    ),
];

/// The folder of real data; says so where there is none.
fn folder() -> Option<PathBuf> {
    let folder = match std::env::var_os("CABD_REAL_DATA") {
        Some(named) => PathBuf::from(named),
        None => root().join("../shared/data"),
    };
    let found = folder.join("dams-bc").is_dir();
    if !found {
        eprintln!("no real data in {}: not tested", folder.display());
    }
    found.then_some(folder)
}

#[test]
fn every_real_set_loads_and_a_second_load_changes_nothing() {
    let Some(folder) = folder() else { return };
    let desk = Desk::with_inventory();
    for (mapping, file) in SETS {
        let path = folder.join(file);
        let path = path.to_str().unwrap();
        let load = [
            "load",
            "inventory.sqlite",
            "--mapping",
            mapping,
            "--rejects",
            "rejected.csv",
            "--json",
            path,
        ];
        let first = desk.json(load);
        let number = |report: &serde_json::Value, key: &str| report[key].as_u64().unwrap();
        let written = number(&first, "inserted") + number(&first, "updated");
        assert!(written > 0, "{file}: {first}");
        let second = desk.json(load);
        assert_eq!(number(&second, "inserted"), 0, "{file}: {second}");
        assert_eq!(
            number(&second, "rejected"),
            number(&first, "rejected"),
            "{file}"
        );
    }
    assert_eq!(desk.count("inventory.sqlite", "dams"), 2890 + 5523);
    assert!(desk.count("inventory.sqlite", "waterfalls") > 2200);
    assert!(desk.count("inventory.sqlite", "stream_crossings") > 150);
    assert!(desk.ok(["doctor", "inventory.sqlite"]).contains("healthy"));
    let info = desk.ok(["info", "inventory.sqlite"]);
    assert!(
        info.contains("Open Government Licence - British Columbia"),
        "{info}"
    );
}

#[test]
fn reviews_become_suggested_updates_on_a_file_and_in_a_database() {
    let Some(folder) = folder() else { return };
    let desk = Desk::new();
    let reviews = |name: &str| folder.join("bcfishpass-reviews").join(name);
    let rows = |name: &str| -> Vec<Vec<String>> {
        let text = std::fs::read_to_string(reviews(name)).unwrap();
        let cells = |line: &str| line.split(',').map(str::to_owned).collect();
        text.lines().skip(1).map(cells).collect()
    };
    // The features that the reviews name; one of each file is left out.
    let exclusions = rows("cabd_exclusions.csv");
    let statuses = rows("cabd_passability_status_updates.csv");
    let file = |feature_type: &str| {
        let excluded = exclusions.iter().skip(1).filter(|r| r[1] == feature_type);
        let falls = statuses
            .iter()
            .skip(1)
            .filter(|_| feature_type == "waterfalls");
        let mut ids: Vec<&str> = excluded.chain(falls).map(|r| r[0].as_str()).collect();
        ids.sort_unstable();
        ids.dedup();
        let lines = ids.iter().enumerate();
        let lines = lines.map(|(n, id)| format!("{id},{},50\n", -125.0 + n as f64 / 100.0));
        format!("cabd_id,longitude,latitude\n{}", lines.collect::<String>())
    };
    for feature_type in ["dams", "waterfalls"] {
        desk.write(&format!("{feature_type}.csv"), file(feature_type));
    }
    let mut stores = vec!["inventory.sqlite".to_owned()];
    let database = Database::new();
    stores.extend(database.as_ref().map(|d| d.url.clone()));
    for store in &stores {
        desk.ok(["init", store]);
        for feature_type in ["dams", "waterfalls"] {
            let file = format!("{feature_type}.csv");
            desk.ok([
                "load",
                store,
                "--type",
                feature_type,
                "--no-source",
                "a test",
                &file,
            ]);
        }
        for (mapping, name, rows) in [
            ("exclusions", "cabd_exclusions.csv", exclusions.len()),
            (
                "passability",
                "cabd_passability_status_updates.csv",
                statuses.len(),
            ),
        ] {
            let mapping = format!("bcfishpass-reviews-{mapping}");
            let path = reviews(name);
            let load = [
                "load",
                store,
                "--mapping",
                &mapping,
                "--rejects",
                "r.csv",
                "--json",
                path.to_str().unwrap(),
            ];
            let report = desk.json(load);
            assert_eq!(report["read"], rows, "{report}");
            assert_eq!(
                (&report["inserted"], &report["rejected"]),
                (&(rows - 1).into(), &1.into()),
                "{report}"
            );
            assert_eq!(report["licence"], "ODbL-1.0");
            let again = desk.json(load);
            assert_eq!(
                (&again["unchanged"], &again["commit"]),
                (&(rows - 1).into(), &serde_json::Value::Null),
                "{again}"
            );
        }
        let path = reviews("cabd_additions.csv");
        let streams = [
            "load",
            store,
            "--mapping",
            "bcfishpass-reviews-streams",
            "--rejects",
            "r.csv",
            "--json",
            path.to_str().unwrap(),
        ];
        let report = desk.json(streams);
        assert_eq!(report["read"], report["rejected"], "{report}");
        for feature_type in ["dams", "waterfalls"] {
            let pending = [
                "query",
                store,
                feature_type,
                "--filter",
                "updates_pending:eq:true",
                "--count",
            ];
            let marked: u64 = desk.ok(pending).trim().parse().unwrap();
            assert_eq!(marked, desk.count(store, feature_type), "{feature_type}");
        }
        assert!(desk.ok(["doctor", store]).contains("healthy"));
    }
}
