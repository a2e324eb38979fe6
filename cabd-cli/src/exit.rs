//! Error kinds to exit codes: the only place.

use cabd::ErrorKind;

/// Done.
pub const OK: u8 = 0;
/// `doctor` or `verify` found something.
pub const FINDINGS: u8 = 1;
/// Rejected rows with `--strict`.
pub const REJECTED: u8 = 3;
/// Ended by Ctrl-C.
pub const INTERRUPTED: u8 = 130;

const INPUT: u8 = 3;
const NOT_FOUND: u8 = 4;
const CONFLICT: u8 = 5;
const UNREACHABLE: u8 = 6;
const DISK: u8 = 7;
const NOT_USABLE: u8 = 8;
const INTERNAL: u8 = 70;

/// The exit code of an error; 2 is kept for the command line itself.
pub fn code(kind: ErrorKind) -> u8 {
    match kind {
        ErrorKind::Invalid | ErrorKind::Unsupported => INPUT,
        ErrorKind::NotFound => NOT_FOUND,
        ErrorKind::Conflict => CONFLICT,
        ErrorKind::Busy | ErrorKind::Unreachable => UNREACHABLE,
        ErrorKind::Full | ErrorKind::Denied | ErrorKind::Io => DISK,
        ErrorKind::NotAStore | ErrorKind::NewerStore | ErrorKind::Corrupt => NOT_USABLE,
        // `Internal`, and a kind this table does not know: the test below finds it.
        _ => INTERNAL,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_but_a_fault_of_our_own_has_a_code_of_its_own_meaning() {
        for kind in ErrorKind::ALL {
            let is_fault = kind == ErrorKind::Internal;
            assert_eq!(code(kind) == INTERNAL, is_fault, "{kind:?}");
            assert!(code(kind) > 2, "{kind:?}: 0, 1 and 2 mean something else");
        }
    }

    #[test]
    fn every_code_is_in_the_help_and_in_the_guide() {
        use clap::CommandFactory;
        let help = crate::cli::Arguments::command()
            .render_long_help()
            .to_string();
        let guide = include_str!("../../docs/cli.md");
        let kinds = ErrorKind::ALL.map(code);
        for code in [OK, FINDINGS, 2, INTERRUPTED].into_iter().chain(kinds) {
            let begins = |line: &str| line.split_whitespace().next() == Some(&code.to_string());
            assert!(help.lines().any(begins), "{code} is not in --help");
            assert!(
                guide.contains(&format!("| {code} |")),
                "{code} is not in docs/cli.md"
            );
        }
    }
}
