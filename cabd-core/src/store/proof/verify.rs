//! Log and seals, compared: one pass over both, and a second one over a commit that is not what was sealed.

use std::collections::{HashMap, HashSet};

use futures::{StreamExt, TryStreamExt};
use serde::Serialize;

use super::digest::Sealing;
use super::{Hash, Seal, StoredRow, StoredRows};
use crate::error::Result;
use crate::id::CommitNumber;
use crate::store::{BoxStream, Changeset, Finding, Severity, Store};

/// Findings that are told one by one.
const TOLD: usize = 20;
/// Commits that a look at the newest compares, and rows of them.
const NEWEST: i64 = 100;
const NEWEST_ROWS: u64 = 50_000;

const RESTORE: &str =
    "compare with a copy of the store, and with a head that was noted elsewhere (`--expect`)";

/// What is verified.
///
/// ```
/// use cabd_core::{CommitNumber, store::Verify};
/// assert_eq!(Verify::default().from, CommitNumber(0), "everything");
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Verify {
    /// Only commits after this one; its own seal is taken as it is.
    pub from: CommitNumber,
    /// A head of the chain that was noted elsewhere: one of the seals must have it.
    pub expect: Option<Hash>,
}

/// The end of the chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct ChainHead {
    /// The newest commit that is sealed.
    pub commit: CommitNumber,
    /// The chain after it.
    pub hash: Hash,
}

/// What was verified, and what is wrong.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Verified {
    /// The end of the chain; none before the first seal. To be noted elsewhere.
    pub head: Option<ChainHead>,
    /// Commits that were compared with their seals.
    pub commits: u64,
    /// Rows of these.
    pub rows: u64,
    /// Rows of bulk loads among these: proved by table and key, not by their values.
    pub rows_by_key: u64,
    /// Commits that wait for a seal.
    pub unsealed: u64,
    /// The commit whose seal has the hash that was noted.
    pub expected_at: Option<CommitNumber>,
    /// What is wrong.
    pub findings: Vec<Finding>,
}

impl Verified {
    /// Whether nothing worse than a note was found.
    pub fn is_whole(&self) -> bool {
        self.findings.iter().all(|f| f.severity < Severity::Warning)
    }
}

/// A stream, and what comes next in it.
struct Ahead<T> {
    stream: BoxStream<T>,
    next: Option<T>,
}

impl<T: Send + 'static> Ahead<T> {
    async fn new(stream: BoxStream<T>) -> Result<Self> {
        let mut stream = stream.fuse().boxed();
        let next = stream.try_next().await?;
        Ok(Self { stream, next })
    }

    async fn take(&mut self) -> Result<Option<T>> {
        let next = self.stream.try_next().await?;
        Ok(std::mem::replace(&mut self.next, next))
    }

    /// Takes what comes next if it passes.
    async fn take_if(&mut self, wanted: impl Fn(&T) -> bool) -> Result<Option<T>> {
        match &self.next {
            Some(next) if wanted(next) => self.take().await,
            _ => Ok(None),
        }
    }
}

/// What has been found so far.
#[derive(Default)]
struct Found {
    verified: Verified,
    more: u64,
}

impl Found {
    fn error(&mut self, object: impl Into<String>, message: String) {
        if self.verified.findings.len() >= TOLD {
            self.more += 1;
            return;
        }
        self.verified.findings.push(Finding {
            severity: Severity::Error,
            check: "proof",
            object: object.into(),
            message,
            hint: Some(RESTORE.to_owned()),
        });
    }
}

/// The commit after which a look at the newest begins.
pub(super) async fn recent<S: Store + ?Sized>(store: &S) -> Result<CommitNumber> {
    let newest = store.seal_of(CommitNumber(i64::MAX)).await?;
    let Some(newest) = newest else {
        return Ok(CommitNumber::default());
    };
    let after = CommitNumber((newest.commit.0 - NEWEST).max(0));
    let mut known = vec![after];
    let mut rows = vec![];
    let mut seals = store.seals(after).await?;
    while let Some(seal) = seals.try_next().await? {
        known.push(seal.commit);
        rows.push(seal.rows);
    }
    let (mut at, mut sum) = (known.len() - 1, 0);
    while at > 0 && sum + rows[at - 1] <= NEWEST_ROWS {
        sum += rows[at - 1];
        at -= 1;
    }
    Ok(known[at])
}

