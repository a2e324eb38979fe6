//! The doctor finds what was broken by hand, and what is generated comes back.

use cabd_core::feature::Operation;
use cabd_core::store::{FeatureStoreExt, Severity, Store};
use cabd_core::{ChangeHead, Geometry, Uuid};

use crate::server;

#[tokio::test]
async fn each_piece_broken_by_hand_is_found_and_generated_pieces_come_back() {
    let Some((store, url)) = server::with_catalog().await else {
        return;
    };
    let client = server::psql(&url).await;
    let cases = [
        ("DROP INDEX dams.dams_geometry_gist", "index", "dams.dams"),
        (
            "ALTER TABLE dams.dams DROP CONSTRAINT dams_size_class_code_fkey",
            "schema",
            "dams.dams",
        ),
        (
            "ALTER TABLE dams.dams DISABLE TRIGGER dams_audit",
            "trigger",
            "dams.dams",
        ),
        (
            "DROP TRIGGER dams_effective ON dams.dams",
            "trigger",
            "dams.dams",
        ),
        (
            "CREATE OR REPLACE FUNCTION dams.dams_audit() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'",
            "trigger",
            "dams.dams_audit",
        ),
        (
            "DROP VIEW cabd.barriers_view_fr",
            "view",
            "cabd.barriers_view_fr",
        ),
        (
            "CREATE OR REPLACE VIEW cabd.dams_view_en AS SELECT v.* FROM cabd.dams_view_fr v",
            "view",
            "cabd.dams_view_en",
        ),
        (
            "DROP TABLE dams.dams_community_staging CASCADE",
            "schema",
            "cabd.updates_pending",
        ),
        (
            "ALTER TABLE dams.dams DROP COLUMN height_m CASCADE",
            "schema",
            "dams.dams.height_m",
        ),
    ];
    for (sql, check, object) in cases {
        client.batch_execute(sql).await.unwrap();
        let found = store.doctor().await.unwrap();
        assert!(
            found.iter().any(|f| f.check == check && f.object == object),
            "{sql}: {found:#?}"
        );
        assert!(found.iter().all(|f| f.hint.is_some()));
        if object != "cabd.updates_pending" {
            store.regenerate().await.unwrap();
            client
                .batch_execute("ALTER TABLE dams.dams ENABLE TRIGGER ALL")
                .await
                .unwrap();
            assert_eq!(store.doctor().await.unwrap(), vec![], "{sql}");
        } else {
            client
                .batch_execute(
                    "CREATE VIEW cabd.updates_pending AS SELECT NULL::uuid AS cabd_id WHERE false",
                )
                .await
                .unwrap();
            store.regenerate().await.unwrap();
        }
    }
}

#[tokio::test]
async fn values_that_no_store_would_write_are_found() {
    let Some((store, url)) = server::with_catalog().await else {
        return;
    };
    let op = Operation::insert_feature("dams", Uuid::from_u128(1))
        .set("geometry", Geometry::point(-75.0, 45.0));
    store
        .apply_all(&ChangeHead::default(), vec![op])
        .await
        .unwrap();
    let client = server::psql(&url).await;
    client
        .batch_execute(
            "ALTER TABLE dams.dams DROP CONSTRAINT dams_size_class_code_fkey; \
             UPDATE dams.dams SET size_class_code = 77, height_m = 'NaN', maintenance_last = 'infinity'; \
             INSERT INTO dams.dams (dam_name_en) VALUES ('nowhere'); \
             ALTER TABLE dams.dams_attribute_source DROP CONSTRAINT dams_attribute_source_cabd_id_fkey; \
             INSERT INTO dams.dams_attribute_source (cabd_id, height_m_ds) VALUES (gen_random_uuid(), gen_random_uuid()); \
             DELETE FROM cabd.feature_type_metadata WHERE view_name = 'cabd.dams_view' AND field_name = 'height_m'",
        )
        .await
        .unwrap();
    let found = store.doctor().await.unwrap();
    for (check, object) in [
        ("value", "dams.dams.size_class_code"),
        ("value", "dams.dams.height_m"),
        ("value", "dams.dams.maintenance_last"),
        ("value", "dams.dams"),
        ("orphan", "dams.dams_attribute_source"),
        ("orphan", "dams.dams_attribute_source.height_m_ds"),
        ("metadata", "cabd.dams_view.height_m"),
    ] {
        assert!(
            found.iter().any(|f| f.check == check && f.object == object),
            "{check} {object}: {found:#?}"
        );
    }
    assert_eq!(found[0].severity, Severity::Error);
    let e = store
        .collect(&cabd_core::FeatureQuery::of("dams"))
        .await
        .unwrap_err();
    assert_eq!(e.kind(), cabd_core::ErrorKind::Corrupt);
}
