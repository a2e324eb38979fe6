//! Who may know whom: arrows between crates, between the rooms of cabd-core, and to drivers and SQL.
//!
//! The tables below are the rule. An arrow they do not allow fails with file, line, arrow and rule; what is not
//! there yet is not looked for. Test code obeys as well: a unit test that needs a higher room belongs in a `tests` folder.

mod paths;
#[cfg(test)]
mod planted;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::source::{Kind, root, rust_files, tokens};
use paths::{UsePath, absolute_paths, module_of, root_names};

const PAGE: &str = "docs/architecture.md, who may know whom";

/// Each crate with the crates of this workspace it may name.
const CRATES: &[(&str, &[&str])] = &[
    ("cabd-core", &[]),
    ("cabd-store-pg", &["cabd-core"]),
    ("cabd-store-sqlite", &["cabd-core"]),
    ("cabd", &["cabd-core", "cabd-store-pg", "cabd-store-sqlite"]),
    ("cabd-http", &["cabd-core", "cabd"]),
    ("cabd-cli", &["cabd", "cabd-http"]),
    ("cabd-py", &["cabd"]),
    ("cabd-examples", &["cabd"]),
    ("cabd-benches", &["cabd"]),
];

/// Arrows for tests alone: they open stores by name.
const TESTS_ONLY: &[(&str, &str)] = &[("cabd-http", "cabd")];

/// Crates from outside that only the named crates may name. A pattern ends in `*` for a family.
const GUARDED: &[(&str, &[&str])] = &[
    ("rusqlite", &["cabd-store-sqlite", "cabd-benches"]),
    ("libsqlite3-sys", &["cabd-store-sqlite"]),
    ("tokio-postgres", &["cabd-store-pg", "cabd-benches"]),
    ("tokio-postgres-rustls", &["cabd-store-pg"]),
    ("postgres", &["cabd-store-pg"]),
    ("postgres-types", &["cabd-store-pg"]),
    ("deadpool*", &["cabd-store-pg"]),
    ("refinery*", &["cabd-store-pg", "cabd-store-sqlite"]),
    ("sqlx*", &[]),
    ("diesel*", &[]),
    ("sea-orm*", &[]),
    ("r2d2*", &[]),
    ("axum*", &["cabd-http", "cabd-cli", "cabd-benches"]),
    ("hyper*", &["cabd-http", "cabd-benches"]),
    ("tower-http", &["cabd-http"]),
    ("pyo3*", &["cabd-py"]),
];

/// Crates whose sources hold no SQL.
const NO_SQL: &[&str] = &["cabd-core", "cabd-cli", "cabd-http", "cabd-py"];

/// The smallest rooms of cabd-core, in order: each may use those before it.
const LEAVES: &[&str] = &["error", "id", "lang", "time", "geometry", "value", "page"];

/// The other rooms, each with the rooms it may use beside all leaves.
const ROOMS: &[(&str, &[&str])] = &[
    ("catalog", &[]),
    ("feature", &["catalog"]),
    ("people", &[]),
    ("review", &["catalog", "feature", "people"]),
    ("sensor", &["catalog"]),
    ("board", &[]),
    ("query", MEANING),
    ("edit", &["catalog", "feature"]),
    ("tile", MEANING),
    // Of `query` only its options: see `allowed`.
    (
        "format",
        &[
            "catalog", "feature", "people", "review", "sensor", "board", "query",
        ],
    ),
    ("store", BELOW_STORE),
    ("memory", FROM_STORE),
    ("intake", FROM_STORE),
    ("load", FROM_STORE),
    // Rows of data sources are records of a store.
    ("dictionary", &["catalog", "store"]),
    ("synth", FROM_STORE),
    // The suite plays random changes on the reference and on the store under test, and plants faults in the reference.
    (
        "conformance",
        &[
            "catalog", "feature", "people", "review", "sensor", "board", "query", "edit", "tile",
            "format", "store", "memory",
        ],
    ),
];
const MEANING: &[&str] = &["catalog", "feature", "people", "review", "sensor", "board"];
const BELOW_STORE: &[&str] = &[
    "catalog", "feature", "people", "review", "sensor", "board", "query", "tile", "format",
];
const FROM_STORE: &[&str] = &[
    "catalog", "feature", "people", "review", "sensor", "board", "query", "tile", "format", "store",
];

/// The rooms that `room` may use; nothing when the tables do not know it.
fn may_use(room: &str) -> Option<Vec<&'static str>> {
    if let Some(place) = LEAVES.iter().position(|leaf| *leaf == room) {
        return Some(LEAVES[..place].to_vec());
    }
    let (_, others) = ROOMS.iter().find(|(name, _)| *name == room)?;
    Some([LEAVES, others].concat())
}

fn matches(pattern: &str, name: &str) -> bool {
    pattern
        .strip_suffix('*')
        .map_or(pattern == name, |family| name.starts_with(family))
}

// ---- arrows between crates

