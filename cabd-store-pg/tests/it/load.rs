//! Writing much: bulk mode, and changes that break off.

use std::sync::Arc;

use cabd_core::catalog::Relation;
use cabd_core::feature::{Action, Fields, Operation};
use cabd_core::query::{FeatureQuery, parse_filter};
use cabd_core::store::{AuditStore, CatalogStore, FeatureStore, FeatureStoreExt, operations};
use cabd_core::{ChangeHead, CommitNumber, ErrorKind, Geometry, Lang, Uuid, Value};
use futures::{StreamExt, TryStreamExt};

use crate::server;

/// Dams with a feature source and an attribute source row each, and the data source they come from.
pub fn dams(n: u128) -> impl Iterator<Item = Operation> + Send {
    let source = Uuid::from_u128(7);
    let fields: Fields = [
        "cabd_id",
        "dam_name_en",
        "height_m",
        "size_class_code",
        "original_point",
    ]
    .map(String::from)
    .into();
    let source_fields: Fields = ["cabd_id", "datasource_id", "datasource_feature_id"]
        .map(String::from)
        .into();
    let attribute_fields: Fields = ["cabd_id", "dam_name_en_ds", "height_m_ds"]
        .map(String::from)
        .into();
    let first = Operation::new(Relation::DataSource, Action::Insert)
        .set("id", source)
        .set("name", "src");
    let (a, b, c) = (
        Relation::feature("dams"),
        Relation::FeatureSource("dams".into()),
        Relation::AttributeSource("dams".into()),
    );
    std::iter::once(first).chain((0..n).flat_map(move |i| {
        let id = Value::Uuid(Uuid::from_u128(i * 0x9E37_79B9_7F4A_7C15 + 1));
        let at = Geometry::point(
            -120.0 + (i % 600) as f64 / 10.0,
            45.0 + (i % 150) as f64 / 10.0,
        );
        [
            Operation::with_fields(
                a.clone(),
                Action::Insert,
                fields.clone(),
                vec![
                    id.clone(),
                    format!("Dam {i}").into(),
                    (i as f64 / 10.0).into(),
                    ((i % 3) as i32 + 1).into(),
                    at.into(),
                ],
            ),
            Operation::with_fields(
                b.clone(),
                Action::Insert,
                source_fields.clone(),
                vec![id.clone(), source.into(), i.to_string().into()],
            ),
            Operation::with_fields(
                c.clone(),
                Action::Insert,
                attribute_fields.clone(),
                vec![id, source.into(), source.into()],
            ),
        ]
    }))
}

const SHAPE: &str = "SELECT string_agg(x, E'\\n' ORDER BY x) FROM ( \
    SELECT pg_get_indexdef(indexrelid) || indisvalid::text FROM pg_index WHERE indrelid::regclass::text ~ '^dams\\.' \
    UNION ALL SELECT conrelid::regclass::text || conname || pg_get_constraintdef(oid) || convalidated::text FROM pg_constraint WHERE conrelid::regclass::text ~ '^dams\\.' \
    UNION ALL SELECT tgrelid::regclass::text || tgname || tgenabled::text FROM pg_trigger WHERE NOT tgisinternal AND tgrelid::regclass::text ~ '^dams\\.') s(x)";

