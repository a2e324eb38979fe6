//! Reading: the store answers as the reference does.

use cabd_core::catalog::Relation;
use cabd_core::feature::Operation;
use cabd_core::memory::MemoryStore;
use cabd_core::page::Near;
use cabd_core::query::{FeatureQuery, Selection, Sort, parse_filter, parse_name_filter};
use cabd_core::store::{CatalogStore, FeatureStore, FeatureStoreExt, RecordQuery, Store};
use cabd_core::{Bbox, ChangeHead, DataType, FeatureBatch, Geometry, Lang, Uuid, Value};

use crate::server;

fn id(n: u128) -> Uuid {
    Uuid::from_u128(n)
}

/// Features of every type with oddities: accents, quotes, nulls, equal places, structures, species, hidden crossings.
pub fn world() -> Vec<Operation> {
    let mut ops = vec![];
    let names = [
        "Élevé",
        "élevé Dam",
        "Œuvre",
        "l'Eau \"vive\"",
        "ÎLE",
        "zz",
        "Zz",
        "a_b%c",
        "ΣΑΣ",
        "",
    ];
    for n in 0..60u128 {
        let mut op = Operation::insert_feature("dams", id(1000 + n))
            .set("dam_name_en", names[(n % 10) as usize])
            .set("height_m", (n as f64) / 3.0)
            .set("use_analysis", n % 2 == 0)
            .set(
                "original_point",
                Geometry::point(-75.0 + (n % 7) as f64 * 0.25, 45.0 + (n % 5) as f64 * 0.125),
            );
        if n % 3 == 0 {
            op = op
                .set("size_class_code", (n % 3) as i32 + 1)
                .set("construction_year", 1900 + n as i32);
        }
        if n % 4 == 1 {
            op = op.set(
                "snapped_point",
                Geometry::point(-75.01, 45.01 + n as f64 / 1000.0),
            );
        }
        if n % 5 == 2 {
            op = op
                .set("dam_name_fr", "Barrage fran\u{e7}ais")
                .set("province_territory_code", "qc");
        }
        ops.push(op);
    }
    for n in 0..5u128 {
        ops.push(
            Operation::insert_feature("fishways", id(2000 + n))
                .set("structure_name_en", "Ladder")
                .set("geometry", Geometry::point(-60.0, 47.0 + n as f64)),
        );
    }
    ops.push(
        Operation::new(
            Relation::link("fishways", "species"),
            cabd_core::feature::Action::Insert,
        )
        .set("fishway_id", id(2001))
        .set("species_id", "oncorhynchus_nerka")
        .set("known_to_use", true),
    );
    for n in 0..4u128 {
        ops.push(
            Operation::insert_feature("modelled_crossings", id(3000 + n))
                .set("stream_name_1", "Brook")
                .set("geometry", Geometry::point(-70.0, 46.0 + n as f64 / 10.0)),
        );
        ops.push(
            Operation::insert_feature("stream_crossings", id(4000 + n))
                .set("stream_name", "Rivière Noire")
                .set("geometry", Geometry::point(-70.5, 46.0 + n as f64 / 10.0)),
        );
    }
    ops.push(
        Operation::update_feature("stream_crossings", id(4000))
            .set("modelled_crossing_id", id(3002)),
    );
    for (n, primary, number) in [
        (1u128, true, Some(2)),
        (2, true, Some(1)),
        (3, false, Some(0)),
        (4, true, None),
    ] {
        let mut op = Operation::new(
            Relation::part("stream_crossings", "structures"),
            cabd_core::feature::Action::Insert,
        )
        .set("structure_id", id(5000 + n))
        .set("site_id", id(4001))
        .set("primary_structure", primary);
        if let Some(number) = number {
            op = op.set("structure_number", number);
        }
        ops.push(op);
    }
    // Both stores are to hold the same instants.
    let at: cabd_core::time::Timestamp = "2024-05-06T07:08:09.25Z".parse().unwrap();
    ops.into_iter()
        .map(|op| match &op.relation {
            Relation::Feature(t) if &**t == "stream_crossings" => op.set("last_modified", at),
            Relation::Part(..) => op.set("last_modified", at),
            _ => op,
        })
        .collect()
}

async fn both() -> Option<(MemoryStore, cabd_store_pg::PgStore, String)> {
    let (pg, url) = server::with_catalog().await?;
    let memory = MemoryStore::new();
    memory.change_catalog(&server::shipped()).await.unwrap();
    for store in [&memory as &dyn Store, &pg] {
        store
            .apply_all(&ChangeHead::default(), world())
            .await
            .unwrap();
    }
    Some((memory, pg, url))
}

