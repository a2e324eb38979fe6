//! The checker is asked about planted violations, so that it is known to bite.

use serde_json::json;

use super::*;

/// Violations of a small core with the given files, beside an empty file for each room.
fn core(files: &[(&str, &str)]) -> Vec<String> {
    let mut all: Vec<(String, String)> = files
        .iter()
        .map(|(name, text)| ((*name).to_owned(), (*text).to_owned()))
        .collect();
    for room in LEAVES.iter().chain(ROOMS.iter().map(|(room, _)| room)) {
        let (plain, folder) = (format!("{room}.rs"), format!("{room}/"));
        if !all
            .iter()
            .any(|(name, _)| *name == plain || name.starts_with(&folder))
        {
            all.push((plain, String::new()));
        }
    }
    room_violations(&all)
}

#[track_caller]
fn bites(files: &[(&str, &str)], expected: &str) {
    let found = core(files);
    assert_eq!(found.len(), 1, "{found:#?}");
    assert!(found[0].contains(expected), "{}", found[0]);
}

#[track_caller]
fn passes(files: &[(&str, &str)]) {
    let found = core(files);
    assert!(found.is_empty(), "{found:#?}");
}

#[test]
fn an_arrow_up_the_order_of_the_leaves_is_found() {
    bites(
        &[(
            "id.rs",
            "use crate::error::Result;\nuse crate::page::Page;\n",
        )],
        "cabd-core/src/id.rs:2: arrow id -> page",
    );
    bites(&[("id.rs", "use crate::page::Page;")], "id may use error");
}

#[test]
fn an_arrow_from_a_leaf_to_a_room_above_is_found() {
    bites(
        &[("error.rs", "use crate::catalog::Catalog;")],
        "arrow error -> catalog (`crate::catalog::Catalog`)",
    );
}

#[test]
fn sensor_and_feature_do_not_know_each_other() {
    bites(
        &[("sensor/mod.rs", "use crate::feature::Record;")],
        "arrow sensor -> feature",
    );
    bites(
        &[("feature/mod.rs", "use crate::sensor::Sensor;")],
        "arrow feature -> sensor",
    );
}

#[test]
fn an_arrow_inside_a_group_is_found_on_its_own_line() {
    let text = "use crate::{\n    catalog::Catalog,\n    error::{Error, Result},\n    store::{self, Store},\n};\n";
    let found = core(&[("query/mod.rs", text)]);
    assert_eq!(found.len(), 2, "{found:#?}"); // store itself, and store::Store
    assert!(
        found
            .iter()
            .all(|line| line.starts_with("cabd-core/src/query/mod.rs:4: arrow query -> store")),
        "{found:#?}"
    );
}

#[test]
fn a_path_in_an_expression_a_type_or_a_macro_is_found() {
    bites(
        &[("tile.rs", "fn f() { let s = crate::store::open::<u8>(); }")],
        "arrow tile -> store",
    );
    bites(
        &[("tile.rs", "struct T(Option<crate::store::S>);")],
        "arrow tile -> store",
    );
    bites(
        &[("tile.rs", "macro_rules! m { () => { $crate::store::f() } }")],
        "arrow tile -> store",
    );
}

#[test]
fn an_arrow_by_super_is_found() {
    bites(
        &[("catalog/manifest.rs", "use super::super::store::Store;")],
        "catalog/manifest.rs:1: arrow catalog -> store",
    );
    bites(
        &[("error.rs", "mod inner { use super::super::page::Page; }")],
        "arrow error -> page",
    );
    bites(&[("error.rs", "use super::page;")], "arrow error -> page");
}

#[test]
fn super_and_self_inside_a_room_are_no_arrows() {
    passes(&[(
        "catalog/manifest.rs",
        "use super::Catalog;\nuse self::read::Reader;\nmod tests { use super::*; }",
    )]);
    passes(&[(
        "error.rs",
        "mod tests {\n use super::*;\n mod deep { use super::super::Error; }\n}\nmod more { use super::Error; }",
    )]);
}