#[tokio::test]
async fn a_load_into_empty_tables_leaves_indexes_keys_and_triggers_as_they_were_and_logs_each_row()
{
    let Some((store, url)) = server::with_catalog().await else {
        return;
    };
    let client = server::psql(&url).await;
    let shape = async || -> String { client.query_one(SHAPE, &[]).await.unwrap().get(0) };
    let before = shape().await;
    let applied = store
        .apply(&ChangeHead::default(), operations(dams(3000)))
        .await
        .unwrap();
    assert_eq!(applied.commit, Some(CommitNumber(2)));
    assert_eq!(applied.of(&Relation::feature("dams")).inserted, 3000);
    assert_eq!(shape().await, before);
    let entries: Vec<_> = store
        .changes_since(CommitNumber(0))
        .await
        .unwrap()
        .try_collect()
        .await
        .unwrap();
    assert_eq!(entries.len(), 9001);
    assert!(
        entries
            .iter()
            .all(|e| e.action == "INSERT" && e.commit.0 == 2)
    );
    let mut q = FeatureQuery::of("dams");
    q.bbox = Some("-110,50,-100,55".parse().unwrap());
    let memory = cabd_core::memory::MemoryStore::new();
    memory.change_catalog(&server::shipped()).await.unwrap();
    memory
        .apply(&ChangeHead::default(), operations(dams(3000)))
        .await
        .unwrap();
    assert_eq!(
        store.count(&q).await.unwrap(),
        memory.count(&q).await.unwrap()
    );

    client
        .batch_execute("UPDATE dams.dams SET height_m = 1 WHERE dam_name_en = 'Dam 5'; INSERT INTO dams.dams (original_point) SELECT original_point FROM dams.dams LIMIT 1")
        .await
        .unwrap();
    assert_eq!(store.head().await.unwrap(), CommitNumber(3));
    let e = client
        .batch_execute("UPDATE dams.dams SET size_class_code = 55 WHERE dam_name_en = 'Dam 5'")
        .await
        .unwrap_err();
    assert_eq!(e.code().unwrap().code(), "23503");
}

#[tokio::test]
async fn rows_changed_and_deleted_in_the_load_itself_are_logged_in_order() {
    let Some((store, url)) = server::with_catalog().await else {
        return;
    };
    let first = Uuid::from_u128(1);
    let second = Uuid::from_u128(0x9E37_79B9_7F4A_7C15 + 1);
    let more = [
        Operation::update_feature("dams", first).set("height_m", 99),
        Operation::delete_feature("dams", second),
    ];
    let all = dams(2000).chain(more).chain(dams(2600).skip(1 + 6000));
    store
        .apply(&ChangeHead::default(), operations(all))
        .await
        .unwrap();
    let client = server::psql(&url).await;
    let actions = async |id: Uuid| -> Vec<String> {
        client
            .query("SELECT action FROM cabd.audit_log WHERE tablename = 'dams' AND cabd_id = $1 ORDER BY revision", &[&id])
            .await
            .unwrap()
            .iter()
            .map(|r| r.get(0))
            .collect()
    };
    assert_eq!(actions(first).await, ["INSERT", "UPDATE"]);
    assert_eq!(actions(second).await, ["INSERT", "DELETE"]);
    let row = client
        .query_one("SELECT count(*), count(DISTINCT (tablename, cabd_id)) FROM cabd.audit_log WHERE action = 'INSERT' AND schemaname = 'dams'", &[])
        .await
        .unwrap();
    assert_eq!((row.get::<_, i64>(0), row.get::<_, i64>(1)), (7800, 7800));
    assert_eq!(store.count(&FeatureQuery::of("dams")).await.unwrap(), 2599);
}

