//! Errors on their way to people.

use std::error::Error as _;
use std::io::{self, Write};
use std::process::ExitCode;

use cabd::Error;

use crate::exit;

/// Writes the error, its hint and, when asked, its causes to standard error; gives the exit code.
pub fn report(error: &Error, verbose: bool) -> ExitCode {
    if is_broken_pipe(error) {
        return ExitCode::from(exit::OK);
    }
    // Nobody is left to tell when standard error is closed.
    let _ = io::stderr()
        .lock()
        .write_all(text(error, verbose).as_bytes());
    ExitCode::from(exit::code(error.kind()))
}

fn text(error: &Error, verbose: bool) -> String {
    let mut text = String::new();
    for one in error.each() {
        text.push_str(&format!("error: {}\n", one.alone()));
        for state in states(one) {
            text.push_str(&format!("  {state}\n"));
        }
        if let Some(hint) = one.next_step() {
            text.push_str(&format!("hint: {hint}\n"));
        }
    }
    let mut cause = error.source().filter(|_| verbose);
    while let Some(next) = cause {
        text.push_str(&format!("cause: {next}\n"));
        cause = next.source();
    }
    text
}

/// The three states that a conflict is about, a line each.
pub fn states(error: &Error) -> Vec<String> {
    let Some(clash) = error.clashes() else {
        return vec![];
    };
    let shown = |state: &Option<serde_json::Value>| match state {
        Some(value) => value.to_string(),
        None => "no such row".to_owned(),
    };
    let states = [
        ("was", &clash.base),
        ("is", &clash.theirs),
        ("asked", &clash.mine),
    ];
    let states = states.map(|(word, state)| format!("{word:<6}{}", shown(state)));
    states.into()
}

/// Whether the reader of our output has gone, as `head` does.
fn is_broken_pipe(error: &Error) -> bool {
    let mut cause = error.source();
    while let Some(next) = cause {
        if let Some(io) = next.downcast_ref::<io::Error>()
            && io.kind() == io::ErrorKind::BrokenPipe
        {
            return true;
        }
        cause = next.source();
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn causes_are_shown_when_asked_for() {
        let error = Error::not_found("no such thing")
            .hint("look again")
            .because(io::Error::other("the drawer is empty"));
        assert_eq!(
            text(&error, false),
            "error: no such thing\nhint: look again\n"
        );
        assert!(text(&error, true).ends_with("cause: the drawer is empty\n"));
    }

    #[test]
    fn every_error_has_a_line() {
        let of = |field: &str| Error::invalid("not a number").field(field);
        let errors = Error::all(vec![of("height_m"), of("length_m").hint("look")]).unwrap();
        assert_eq!(
            text(&errors, false),
            "error: height_m: not a number\nerror: length_m: not a number\nhint: look\n"
        );
    }

    #[test]
    fn a_reader_who_has_gone_is_no_error() {
        let gone: Error = io::Error::from(io::ErrorKind::BrokenPipe).into();
        assert!(is_broken_pipe(&gone));
        assert!(!is_broken_pipe(&Error::invalid("a value")));
    }
}