/// The arrows of `cargo metadata --no-deps` that the tables do not allow. `manifest` reads a Cargo.toml by its path.
fn crate_violations(metadata: &Value, manifest: &dyn Fn(&str) -> String) -> Vec<String> {
    let packages = list(&metadata["packages"]);
    let ours: BTreeSet<&str> = packages
        .iter()
        .filter_map(|package| package["name"].as_str())
        .collect();
    let mut found = Vec::new();
    for package in packages {
        let name = package["name"].as_str().unwrap_or_default();
        let path = package["manifest_path"].as_str().unwrap_or_default();
        let Some((_, allowed)) = CRATES.iter().find(|(known, _)| *known == name) else {
            found.push(format!(
                "{}:1: crate {name} has no line in CRATES ({PAGE})",
                relative(path)
            ));
            continue;
        };
        for dependency in list(&package["dependencies"]) {
            let other = dependency["name"].as_str().unwrap_or_default();
            let is_test = dependency["kind"].as_str() == Some("dev");
            let rule = if TESTS_ONLY.contains(&(name, other)) && !is_test {
                Some(format!("{name} may use {other} in tests only"))
            } else if ours.contains(other) {
                (!allowed.contains(&other)).then(|| format!("{name} may use {}", names(allowed)))
            } else {
                let guard = GUARDED.iter().find(|(pattern, _)| matches(pattern, other));
                guard
                    .filter(|(_, users)| !users.contains(&name))
                    .map(|(_, users)| format!("{other} is for {}", names(users)))
            };
            if let Some(rule) = rule {
                let line = manifest_line(&manifest(path), other);
                let file = relative(path);
                found.push(format!(
                    "{file}:{line}: arrow {name} -> {other}: {rule} ({PAGE})"
                ));
            }
        }
    }
    found
}

/// The guarded crates that cabd-core reaches through others, each with the way there.
fn reached_from_core(metadata: &Value) -> Vec<String> {
    let name_of: BTreeMap<&str, &str> = list(&metadata["packages"])
        .iter()
        .filter_map(|package| Some((package["id"].as_str()?, package["name"].as_str()?)))
        .collect();
    let mut arrows: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for node in list(&metadata["resolve"]["nodes"]) {
        // A development dependency does not reach a user.
        let targets = list(&node["deps"])
            .iter()
            .filter(|dep| {
                list(&dep["dep_kinds"])
                    .iter()
                    .any(|kind| kind["kind"].as_str() != Some("dev"))
            })
            .filter_map(|dep| dep["pkg"].as_str());
        arrows.insert(node["id"].as_str().unwrap_or_default(), targets.collect());
    }
    let mut ways: BTreeMap<&str, String> = BTreeMap::new();
    let mut queue = VecDeque::new();
    for (id, name) in &name_of {
        if *name == "cabd-core" {
            ways.insert(id, (*name).to_owned());
            queue.push_back(*id);
        }
    }
    let mut found = Vec::new();
    while let Some(id) = queue.pop_front() {
        for target in arrows.get(id).into_iter().flatten() {
            if ways.contains_key(target) {
                continue;
            }
            let name = name_of.get(target).copied().unwrap_or_default();
            let way = format!("{} -> {name}", ways[id]);
            if GUARDED.iter().any(|(pattern, _)| matches(pattern, name)) {
                found.push(format!("cabd-core/Cargo.toml:1: arrow {way}: no driver, web or Python crate in the core ({PAGE})"));
            }
            ways.insert(target, way);
            queue.push_back(target);
        }
    }
    found
}

