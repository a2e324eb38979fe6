//! After the first error nothing is written any more: what follows is only looked at, so that all errors are told at once.

use std::collections::HashMap;

use super::read::{ERRORS, Refused};
use super::{Key, KeyPart};
use crate::catalog::Relation;
use crate::error::Error;

/// What was found, and which rows would be there by now.
#[derive(Default)]
pub(super) struct Checks {
    errors: Vec<Error>,
    /// Rows that a look into the store would tell wrong: added (true) or gone.
    rows: HashMap<(Relation, Key), bool>,
}

impl Checks {
    pub(super) fn push(&mut self, error: Error) {
        self.errors.push(error);
    }

    /// Takes the errors of operations that could not be read.
    pub(super) fn take(&mut self, refused: Refused) {
        self.errors.extend(refused.errors);
    }

    pub(super) fn is_full(&self) -> bool {
        self.errors.len() >= ERRORS
    }

    /// Notes a row that would have been written or deleted.
    pub(super) fn note(&mut self, relation: &Relation, key: Key, there: bool) {
        self.rows.insert((relation.clone(), key), there);
    }

    /// Whether the row would be there, if it was noted.
    pub(super) fn knows(&self, relation: &Relation, key: Key) -> Option<bool> {
        self.rows.get(&(relation.clone(), key)).copied()
    }

    /// Notes rows whose operations were refused, by the first value of their keys.
    pub(super) fn assume(&mut self, keys: Vec<(Relation, KeyPart)>) {
        for (relation, key) in keys {
            self.rows.insert((relation, vec![key]), true);
        }
    }

    pub(super) fn into_error(mut self) -> Option<Error> {
        self.errors.truncate(ERRORS);
        Error::all(self.errors)
    }
}