pub(super) async fn run<S: Store + ?Sized>(store: &S, what: &Verify) -> Result<Verified> {
    let until = store.head().await?;
    let from = what.from;
    let mut found = Found::default();
    let mut before = match from.0 {
        0 => None,
        _ => store.seal_of(from).await?,
    };
    let noted = |seal: &Seal| what.expect == Some(seal.chain);
    found.verified.expected_at = before.as_ref().filter(|s| noted(s)).map(|s| s.commit);
    let rows = StoredRows {
        after: from,
        until: Some(until),
        only_people: false,
    };
    let mut seals = Ahead::new(store.seals(from).await?).await?;
    let mut sets = Ahead::new(store.changesets(from, Some(until)).await?).await?;
    let mut rows = Ahead::new(store.stored_rows(&rows).await?).await?;
    let mut waiting: Vec<CommitNumber> = vec![];
    loop {
        let nexts = [
            sets.next.as_ref().map(|c| c.commit),
            rows.next.as_ref().and_then(|r| r.commit),
            seals.next.as_ref().map(|s| s.commit),
        ];
        let Some(commit) = nexts.into_iter().flatten().min() else {
            break;
        };
        let set = sets.take_if(|c| c.commit == commit).await?;
        let seal = seals.take_if(|s| s.commit == commit).await?;
        let Some(seal) = seal else {
            let n = count(&mut rows, commit).await?;
            match set {
                Some(_) => waiting.push(commit),
                None => found.error(
                    object(commit),
                    format!("{n} rows of the log belong to a commit that there is not"),
                ),
            }
            continue;
        };
        for late in waiting.drain(..) {
            found.error(
                object(late),
                "the commit has no seal, but later ones have: it was slipped in, or its seal was removed"
                    .to_owned(),
            );
        }
        if noted(&seal) {
            found.verified.expected_at = Some(commit);
        }
        let start = before.as_ref().map_or(Hash::default(), |s| s.chain);
        let follows = start.then(commit, &seal.digest) == seal.chain;
        match set {
            Some(set) => compare(store, &mut found, &set, &seal, &mut rows, follows).await?,
            None => {
                let n = count(&mut rows, commit).await?;
                // Committed and sealed while this was reading.
                if commit > until && store.head().await? >= commit {
                    break;
                }
                found.error(
                    object(commit),
                    format!(
                        "was sealed with {} rows, but is not there: it was removed, or got another number; {n} of its rows are in the log",
                        seal.rows
                    ),
                );
            }
        }
        before = Some(seal);
    }
    let mut strays = 0;
    let mut first = None;
    while let Some(row) = rows.take().await? {
        strays += 1;
        first.get_or_insert(row);
    }
    if let Some(first) = first {
        found.error(
            "log",
            format!(
                "{strays} rows belong to no changeset, the first of {}",
                named(&first)
            ),
        );
    }
    found.verified.unsealed = waiting.len() as u64;
    found.verified.head = before.map(|s| ChainHead {
        commit: s.commit,
        hash: s.chain,
    });
    noted_elsewhere(store, what, &mut found).await?;
    if found.more > 0 {
        let more = format!("{} more findings of this kind", found.more);
        found.verified.findings.push(Finding {
            severity: Severity::Error,
            check: "proof",
            object: "log".to_owned(),
            message: more,
            hint: None,
        });
    }
    if found.verified.unsealed > 0 {
        found.verified.findings.push(Finding {
            severity: Severity::Note,
            check: "proof",
            object: "log".to_owned(),
            message: format!(
                "{} commits are not sealed yet, from {} on: nothing proves them",
                found.verified.unsealed,
                waiting.first().copied().unwrap_or_default()
            ),
            hint: Some("open the store with the right to write it; a busy one is sealed by whoever writes next".to_owned()),
        });
    }
    Ok(found.verified)
}

fn object(commit: CommitNumber) -> String {
    format!("commit {commit}")
}

/// Table, key and number of a row.
fn named(row: &StoredRow) -> String {
    let ids = [&row.cabd_id, &row.id_pk, &row.datasource_id, &row.row_key];
    let key: Vec<&str> = ids.into_iter().filter_map(|id| id.as_deref()).collect();
    format!(
        "{}.{} {}, revision {}",
        row.schema,
        row.table,
        key.join(" "),
        row.revision
    )
}

async fn count(rows: &mut Ahead<StoredRow>, commit: CommitNumber) -> Result<u64> {
    let mut n = 0;
    while rows.take_if(|r| r.commit == Some(commit)).await?.is_some() {
        n += 1;
    }
    Ok(n)
}