/// A path as seen from the workspace.
fn relative(path: &str) -> String {
    let inside = Path::new(path).strip_prefix(root());
    inside.map_or_else(|_| path.to_owned(), |inside| inside.display().to_string())
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn names(names: &[&str]) -> String {
    if names.is_empty() {
        "nothing here".to_owned()
    } else {
        names.join(", ")
    }
}

/// The line that names a dependency in a manifest, or the first.
fn manifest_line(manifest: &str, dependency: &str) -> usize {
    let names_it = |line: &str| {
        let rest = line.trim_start().strip_prefix(dependency);
        rest.is_some_and(|rest| rest.trim_start().starts_with(['.', '=']))
            || line.contains(&format!("package = \"{dependency}\""))
    };
    manifest
        .lines()
        .position(names_it)
        .map_or(1, |before| before + 1)
}

// ---- arrows between rooms

/// The arrows between rooms of cabd-core that the tables do not allow. Files are named from the crate's `src/`.
fn room_violations(files: &[(String, String)]) -> Vec<String> {
    let rooms: BTreeSet<&str> = files
        .iter()
        .filter_map(|(name, _)| name.split('/').next())
        .map(|first| first.strip_suffix(".rs").unwrap_or(first))
        .filter(|room| *room != "lib")
        .collect();
    let exported = root_names(files);
    let mut found = Vec::new();
    for room in &rooms {
        if may_use(room).is_none() {
            found.push(format!(
                "cabd-core/src/{room}: room `{room}` has no line in LEAVES or ROOMS ({PAGE})"
            ));
        }
    }
    for (name, text) in files {
        let module = module_of(name);
        let Some(room) = module.first() else {
            continue; // lib.rs re-exports all
        };
        let Some(allowed) = may_use(room) else {
            continue;
        };
        for path in absolute_paths(&tokens(text), &module) {
            if let Some(complaint) = judge(room, &allowed, &path, &rooms, &exported) {
                found.push(format!(
                    "cabd-core/src/{name}:{}: {complaint} ({PAGE})",
                    path.line
                ));
            }
        }
    }
    found
}

/// What is wrong with a path that room `from` names, if anything.
fn judge(
    from: &str,
    allowed: &[&str],
    path: &UsePath,
    rooms: &BTreeSet<&str>,
    exported: &BTreeMap<String, String>,
) -> Option<String> {
    let shown = format!("crate::{}", path.segments.join("::"));
    let Some(first) = path.segments.first().filter(|first| *first != "*") else {
        return Some(format!("arrow {from} -> the whole crate: name the room"));
    };
    let to = if rooms.contains(first.as_str()) {
        first
    } else if let Some(room) = exported.get(first) {
        room
    } else {
        return Some(format!(
            "arrow {from} -> `{shown}`: the room cannot be told: name it"
        ));
    };
    if to == from {
        return None;
    }
    if !allowed.contains(&to.as_str()) {
        return Some(format!(
            "arrow {from} -> {to} (`{shown}`): {from} may use {}",
            names(allowed)
        ));
    }
    let options = path
        .segments
        .iter()
        .any(|part| part == "options" || part.ends_with("Options"));
    if from == "format" && to == "query" && !options {
        return Some(format!(
            "arrow {from} -> {to} (`{shown}`): of query, format may use only its options"
        ));
    }
    None
}

// ---- SQL

/// The string literals that are SQL.
fn sql_violations(name: &str, text: &str) -> Vec<String> {
    tokens(text)
        .iter()
        .filter_map(|token| match &token.kind {
            Kind::Text(inside) if is_sql(inside) => Some(token.line),
            _ => None,
        })
        .map(|line| format!("{name}:{line}: SQL in a string: only the stores speak SQL ({PAGE})"))
        .collect()
}

fn is_sql(text: &str) -> bool {
    const ANYWHERE: [&str; 5] = [
        "SELECT ",
        "INSERT INTO ",
        "DELETE FROM ",
        "CREATE TABLE ",
        "DROP TABLE ",
    ];
    const AT_START: [&str; 4] = [
        "insert into ",
        "delete from ",
        "create table ",
        "drop table ",
    ];
    let lower = text.trim_start().to_lowercase();
    ANYWHERE.iter().any(|word| text.contains(word))
        || AT_START.iter().any(|word| lower.starts_with(word))
        || lower.starts_with("select ") && lower.contains(" from ")
        || lower.starts_with("update ") && lower.contains(" set ")
}

// ---- the rules, asked of this workspace

fn metadata(arguments: &[&str]) -> Value {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    let output = Command::new(cargo)
        .args(["metadata", "--format-version", "1"])
        .args(arguments)
        .current_dir(root())
        .output()
        .expect("cargo runs");
    assert!(
        output.status.success(),
        "cargo metadata: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    serde_json::from_slice(&output.stdout).expect("cargo metadata writes JSON")
}

fn host() -> String {
    let rustc = std::env::var("RUSTC").unwrap_or_else(|_| "rustc".to_owned());
    let output = Command::new(rustc).arg("-vV").output().expect("rustc runs");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    text.lines()
        .find_map(|line| line.strip_prefix("host: "))
        .expect("rustc tells its host")
        .to_owned()
}

/// The files of one crate's `src/`, named from there.
fn sources_of(member: &str) -> Vec<(String, String)> {
    let prefix = format!("{member}/src/");
    let inside =
        |(name, text): (String, String)| Some((name.strip_prefix(&prefix)?.to_owned(), text));
    rust_files().into_iter().filter_map(inside).collect()
}

#[test]
fn every_crate_names_only_the_crates_it_may() {
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let found = crate_violations(&metadata(&["--no-deps"]), &read);
    assert!(found.is_empty(), "\n{}", found.join("\n"));
}

#[test]
fn the_core_reaches_no_driver_web_or_python_crate() {
    let found = reached_from_core(&metadata(&["--filter-platform", &host()]));
    assert!(found.is_empty(), "\n{}", found.join("\n"));
}

#[test]
fn every_room_of_the_core_uses_only_the_rooms_it_may() {
    let found = room_violations(&sources_of("cabd-core"));
    assert!(found.is_empty(), "\n{}", found.join("\n"));
}

#[test]
fn only_the_stores_speak_sql() {
    let mut found = Vec::new();
    for member in NO_SQL {
        for (name, text) in sources_of(member) {
            found.extend(sql_violations(&format!("{member}/src/{name}"), &text));
        }
    }
    assert!(found.is_empty(), "\n{}", found.join("\n"));
}
