//! Loading: the shipped mappings on real data, reloads, faults, matching.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use cabd_core::catalog::Relation;
use cabd_core::conformance::shipped::manifest as shipped;
use cabd_core::load::{Input, LoadOptions, LoadReport, Mapping, Match, NoteKind, Rejected, load};
use cabd_core::memory::MemoryStore;
use cabd_core::store::{
    AuditStore, CatalogStore, FeatureStore, FeatureStoreExt, RecordQuery, Store, StoreExt,
};
use cabd_core::{ChangeHead, ErrorKind, FeatureQuery, Operation, Result, Uuid, Value};

pub fn run<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap()
        .block_on(work)
}

pub async fn inventory() -> MemoryStore {
    let store = MemoryStore::new();
    store.change_catalog(&shipped()).await.unwrap();
    store
}

pub fn mapping(name: &str) -> Mapping {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../catalog/mappings");
    let text = std::fs::read_to_string(root.join(format!("{name}.toml"))).unwrap();
    Mapping::from_toml(&text).unwrap()
}

/// A file of the real data; says so and gives nothing where the folder is not there.
pub fn real(path: &str) -> Option<PathBuf> {
    let folder = std::env::var_os("CABD_REAL_DATA").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data"),
        PathBuf::from,
    );
    let file = folder.join(path);
    if file.exists() {
        return Some(file);
    }
    println!("real data not found: {}", file.display());
    None
}

pub fn file(path: &Path) -> Input {
    let name = path.file_name().unwrap().to_string_lossy();
    Input::new(name, File::open(path).unwrap())
}

pub fn text(name: &str, text: impl Into<Vec<u8>>) -> Input {
    Input::new(name, std::io::Cursor::new(text.into()))
}

pub async fn loaded(
    store: &dyn Store,
    inputs: Vec<Input>,
    options: LoadOptions,
) -> Result<(LoadReport, Vec<Rejected>)> {
    let rejected = Arc::new(Mutex::new(vec![]));
    let report = load(store, inputs, options, Box::new(rejected.clone())).await?;
    let rejected = rejected.lock().unwrap().clone();
    assert_eq!(report.rejected, rejected.len() as u64);
    let rest =
        report.skipped + report.rejected + report.inserted + report.updated + report.unchanged;
    assert_eq!(report.read, rest, "every row is accounted for: {report:#?}");
    Ok((report, rejected))
}

pub fn with(name: &str) -> LoadOptions {
    LoadOptions {
        mapping: Some(mapping(name)),
        author: Some("test".into()),
        no_source: Some("a test".into()),
        ..LoadOptions::default()
    }
}

/// With a mapping written as text.
pub fn of(toml: &str) -> LoadOptions {
    LoadOptions {
        mapping: Some(Mapping::from_toml(toml).unwrap()),
        no_source: Some("a test".into()),
        ..LoadOptions::default()
    }
}

pub fn plain(feature_type: &str) -> LoadOptions {
    LoadOptions {
        feature_type: Some(feature_type.into()),
        no_source: Some("a test".into()),
        ..LoadOptions::default()
    }
}

/// Loads a file twice: the second time nothing changes.
pub async fn twice(store: &MemoryStore, path: &Path, name: &str) -> (LoadReport, Vec<Rejected>) {
    let first = loaded(store, vec![file(path)], with(name)).await.unwrap();
    let head = store.head().await.unwrap();
    let (again, rejected) = loaded(store, vec![file(path)], with(name)).await.unwrap();
    assert_eq!(
        (again.inserted, again.updated, again.commit),
        (0, 0, None),
        "{again:#?}"
    );
    assert_eq!(rejected.len(), first.1.len());
    assert_eq!(store.head().await.unwrap(), head);
    first
}