#[test]
fn an_arrow_through_a_re_export_is_found() {
    let root = "pub mod error;\npub mod store;\npub use error::{Error, Result};\npub use crate::store::{FeatureStore as Features, Store};\n";
    bites(
        &[("lib.rs", root), ("query.rs", "use crate::Store;")],
        "arrow query -> store (`crate::Store`)",
    );
    bites(
        &[("lib.rs", root), ("query.rs", "use crate::Features;")],
        "arrow query -> store",
    );
    passes(&[
        ("lib.rs", root),
        ("query.rs", "use crate::{Error, Result};"),
    ]);
}

#[test]
fn an_arrow_to_another_rooms_macro_is_found() {
    let suite = (
        "conformance/mod.rs",
        "#[macro_export]\nmacro_rules! suite { () => {} }",
    );
    bites(
        &[suite, ("store.rs", "crate::suite!();")],
        "arrow store -> conformance",
    );
}

#[test]
fn a_path_whose_room_cannot_be_told_is_refused() {
    bites(
        &[("query.rs", "use crate::*;")],
        "arrow query -> the whole crate",
    );
    bites(
        &[("query.rs", "use crate as all;")],
        "arrow query -> the whole crate",
    );
    bites(
        &[("query.rs", "use crate::{self as all};")],
        "arrow query -> the whole crate",
    );
    bites(
        &[
            ("lib.rs", "pub use store::*;"),
            ("query.rs", "use crate::Store;"),
        ],
        "the room cannot be told",
    );
}

#[test]
fn words_in_comments_and_strings_are_no_arrows() {
    passes(&[(
        "error.rs",
        "//! See [`crate::store`].\n/* crate::store::x */\nconst A: &str = \"crate::store::x\";\npub(crate) fn f() {}\n",
    )]);
}

#[test]
fn of_query_a_format_may_use_only_the_options() {
    passes(&[(
        "format/csv.rs",
        "use crate::query::options::Columns;\nuse crate::query::OutputOptions;",
    )]);
    bites(
        &[("format/csv.rs", "use crate::query::FeatureQuery;")],
        "format may use only its options",
    );
    bites(
        &[("tile.rs", "use crate::query::OutputOptions;")],
        "arrow tile -> query",
    );
}

#[test]
fn the_store_and_its_users_go_one_way() {
    passes(&[
        ("memory.rs", "use crate::store::Store;"),
        ("conformance.rs", "use crate::memory::MemoryStore;"),
    ]);
    bites(
        &[("store.rs", "use crate::memory::MemoryStore;")],
        "arrow store -> memory",
    );
    bites(
        &[("load.rs", "use crate::intake::process;")],
        "arrow load -> intake",
    );
}

#[test]
fn a_room_without_a_rule_is_found() {
    bites(&[("attic/mod.rs", "")], "room `attic` has no line");
}

#[test]
fn the_tables_name_known_rooms_and_hold_no_circle() {
    let mut order: Vec<&str> = LEAVES.to_vec();
    let mut waiting: Vec<_> = ROOMS.to_vec();
    while !waiting.is_empty() {
        let before = waiting.len();
        waiting.retain(|(room, others)| {
            let ready = others.iter().all(|other| order.contains(other));
            if ready {
                order.push(room);
            }
            !ready
        });
        assert!(
            waiting.len() < before,
            "a circle or an unknown room among {waiting:?}"
        );
    }
}

fn package(name: &str, dependencies: &[&str]) -> Value {
    let dependencies: Vec<_> = dependencies
        .iter()
        .map(|name| json!({ "name": name, "kind": null }))
        .collect();
    json!({ "name": name, "manifest_path": format!("{name}/Cargo.toml"), "dependencies": dependencies })
}

fn crates(packages: &[Value]) -> Vec<String> {
    let manifest =
        |_: &str| "[dependencies]\nserde = \"1\"\nrusqlite.workspace = true\n".to_owned();
    crate_violations(&json!({ "packages": packages }), &manifest)
}

