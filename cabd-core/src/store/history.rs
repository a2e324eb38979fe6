//! What has been: history, feed, differences, and which commit a text means.

use async_trait::async_trait;
use futures::TryStreamExt;
use futures::stream::BoxStream;
use uuid::Uuid;

use super::past::{Act, Change, DiffQuery, FeatureDiff, FeedQuery};
use super::{Store, past};
use crate::error::{Error, Result};
use crate::format::Stamp;
use crate::id::CommitNumber;
use crate::lang::Lang;
use crate::time::{Timestamp, parse_date, parse_instant};

/// What has been.
#[async_trait]
pub trait HistoryExt: Store {
    /// The newest commit that a text means: a number, an instant, the end of a day (UTC), or the name of a release.
    ///
    /// ```
    /// use cabd_core::{CommitNumber, memory::MemoryStore, store::HistoryExt};
    /// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
    /// let store = MemoryStore::new();
    /// assert_eq!(store.commit_of("7").await?, CommitNumber(7));
    /// assert_eq!(store.commit_of("2024-05-01").await?, CommitNumber(0), "nobody had written to it");
    /// # Ok::<(), cabd_core::Error>(()) })?;
    /// # Ok::<(), cabd_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`](crate::ErrorKind::Invalid) for another text.
    async fn commit_of(&self, text: &str) -> Result<CommitNumber> {
        let text = text.trim();
        if let Ok(n) = text.parse::<i64>() {
            return Ok(CommitNumber(n));
        }
        let Some(until) = end_of(text) else {
            let releases = self.releases().await?;
            let found = releases.iter().find(|r| r.is_named(text));
            return found.map(|r| r.commit).ok_or_else(|| {
                let known: Vec<&str> = releases.iter().map(|r| r.name.as_str()).collect();
                let e = Error::invalid("neither a commit nor a time nor a release")
                    .field("as_of")
                    .value(text)
                    .expected("a commit number, YYYY-MM-DD (the end of that day, UTC), an instant like 2024-05-01T12:00:00Z or the name of a release");
                match known.is_empty() {
                    true => e,
                    false => e.hint(format!("releases: {}", known.join(", "))),
                }
            });
        };
        let mut found = CommitNumber::default();
        let mut all = self.changesets(CommitNumber::default(), None).await?;
        while let Some(c) = all.try_next().await? {
            if c.datetime >= until {
                break;
            }
            found = c.commit;
        }
        Ok(found)
    }

    /// The time and the newest release of a commit, for the head of a file.
    async fn stamp(&self, commit: CommitNumber) -> Result<Stamp> {
        let mut sets = self
            .changesets(CommitNumber(commit.0.saturating_sub(1)), Some(commit))
            .await?;
        let releases = self.releases().await?;
        let newest = releases.into_iter().rev().find(|r| r.commit == commit);
        Ok(Stamp {
            commit,
            datetime: sets.try_next().await?.map(|set| set.datetime),
            release: newest.map(|r| r.name),
        })
    }

    /// The history of a feature: who has changed what of it and of the rows around it, when and why, oldest first.
    /// Costs its own changes.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`](crate::ErrorKind::NotFound) for an unknown type, and for a feature of which nothing is known.
    async fn history(&self, feature_type: &str, id: Uuid, lang: Lang) -> Result<Vec<Act>> {
        past::history::history(self, feature_type, id, lang).await
    }

    /// The changes after a place in commit order, and the commit up to which they go: whoever asks again from there misses
    /// nothing, however many write. Rows about people (contacts, suggested updates) are never told.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`](crate::ErrorKind::NotFound) for an unknown type, [`ErrorKind::Invalid`](crate::ErrorKind::Invalid) for an attribute that
    /// nothing told of has.
    async fn feed(
        &self,
        query: FeedQuery,
    ) -> Result<(CommitNumber, BoxStream<'_, Result<Change>>)> {
        past::feed::feed(self, query).await
    }

    /// The features that differ between two states, each with what has changed. Costs what has changed between them and since;
    /// the identifiers of the changed features are held in memory.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`](crate::ErrorKind::Invalid) for a commit that was never made, [`ErrorKind::NotFound`](crate::ErrorKind::NotFound) for an unknown
    /// type.
    async fn diff(&self, query: DiffQuery) -> Result<BoxStream<'_, Result<FeatureDiff>>> {
        past::diff::diff(self, query).await
    }
}

impl<T: Store + ?Sized> HistoryExt for T {}

/// The first instant after a day or an instant; `None` for another text.
fn end_of(text: &str) -> Option<Timestamp> {
    match parse_date("as_of", text) {
        Ok(day) => {
            let next = day.tomorrow().ok()?;
            Some(next.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp())
        }
        Err(_) => {
            let instant = parse_instant("as_of", text).ok()?;
            Timestamp::from_microsecond(instant.as_microsecond() + 1).ok()
        }
    }
}
