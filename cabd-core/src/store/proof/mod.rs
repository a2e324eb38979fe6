//! The proof: a hash chain over commits, so that whoever noted its head sees that the log is still what it was.
//!
//! Each commit gets a [`Seal`]: a digest of its changeset and of its rows of the log in order, and
//! `chain = SHA-256(chain before, commit number, digest)`. [`digest`](self) says what exactly is hashed. Fields of people enter as
//! salted digests, so that [`ProofExt::erase`] leaves the chain whole.

mod digest;
mod erase;
mod verify;

use std::fmt;
use std::str::FromStr;

use async_trait::async_trait;
use serde::{Serialize, Serializer};
use sha2::{Digest, Sha256};

pub use digest::{Salt, Sealer};
pub use erase::{ERASED, Erased, Erasure, is_erased};
pub use verify::{ChainHead, Verified, Verify};

pub(crate) use digest::personal;

use super::{BoxStream, Finding, Store};
use crate::error::{Error, ErrorKind, Result};
use crate::feature::ChangeHead;
use crate::id::CommitNumber;
use crate::lang::Lang;
use crate::time::Timestamp;

/// A SHA-256 hash, written as 64 hexadecimal digits.
///
/// ```
/// use cabd_core::store::Hash;
/// let hash: Hash = "00ff".repeat(16).parse()?;
/// assert_eq!(hash.to_string(), "00ff".repeat(16));
/// assert!("00ff".parse::<Hash>().is_err());
/// # Ok::<(), cabd_core::Error>(())
/// ```
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Hash(pub [u8; 32]);

impl Hash {
    /// From the bytes that a store keeps; other than 32 of them are no hash.
    pub fn from_bytes(bytes: &[u8]) -> Self {
        Self(bytes.try_into().unwrap_or_default())
    }

    /// The chain after a commit, from the chain before it.
    ///
    /// ```
    /// use cabd_core::{CommitNumber, store::Hash};
    /// let (start, digest) = (Hash::default(), Hash([7; 32]));
    /// let one = start.then(CommitNumber(1), &digest);
    /// assert_ne!(one, start.then(CommitNumber(2), &digest));
    /// ```
    pub fn then(&self, commit: CommitNumber, digest: &Hash) -> Hash {
        let mut h = Sha256::new();
        h.update(self.0);
        h.update(commit.0.to_be_bytes());
        h.update(digest.0);
        Hash(h.finalize().into())
    }
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|b| write!(f, "{b:02x}"))
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Hash {
    fn serialize<S: Serializer>(&self, s: S) -> std::result::Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

impl FromStr for Hash {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let text = text.trim();
        let mut out = [0; 32];
        let read = (text.len() == 64 && text.is_ascii()).then(|| {
            out.iter_mut().enumerate().try_for_each(|(i, b)| {
                u8::from_str_radix(&text[2 * i..2 * i + 2], 16).map(|byte| *b = byte)
            })
        });
        match read {
            Some(Ok(())) => Ok(Self(out)),
            _ => Err(Error::invalid("not a hash")
                .field("hash")
                .value(text)
                .expected("64 hexadecimal digits, as `cabd verify` prints them")),
        }
    }
}

/// What seals a commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seal {
    /// The commit.
    pub commit: CommitNumber,
    /// When it was sealed: after the commit, or when the store was next opened. Enters the digest.
    pub datetime: Timestamp,
    /// Digest of the changeset and its rows.
    pub digest: Hash,
    /// The chain up to and with this commit.
    pub chain: Hash,
    /// How many rows it logged.
    pub rows: u64,
    /// The first four bytes of the hash of the changeset and of each of the first million rows: they tell which one was altered.
    pub marks: Vec<u8>,
    /// The salt of the names of author, reviewer, client and database user.
    pub salt: Salt,
}

/// The salt of a row that tells of a person, or what is left of it when the person was erased.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Personal {
    /// The salt; `None` when the values were erased.
    pub salt: Option<Salt>,
    /// The digests of erased values by place and name, as JSON.
    pub digests: Option<String>,
}

/// A row of the log as it is stored: what the proof is about.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StoredRow {
    /// Number of the entry.
    pub revision: i64,
    /// The commit; `None` for a row whose changeset there is not.
    pub commit: Option<CommitNumber>,
    /// When it was written.
    pub datetime: String,
    /// The database's user, where it has users.
    pub username: Option<String>,
    /// Schema of the table.
    pub schema: String,
    /// The table.
    pub table: String,
    /// `INSERT`, `UPDATE` or `DELETE`.
    pub action: String,
    /// The feature.
    pub cabd_id: Option<String>,
    /// The data source.
    pub datasource_id: Option<String>,
    /// The row's own identifier.
    pub id_pk: Option<String>,
    /// What else the key consists of.
    pub row_key: Option<String>,
    /// The values before, as the store writes them. `None` also for the row of a bulk load.
    pub old: Option<String>,
    /// The values after.
    pub new: Option<String>,
    /// What proves the values of a person.
    pub personal: Option<Personal>,
}

