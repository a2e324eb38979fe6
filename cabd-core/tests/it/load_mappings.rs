//! What the shipped mappings make of the sample and of the real sets: counts, rejected rows, known values.

use std::path::Path;

use cabd_core::catalog::{CodeKey, Relation};
use cabd_core::load::{NoteKind, source_id};
use cabd_core::memory::MemoryStore;
use cabd_core::store::{
    CatalogStore, FeatureStore, FeatureStoreExt, Record, RecordQuery, StoreExt,
};
use cabd_core::{FeatureQuery, Geometry, Value};

use crate::load::*;

fn sample(name: &str) -> std::path::PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../catalog/sample");
    root.join(format!("{name}.csv"))
}

async fn count(store: &MemoryStore, feature_type: &str, filter: &str) -> u64 {
    let mut q = FeatureQuery::of(feature_type);
    q.filter = Some(cabd_core::query::parse_filter(filter).unwrap());
    store.count(&q).await.unwrap()
}

/// The row of a code.
async fn code(store: &MemoryStore, list: &str, key: &str) -> Record {
    let catalog = store.catalog().await.unwrap();
    let column = catalog.list(list).unwrap().key.clone();
    let query = RecordQuery::of(Relation::Codes(list.into())).with(&column, [key.into()]);
    let rows = store.all_records(&query).await.unwrap();
    assert_eq!(rows.len(), 1, "{list} {key}");
    rows.into_iter().next().unwrap()
}

#[test]
fn the_sample_is_the_whole_of_its_original() {
    for name in ["dams", "waterfalls", "fishways"] {
        let Some(path) = real(&format!("sample-canada/{name}.csv")) else {
            return;
        };
        let same = std::fs::read(path).unwrap() == std::fs::read(sample(name)).unwrap();
        assert!(same, "{name} differs");
    }
}

#[test]
fn the_sample_is_marked_as_illustrative_and_its_fishways_know_their_dams() {
    run(async {
        let store = inventory().await;
        for name in ["dams", "waterfalls", "fishways"] {
            let inputs = vec![file(&sample(name))];
            let options = with(&format!("sample-{name}"));
            let (report, _) = loaded(&store, inputs, options).await.unwrap();
            assert!(report.notes.is_empty(), "{:?}", report.notes);
        }
        let sources = store.data_sources().await.unwrap();
        assert_eq!(sources.len(), 3);
        for source in sources {
            let name = source.get("name").as_str().unwrap_or_default();
            assert!(name.starts_with("cabd sample: "), "{name}");
            let full = source.get("full_name").as_str().unwrap_or_default();
            assert!(full.starts_with("Illustrative sample"), "{full}");
            let category = source.get("data_source_category");
            assert_eq!(category, &Value::from("illustrative"));
        }
        assert_eq!(
            count(&store, "fishways", "dam_id:notnull:").await,
            30,
            "the other 13 stand at natural obstacles"
        );
        let way = one(
            &store,
            "fishways",
            "structure_name_en:eq:Whitehorse Fishway",
        )
        .await;
        let dam = one(&store, "dams", "dam_name_en:eq:Whitehorse Rapids Dam").await;
        assert_eq!(way.value(0, "dam_id"), dam.value(0, "cabd_id"));
    });
}

