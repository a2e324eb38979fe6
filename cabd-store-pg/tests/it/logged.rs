//! Every table logs, whatever way its rows are written.

use std::collections::BTreeMap;

use cabd_core::catalog::Relation;
use cabd_core::store::{AuditStore, CatalogStore};
use cabd_core::{CommitNumber, Uuid};
use futures::{SinkExt, TryStreamExt};

use crate::server;

#[tokio::test]
async fn every_table_of_the_catalogue_has_its_triggers() {
    let Some((store, url)) = server::with_catalog().await else {
        return;
    };
    let client = server::psql(&url).await;
    let tables = store.catalog().await.unwrap().tables();
    for table in &tables {
        // Bits of `tgtype`: INSERT, DELETE, UPDATE, TRUNCATE.
        let row = client
            .query_one(
                "SELECT coalesce(bit_or(t.tgtype::int) & 60, 0) FROM pg_trigger t JOIN pg_proc p ON p.oid = t.tgfoid \
                 WHERE t.tgrelid = (quote_ident($1) || '.' || quote_ident($2))::regclass AND NOT t.tgisinternal \
                 AND t.tgenabled <> 'D' AND p.prosrc LIKE '%INTO cabd.audit_record%'",
                &[&table.schema, &table.name],
            )
            .await
            .unwrap();
        assert_eq!(row.get::<_, i32>(0), 60, "{}", table.qualified());
    }
    let names: Vec<String> = tables.iter().map(|t| t.qualified()).collect();
    for named in [
        "cabd.contacts",
        "cabd.data_source",
        "cabd.fish_species",
        "cabd.user_feature_updates",
        "cabd.feature_identity",
        "dams.dams",
        "dams.dams_feature_source",
        "dams.dams_attribute_source",
        "fishways.species_mapping",
        "stream_crossings.structures",
    ] {
        assert!(names.iter().any(|n| n == named), "{named}: {names:?}");
    }
    assert!(
        tables
            .iter()
            .any(|t| matches!(t.relation, Relation::Part(..)))
    );
}

#[tokio::test]
async fn copies_bulk_updates_and_cascades_are_logged_row_by_row() {
    let Some((store, url)) = server::with_catalog().await else {
        return;
    };
    let before = store.head().await.unwrap();
    let client = server::psql(&url).await;
    let sink = client
        .copy_in::<_, std::io::Cursor<Vec<u8>>>(
            "COPY dams.dams (cabd_id, original_point, height_m) FROM STDIN",
        )
        .await
        .unwrap();
    futures::pin_mut!(sink);
    let rows: String = (1..=3u128)
        .map(|n| format!("{}\tSRID=4617;POINT(-75 45)\t{n}\n", Uuid::from_u128(n)))
        .collect();
    sink.send(std::io::Cursor::new(rows.into_bytes()))
        .await
        .unwrap();
    sink.close().await.unwrap();
    client
        .batch_execute(
            "UPDATE dams.dams SET height_m = height_m + 0.5; UPDATE dams.dams SET height_m = height_m; \
             INSERT INTO cabd.data_source (id, name) VALUES ('00000000-0000-0000-0000-000000000009', 'src'); \
             INSERT INTO dams.dams_feature_source SELECT cabd_id, '00000000-0000-0000-0000-000000000009', 'x' FROM dams.dams; \
             INSERT INTO dams.dams (cabd_id, original_point) SELECT cabd_id, original_point FROM dams.dams \
             ON CONFLICT (cabd_id) DO UPDATE SET dam_name_en = 'Again'; DELETE FROM dams.dams",
        )
        .await
        .unwrap();
    let entries: Vec<_> = store
        .changes_since(CommitNumber(before.0))
        .await
        .unwrap()
        .try_collect()
        .await
        .unwrap();
    let mut seen: BTreeMap<(String, String), u32> = BTreeMap::new();
    for e in &entries {
        *seen.entry((e.table.clone(), e.action.clone())).or_default() += 1;
    }
    let of = |t: &str, a: &str, n: u32| ((t.to_owned(), a.to_owned()), n);
    assert_eq!(
        seen.into_iter().collect::<Vec<_>>(),
        [
            of("dams", "DELETE", 3),
            of("dams", "INSERT", 3),
            of("dams", "UPDATE", 6),
            of("dams_feature_source", "DELETE", 3),
            of("dams_feature_source", "INSERT", 3),
            of("data_source", "INSERT", 1),
        ],
        "an update that changes nothing writes nothing"
    );
}
