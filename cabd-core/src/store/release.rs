//! Released data versions: names of commits.

use serde::Serialize;

use crate::error::{Error, Result};
use crate::id::CommitNumber;
use crate::store::Hash;
use crate::time::{Timestamp, parse_date, parse_instant};

/// Most characters of a release's name.
const LONGEST: usize = 64;

/// A released data version: a name for a commit, for good.
///
/// ```
/// use cabd_core::{CommitNumber, store::Release};
/// let release = Release::new("2026-11", CommitNumber(12))?;
/// assert_eq!((release.name.as_str(), release.commit.0), ("2026-11", 12));
/// assert!(Release::new("12", CommitNumber(12)).is_err(), "reads as a commit");
/// # Ok::<(), cabd_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Release {
    /// The name; letter case does not tell names apart.
    pub name: String,
    /// The commit whose state was released.
    pub commit: CommitNumber,
    /// When it was named.
    pub datetime: Timestamp,
    /// Who named it.
    pub author: Option<String>,
    /// What is to be said about it.
    pub note: Option<String>,
    /// The hash chain after the commit, where it was sealed when the release was named: the store fills it in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub chain: Option<Hash>,
}

impl Release {
    /// A release of a commit, named now.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`](crate::ErrorKind::Invalid) for a name with other characters than letters, digits and `._-+`, of more than
    /// 64, or that reads as a commit number or a time.
    pub fn new(name: &str, commit: CommitNumber) -> Result<Self> {
        let name = name.trim();
        let plain = |c: char| c.is_ascii_alphanumeric() || "._-+".contains(c);
        let readable = name.parse::<i64>().is_ok()
            || parse_date("name", name).is_ok()
            || parse_instant("name", name).is_ok();
        if name.is_empty() || name.len() > LONGEST || !name.chars().all(plain) || readable {
            return Err(Error::invalid("not a name of a release")
                .field("name")
                .value(name)
                .expected(format!(
                    "1 to {LONGEST} letters, digits and ._-+, not a number or a time"
                )));
        }
        Ok(Self {
            name: name.to_owned(),
            commit,
            datetime: crate::time::to_micros(Timestamp::now()),
            author: None,
            note: None,
            chain: None,
        })
    }

    /// Refuses a release of a commit that was never made, or under a name that is taken.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`](crate::ErrorKind::Invalid) and [`ErrorKind::Conflict`](crate::ErrorKind::Conflict).
    pub fn check(&self, head: CommitNumber, known: &[Release]) -> Result<()> {
        if self.commit > head || self.commit.0 < 0 {
            return Err(no_such_commit("commit", self.commit, head));
        }
        match known.iter().find(|r| r.is_named(&self.name)) {
            Some(taken) => Err(Error::conflict(format!(
                "a release of this name is there: of commit {}",
                taken.commit
            ))
            .field("name")
            .value(&self.name)
            .hint("a release never moves; choose another name")),
            None => Ok(()),
        }
    }

    /// Whether this is its name.
    pub fn is_named(&self, name: &str) -> bool {
        self.name.eq_ignore_ascii_case(name)
    }
}

/// The error about a commit that was never made.
pub(crate) fn no_such_commit(field: &str, commit: CommitNumber, head: CommitNumber) -> Error {
    Error::invalid("no such commit")
        .field(field)
        .value(commit.0)
        .expected(format!("a commit number from 0 to {head}"))
}