#[test]
fn polygons_and_names_of_reference_tables_are_the_known_ones() {
    run(async {
        let store = inventory().await;
        for (path, name, rows) in [
            (
                "boundaries-statcan/prov.geojson.gz",
                "boundaries-statcan-provinces",
                13,
            ),
            (
                "boundaries-statcan/csd.geojson.gz",
                "boundaries-statcan-subdivisions",
                5161,
            ),
            (
                "watersheds-bc/water_precincts_bc.geojson.gz",
                "watersheds-bc-precincts",
                136,
            ),
            (
                "watersheds-bc/skeena_watershed_groups.geojson.gz",
                "watersheds-bc-groups",
                5,
            ),
            (
                "watersheds-bc/elk_watershed_group.geojson.gz",
                "watersheds-bc-groups",
                1,
            ),
            (
                "watersheds-bc/crossing_catchments_skeena_2023.geojson.gz",
                "watersheds-bc-catchments",
                9,
            ),
            (
                "watersheds-bc/crossing_catchments_elk_2021.geojson.gz",
                "watersheds-bc-catchments",
                13,
            ),
        ] {
            let Some(path) = real(path) else { return };
            let (report, rejected) = twice(&store, &path, name).await;
            assert_eq!((report.read, report.rejected), (rows, 0), "{rejected:?}");
        }
        for (list, key, name_en, name_fr) in [
            (
                "cabd.province_territory_codes",
                "bc",
                "British Columbia",
                "Colombie-Britannique",
            ),
            (
                "cabd.census_subdivisions",
                "2466023",
                "Montréal (V)",
                "Montréal (V)",
            ),
            ("cabd.watersheds", "precinct-43", "Alberni", "Alberni"),
            (
                "cabd.watersheds",
                "group-bulk",
                "Bulkley River",
                "Bulkley River",
            ),
            (
                "cabd.watersheds",
                "catchment-8478",
                "Catchment of crossing 8478",
                "Bassin versant de la traversée 8478",
            ),
        ] {
            let row = code(&store, list, key).await;
            assert_eq!(row.get("name_en"), &Value::from(name_en));
            assert_eq!(row.get("name_fr"), &Value::from(name_fr));
            assert!(!row.get("geometry").is_null(), "{list} {key}");
        }
        let group = code(&store, "cabd.watersheds", "group-bulk").await;
        let Value::Double(area) = group.get("area_km2") else {
            panic!("{group:?}")
        };
        assert!((area - 7762.0).abs() < 1.0, "{area}");
        assert_eq!(group.get("watershed_code"), &Value::from("400.431358"));
        let catalog = store.catalog().await.unwrap();
        let rows = |list: &str| catalog.list(list).unwrap().codes.len();
        assert_eq!(rows("cabd.watersheds"), 164);
        assert_eq!(rows("cabd.census_subdivisions"), 5161);
        assert_eq!(rows("cabd.nhn_workunit"), 0, "these are no work units");
    });
}

#[test]
fn dams_of_the_united_states_arrive_in_metric_units() {
    let Some(path) = real("dams-nid/nid_border_states.csv.gz") else {
        return;
    };
    run(async {
        let store = inventory().await;
        let (report, rejected) = twice(&store, &path, "dams-nid").await;
        assert_eq!((report.read, report.inserted), (5524, 5523));
        let why: Vec<_> = rejected
            .iter()
            .map(|r| (r.line, r.reason.as_str()))
            .collect();
        assert_eq!(why, [(162, "the row has no place")]);
        let dropped: Vec<_> = report
            .notes
            .iter()
            .map(|n| (n.kind, n.field.as_str(), n.count))
            .collect();
        let left_out = |field, count| (NoteKind::DroppedValue, field, count);
        assert_eq!(
            dropped,
            [
                left_out("construction_material_code", 1494),
                left_out("height_m", 9),
                left_out("ownership_type_code", 32),
                left_out("storage_capacity_mcm", 30),
                left_out("structure_type_code", 1308),
            ]
        );
        let dam = one(&store, "dams", "dam_name_en:eq:Brunswick").await;
        let number = |name: &str| match dam.value(0, name) {
            Value::Double(d) => d,
            other => panic!("{name}: {other:?}"),
        };
        assert!((number("height_m") - 12.8016).abs() < 1e-9);
        assert!((number("storage_capacity_mcm") - 0.309_603_9).abs() < 1e-6);
        for (name, value) in [
            ("construction_year", Value::Int(1982)),
            ("ownership_type", "Other".into()),
            ("structure_type", "Dam - Gravity".into()),
            ("construction_material", "Concrete".into()),
            ("dam_use", "Hydroelectricity".into()),
            ("use_electricity", "Main".into()),
            ("use_recreation", Value::Null),
            ("province_territory_code", Value::Null),
        ] {
            assert_eq!(dam.value(0, name), value, "{name}");
        }
        let several = one(&store, "dams", "dam_name_en:eq:Mattaceunk").await;
        assert_eq!(several.value(0, "use_code"), Value::Null);
        for name in [
            "floodcontrol",
            "other",
            "electricity",
            "navigation",
            "recreation",
            "supply",
        ] {
            let value = several.value(0, &format!("use_{name}"));
            assert_eq!(value, Value::from("Major"), "{name}");
        }
        assert_eq!(several.value(0, "use_irrigation"), Value::Null);
        let alone = count(&store, "dams", "use_recreation_code:eq:1").await;
        assert_eq!(alone, 1702, "recreation and nothing else");
        let sources = store.data_sources().await.unwrap();
        let category = sources[0].get("data_source_category");
        assert_eq!(category, &Value::from("foreign"));
    });
}