#[tokio::test]
async fn a_load_that_fails_at_its_last_row_leaves_the_store_as_it_was() {
    let Some((store, url)) = server::with_catalog().await else {
        return;
    };
    let client = server::psql(&url).await;
    let before: String = client.query_one(SHAPE, &[]).await.unwrap().get(0);
    let bad = Operation::insert_feature("dams", Uuid::from_u128(5))
        .set("height_m", "tall")
        .at("dams.csv:3001");
    let e = store
        .apply(&ChangeHead::default(), operations(dams(3000).chain([bad])))
        .await
        .unwrap_err();
    assert_eq!(
        (e.kind(), e.place()),
        (ErrorKind::Invalid, Some("dams.csv:3001"))
    );
    assert_eq!(store.count(&FeatureQuery::of("dams")).await.unwrap(), 0);
    assert_eq!(store.head().await.unwrap(), CommitNumber(1));
    assert_eq!(
        client
            .query_one(SHAPE, &[])
            .await
            .unwrap()
            .get::<_, String>(0),
        before
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_load_whose_caller_goes_away_leaves_the_store_as_it_was() {
    let Some((store, _)) = server::with_catalog().await else {
        return;
    };
    let store = Arc::new(store);
    let writer = store.clone();
    let endless = futures::stream::iter(dams(5000).map(Ok))
        .chain(futures::stream::pending())
        .boxed();
    let task = tokio::spawn(async move { writer.apply(&ChangeHead::default(), endless).await });
    tokio::time::sleep(std::time::Duration::from_millis(1500)).await;
    task.abort();
    let _ = task.await;
    let counted = tokio::time::timeout(
        std::time::Duration::from_secs(20),
        store.count(&FeatureQuery::of("dams")),
    )
    .await;
    assert_eq!(counted.unwrap().unwrap(), 0);
    assert_eq!(store.head().await.unwrap(), CommitNumber(1));
    store
        .apply(&ChangeHead::default(), operations(dams(10)))
        .await
        .unwrap();
}

#[tokio::test]
async fn a_key_that_exists_is_a_conflict_that_names_table_and_key() {
    let Some((store, _)) = server::with_catalog().await else {
        return;
    };
    let dam = || {
        Operation::insert_feature("dams", Uuid::from_u128(9))
            .set("geometry", Geometry::point(-75.0, 45.0))
    };
    store
        .apply_all(&ChangeHead::default(), vec![dam()])
        .await
        .unwrap();
    let e = store
        .apply_all(&ChangeHead::default(), vec![dam()])
        .await
        .unwrap_err();
    assert_eq!(e.kind(), ErrorKind::Conflict);
    assert!(e.message().contains("dams.dams"));
    assert_eq!(e.field_name(), Some("cabd_id"));
    assert_eq!(
        e.shown_value(),
        Some("00000000-0000-0000-0000-000000000009")
    );
}

#[tokio::test]
async fn a_feature_takes_its_rows_with_it_and_an_update_touches_every_kind_of_column() {
    let Some((store, _)) = server::with_catalog().await else {
        return;
    };
    store
        .apply_all(&ChangeHead::default(), crate::features::world())
        .await
        .unwrap();
    let site = Uuid::from_u128(4001);
    let mut ops = vec![Operation::delete_feature("stream_crossings", site)];
    for n in 0..60u128 {
        let mut op = Operation::update_feature("dams", Uuid::from_u128(1000 + n))
            .set("dam_name_en", format!("N{n}"));
        if n % 2 == 0 {
            op = op
                .set("height_m", Value::Null)
                .set("use_analysis", true)
                .set("last_modified", "2024-02-29");
        }
        if n % 3 == 0 {
            op = op.set("snapped_point", Geometry::point(-80.0, 44.0));
        }
        ops.push(op);
    }
    let memory = cabd_core::memory::MemoryStore::new();
    memory.change_catalog(&server::shipped()).await.unwrap();
    memory
        .apply_all(&ChangeHead::default(), crate::features::world())
        .await
        .unwrap();
    let a = memory
        .apply_all(&ChangeHead::default(), ops.clone())
        .await
        .unwrap();
    let b = store.apply_all(&ChangeHead::default(), ops).await.unwrap();
    assert_eq!(a.counts, b.counts);
    for relation in [
        Relation::feature("dams"),
        Relation::part("stream_crossings", "structures"),
    ] {
        let q = cabd_core::store::RecordQuery::of(relation);
        assert_eq!(
            memory.all_records(&q).await.unwrap(),
            store.all_records(&q).await.unwrap()
        );
    }
}

#[tokio::test]
async fn an_array_of_texts_with_quotes_and_commas_is_stored_as_it_was_given() {
    let Some(url) = server::bare().await else {
        return;
    };
    let store = cabd_store_pg::PgStore::connect(&url).await.unwrap();
    let manifest = cabd_core::Manifest::from_toml(
        "arrays.toml",
        "[type]\nid = \"a\"\nname = { en = \"A\", fr = \"A\" }\n[geometry]\nkind = \"linestring\"\n\
         [[attributes]]\nid = \"cabd_id\"\ntype = \"uuid\"\nname = { en = \"I\", fr = \"I\" }\n\
         [[attributes]]\nid = \"tags\"\ntype = \"array(varchar)\"\nname = { en = \"T\", fr = \"T\" }\n\
         [[attributes]]\nid = \"nums\"\ntype = \"array(integer)\"\nname = { en = \"N\", fr = \"N\" }\n\
         [[attributes]]\nid = \"seen\"\ntype = \"timestamp\"\nname = { en = \"S\", fr = \"S\" }\n\
         [[attributes]]\nid = \"geometry\"\ntype = \"geometry(linestring)\"\nname = { en = \"G\", fr = \"G\" }\n",
    )
    .unwrap();
    store.change_catalog(&manifest).await.unwrap();
    let tags = |t: &[&str]| Value::List(t.iter().map(|s| Value::from(*s)).collect());
    let line = |wkt: &str| Geometry::from_wkt(wkt).unwrap();
    let id = Uuid::from_u128(1);
    let op = Operation::insert_feature("a", id)
        .set("tags", tags(&["a,b", "c\"d", "e\\f", "", "NULL", "{x}"]))
        .set("nums", Value::List(vec![]))
        .set("seen", "1899-12-31T23:59:59.999999Z")
        .set("geometry", line("LINESTRING(0 0,1 1,2 0)"));
    store
        .apply_all(&ChangeHead::default(), vec![op])
        .await
        .unwrap();
    let b = store.collect(&FeatureQuery::of("a")).await.unwrap();
    assert_eq!(
        b[0].value(0, "tags"),
        tags(&["a,b", "c\"d", "e\\f", "", "NULL", "{x}"])
    );
    assert_eq!(b[0].value(0, "nums"), Value::List(vec![]));
    assert_eq!(
        b[0].value(0, "geometry"),
        Value::Geometry(line("LINESTRING(0 0,1 1,2 0)"))
    );
    let op = Operation::update_feature("a", id)
        .set("tags", tags(&["\\", "\"", ",", "NULL"]))
        .set(
            "nums",
            Value::List(vec![Value::Int(i64::MAX), Value::Int(-1)]),
        )
        .set("geometry", line("LINESTRING(5 5,6 6)"));
    store
        .apply_all(&ChangeHead::default(), vec![op])
        .await
        .unwrap();
    let b = store.collect(&FeatureQuery::of("a")).await.unwrap();
    assert_eq!(b[0].value(0, "tags"), tags(&["\\", "\"", ",", "NULL"]));
    assert_eq!(
        b[0].value(0, "nums"),
        Value::List(vec![Value::Int(i64::MAX), Value::Int(-1)])
    );
    assert_eq!(
        b[0].value(0, "seen").to_json(),
        "1899-12-31T23:59:59.999999Z"
    );
    let mut q = FeatureQuery::of("a");
    q.filter = Some(parse_filter("nums:eq:-1").unwrap());
    q.bbox = Some("5,5,5,5".parse().unwrap());
    assert_eq!(store.count(&q).await.unwrap(), 1);

    let json = serde_json::json!({"type":"LineString","coordinates":[[0,0,5],[1,1,6]]});
    let op = Operation::insert_feature("a", Uuid::from_u128(2))
        .set("geometry", Geometry::from_geojson(&json).unwrap());
    let e = store
        .apply_all(&ChangeHead::default(), vec![op])
        .await
        .unwrap_err();
    assert_eq!(e.kind(), ErrorKind::Invalid);
}

#[tokio::test]
async fn a_code_written_as_an_operation_is_accepted_and_labelled_afterwards() {
    let Some((store, _)) = server::with_catalog().await else {
        return;
    };
    let op = Operation::new(Relation::Codes("dams.size_codes".into()), Action::Insert)
        .set("code", 4)
        .set("name_en", "Huge");
    store
        .apply_all(&ChangeHead::default(), vec![op])
        .await
        .unwrap();
    let dam = Operation::insert_feature("dams", Uuid::from_u128(1))
        .set("size_class_code", 4)
        .set("geometry", Geometry::point(-75.0, 45.0));
    store
        .apply_all(&ChangeHead::default(), vec![dam])
        .await
        .unwrap();
    let mut q = FeatureQuery::of("dams");
    q.lang = Lang::Fr;
    assert_eq!(
        store.collect(&q).await.unwrap()[0].value(0, "size_class"),
        Value::from("Huge")
    );
}