#[test]
fn a_driver_outside_its_store_is_found_on_its_line() {
    for name in [
        "cabd-core",
        "cabd-cli",
        "cabd",
        "cabd-store-pg",
        "cabd-examples",
    ] {
        let found = crates(&[package(name, &["serde", "rusqlite"])]);
        assert_eq!(found.len(), 1, "{found:#?}");
        let expected = format!(
            "{name}/Cargo.toml:3: arrow {name} -> rusqlite: rusqlite is for cabd-store-sqlite, cabd-benches"
        );
        assert!(found[0].starts_with(&expected), "{}", found[0]);
    }
    assert!(crates(&[package("cabd-store-sqlite", &["rusqlite", "refinery"])]).is_empty());
    assert!(crates(&[package("cabd-benches", &["rusqlite", "tokio-postgres"])]).is_empty());
    assert_eq!(
        crates(&[package("cabd-benches", &["deadpool-postgres"])]).len(),
        1
    );
}

#[test]
fn an_arrow_between_crates_that_the_table_lacks_is_found() {
    let all = [
        package("cabd-core", &[]),
        package("cabd-store-pg", &[]),
        package("cabd-store-sqlite", &["cabd-store-pg", "cabd-core"]),
    ];
    let found = crates(&all);
    assert_eq!(found.len(), 1, "{found:#?}");
    assert!(
        found[0].contains(
            "arrow cabd-store-sqlite -> cabd-store-pg: cabd-store-sqlite may use cabd-core"
        )
    );
    let found = crates(&[
        package("cabd-core", &[]),
        package("cabd-cli", &["cabd-core"]),
    ]);
    assert!(
        found[0].contains("arrow cabd-cli -> cabd-core"),
        "{found:#?}"
    );
}

#[test]
fn a_crate_without_a_rule_is_found() {
    assert!(crates(&[package("cabd-attic", &[])])[0].contains("cabd-attic has no line in CRATES"));
}

#[test]
fn a_driver_behind_another_crate_of_the_core_is_found() {
    let node = |id: &str, deps: &[(&str, Value)]| {
        let deps: Vec<_> = deps
            .iter()
            .map(|(pkg, kind)| json!({ "pkg": pkg, "dep_kinds": [{ "kind": kind }] }))
            .collect();
        json!({ "id": id, "deps": deps })
    };
    let named = |id: &str, name: &str| json!({ "id": id, "name": name });
    let packages = json!([
        named("c", "cabd-core"),
        named("g", "geoformats"),
        named("r", "rusqlite"),
        named("p", "pyo3-ffi")
    ]);
    let nodes = json!([
        node("c", &[("g", Value::Null), ("p", json!("dev"))]),
        node("g", &[("r", Value::Null)]),
        node("r", &[]),
        node("p", &[]),
    ]);
    let found = reached_from_core(&json!({ "packages": packages, "resolve": { "nodes": nodes } }));
    assert_eq!(found.len(), 1, "{found:#?}");
    assert!(
        found[0].contains("arrow cabd-core -> geoformats -> rusqlite"),
        "{}",
        found[0]
    );
}

#[test]
fn sql_in_a_string_is_found_and_prose_is_not() {
    let found = sql_violations(
        "a.rs",
        "// SELECT 1\nlet a = 1;\nlet q = \"SELECT cabd_id FROM dams\";\n",
    );
    assert_eq!(
        found,
        [format!(
            "a.rs:3: SQL in a string: only the stores speak SQL ({PAGE})"
        )]
    );
    for sql in [
        "INSERT INTO t VALUES (1)",
        "  select a from b",
        "update t set a = 1",
        "delete from t",
        "WITH x AS (SELECT 1)",
    ] {
        assert_eq!(
            sql_violations("a.rs", &format!("f(r#\"{sql}\"#)")).len(),
            1,
            "{sql}"
        );
    }
    for prose in [
        "select a feature",
        "updated {n} rows",
        "insert into the catalogue?",
        "a SELECTION of dams",
    ] {
        assert_eq!(
            sql_violations("a.rs", &format!("f(\"{prose}\")")).len(),
            usize::from(prose.starts_with("insert into")),
            "{prose}"
        );
    }
}