#[test]
fn plants_complete_the_dam_of_their_name_nearby_and_make_none() {
    let Some(plants) = real("hydro-plants-canada/hydro_plants.csv") else {
        return;
    };
    let Some(dams) = real("dams-bc/dams_bc.geojson") else {
        return;
    };
    run(async {
        let store = inventory().await;
        let options = with("hydro-plants-canada");
        let (report, _) = loaded(&store, vec![file(&plants)], options).await.unwrap();
        assert_eq!(
            (report.read, report.rejected),
            (357, 357),
            "there is no dam yet"
        );
        for (path, name) in [(sample("dams"), "sample-dams"), (dams, "dams-bc")] {
            loaded(&store, vec![file(&path)], with(name)).await.unwrap();
        }
        let (report, rejected) = twice(&store, &plants, "hydro-plants-canada").await;
        assert_eq!(
            (report.inserted, report.updated, report.rejected),
            (0, 156, 201)
        );
        let (alone, again): (Vec<_>, Vec<_>) = rejected.iter().partition(|r| r.field == "match");
        assert_eq!((alone.len(), again.len()), (195, 6), "{again:#?}");
        assert!(
            alone.iter().any(|r| r.value == "Kemano"),
            "its dam lies far away"
        );
        let twice_matched = "matched to the same feature";
        assert!(again.iter().all(|r| r.reason.ends_with(twice_matched)));

        let manic = one(&store, "dams", "facility_name_fr:eq:Manic-5").await;
        let name = manic.value(0, "dam_name_fr");
        assert_eq!(name, Value::from("Barrage Daniel-Johnson (Manic-5)"));
        assert_eq!(manic.value(0, "facility_name_en"), Value::Null);
        let mica = one(&store, "dams", "facility_name_en:eq:Mica").await;
        assert_eq!(mica.value(0, "dam_name_en"), Value::from("Mica"));
        let eastmain = one(&store, "dams", "dam_name_en:eq:Eastmain-1 Dam").await;
        let facility = eastmain.value(0, "facility_name_fr");
        assert_eq!(facility, Value::from("Eastmain-1"), "and not Eastmain-1-A");

        let (id, plants) = (
            manic.value(0, "cabd_id"),
            source_id("Hydro plants of Canada 2017"),
        );
        let relation = Relation::AttributeSource("dams".into());
        let given = RecordQuery::of(relation).with("cabd_id", [id.clone()]);
        let given = store.all_records(&given).await.unwrap();
        assert_eq!(given[0].get("facility_name_fr_ds"), &plants.into());
        assert_ne!(given[0].get("dam_name_fr_ds"), &plants.into());
        let relation = Relation::FeatureSource("dams".into());
        let sources = RecordQuery::of(relation).with("cabd_id", [id]);
        assert_eq!(store.all_records(&sources).await.unwrap().len(), 2);
    });
}

