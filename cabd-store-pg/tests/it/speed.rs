//! Speed against bare COPY on the same server. Run alone and optimised:
//! `CABD_SPEED_ROWS=1000000 cargo test --release -p cabd-store-pg --test it speed -- --ignored --nocapture`

use std::time::{Duration, Instant};

use cabd_core::catalog::Relation;
use cabd_core::feature::{Action, Fields, Operation};
use cabd_core::query::FeatureQuery;
use cabd_core::store::{FeatureStore, Store, operations};
use cabd_core::{ChangeHead, Geometry, Uuid, Value};
use futures::TryStreamExt;

use crate::server;

const TABLES: [&str; 3] = ["dams", "dams_feature_source", "dams_attribute_source"];

fn mixed(n: u64) -> u64 {
    let x = (n ^ (n >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    (x ^ (x >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB)
}

fn wide_dams(n: u64) -> impl Iterator<Item = Operation> + Send {
    let names = [
        "cabd_id",
        "dam_name_en",
        "dam_name_fr",
        "waterbody_name_en",
        "owner",
        "facility_name_en",
        "height_m",
        "length_m",
        "size_class_code",
        "passability_status_code",
        "ownership_type_code",
        "use_code",
        "function_code",
        "condition_code",
        "operating_status_code",
        "construction_year",
        "province_territory_code",
        "use_analysis",
        "comments",
        "maintenance_last",
        "original_point",
        "snapped_point",
    ];
    let fields: Fields = names.map(String::from).into();
    let source = Uuid::from_u128(7);
    let of_feature: Fields = ["cabd_id", "datasource_id", "datasource_feature_id"]
        .map(String::from)
        .into();
    let of_attributes: Fields = [
        "cabd_id",
        "dam_name_en_ds",
        "owner_ds",
        "height_m_ds",
        "length_m_ds",
        "size_class_code_ds",
        "use_code_ds",
        "function_code_ds",
        "construction_year_ds",
        "operating_status_code_ds",
        "comments_ds",
        "waterbody_name_en_ds",
    ]
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
        let r = mixed(i + 1);
        let id: Value = Uuid::from_u64_pair(r, mixed(r)).into();
        let p = Geometry::point(
            -140.0 + (r % 850_000) as f64 / 10_000.0,
            42.0 + (r / 7 % 330_000) as f64 / 10_000.0,
        );
        let text = |stem: &str, every: u64| {
            if r.is_multiple_of(every) {
                Value::Null
            } else {
                format!("{stem} {i}").into()
            }
        };
        let code = |n: u64| Value::Int((r % n + 1) as i64);
        let s = Value::Uuid(source);
        [
            Operation::with_fields(
                a.clone(),
                Action::Insert,
                fields.clone(),
                vec![
                    id.clone(),
                    text("Moulin Dam", 9),
                    text("Barrage du Moulin", 2),
                    text("Rivière", 3),
                    text("Owner", 2),
                    text("Facility", 2),
                    ((r % 4000) as f64 / 100.0).into(),
                    ((r % 90_000) as f64 / 100.0).into(),
                    code(3),
                    code(3),
                    code(3),
                    code(5),
                    code(5),
                    code(3),
                    code(3),
                    Value::Int(1850 + (r % 170) as i64),
                    "qc".into(),
                    r.is_multiple_of(2).into(),
                    text(
                        "A comment of middling length about the state of the structure",
                        2,
                    ),
                    "2019-05-01".into(),
                    p.clone().into(),
                    if r.is_multiple_of(3) {
                        Value::Null
                    } else {
                        p.into()
                    },
                ],
            ),
            Operation::with_fields(
                b.clone(),
                Action::Insert,
                of_feature.clone(),
                vec![id.clone(), s.clone(), i.to_string().into()],
            ),
            Operation::with_fields(
                c.clone(),
                Action::Insert,
                of_attributes.clone(),
                std::iter::once(id)
                    .chain(std::iter::repeat_n(s, 11))
                    .collect(),
            ),
        ]
    }))
}

fn peak_memory_kb() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|l| l.starts_with("VmHWM"));
    line.and_then(|l| l.split_whitespace().nth(1)?.parse().ok())
        .unwrap_or(0)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes minutes; says how fast, see the head of the file"]
async fn a_load_and_a_scan_are_measured_against_bare_copy_and_stay_within_200_megabytes() {
    let Some((store, url)) = server::with_catalog().await else {
        return;
    };
    let rows: u64 = std::env::var("CABD_SPEED_ROWS")
        .ok()
        .and_then(|v| v.parse().ok())
        .unwrap_or(100_000);
    let client = server::psql(&url).await;

    let start = Instant::now();
    store
        .apply(&ChangeHead::default(), operations(wide_dams(rows)))
        .await
        .unwrap();
    let load = start.elapsed();
    println!(
        "load: {load:?}, {:.0} dams/s, {} kB",
        rows as f64 / load.as_secs_f64(),
        peak_memory_kb()
    );

    let mut bare = Duration::ZERO;
    for table in TABLES {
        let file = format!("/tmp/cabd_speed_{}_{table}", std::process::id());
        client
            .batch_execute(&format!("COPY dams.{table} TO '{file}' BINARY; CREATE TABLE public.{table} (LIKE dams.{table})"))
            .await
            .unwrap();
        let start = Instant::now();
        client
            .batch_execute(&format!("COPY public.{table} FROM '{file}' BINARY"))
            .await
            .unwrap();
        bare += start.elapsed();
        client
            .batch_execute(&format!(
                "COPY (SELECT 1 WHERE false) TO PROGRAM 'rm {file}'; DROP TABLE public.{table}"
            ))
            .await
            .unwrap();
    }
    println!("bare COPY in: {bare:?}");

    let mut read = Duration::MAX;
    let mut out = Duration::MAX;
    for _ in 0..3 {
        let start = Instant::now();
        let mut q = FeatureQuery::of("dams");
        q.batch_rows = 16_384;
        let mut answer = store.features(&q).await.unwrap();
        let mut n = 0;
        while let Some(b) = answer.batches.try_next().await.unwrap() {
            n += b.rows() as u64;
        }
        assert_eq!(n, rows);
        read = read.min(start.elapsed());
        let start = Instant::now();
        let stream = client
            .copy_out("COPY dams.dams TO STDOUT BINARY")
            .await
            .unwrap();
        let bytes: usize = stream
            .try_fold(0, |n, b| async move { Ok(n + b.len()) })
            .await
            .unwrap();
        assert!(bytes > 0);
        out = out.min(start.elapsed());
    }
    println!(
        "read: {read:?}, {:.0} dams/s; COPY out: {out:?}; {} kB",
        rows as f64 / read.as_secs_f64(),
        peak_memory_kb()
    );
    println!(
        "load takes {:.1} times, read {:.1} times as long as COPY",
        load.as_secs_f64() / bare.as_secs_f64(),
        read.as_secs_f64() / out.as_secs_f64()
    );
    assert!(peak_memory_kb() < 200_000);

    let start = Instant::now();
    store.close().await.unwrap();
    let open: i64 = client
        .query_one(
            "SELECT count(*) FROM pg_constraint WHERE contype = 'f' AND NOT convalidated",
            &[],
        )
        .await
        .unwrap()
        .get(0);
    assert_eq!(open, 0);
    println!("close validates the foreign keys: {:?}", start.elapsed());
}