/// Which rows of the log.
///
/// ```
/// use cabd_core::{CommitNumber, store::StoredRows};
/// let all = StoredRows::default();
/// assert_eq!((all.after, all.only_people), (CommitNumber(0), false));
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct StoredRows {
    /// Only of commits after this one; from the beginning rows without a changeset as well.
    pub after: CommitNumber,
    /// Only of commits up to this one.
    pub until: Option<CommitNumber>,
    /// Only of contacts and suggested updates.
    pub only_people: bool,
}

/// Seals, and what they are about.
#[async_trait]
pub trait ProofStore: Send + Sync {
    /// Seals every commit that has none yet, in their order; how many were sealed. Stores do this after each commit and when
    /// they are opened; this is for commits of other programs.
    ///
    /// # Errors
    /// [`ErrorKind::Busy`](crate::ErrorKind::Busy) where another program seals or writes and does not end, [`ErrorKind::Denied`](crate::ErrorKind::Denied) for a
    /// store that may only be read.
    async fn seal(&self) -> Result<u64>;

    /// The seals of the commits after one, in their order.
    async fn seals(&self, after: CommitNumber) -> Result<BoxStream<Seal>>;

    /// The newest seal up to a commit.
    async fn seal_of(&self, until: CommitNumber) -> Result<Option<Seal>>;

    /// Rows of the log by commit and number; those without a changeset last.
    async fn stored_rows(&self, query: &StoredRows) -> Result<BoxStream<StoredRow>>;

    /// Puts what is left of erased values in the place of rows of the log, and deletes their salts: all or nothing.
    async fn erase_stored(&self, rows: Vec<Erasure>) -> Result<()>;

    /// What is wrong with the triggers that write the log: missing, altered, switched off.
    async fn log_triggers(&self) -> Result<Vec<Finding>>;
}

/// Proving and erasing, the same over every store.
#[async_trait]
pub trait ProofExt: Store {
    /// Compares log and seals from the first commit on, or from another.
    ///
    /// ```
    /// use cabd_core::memory::MemoryStore;
    /// use cabd_core::store::{ProofExt, Verify};
    /// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
    /// let store = MemoryStore::new();
    /// let verified = store.verify(&Verify::default()).await?;
    /// assert!(verified.is_whole() && verified.head.is_none());
    /// # Ok::<(), cabd_core::Error>(()) }).unwrap();
    /// ```
    ///
    /// # Errors
    /// When the store cannot be read. What is wrong with the log is no error but a finding.
    async fn verify(&self, what: &Verify) -> Result<Verified> {
        sealed(self).await?;
        let mut verified = verify::run(self, what).await?;
        verified.findings.extend(self.log_triggers().await?);
        Ok(verified)
    }

    /// As [`ProofExt::verify`] of the newest commits only, a hundred of them or what has some ten thousand rows, and without the triggers.
    ///
    /// # Errors
    /// As [`ProofExt::verify`].
    async fn verify_newest(&self) -> Result<Verified> {
        sealed(self).await?;
        let what = Verify {
            from: verify::recent(self).await?,
            expect: None,
        };
        verify::run(self, &what).await
    }

    /// Erases a person: the fields of the contact of this e-mail or identifier, the words of its suggested updates, and
    /// both in every row of the log. The first is a commit; the second leaves the digests, so that the chain is whole. With
    /// [`ChangeHead::dry_run`] the answer says what would happen. Erasing again, by identifier, goes on where it was broken off.
    ///
    /// ```
    /// use cabd_core::memory::MemoryStore;
    /// use cabd_core::store::ProofExt;
    /// use cabd_core::{ChangeHead, ErrorKind, Lang};
    /// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
    /// let store = MemoryStore::new();
    /// let e = store.erase(&ChangeHead::default(), "ann@example.org", Lang::En).await.unwrap_err();
    /// assert_eq!(e.kind(), ErrorKind::NotFound);
    /// # });
    /// ```
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`](crate::ErrorKind::NotFound) where neither the contacts nor the log know the person,
    /// [`ErrorKind::Busy`](crate::ErrorKind::Busy) where the log cannot be sealed first.
    async fn erase(&self, head: &ChangeHead, contact: &str, lang: Lang) -> Result<Erased> {
        erase::run(self, head, contact, lang).await
    }
}

impl<T: Store + ?Sized> ProofExt for T {}

/// Seals what can be sealed: a store that is only read, or is busy, is compared as far as it is sealed.
async fn sealed<S: Store + ?Sized>(store: &S) -> Result<()> {
    match store.seal().await {
        Err(e) if !matches!(e.kind(), ErrorKind::Denied | ErrorKind::Busy) => Err(e),
        _ => Ok(()),
    }
}