#[test]
fn the_data_sources_of_the_original_arrive_and_the_shipped_species_are_all_of_them() {
    let Some(sources) = real("cabd-reference/data_sources.csv") else {
        return;
    };
    let Some(species) = real("cabd-reference/fish_species.csv") else {
        return;
    };
    run(async {
        let store = inventory().await;
        let (report, rejected) = twice(&store, &sources, "cabd-reference-data-sources").await;
        assert_eq!((report.read, report.inserted), (143, 143), "{rejected:?}");
        let sources = store.data_sources().await.unwrap();
        let bassano = sources
            .iter()
            .find(|s| s.get("name") == &Value::from("aeid_bassano"))
            .unwrap();
        for (column, value) in [
            ("full_name", "Bassano Dam"),
            ("data_source_category", "Municipal"),
            ("organization_name", "Eastern Irrigation District, Alberta"),
        ] {
            assert_eq!(bassano.get(column), &Value::from(value));
        }
        let (report, rejected) = twice(&store, &species, "cabd-reference-fish-species").await;
        assert_eq!((report.read, report.unchanged), (136, 136), "{rejected:?}");
    });
}

#[test]
fn work_units_have_the_documented_names() {
    let Some(path) = real("cabd-reference/nhn_workunit_names.csv") else {
        return;
    };
    let list = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/design/cabd-codes.csv");
    if !list.exists() {
        println!("list not found: {}: not compared", list.display());
        return;
    }
    run(async {
        let store = inventory().await;
        let (report, _) = twice(&store, &path, "cabd-reference-nhn").await;
        assert_eq!((report.inserted, report.rejected), (1341, 0));
        let catalog = store.catalog().await.unwrap();
        let units = catalog.list("cabd.nhn_workunit").unwrap();
        let mut compared = 0;
        let mut reader = csv::Reader::from_path(list).unwrap();
        for row in reader.deserialize::<std::collections::HashMap<String, String>>() {
            let row = row.unwrap();
            if row["code_table"] != "cabd.nhn_workunit" {
                continue;
            }
            let key = CodeKey::Text(row["code"].clone());
            let name = &units.codes[units.position(&key).unwrap()].name;
            assert_eq!((&name.en, &name.fr), (&row["name_en"], &row["name_fr"]));
            compared += 1;
        }
        assert_eq!(compared, 1341);
    });
}

#[test]
fn falls_and_cascades_near_crossings_arrive_and_the_rest_is_skipped() {
    run(async {
        let store = inventory().await;
        for (path, inserted, skipped) in [
            ("crossings-pscis/hab_features_elk_2021.geojson", 1, 12),
            ("crossings-pscis/hab_features_skeena_2023.geojson", 2, 3),
        ] {
            let Some(path) = real(path) else { return };
            let (report, _) = twice(&store, &path, "crossings-pscis-obstacles").await;
            assert_eq!((report.inserted, report.skipped), (inserted, skipped));
            assert!(report.notes.is_empty(), "{:?}", report.notes);
        }
        let fall = one(&store, "waterfalls", "fall_height_m:eq:1.7").await;
        let place = Geometry::point(-127.318_713, 54.976_891_5);
        assert_eq!(fall.value(0, "geometry"), place.into());
    });
}