fn table(batches: &[FeatureBatch]) -> Vec<Vec<String>> {
    let mut out = vec![];
    for b in batches {
        for row in 0..b.rows() {
            out.push(
                b.batch
                    .columns()
                    .iter()
                    .map(|c| format!("{:?}", cabd_core::feature::value_at(c, row)))
                    .collect(),
            );
        }
    }
    out
}

fn questions() -> Vec<FeatureQuery> {
    let mut all = vec![];
    for t in [
        "dams",
        "waterfalls",
        "fishways",
        "modelled_crossings",
        "stream_crossings",
        "barriers",
        "all_features",
    ] {
        for lang in Lang::ALL {
            let mut q = FeatureQuery::of(t);
            q.lang = lang;
            q.limit = Some(1000);
            all.push(q.clone());
            q.near = Some(Near::new(-74.9, 45.1).unwrap());
            q.limit = Some(7);
            q.offset = 2;
            all.push(q.clone());
            let mut near = Near::new(-74.9, 45.1).unwrap();
            near.within_m = Some(40_000.0);
            q.near = Some(near);
            all.push(q.clone());
            q.near = None;
            q.bbox = Some(Bbox::new(-75.0, 45.0, -74.5, 45.25).unwrap());
            q.limit = Some(100);
            q.offset = 0;
            all.push(q.clone());
            q.bbox = Some(Bbox::new(-75.0, 45.0, -75.0, 46.0).unwrap());
            all.push(q);
        }
    }
    for f in [
        "dam_name_en:eq:élevé",
        "dam_name_en:like:ÉLEV",
        "dam_name_en:like:_b%",
        "dam_name_en:neq:zz",
        "dam_name_en:in:zz,île",
        "dam_name_en:like:σασ",
        "dam_name_fr:isnull:",
        "dam_name_fr:notnull:",
        "height_m:gt:3.3333333333333335",
        "height_m:lte:5",
        "construction_year:lt:1910.5",
        "construction_year:gte:1915",
        "construction_year:notin:1900,1903",
        "size_class:eq:medium",
        "size_class:neq:medium",
        "size_class:isnull:",
        "size_class_code:in:1,2",
        "use_analysis:eq:true",
        "updates_pending:eq:false",
        "latitude:gte:45.25",
    ] {
        for sort in [
            "dam_name_en",
            "height_m",
            "size_class",
            "construction_year",
            "use_analysis",
            "province_territory",
        ] {
            for descending in [false, true] {
                let mut q = FeatureQuery::of("dams");
                q.filter = Some(parse_filter(f).unwrap());
                q.lang = Lang::Fr;
                q.sort = vec![Sort {
                    attribute: sort.into(),
                    descending,
                }];
                q.limit = Some(20);
                q.select = Selection::Set("simple".into());
                all.push(q);
            }
        }
    }
    for n in [
        "like:eleve",
        "eq:oeuvre",
        "like:ile",
        "neq:zz",
        "isnull:",
        "in:zz,ile",
    ] {
        for t in ["dams", "all_features", "barriers"] {
            let mut q = FeatureQuery::of(t);
            q.names = vec![parse_name_filter(n).unwrap()];
            q.limit = Some(100);
            all.push(q);
        }
    }
    let mut q = FeatureQuery::of("fishways");
    q.filter = Some(parse_filter("known_use:like:sockeye").unwrap());
    q.limit = Some(10);
    all.push(q);
    all
}

#[tokio::test]
async fn every_question_has_the_answer_of_the_reference() {
    let Some((memory, pg, _)) = both().await else {
        return;
    };
    let mut rows = 0;
    for q in questions() {
        let (a, b) = (memory.collect(&q).await, pg.collect(&q).await);
        match (a, b) {
            (Ok(a), Ok(b)) => {
                let (a, b) = (table(&a), table(&b));
                rows += a.len();
                assert_eq!(a, b, "{q:?}");
            }
            (Err(a), Err(b)) => assert_eq!(a.kind(), b.kind(), "{q:?}: {a:?} {b:?}"),
            (a, b) => panic!("{q:?}: {:?} {:?}", a.map(|x| x.len()), b.map(|x| x.len())),
        }
        assert_eq!(
            memory.count(&q).await.unwrap(),
            pg.count(&q).await.unwrap(),
            "{q:?}"
        );
    }
    assert!(rows > 1000, "{rows}");
}