pub async fn one(store: &MemoryStore, feature_type: &str, filter: &str) -> cabd_core::FeatureBatch {
    let mut q = FeatureQuery::of(feature_type);
    q.filter = Some(cabd_core::query::parse_filter(filter).unwrap());
    let batches = store.collect(&q).await.unwrap();
    assert_eq!(
        batches.iter().map(|b| b.rows()).sum::<usize>(),
        1,
        "{filter}"
    );
    batches.into_iter().find(|b| b.rows() > 0).unwrap()
}

const DAMS: &str = r#"
    type = "dams"
    licence = "CC0-1.0"
    attribution = "Somebody."
    [source]
    name = "Dams of Anywhere"
    id = ["id"]
    version_date = "2024-01-02"
    [point]
    crs = "EPSG:4617"
    x = "lon"
    y = "lat"
    [[fields]]
    to = "dam_name_en"
    from = ["name"]
    [[fields]]
    to = "height_m"
    from = ["height_ft"]
    scale = 0.5
    [[fields]]
    to = "size_class_code"
    from = ["size"]
    labels = true
    [[fields]]
    to = "comments"
    from = ["remark"]
    [[fields]]
    to = "complete_level_code"
    constant = 1
"#;

async fn value(store: &MemoryStore, name: &str, attribute: &str) -> Value {
    one(store, "dams", &format!("dam_name_en:eq:{name}"))
        .await
        .value(0, attribute)
}

async fn ds(store: &MemoryStore, id: Uuid, attribute: &str) -> Value {
    let query =
        RecordQuery::of(Relation::AttributeSource("dams".into())).with("cabd_id", [id.into()]);
    let rows = store.all_records(&query).await.unwrap();
    rows.first()
        .map_or(Value::Null, |r| r.get(&format!("{attribute}_ds")).clone())
}

#[test]
fn words_labels_units_and_sources_arrive_and_bad_rows_do_not() {
    run(async {
        let store = inventory().await;
        let csv = "id,name,lon,lat,height_ft,size,remark,colour\n\
            1.0, Mill ,-75.5,45.4,10,Medium,,red\n\
            2,Bad height,-75.5,45.4,tall,Small,,\n\
            3,Bad size,-75.5,45.4,1,Enormous,,\n\
            4,Off Earth,-195.5,45.4,1,Small,,\n\
            1,Again,-75.5,45.4,1,Small,,\n\
            ,No id,-75.5,45.4,1,Small,,\n\
            7,No place,,,1,Small,,\n\
            8,Ragged,-75.5\n\
            9,NaN,-75.5,45.4,NaN,Small,,\n";
        let (report, rejected) = loaded(&store, vec![text("d.csv", csv)], of(DAMS))
            .await
            .unwrap();
        let why: Vec<_> = rejected
            .iter()
            .map(|r| (r.line, r.field.as_str(), r.value.as_str()))
            .collect();
        assert_eq!(
            why,
            [
                (3, "height_m", "tall"),
                (4, "size_class_code", "Enormous"),
                (5, "lon", "-195.5 45.4"),
                (6, "source", "1"),
                (7, "id", ""),
                (8, "lon, lat", ""),
                (9, "", "8"),
                (10, "height_m", "NaN"),
            ]
        );
        assert!(rejected[3].reason.contains("line 2"), "{:?}", rejected[3]);
        assert_eq!(report.inserted, 1);
        let unused: Vec<_> = report
            .notes
            .iter()
            .filter(|n| n.kind == NoteKind::UnusedColumn)
            .collect();
        assert_eq!((unused.len(), unused[0].field.as_str()), (1, "colour"));
        assert_eq!(value(&store, "Mill", "height_m").await, Value::from(5.0));
        assert_eq!(
            value(&store, "Mill", "size_class").await,
            Value::from("Medium")
        );
        let id = value(&store, "Mill", "cabd_id").await.as_uuid().unwrap();
        let source = store
            .data_source_by_name("Dams of Anywhere")
            .await
            .unwrap()
            .unwrap();
        assert_eq!(source, cabd_core::load::source_id("Dams of Anywhere"));
        assert_eq!(ds(&store, id, "height_m").await, source.into());
        assert_eq!(ds(&store, id, "comments").await, Value::Null);
        let sources = store.data_sources().await.unwrap();
        assert_eq!(sources[0].get("licence"), &Value::from("CC0-1.0"));
        let query = RecordQuery::of(Relation::FeatureSource("dams".into()));
        let rows = store.all_records(&query).await.unwrap();
        assert_eq!(rows[0].get("datasource_feature_id"), &Value::from("1"));
    });
}