#[test]
fn known_values_of_the_crossing_assessments_arrive() {
    run(async {
        let store = inventory().await;
        for (path, name, rows) in [
            ("peace_2022_pscis_all", "crossings-pscis-2022-all", 12),
            ("skeena_2023", "crossings-pscis-2023", 59),
            ("skeena_2024", "crossings-pscis-2024", 22),
        ] {
            let path = format!("crossings-pscis/{path}.csv");
            let Some(path) = real(&path) else { return };
            let (report, _) = loaded(&store, vec![file(&path)], with(name)).await.unwrap();
            assert_eq!((report.read, report.rejected), (rows, 0), "{name}");
        }
        let source = store.data_source_by_name("PSCIS field assessments").await;
        let source = source.unwrap().unwrap();
        for (key, expected) in [
            (
                "16603769",
                vec![
                    ("stream_name", Value::from("tributary to Anzac River")),
                    ("crossing_type_code", Value::Int(1)),
                    ("inlet_width_m", Value::from(15.3)),
                    ("structure_length_m", Value::from(5.0)),
                    ("passability_status", "Passable".into()),
                    ("date_assessed", Value::Date("2022-08-14".parse().unwrap())),
                ],
            ),
            (
                "8478",
                vec![
                    ("stream_name", Value::from("Tributary to McDonell Lake")),
                    ("crossing_type_code", Value::Int(2)),
                    ("outlet_shape", "Round culvert".into()),
                    ("inlet_width_m", Value::from(1.9)),
                    ("structure_slope_pct", Value::from(4.0)),
                    ("passability_status", Value::Null),
                ],
            ),
            (
                "8530",
                vec![
                    ("stream_name", Value::from("Sandstone Creek")),
                    ("road_name", "McDonnell FSR".into()),
                    ("structure_length_m", Value::from(38.0)),
                    ("date_assessed", Value::Date("2024-09-17".parse().unwrap())),
                ],
            ),
        ] {
            let query = RecordQuery::of(Relation::FeatureSource("stream_crossings".into()))
                .with("datasource_id", [source.into()])
                .with("datasource_feature_id", [key.into()]);
            let rows = store.all_records(&query).await.unwrap();
            let id = rows[0].get("cabd_id").as_uuid().unwrap();
            let crossing = store.feature("stream_crossings", id).await.unwrap();
            for (name, value) in expected {
                assert_eq!(crossing.value(0, name), value, "{key}, {name}");
            }
        }
    });
}

/// A store with the features that the reviews name, but for every fifth.
async fn reviewed(paths: &[(&std::path::PathBuf, &str)]) -> (MemoryStore, u64) {
    let store = inventory().await;
    let mut ops = vec![];
    let mut left_out = 0;
    for (path, feature_type) in paths {
        let text = std::fs::read_to_string(path).unwrap();
        for (n, line) in text.lines().skip(1).enumerate() {
            let mut cells = line.split(',');
            let id: cabd_core::Uuid = cells.next().unwrap().parse().unwrap();
            let ft = match *feature_type {
                "" => cells.next().unwrap(),
                other => other,
            };
            if n % 5 == 4 {
                left_out += 1;
                continue;
            }
            let place = Geometry::point(-125.0 + n as f64 / 100.0, 50.0);
            let op = cabd_core::feature::Operation::insert_feature(ft, id);
            ops.push(op.set("geometry", place));
        }
    }
    let head = cabd_core::feature::ChangeHead::default();
    store.apply_all(&head, ops).await.unwrap();
    (store, left_out)
}

