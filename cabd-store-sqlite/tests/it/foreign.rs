//! The inventory in other programs: the spatialite shell and ogr2ogr edit it, and cabd sees what they did.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};

use cabd_core::feature::Operation;
use cabd_core::query::FeatureQuery;
use cabd_core::store::{AuditStore, CatalogStore, FeatureStore, FeatureStoreExt, Store};
use cabd_core::{ChangeHead, Geometry, Uuid, Value};
use cabd_store_sqlite::SqliteStore;
use futures::TryStreamExt;

use crate::shipped::run;
use cabd_core::conformance::shipped::manifest;

fn tool(name: &str, args: &[&str], input: &str) -> String {
    use std::io::Write;
    let mut child = Command::new(name)
        .args(args)
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap_or_else(|e| {
            panic!("`{name}` is needed for this test (packages spatialite-bin, gdal-bin): {e}")
        });
    child
        .stdin
        .take()
        .unwrap()
        .write_all(input.as_bytes())
        .unwrap();
    let out = child.wait_with_output().unwrap();
    let text = String::from_utf8_lossy(&out.stdout).into_owned();
    assert!(
        out.status.success(),
        "{name}: {}{text}",
        String::from_utf8_lossy(&out.stderr)
    );
    text
}

pub fn shell(path: &Path, sql: &str) -> String {
    tool(
        "spatialite",
        &["-silent", "-bail", path.to_str().unwrap()],
        sql,
    )
}

async fn inventory(path: &Path) -> SqliteStore {
    let store = SqliteStore::create(path).unwrap();
    store.change_catalog(&manifest()).await.unwrap();
    let ops = (1..=5u128)
        .map(|i| {
            Operation::insert_feature("dams", Uuid::from_u128(i))
                .set("dam_name_en", format!("Dam {i}"))
                .set("height_m", i as f64)
                .set("geometry", Geometry::point(-75.0 - i as f64, 45.0))
        })
        .collect();
    store.apply_all(&ChangeHead::default(), ops).await.unwrap();
    store
}

#[test]
fn what_the_spatialite_shell_writes_is_found_indexed_identified_and_logged() {
    run(async {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("inventory.sqlite");
        let store = inventory(&path).await;
        let head = store.head().await.unwrap();
        store.close().await.unwrap();
        let out = shell(
            &path,
            "INSERT INTO dams (dam_name_en, original_point) VALUES ('Shell Dam', MakePoint(-100, 50, 4617));
             INSERT INTO dams (cabd_id, dam_name_en, geometry) VALUES (NULL, 'Layer Dam', MakePoint(-101, 51, 4617));
             UPDATE dams SET geometry = MakePoint(-90, 49, 4617) WHERE dam_name_en = 'Dam 1';
             UPDATE dams SET snapped_point = MakePoint(-91, 49, 4617), height_m = 0.1 + 0.2 WHERE dam_name_en = 'Dam 2';
             DELETE FROM dams WHERE dam_name_en = 'Dam 3';
             SELECT fid, dam_name_en, AsText(geometry), AsText(original_point), AsText(snapped_point) FROM dams;
             SELECT * FROM idx_dams_geometry;
             SELECT 'index', CheckSpatialIndex('dams', 'geometry');
             SELECT 'stats', UpdateLayerStatistics('dams', 'geometry');
             SELECT 'view', count(*) FROM cabd_dams_view_fr WHERE longitude < -95;",
        );
        assert!(
            out.contains("index|1") && out.contains("stats|1") && out.contains("view|2"),
            "{out}"
        );

        let store = SqliteStore::open(&path).unwrap();
        let mut q = FeatureQuery::of("dams");
        q.bbox = Some("-102,48,-89,52".parse().unwrap());
        let found = store.collect(&q).await.unwrap();
        let mut names: Vec<String> = (0..found[0].rows())
            .map(|r| {
                found[0]
                    .value(r, "dam_name_en")
                    .as_str()
                    .unwrap()
                    .to_owned()
            })
            .collect();
        names.sort();
        assert_eq!(names, ["Dam 1", "Dam 2", "Layer Dam", "Shell Dam"]);
        assert!((0..4).all(|r| matches!(found[0].value(r, "cabd_id"), Value::Uuid(_))));
        let entries: Vec<_> = store
            .changes_since(head)
            .await
            .unwrap()
            .try_collect()
            .await
            .unwrap();
        assert!(
            entries
                .iter()
                .all(|e| e.author.is_none() && e.table == "dams" && e.schema == "dams")
        );
        for action in ["INSERT", "UPDATE", "DELETE"] {
            assert!(entries.iter().any(|e| e.action == action), "{action}");
        }
        assert!(entries.windows(2).all(|w| w[0].commit <= w[1].commit));
        // One external changeset, another of the values that follow from it.
        assert!(
            entries.iter().all(|e| e.commit.0 == head.0 + 1),
            "{entries:?}"
        );
        let errors: Vec<_> = store.doctor().await.unwrap();
        assert_eq!(errors, vec![]);
    });
}