#[test]
fn a_load_of_rejected_rows_only_writes_nothing() {
    run(async {
        let store = inventory().await;
        let head = store.head().await.unwrap();
        let csv = "id,name,lon,lat,height_ft,size,remark\n\
            1,Bad height,-75.5,45.4,tall,Small,\n2,No place,,,1,Small,\n";
        let (report, _) = loaded(&store, vec![text("d.csv", csv)], of(DAMS))
            .await
            .unwrap();
        assert_eq!((report.rejected, report.commit), (2, None), "{report:#?}");
        assert_eq!(store.head().await.unwrap(), head);
        assert!(store.data_sources().await.unwrap().is_empty());
        let by_column = DAMS.replace("name = \"Dams of Anywhere\"", "column = \"remark\"");
        let csv = "id,name,lon,lat,height_ft,size,remark\n\
            1,Bad height,-75.5,45.4,tall,Small,A\n2,Mill,-75.5,45.4,1,Small,B\n\
            3,No place,,,1,Small,C\n";
        let (report, _) = loaded(&store, vec![text("d.csv", csv)], of(&by_column))
            .await
            .unwrap();
        assert_eq!((report.inserted, report.rejected), (1, 2), "{report:#?}");
        let sources = store.data_sources().await.unwrap();
        let names: Vec<_> = sources.iter().map(|s| s.get("name").clone()).collect();
        assert_eq!(names, [Value::from("B")], "a source of loaded rows only");
    });
}

#[test]
fn a_reload_follows_the_file_but_keeps_what_another_source_gave() {
    run(async {
        let store = inventory().await;
        let first = "id,name,lon,lat,height_ft,size,remark\n1,Mill,-75.5,45.4,10,Medium,old\n";
        loaded(&store, vec![text("d.csv", first)], of(DAMS))
            .await
            .unwrap();
        let id = value(&store, "Mill", "cabd_id").await.as_uuid().unwrap();
        let other = Uuid::from_u128(77);
        let source = Operation::new(Relation::DataSource, cabd_core::feature::Action::Put)
            .set("id", other)
            .set("name", "Reviewer");
        let change = Operation::update_feature("dams", id)
            .set("height_m", 7.5)
            .set("comments", Value::Null)
            .set("owner", "Someone");
        let given = Operation::new(
            Relation::AttributeSource("dams".into()),
            cabd_core::feature::Action::Put,
        )
        .set("cabd_id", id)
        .set("height_m_ds", other);
        store
            .apply_all(&ChangeHead::default(), vec![source, change, given])
            .await
            .unwrap();

        let second = "id,name,lon,lat,height_ft,size,remark\n1,Mill,-75.6,45.4,20,,new\n";
        let (report, _) = loaded(&store, vec![text("d.csv", second)], of(DAMS))
            .await
            .unwrap();
        assert_eq!((report.updated, report.kept), (1, 1), "{report:#?}");
        assert_eq!(value(&store, "Mill", "height_m").await, Value::from(7.5));
        assert_eq!(value(&store, "Mill", "size_class_code").await, Value::Null);
        assert_eq!(ds(&store, id, "size_class_code").await, Value::Null);
        assert_eq!(value(&store, "Mill", "comments").await, Value::from("new"));
        assert_eq!(value(&store, "Mill", "owner").await, Value::from("Someone"));
        assert_eq!(value(&store, "Mill", "longitude").await, Value::from(-75.6));
    });
}