#[test]
fn reviews_become_suggested_updates_of_the_features_that_are_there() {
    run(async {
        let (Some(exclusions), Some(passability)) = (
            real("bcfishpass-reviews/cabd_exclusions.csv"),
            real("bcfishpass-reviews/cabd_passability_status_updates.csv"),
        ) else {
            return;
        };
        let paths = [(&exclusions, ""), (&passability, "waterfalls")];
        let (store, left_out) = reviewed(&paths).await;
        assert_eq!(left_out, 4);
        for (path, name, rows, inserted) in [
            (&exclusions, "exclusions", 13, 11),
            (&passability, "passability", 12, 10),
        ] {
            let name = format!("bcfishpass-reviews-{name}");
            let (report, rejected) = loaded(&store, vec![file(path)], with(&name)).await.unwrap();
            assert_eq!((report.read, report.inserted), (rows, inserted));
            assert!(report.notes.is_empty(), "{:?}", report.notes);
            assert_eq!(rejected.len() as u64, rows - inserted);
            for row in rejected {
                assert_eq!(row.field, "cabd_id");
                assert_eq!(row.reason, "no feature of the store has this identifier");
            }
        }
        let updates = RecordQuery::of(Relation::FeatureUpdate);
        let rows = store.all_records(&updates).await.unwrap();
        assert_eq!(rows.len(), 21);
        let contacts = RecordQuery::of(Relation::Contact);
        let contacts = store.all_records(&contacts).await.unwrap();
        assert_eq!(contacts.len(), 1, "one contact for both files");
        let source = &store.data_sources().await.unwrap()[0];
        assert_eq!(source.get("licence"), &Value::from("ODbL-1.0"));
        assert_eq!(contacts[0].get("datasource_id"), source.get("id"));
        let nymph = "f4f9982f-9190-4252-9906-cc678ec72de9";
        let row = updates.clone().with("cabd_id", [nymph.into()]);
        let row = store.all_records(&row).await.unwrap().remove(0);
        let text = row.get("user_description").as_str().unwrap();
        assert!(
            text.starts_with("Change passability_status_code to 3. 1341 salmon observations"),
            "{text}"
        );
        assert!(
            text.ends_with("Source: imagery/observations. Reviewed by SN."),
            "{text}"
        );
        assert_eq!(row.get("status"), &Value::from("needs_review"));
        assert_eq!(row.get("cabd_type"), &Value::from("waterfalls"));
        let day = row.get("datetime").to_json();
        assert_eq!(day, "2025-12-23T00:00:00Z");
        assert_eq!(count(&store, "dams", "updates_pending:eq:true").await, 4);
        assert_eq!(
            count(&store, "waterfalls", "updates_pending:eq:true").await,
            17
        );
        // What a reviewer has settled stays so, and nothing else changes.
        let key = row.get("id").clone();
        let done = cabd_core::feature::Operation::new(
            Relation::FeatureUpdate,
            cabd_core::feature::Action::Update,
        );
        let done = done.set("id", key).set("status", "done");
        let head = cabd_core::feature::ChangeHead::default();
        store.apply_all(&head, vec![done]).await.unwrap();
        let again = with("bcfishpass-reviews-passability");
        let (report, _) = loaded(&store, vec![file(&passability)], again)
            .await
            .unwrap();
        assert_eq!((report.unchanged, report.rejected), (10, 2));
        assert_eq!(report.commit, None);
    });
}

#[test]
fn decisions_along_streams_are_refused_until_they_name_a_feature() {
    run(async {
        for (name, rows) in [
            ("cabd_additions", 5),
            ("user_barriers_definite_control", 238),
            ("user_falls_2023", 59),
        ] {
            let Some(path) = real(&format!("bcfishpass-reviews/{name}.csv")) else {
                return;
            };
            let store = inventory().await;
            let options = with("bcfishpass-reviews-streams");
            let (report, rejected) = loaded(&store, vec![file(&path)], options).await.unwrap();
            assert_eq!((report.read, report.rejected), (rows, rows), "{name}");
            assert_eq!(rejected[0].field, "cabd_id");
            assert!(rejected[0].reason.starts_with("the row names no feature"));
            assert_eq!(report.commit, None, "neither contact nor source is made");
        }
        let store = inventory().await;
        let id = cabd_core::Uuid::from_u128(7);
        let dam = cabd_core::feature::Operation::insert_feature("dams", id)
            .set("geometry", Geometry::point(-121.0, 49.0));
        let head = cabd_core::feature::ChangeHead::default();
        store.apply_all(&head, vec![dam]).await.unwrap();
        let csv = format!(
            "cabd_id,feature_type,name,barrier_ind,blue_line_key,downstream_route_measure,review_date\n\
             {id},dams,Ross Dam,t,356570000,196792,2023-07-24\n"
        );
        let input = cabd_core::load::Input::new("ross.csv", std::io::Cursor::new(csv));
        let options = with("bcfishpass-reviews-streams");
        let (report, _) = loaded(&store, vec![input], options).await.unwrap();
        assert_eq!(report.inserted, 1);
    });
}
