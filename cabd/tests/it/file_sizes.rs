//! No file grows beyond what a reader takes in at one sitting.

use crate::source::rust_files;

const MOST_LINES: usize = 700;

/// Files that may be longer, each with its reason.
const EXCEPTIONS: &[(&str, &str)] = &[];

fn too_long(files: &[(String, String)], exceptions: &[(&str, &str)]) -> Vec<String> {
    files
        .iter()
        .map(|(name, text)| (name, text.lines().count()))
        .filter(|(name, lines)| *lines > MOST_LINES && !exceptions.iter().any(|(excepted, _)| excepted == name))
        .map(|(name, lines)| {
            format!("{name} has {lines} lines, more than {MOST_LINES}: divide it, or name it with a reason in EXCEPTIONS")
        })
        .collect()
}

#[test]
fn no_file_is_longer_than_700_lines() {
    let found = too_long(&rust_files(), EXCEPTIONS);
    assert!(found.is_empty(), "\n{}", found.join("\n"));
}

#[test]
fn every_exception_is_still_needed() {
    let files = rust_files();
    for (name, _) in EXCEPTIONS {
        let lines = files
            .iter()
            .find(|(file, _)| file == name)
            .map_or(0, |(_, text)| text.lines().count());
        assert!(
            lines > MOST_LINES,
            "{name} has {lines} lines: take it out of EXCEPTIONS"
        );
    }
}

#[test]
fn a_file_of_701_lines_is_found_unless_it_is_an_exception() {
    let files = [
        ("a.rs".to_owned(), "\n".repeat(700)),
        ("b.rs".to_owned(), "\n".repeat(701)),
    ];
    assert_eq!(too_long(&files, &[]).len(), 1);
    assert!(too_long(&files, &[])[0].starts_with("b.rs has 701 lines"));
    assert!(too_long(&files, &[("b.rs", "planted")]).is_empty());
}