#[test]
fn a_near_feature_of_another_source_is_completed_and_found_again() {
    run(async {
        let store = inventory().await;
        let first = "id,name,lon,lat,height_ft,size,remark\n1,Mill,-75.5,45.4,,Medium,\n";
        loaded(&store, vec![text("d.csv", first)], of(DAMS))
            .await
            .unwrap();
        let id = value(&store, "Mill", "cabd_id").await.as_uuid().unwrap();
        let mut other = of(&DAMS.replace("Dams of Anywhere", "Other"));
        other.match_rule = Some(Match::Near(50.0));
        let second = "id,name,lon,lat,height_ft,size,remark\n\
            a,Mill Dam,-75.5001,45.4,8,Small,\n\
            b,Mill again,-75.5,45.4,8,Small,\n\
            c,Far,-75.6,45.4,8,Small,\n";
        let (report, rejected) = loaded(&store, vec![text("o.csv", second)], other.clone())
            .await
            .unwrap();
        assert_eq!(
            (report.inserted, report.updated),
            (1, 1),
            "{report:#?} {rejected:?}"
        );
        assert_eq!(rejected.len(), 1, "two rows are not the same feature");
        assert_eq!(value(&store, "Mill", "height_m").await, Value::from(4.0));
        assert_eq!(
            value(&store, "Mill", "size_class").await,
            Value::from("Medium")
        );
        assert_eq!(value(&store, "Mill", "longitude").await, Value::from(-75.5));
        assert_eq!(report.kept, 3, "name, size and completeness");
        let sources =
            RecordQuery::of(Relation::FeatureSource("dams".into())).with("cabd_id", [id.into()]);
        assert_eq!(store.all_records(&sources).await.unwrap().len(), 2);
        let head = store.head().await.unwrap();
        let (again, _) = loaded(&store, vec![text("o.csv", second)], other)
            .await
            .unwrap();
        assert_eq!(
            (again.updated, again.unchanged, again.commit),
            (0, 2, None),
            "{again:#?}"
        );
        assert_eq!(store.head().await.unwrap(), head);
    });
}

#[test]
fn a_row_with_a_cabd_id_is_that_feature() {
    run(async {
        let store = inventory().await;
        let (a, b) = (Uuid::from_u128(1), Uuid::from_u128(2));
        let csv = format!(
            "cabd_id,dam_name_en,longitude,latitude,size_class,nonsense\n{a},Mill,-75.5,45.4,Medium,1\n{b},,,,,\n17,x,-75.5,45.4,,\n{a},Twice,-75.5,45.4,,\n"
        );
        let (report, rejected) = loaded(&store, vec![text("d.csv", csv)], plain("dams"))
            .await
            .unwrap();
        assert_eq!((report.inserted, report.rejected), (1, 3), "{rejected:?}");
        let notes: Vec<_> = report.notes.iter().map(|n| n.field.as_str()).collect();
        assert_eq!(notes, ["nonsense", "size_class"], "a label is not stored");
        let csv = format!("cabd_id,height_m\n{a},3.5\n");
        let mut by_id = plain("dams");
        by_id.match_rule = Some(Match::CabdId);
        let (report, _) = loaded(&store, vec![text("d.csv", csv)], by_id.clone())
            .await
            .unwrap();
        assert_eq!(report.updated, 1);
        assert_eq!(value(&store, "Mill", "height_m").await, Value::from(3.5));
        let csv = "cabd_id,height_m\n,3.5\n";
        let (report, _) = loaded(&store, vec![text("d.csv", csv)], by_id)
            .await
            .unwrap();
        assert_eq!(report.rejected, 1);
    });
}