/// A shell that has written, and now keeps the file to itself.
struct Holding(std::process::Child);

impl Holding {
    fn start(path: &Path, sql: &str) -> Self {
        let mut child = Command::new("spatialite")
            .args(["-silent", "-bail"])
            .arg(path)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the spatialite shell (scripts/deps.sh test)");
        let text = format!("{sql}\nBEGIN IMMEDIATE;\nSELECT 'held';\n");
        let input = child.stdin.as_mut().unwrap();
        input.write_all(text.as_bytes()).unwrap();
        input.flush().unwrap();
        let lines = BufReader::new(child.stdout.as_mut().unwrap()).lines();
        let held = lines.map_while(Result::ok).any(|l| l == "held");
        assert!(held);
        Self(child)
    }

    fn end(mut self) {
        drop(self.0.stdin.take());
        self.0.wait().unwrap();
    }
}

#[test]
fn readers_do_not_wait_for_another_program_that_writes() {
    run(async {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("inventory.sqlite");
        let store = inventory(&path).await;
        let head = store.head().await.unwrap();
        let shell = Holding::start(&path, "UPDATE dams SET height_m = 7;");
        let begun = std::time::Instant::now();
        assert_eq!(store.head().await.unwrap(), head);
        assert_eq!(store.moment().await.unwrap().0, head);
        let log = store.changes_since(head).await.unwrap();
        assert_eq!(log.try_collect::<Vec<_>>().await.unwrap(), []);
        assert!(begun.elapsed() < std::time::Duration::from_secs(5));
        shell.end();
        assert_eq!(store.head().await.unwrap().0, head.0 + 1);
        let log = store.changes_since(head).await.unwrap();
        assert!(!log.try_collect::<Vec<_>>().await.unwrap().is_empty());
    });
}

#[test]
fn rows_that_are_replaced_ignored_or_renamed_are_logged_as_what_happened() {
    run(async {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("inventory.sqlite");
        let store = inventory(&path).await;
        let head = store.head().await.unwrap();
        store.close().await.unwrap();
        let id = |n: u32| format!("'00000000-0000-0000-0000-{n:012}'");
        let point = "MakePoint(-75, 45, 4617)";
        let (one, two, three, nine) = (id(1), id(2), id(3), id(9));
        shell(
            &path,
            &format!(
                "INSERT OR REPLACE INTO dams (cabd_id, dam_name_en, original_point) VALUES ({one}, 'New', {point});
                 INSERT OR IGNORE INTO dams (cabd_id, dam_name_en, original_point) VALUES ({two}, 'No', {point});
                 INSERT INTO dams (cabd_id, original_point) VALUES ({two}, {point}) ON CONFLICT (cabd_id) DO UPDATE SET height_m = 7;
                 INSERT INTO dams (cabd_id, original_point) VALUES ({nine}, {point});
                 UPDATE dams SET cabd_id = {} WHERE cabd_id = {nine};
                 PRAGMA recursive_triggers = ON;
                 INSERT OR REPLACE INTO dams (cabd_id, dam_name_en, original_point) VALUES ({three}, 'Again', {point});
                 UPDATE dams SET height_m = height_m;",
                id(10)
            ),
        );
        let store = SqliteStore::open(&path).unwrap();
        let entries: Vec<_> = store
            .changes_since(head)
            .await
            .unwrap()
            .try_collect()
            .await
            .unwrap();
        let mut seen: Vec<(u128, &str, Option<&str>)> = entries
            .iter()
            .filter(|e| !e.new.contains_key("geometry") || e.action == "INSERT" || e.new.len() > 1)
            .map(|e| {
                let name = e.old.get("dam_name_en").or(e.new.get("dam_name_en"));
                (
                    e.cabd_id.unwrap().as_u128(),
                    e.action.as_str(),
                    name.and_then(|v| v.as_str()),
                )
            })
            .collect();
        seen.sort_by_key(|e| e.0);
        assert_eq!(
            seen,
            [
                (1, "DELETE", Some("Dam 1")),
                (1, "INSERT", Some("New")),
                (2, "UPDATE", None),
                (3, "DELETE", Some("Dam 3")),
                (3, "INSERT", Some("Again")),
                (9, "INSERT", None),
                (9, "DELETE", None),
                (16, "INSERT", None),
            ],
            "{entries:#?}"
        );
    });
}