#[tokio::test]
async fn pages_by_cursor_hold_every_feature_once_in_order() {
    let Some((memory, pg, _)) = both().await else {
        return;
    };
    for (sort, descending) in [
        ("dam_name_en", true),
        ("construction_year", false),
        ("height_m", true),
    ] {
        let mut q = FeatureQuery::of("dams");
        q.sort = vec![Sort {
            attribute: sort.into(),
            descending,
        }];
        q.select = Selection::Attributes(vec![sort.into()]);
        q.limit = Some(60);
        let whole = table(&memory.collect(&q).await.unwrap());
        q.limit = Some(7);
        let mut pages = vec![];
        loop {
            let batches = pg.collect(&q).await.unwrap();
            let Some(next) = batches.last().and_then(|b| b.next.clone()) else {
                break;
            };
            pages.extend(table(&batches));
            q.after = Some(next.to_string().parse().unwrap());
        }
        assert_eq!(pages, whole, "{sort}");
    }
}

#[tokio::test]
async fn a_view_shows_what_the_store_answers() {
    let Some((_, pg, url)) = both().await else {
        return;
    };
    let client = server::psql(&url).await;
    let catalog = pg.catalog().await.unwrap();
    for ft in catalog.types() {
        for lang in Lang::ALL {
            let mut q = FeatureQuery::of(ft.id());
            q.lang = lang;
            q.limit = Some(1000);
            let answer = pg.collect(&q).await.unwrap();
            let (schema, root) = ft.view();
            let rows = client
                .query(
                    &format!(
                        "SELECT to_jsonb(v)::text FROM {schema}.{root}_{lang} v ORDER BY cabd_id"
                    ),
                    &[],
                )
                .await
                .unwrap();
            let n: usize = answer.iter().map(FeatureBatch::rows).sum();
            assert_eq!(rows.len(), n, "{} {lang}", ft.id());
            let mut at = 0;
            for b in &answer {
                for row in 0..b.rows() {
                    let json: serde_json::Value = serde_json::from_str(rows[at].get(0)).unwrap();
                    at += 1;
                    for a in ft.attributes.iter().filter(|a| a.id != "geometry") {
                        let (x, y) = (b.value(row, &a.id).to_json(), &json[&a.id]);
                        let equal = match (x.as_f64(), y.as_f64()) {
                            (Some(x), Some(y)) => x == y,
                            _ if a.data_type == DataType::Timestamp && !x.is_null() => {
                                let instant = |v: &serde_json::Value| {
                                    cabd_core::time::parse_instant(&a.id, v.as_str().unwrap())
                                };
                                instant(&x).unwrap() == instant(y).unwrap()
                            }
                            _ => x == *y,
                        };
                        assert!(equal, "{} {}: {x} {y}", ft.id(), a.id);
                    }
                }
            }
        }
    }
}

#[tokio::test]
async fn a_stream_dropped_early_ends_its_query_and_the_store_goes_on() {
    let Some((_, pg, _)) = both().await else {
        return;
    };
    for _ in 0..40 {
        let mut q = FeatureQuery::of("dams");
        q.batch_rows = 1;
        let mut answer = pg.features(&q).await.unwrap();
        let first = futures::StreamExt::next(&mut answer.batches)
            .await
            .unwrap()
            .unwrap();
        assert_eq!(first.rows(), 1);
    }
    assert_eq!(pg.count(&FeatureQuery::of("dams")).await.unwrap(), 60);
}

#[tokio::test]
async fn records_come_in_key_order_with_the_values_written() {
    let Some((memory, pg, _)) = both().await else {
        return;
    };
    for q in [
        RecordQuery::of(Relation::feature("dams")),
        RecordQuery::of(Relation::part("stream_crossings", "structures"))
            .with("site_id", [Value::Uuid(id(4001))]),
        RecordQuery::of(Relation::link("fishways", "species")),
        RecordQuery::of(Relation::Codes("cabd.fish_species".into())),
        RecordQuery::of(Relation::Codes("dams.size_codes".into()))
            .only(&["name_en"])
            .with("code", [Value::Int(2)]),
    ] {
        let mut a = memory.all_records(&q).await.unwrap();
        let b = pg.all_records(&q).await.unwrap();
        if matches!(q.relation, Relation::Codes(_)) && q.filter.is_empty() {
            a.sort_by(|x, y| x.values[0].as_str().cmp(&y.values[0].as_str()));
        }
        assert_eq!(a, b, "{q:?}");
    }
}