#[test]
fn a_fault_of_the_file_leaves_the_store_as_it_was() {
    let feature = |n: usize| {
        format!(
            r#"{{"type":"Feature","geometry":{{"type":"Point","coordinates":[-75.5,45.4]}},"properties":{{"dam_name_en":"Dam {n}"}}}}"#
        )
    };
    let many: Vec<String> = (0..6000).map(feature).collect();
    let whole = format!(
        "{{\"type\":\"FeatureCollection\",\"features\":[\n{}\n]}}",
        many.join(",\n")
    );
    let mut bad_byte = whole.clone().into_bytes();
    let at = whole.rfind("Dam 5999").unwrap();
    bad_byte[at] = 0xE9;
    let long = format!(
        "{{\"type\":\"FeatureCollection\",\"features\":[\n{},\n{}]}}",
        feature(1),
        feature(2).replace("Dam", &"x".repeat(10 << 20))
    );
    run(async {
        let store = inventory().await;
        let head = store.head().await.unwrap();
        let half = whole.as_bytes()[..whole.len() / 2].to_vec();
        for (name, bytes, line) in [
            ("half.geojson", half, "half.geojson:30"),
            ("byte.geojson", bad_byte, "byte.geojson:6001:"),
            ("long.geojson", long.into_bytes(), "long.geojson:3:"),
            ("not.geojson", b"id,name\n".to_vec(), "not.geojson:1:1"),
        ] {
            let e = loaded(&store, vec![text(name, bytes)], plain("dams"))
                .await
                .unwrap_err();
            assert_eq!(e.kind(), ErrorKind::Invalid, "{e:?}");
            assert!(e.place().unwrap_or_default().starts_with(line), "{e:?}");
            assert_eq!(store.head().await.unwrap(), head, "{name}");
        }
        let (report, _) = loaded(&store, vec![text("d.geojson", whole)], plain("dams"))
            .await
            .unwrap();
        assert_eq!(report.inserted, 6000);
    });
}

#[test]
fn a_dry_run_counts_and_changes_nothing() {
    run(async {
        let store = inventory().await;
        let mut options = of(DAMS);
        options.dry_run = true;
        let csv = "id,name,lon,lat,height_ft,size,remark\n1,Mill,-75.5,45.4,10,Medium,\n";
        let (report, _) = loaded(&store, vec![text("d.csv", csv)], options)
            .await
            .unwrap();
        assert_eq!((report.inserted, report.commit), (1, None));
        assert_eq!(store.count(&FeatureQuery::of("dams")).await.unwrap(), 0);
    });
}

#[test]
fn a_collection_in_another_system_of_coordinates_is_reprojected_and_noted() {
    run(async {
        let store = inventory().await;
        let json = r#"{"type":"FeatureCollection","crs":{"type":"name","properties":{"name":"urn:ogc:def:crs:EPSG::3005"}},
            "features":[{"type":"Feature","geometry":{"type":"Point","coordinates":[1000000,500000,12]},"properties":{"dam_name_en":"Mill"}}]}"#;
        let (report, _) = loaded(&store, vec![text("d.geojson", json)], plain("dams"))
            .await
            .unwrap();
        let kinds: Vec<_> = report.notes.iter().map(|n| n.kind).collect();
        assert_eq!(kinds, [NoteKind::HeightDropped, NoteKind::DeclaredCrs]);
        let Value::Double(latitude) = value(&store, "Mill", "latitude").await else {
            panic!()
        };
        assert!((latitude - 49.516_295_700_932_7).abs() < 1e-7);
    });
}