#[test]
fn what_the_shell_reads_is_what_happened() {
    run(async {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("inventory.sqlite");
        let store = SqliteStore::create(&path).unwrap();
        store.change_catalog(&manifest()).await.unwrap();
        let dam = |i: u128| {
            Operation::insert_feature("dams", Uuid::from_u128(i))
                .set("height_m", i as f64 / 3.0)
                .set("geometry", Geometry::point(-75.0, 45.0))
        };
        store
            .apply_all(&ChangeHead::default(), (1..=200).map(dam).collect())
            .await
            .unwrap();
        store.close().await.unwrap();
        let out = shell(
            &path,
            "UPDATE dams SET height_m = NULL, dam_name_en = 'One' WHERE cabd_id LIKE '%0001';
             UPDATE dams SET height_m = 0.1 + 0.2 WHERE cabd_id LIKE '%0002';
             SELECT action, json_extract(oldvalues, '$.height_m'), newvalues -> '$.height_m', newvalues -> '$.dam_name_en'
             FROM cabd_audit_log WHERE cabd_id LIKE '%0001' OR cabd_id LIKE '%0002' ORDER BY cabd_id, revision;",
        );
        assert_eq!(
            out.trim(),
            "INSERT||0.33333333333333331|\nUPDATE|0.333333333333333|null|\"One\"\n\
             INSERT||0.66666666666666663|\nUPDATE|0.666666666666667|0.30000000000000004|"
        );
    });
}

#[test]
fn every_column_of_a_data_source_is_logged() {
    run(async {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("inventory.sqlite");
        inventory(&path).await.close().await.unwrap();
        let logged = shell(
            &path,
            "INSERT INTO cabd_data_source (id, name) VALUES ('00000000-0000-0000-0000-000000000001', 'src');
             UPDATE cabd_data_source SET province_territory_code = '[\"qc\",\"on\"]';
             SELECT oldvalues, newvalues FROM cabd_audit_log WHERE action = 'UPDATE';",
        );
        assert_eq!(
            logged.trim(),
            r#"{"province_territory_code":null}|{"province_territory_code":["qc","on"]}"#
        );
    });
}

#[test]
fn a_wrong_geometry_is_refused_in_the_shell_too() {
    run(async {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("inventory.sqlite");
        inventory(&path).await.close().await.unwrap();
        let out = Command::new("spatialite")
            .args([
                "-silent",
                path.to_str().unwrap(),
                "INSERT INTO dams (original_point) VALUES (MakePoint(1, 2, 4326));",
            ])
            .output()
            .unwrap();
        assert!(!out.status.success());
    });
}

