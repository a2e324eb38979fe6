//! `cabd verify` and `cabd erase`, on every durable store.

use serde_json::Value;

use crate::support::{Database, Desk};

const PEOPLE: &str = r#"{"reason": "wrote to us", "no_source": "letter", "operations": [
 {"action": "insert", "relation": "contacts", "values": {"id": "00000000-0000-4000-8000-00000000000a",
  "email": "ann@example.org", "name": "Ann Author"}}]}"#;

fn proved(desk: &Desk, store: &str) {
    desk.ok(["init", store]);
    desk.write("people.json", PEOPLE);
    desk.ok(["apply", store, "people.json", "--yes"]);
    let said = desk.ok(["verify", store]);
    assert!(said.contains("nothing was altered"), "{said}");
    let head = desk.json(["verify", store, "--json"])["head"].clone();
    let hash = head["hash"].as_str().unwrap();
    assert!(said.contains(&format!("head: commit {} {hash}", head["commit"])));
    desk.refused(3, ["verify", store, "--expect", "12"]);
    let released = desk.ok(["release", store, "v1"]);
    assert!(released.contains(hash), "{released}");

    let shown = desk.ok(["erase", store, "--contact", "ann@example.org"]);
    assert!(
        shown.contains("--yes") && shown.contains("1 rows of the log"),
        "{shown}"
    );
    desk.refused(4, ["erase", store, "--contact", "bob@example.org", "--yes"]);
    let erase = ["erase", store, "--contact", "ann@example.org"];
    let how = ["--yes", "--author", "registrar", "--reason", "asked for"];
    let done = desk.ok([&erase[..], &how].concat());
    assert!(done.contains("2 rows of the log were erased"), "{done}");
    desk.refused(4, erase);
    let after: Value = desk.json(["verify", store, "--expect", hash, "--json"]);
    assert_eq!(after["expected_at"], head["commit"]);
    assert_eq!(after["findings"], Value::Array(vec![]));
    let wrong = "00".repeat(32);
    let other = desk.run(["verify", store, "--expect", wrong.as_str()]);
    assert_eq!(other.code, Some(1), "{other:#?}");
    assert!(other.out.contains("was noted"), "{other:#?}");
}

#[test]
fn a_file_is_proved_and_a_person_erased() {
    proved(&Desk::new(), "inventory.sqlite");
}

#[test]
fn a_database_is_proved_and_a_person_erased() {
    if let Some(database) = Database::new() {
        proved(&Desk::new(), &database.url);
    }
}