#[test]
fn mappings_that_cannot_work_are_refused_before_anything_is_read() {
    run(async {
        let store = inventory().await;
        for (wrong, field) in [
            (
                "type = \"dams\"\n[[fields]]\nto = \"size_class\"\nfrom = [\"a\"]",
                "size_class",
            ),
            (
                "type = \"dams\"\n[[fields]]\nto = \"height\"\nfrom = [\"a\"]",
                "mapping",
            ),
            (
                "type = \"dams\"\n[[fields]]\nto = \"size_class_code\"\nconstant = 1234",
                "size_class_code",
            ),
            (
                "type = \"dams\"\n[[fields]]\nto = \"height_m\"\nfrom = [\"a\"]\nlabels = true",
                "height_m",
            ),
            ("type = \"barriers\"", "type"),
            ("type = \"dams\"\n[point]\ncrs = \"EPSG:1\"", "crs"),
            ("table = \"cabd.nothing\"", "table"),
        ] {
            let e = loaded(&store, vec![text("d.csv", "a\n1\n")], of(wrong))
                .await
                .unwrap_err();
            assert_eq!(e.field_name(), Some(field), "{wrong}: {e:?}");
        }
        let mut disagree = of(DAMS);
        disagree.feature_type = Some("waterfalls".into());
        assert!(
            loaded(&store, vec![text("d.csv", "a\n")], disagree)
                .await
                .is_err()
        );
        assert!(
            loaded(&store, vec![text("d.xyz", "a\n")], plain("dams"))
                .await
                .is_err()
        );
    });
}

#[test]
fn a_load_can_be_sent_between_threads() {
    fn sent<T: Send>(_: &T) {}
    let store = MemoryStore::new();
    sent(&load(&store, vec![], LoadOptions::default(), Box::new(())));
}

#[test]
fn files_with_other_columns_are_loaded_together() {
    run(async {
        let store = inventory().await;
        let (a, b) = (Uuid::from_u128(1), Uuid::from_u128(2));
        let first = format!("cabd_id,dam_name_en,lon,lat\n{a},A,-75.5,45.4\n{b},B,-75.5,45.4\n");
        loaded(&store, vec![text("d.csv", first)], plain("dams"))
            .await
            .unwrap();
        let inputs = vec![
            text("h.csv", format!("cabd_id,height_m,owner\n{a},3.5,X\n")),
            text(
                "l.csv",
                format!("length_m,waterbody_name_en,cabd_id\n7.5,Y,{b}\n"),
            ),
        ];
        let (report, _) = loaded(&store, inputs, plain("dams")).await.unwrap();
        assert_eq!(report.updated, 2);
        assert_eq!(value(&store, "A", "height_m").await, Value::from(3.5));
        assert_eq!(value(&store, "A", "owner").await, Value::from("X"));
        assert_eq!(value(&store, "B", "length_m").await, Value::from(7.5));
        assert_eq!(
            value(&store, "B", "waterbody_name_en").await,
            Value::from("Y")
        );
        assert_eq!(value(&store, "B", "height_m").await, Value::Null);
    });
}

#[test]
fn a_crossing_keeps_its_structure_through_an_export() {
    run(async {
        let store = inventory().await;
        let id = Uuid::from_u128(1);
        let csv = format!(
            "cabd_id,stream_name,structure_length_m,lon,lat\n{id},Mill Creek,12.5,-75.5,45.4\n"
        );
        let options = plain("stream_crossings");
        loaded(&store, vec![text("s.csv", csv)], options.clone())
            .await
            .unwrap();
        let q = FeatureQuery::of("stream_crossings");
        let answer = store.features(&q).await.unwrap();
        let mut out = vec![];
        let mut writer = cabd_core::format::Format::Csv
            .writer(&answer.schema, &mut out, Default::default())
            .unwrap();
        cabd_core::format::write_features(answer.batches, writer.as_mut())
            .await
            .unwrap();
        drop(writer);
        let head = store.head().await.unwrap();
        let (again, rejected) = loaded(&store, vec![text("s.csv", out)], options)
            .await
            .unwrap();
        assert_eq!(
            (again.unchanged, again.commit),
            (1, None),
            "{again:#?} {rejected:?}"
        );
        assert_eq!(store.head().await.unwrap(), head);
        let b = store.feature("stream_crossings", id).await.unwrap();
        assert_eq!(b.value(0, "structure_length_m"), Value::from(12.5));
    });
}