#[test]
fn ogr_reads_every_layer_and_view_and_appends() {
    run(async {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("inventory.sqlite");
        inventory(&path).await.close().await.unwrap();
        let p = path.to_str().unwrap();
        let list = tool("ogrinfo", &["-ro", p], "");
        for layer in [
            "dams (Point)",
            "waterfalls (Point)",
            "fishways (Point)",
            "stream_crossings_sites (Point)",
            "cabd_dams_view_en (Point)",
        ] {
            assert!(list.contains(layer), "{layer} in {list}");
        }
        let dams = tool("ogrinfo", &["-ro", "-so", p, "cabd_dams_view_fr"], "");
        assert!(
            dams.contains("Feature Count: 5") && dams.contains("Point") && dams.contains("4617"),
            "{dams}"
        );

        let json = dir.path().join("new.geojson");
        std::fs::write(
            &json,
            r#"{"type":"FeatureCollection","features":[{"type":"Feature","properties":{"dam_name_en":"From OGR","height_m":3.5},
               "geometry":{"type":"Point","coordinates":[-110.5,52.5]}}]}"#,
        )
        .unwrap();
        tool(
            "ogr2ogr",
            &[
                "-append",
                "-nln",
                "dams",
                "-a_srs",
                "EPSG:4617",
                "-update",
                p,
                json.to_str().unwrap(),
            ],
            "",
        );
        assert!(shell(&path, "SELECT CheckSpatialIndex('dams', 'geometry');").contains('1'));
        let store = SqliteStore::open(&path).unwrap();
        let mut q = FeatureQuery::of("barriers");
        q.bbox = Some("-111,52,-110,53".parse().unwrap());
        let b = store.collect(&q).await.unwrap();
        assert_eq!(b[0].value(0, "name_en"), Value::from("From OGR"));
        assert_eq!(store.doctor().await.unwrap(), vec![]);
    });
}

#[test]
fn an_inventory_is_added_to_a_file_that_the_shell_made() {
    run(async {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("theirs.sqlite");
        shell(
            &path,
            "SELECT InitSpatialMetaData(1);
             CREATE TABLE towns (id INTEGER PRIMARY KEY, name TEXT);
             SELECT AddGeometryColumn('towns', 'geom', 4326, 'POINT', 'XY');
             SELECT CreateSpatialIndex('towns', 'geom');",
        );
        let store = inventory(&path).await;
        assert_eq!(store.count(&FeatureQuery::of("dams")).await.unwrap(), 5);
        assert_eq!(store.doctor().await.unwrap(), vec![]);
        store.close().await.unwrap();
        let out = shell(
            &path,
            "INSERT INTO towns (name, geom) VALUES ('x', MakePoint(1, 2, 4326)); SELECT CheckSpatialIndex();",
        );
        assert!(out.trim().ends_with('1'), "{out}");
    });
}

#[test]
fn files_of_other_programs_are_refused_and_left_alone() {
    run(async {
        let dir = tempfile::tempdir().unwrap();
        let text = dir.path().join("text.sqlite");
        std::fs::write(
            &text,
            "not a database at all, but long enough to have a header",
        )
        .unwrap();
        let other = dir.path().join("other.sqlite");
        tool(
            "sqlite3",
            &[
                other.to_str().unwrap(),
                "CREATE TABLE theirs (x); INSERT INTO theirs VALUES (1);",
            ],
            "",
        );
        for path in [&text, &other] {
            let before = std::fs::read(path).unwrap();
            for result in [SqliteStore::open(path), SqliteStore::create(path)] {
                let e = result.unwrap_err();
                assert!(matches!(e.kind(), cabd_core::ErrorKind::NotAStore), "{e:?}");
                assert!(e.next_step().is_some(), "{e:?}");
            }
            if path == &text {
                assert_eq!(std::fs::read(path).unwrap(), before);
            }
        }
        assert!(SqliteStore::open(dir.path()).is_err());
        assert_eq!(
            SqliteStore::open(dir.path().join("none"))
                .unwrap_err()
                .kind(),
            cabd_core::ErrorKind::NotFound
        );
    });
}

#[test]
fn a_file_of_a_newer_program_is_refused() {
    run(async {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("inventory.sqlite");
        inventory(&path).await.close().await.unwrap();
        shell(
            &path,
            "INSERT INTO cabd_schema_history (version, name, applied_on, checksum) VALUES (99, 'future', '2030-01-01T00:00:00Z', '1');",
        );
        let e = SqliteStore::open(&path).unwrap_err();
        assert_eq!(e.kind(), cabd_core::ErrorKind::NewerStore);
        assert!(e.to_string().contains("99"), "{e}");
    });
}
