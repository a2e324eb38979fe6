//! Who knows one store knows the other: the same migrations, the same file names.

use std::collections::BTreeSet;
use std::path::Path;

fn names(folder: &str) -> BTreeSet<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("..")
        .join(folder);
    std::fs::read_dir(&path)
        .unwrap_or_else(|e| panic!("{}: {e}", path.display()))
        .map(|e| e.unwrap().file_name().to_string_lossy().into_owned())
        .collect()
}

#[test]
fn both_stores_have_the_same_migrations() {
    assert_eq!(
        names("cabd-store-sqlite/migrations"),
        names("cabd-store-pg/migrations")
    );
}

#[test]
fn both_stores_have_the_same_rooms() {
    let sqlite = names("cabd-store-sqlite/src");
    let pg = names("cabd-store-pg/src");
    for room in [
        "catalog.rs",
        "doctor.rs",
        "error.rs",
        "features.rs",
        "migrate.rs",
        "pool.rs",
        "sql",
        "transaction.rs",
        "types.rs",
    ] {
        for (store, have) in [("cabd-store-sqlite", &sqlite), ("cabd-store-pg", &pg)] {
            let plain = room.trim_end_matches(".rs");
            assert!(
                have.contains(room) || have.contains(plain),
                "{store}/src has no {room}"
            );
        }
    }
}