/// One commit and its seal.
async fn compare<S: Store + ?Sized>(
    store: &S,
    found: &mut Found,
    set: &Changeset,
    seal: &Seal,
    rows: &mut Ahead<StoredRow>,
    follows: bool,
) -> Result<()> {
    let mut sealing = Sealing::begin(set, seal.datetime, seal.salt);
    let verified = &mut found.verified;
    while let Some(row) = rows.take_if(|r| r.commit == Some(seal.commit)).await? {
        sealing.row(&row);
        verified.rows += 1;
        verified.rows_by_key += u64::from(row.action == "INSERT" && row.new.is_none());
    }
    verified.commits += 1;
    let now = sealing.finish(&Hash::default());
    if now.digest != seal.digest {
        let what = altered(store, set, seal, &now).await?;
        found.error(object(seal.commit), what);
        return Ok(());
    }
    if !follows {
        found.error(
            object(seal.commit),
            "its seal does not follow from the one before: it was altered, or one was removed"
                .to_owned(),
        );
    } else if (&now.marks, now.rows) != (&seal.marks, seal.rows) {
        found.error(object(seal.commit), "its seal was altered".to_owned());
    }
    Ok(())
}

/// What of a commit is not as it was sealed.
async fn altered<S: Store + ?Sized>(
    store: &S,
    set: &Changeset,
    seal: &Seal,
    now: &Seal,
) -> Result<String> {
    let mut said = vec![];
    if now.marks[..4] != seal.marks[..seal.marks.len().min(4)] {
        said.push(
            "the changeset was altered: time, author, reason or another field of it".to_owned(),
        );
    }
    let sealed: Vec<[u8; 4]> = seal.marks.chunks_exact(4).skip(1).map(mark).collect();
    let known: HashSet<[u8; 4]> = sealed.iter().copied().collect();
    let query = StoredRows {
        after: CommitNumber(seal.commit.0 - 1),
        until: Some(seal.commit),
        only_people: false,
    };
    let mut again = Sealing::begin(set, seal.datetime, seal.salt);
    let (mut other, mut first) = (0_u64, None);
    let mut seen: HashMap<[u8; 4], i64> = HashMap::new();
    let mut rows = store.stored_rows(&query).await?;
    // Of larger commits than a seal marks, the rows after its marks are not told apart.
    let mut left = sealed.len() as u64 + seal.rows.abs_diff(now.rows);
    while let Some(row) = rows.try_next().await? {
        if row.commit != Some(seal.commit) || left == 0 {
            continue;
        }
        left -= 1;
        let mark = again.row(&row);
        seen.insert(mark, row.revision);
        if !known.contains(&mark) {
            other += 1;
            first.get_or_insert(row);
        }
    }
    if let Some(first) = first {
        said.push(format!(
            "{other} rows were altered or added, the first of {}",
            named(&first)
        ));
    }
    let gone = sealed.iter().filter(|m| !seen.contains_key(*m)).count();
    if gone > 0 {
        let at = sealed.iter().position(|m| !seen.contains_key(m));
        let after = at.and_then(|at| seen.get(sealed.get(at.checked_sub(1)?)?));
        let after = after.map(|revision| format!(" after revision {revision}"));
        said.push(format!(
            "{gone} of {} sealed rows were altered or removed, the first{}",
            seal.rows,
            after.unwrap_or_else(|| " at the beginning of the commit".to_owned())
        ));
    }
    if said.is_empty() {
        let what = match now.marks == seal.marks {
            true => "its seal was altered",
            false => "its rows are not as they were sealed",
        };
        said.push(what.to_owned());
    }
    Ok(said.join("; "))
}

fn mark(bytes: &[u8]) -> [u8; 4] {
    bytes.try_into().unwrap_or_default()
}

/// Hashes that somebody noted: the one asked for, and those that releases were stamped with.
async fn noted_elsewhere<S: Store + ?Sized>(
    store: &S,
    what: &Verify,
    found: &mut Found,
) -> Result<()> {
    if let Some(hash) = what.expect
        && found.verified.expected_at.is_none()
    {
        if what.from.0 > 0 {
            let mut all = store.seals(CommitNumber::default()).await?;
            while let Some(seal) = all.try_next().await? {
                if seal.chain == hash {
                    found.verified.expected_at = Some(seal.commit);
                    return Ok(());
                }
            }
        }
        found.error(
            "chain",
            format!(
                "no commit has the hash {hash} that was noted: commits were removed from the end, or the log was rewritten"
            ),
        );
    }
    for release in store.releases().await? {
        let Some(stamped) = release.chain else {
            continue;
        };
        let seal = store.seal_of(release.commit).await?;
        if seal.as_ref().map(|s| s.chain) != Some(stamped) {
            found.error(
                format!("release {}", release.name),
                format!("was stamped with {stamped}, which is not the hash of its commit any more"),
            );
        }
    }
    Ok(())
}
