//! The feed: every change after a place, in commit order, none missing while others write.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use arrow::array::{
    ArrayRef, FixedSizeBinaryBuilder, Int64Builder, RecordBatch, StringBuilder,
    TimestampMicrosecondBuilder,
};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};
use futures::stream::BoxStream;
use futures::{StreamExt, TryStreamExt, stream};
use serde::Serialize;
use uuid::Uuid;

use super::acts::{RowAct, Teller};
use super::rows::states;
use crate::catalog::{Catalog, Column, Relation, Table};
use crate::error::{Error, Result};
use crate::geometry::Bbox;
use crate::id::CommitNumber;
use crate::lang::Lang;
use crate::store::{ChangeQuery, Changeset, LogEntry, Store};
use crate::time::{Timestamp, format_instant};
use crate::value::Value;

/// Entries that are looked at together: few at first, more where there are many. Between them no connection is held.
const TOGETHER: (usize, usize) = (1_000, 16_000);

/// A place in the feed: after a commit, or after an entry of one.
///
/// ```
/// use cabd_core::store::FeedPlace;
/// let place: FeedPlace = "12:345".parse()?;
/// assert_eq!((place.commit.0, place.revision), (12, Some(345)));
/// assert_eq!(place.to_string(), "12:345");
/// assert!("12:".parse::<FeedPlace>().is_err());
/// # Ok::<(), cabd_core::Error>(())
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct FeedPlace {
    /// The commit.
    pub commit: CommitNumber,
    /// The entry of it that was read last; the whole commit where there is none.
    pub revision: Option<i64>,
}

impl fmt::Display for FeedPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.revision {
            Some(revision) => write!(f, "{}:{revision}", self.commit),
            None => self.commit.fmt(f),
        }
    }
}

impl FromStr for FeedPlace {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let number = |t: &str| t.parse::<i64>().ok().filter(|n| *n >= 0);
        let place = match text.trim().split_once(':') {
            None => number(text.trim()).map(|commit| (commit, None)),
            Some((commit, revision)) => number(commit)
                .zip(number(revision))
                .map(|(commit, revision)| (commit, Some(revision))),
        };
        let (commit, revision) = place.ok_or_else(|| {
            Error::invalid("not a place in the feed")
                .field("since")
                .value(text)
                .expected("a commit number, or what an answer gave as next")
        })?;
        Ok(Self {
            commit: CommitNumber(commit),
            revision,
        })
    }
}

/// Which changes a feed tells of.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct FeedQuery {
    /// After this place.
    pub after: FeedPlace,
    /// Up to this commit; to the newest where there is none.
    pub until: Option<CommitNumber>,
    /// Only of features of these types; everything that may be told where it is empty.
    pub types: Vec<String>,
    /// Only of features that were in the box before or after the change, or in between.
    pub bbox: Option<Bbox>,
    /// Only of rows of which one of these attributes has changed.
    pub attributes: Vec<String>,
    /// Language of names and labels.
    pub lang: Lang,
}

/// A change of one row.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Change {
    /// The commit.
    pub commit: i64,
    /// The entry of the log; see [`Change::place`].
    pub revision: i64,
    /// When the commit was made, ISO 8601 in UTC.
    pub datetime: String,
    /// Who.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub author: Option<String>,
    /// Why.
    pub reason: Option<String>,
    /// What kind of change.
    pub kind: String,
    /// The base type of the feature.
    #[serde(rename = "type")]
    pub feature_type: Option<String>,
    /// The feature.
    pub cabd_id: Option<Uuid>,
    /// The row.
    #[serde(flatten)]
    pub row: RowAct,
    #[serde(skip)]
    instant: Timestamp,
}

impl Change {
    /// The place after it.
    pub fn place(&self) -> FeedPlace {
        FeedPlace {
            commit: CommitNumber(self.commit),
            revision: Some(self.revision),
        }
    }

    /// The change without the names of people.
    #[must_use]
    pub fn without_people(mut self) -> Self {
        self.author = None;
        self
    }
}

/// What a feed reads on its way.
struct Feed<'a, S: ?Sized> {
    store: &'a S,
    teller: Teller,
    query: FeedQuery,
    /// The question for the next entries; none at the end.
    next: Option<ChangeQuery>,
    together: usize,
    sets: HashMap<CommitNumber, Changeset>,
}

/// Relations whose rows tell of people.
fn is_personal(relation: &Relation) -> bool {
    matches!(relation, Relation::Contact | Relation::FeatureUpdate)
}

/// The base type of a feature's row.
fn base_type(relation: &Relation) -> Option<&Arc<str>> {
    match relation {
        Relation::Feature(t)
        | Relation::Part(t, _)
        | Relation::Link(t, _)
        | Relation::FeatureSource(t)
        | Relation::AttributeSource(t) => Some(t),
        _ => None,
    }
}

fn relations(catalog: &Catalog, query: &FeedQuery) -> Result<Vec<Relation>> {
    let mut bases: HashSet<String> = HashSet::new();
    for name in &query.types {
        let ft = catalog.feature_type(name)?;
        bases.extend(catalog.base_types(ft)?.iter().map(|t| t.id().to_owned()));
    }
    let all = catalog.tables().into_iter().map(|t| t.relation.clone());
    let wanted = all.filter(|r| {
        let of_type = base_type(r).map(|t| query.types.is_empty() || bases.contains(&**t));
        !is_personal(r) && of_type.unwrap_or(query.types.is_empty() && query.bbox.is_none())
    });
    Ok(wanted.collect())
}

/// Refuses an attribute that no row of these relations has.
fn known_attributes(catalog: &Catalog, relations: &[Relation], names: &[String]) -> Result<()> {
    let has = |relation: &Relation, name: &str| {
        let table = catalog.table(relation).ok();
        table.is_some_and(|t| {
            let called = |n: &str| n.eq_ignore_ascii_case(name);
            let of = |c: &Column| {
                c.attribute
                    .as_deref()
                    .map_or_else(|| called(&c.name), called)
            };
            t.columns.iter().any(of)
        })
    };
    match names.iter().find(|n| !relations.iter().any(|r| has(r, n))) {
        Some(unknown) => Err(Error::invalid("nothing that is told of has this attribute")
            .field("attribute")
            .value(unknown)
            .expected("a stored attribute of the types, or a column of the rows around them")),
        None => Ok(()),
    }
}

pub(in crate::store) async fn feed<S: Store + ?Sized>(
    store: &S,
    query: FeedQuery,
) -> Result<(CommitNumber, BoxStream<'_, Result<Change>>)> {
    let head = store.head().await?;
    let until = query.until.map_or(head, |until| until.min(head));
    let teller = Teller::new(store, query.lang).await?;
    let relations = relations(&teller.catalog, &query)?;
    known_attributes(&teller.catalog, &relations, &query.attributes)?;
    if relations.is_empty() {
        return Ok((until, stream::empty().boxed()));
    }
    let after = CommitNumber(match query.after.revision {
        Some(_) => query.after.commit.0.saturating_sub(1),
        None => query.after.commit.0,
    });
    let changes = ChangeQuery {
        until: Some(until),
        relations,
        read: query.after.revision.map(|r| (query.after.commit, r)),
        ..ChangeQuery::since(after)
    };
    let feed = Feed {
        next: Some(changes),
        together: TOGETHER.0,
        sets: HashMap::new(),
        store,
        teller,
        query,
    };
    let chunks = stream::try_unfold(feed, |mut feed| async move {
        let next = feed.next().await?;
        Ok::<_, Error>(next.map(|all| (stream::iter(all.into_iter().map(Ok)), feed)))
    });
    Ok((until, chunks.try_flatten().boxed()))
}

impl<S: Store + ?Sized> Feed<'_, S> {
    /// Some next changes; none at the end.
    async fn next(&mut self) -> Result<Option<Vec<Change>>> {
        loop {
            let entries = self.entries().await?;
            if entries.is_empty() {
                return Ok(None);
            }
            let passing = self.in_box(&entries).await?;
            let mut out = vec![];
            for e in entries {
                let inside = passing
                    .as_ref()
                    .is_none_or(|ids| e.cabd_id.is_some_and(|id| ids.contains(&id)));
                if let Some(change) = self.change(&e).filter(|_| inside) {
                    out.push(change);
                }
            }
            if !out.is_empty() {
                return Ok(Some(out));
            }
        }
    }

    /// The next entries, and the changesets of theirs.
    async fn entries(&mut self) -> Result<Vec<LogEntry>> {
        let Some(mut query) = self.next.take() else {
            return Ok(vec![]);
        };
        query.limit = Some(self.together as u64);
        let entries: Vec<LogEntry> = self.store.changes(&query).await?.try_collect().await?;
        let (Some(first), Some(last)) = (entries.first(), entries.last()) else {
            return Ok(vec![]);
        };
        let before = CommitNumber(first.commit.0 - 1);
        let told: HashSet<CommitNumber> = entries.iter().map(|e| e.commit).collect();
        let mut sets = self.store.changesets(before, Some(last.commit)).await?;
        self.sets.clear();
        while let Some(set) = sets.try_next().await? {
            if told.contains(&set.commit) {
                self.sets.insert(set.commit, set);
            }
        }
        if entries.len() == self.together {
            query.after = CommitNumber(last.commit.0 - 1);
            query.read = Some((last.commit, last.revision));
            self.next = Some(query);
            self.together = (2 * self.together).min(TOGETHER.1);
        }
        Ok(entries)
    }

    fn change(&self, e: &LogEntry) -> Option<Change> {
        let row = self.teller.entry(e)?;
        let wanted = &self.query.attributes;
        let named = |a: &str| wanted.iter().any(|w| w.eq_ignore_ascii_case(a));
        if !wanted.is_empty() && !row.values.iter().any(|v| named(&v.attribute)) {
            return None;
        }
        let table = self.teller.catalog.table_named(&e.schema, &e.table);
        let set = self.sets.get(&e.commit);
        let instant = set.map_or(e.datetime, |s| s.datetime);
        Some(Change {
            commit: e.commit.0,
            revision: e.revision,
            datetime: format_instant(instant),
            author: e.author.clone(),
            reason: set.and_then(|s| s.reason.clone()),
            kind: set.map(|s| s.kind.clone()).unwrap_or_default(),
            feature_type: table
                .and_then(|t| base_type(&t.relation))
                .map(|t| t.to_string()),
            cabd_id: e.cabd_id,
            row,
            instant,
        })
    }

    /// The features of some entries that were in the box before, between or after them; `None` without a box.
    async fn in_box(&self, entries: &[LogEntry]) -> Result<Option<HashSet<Uuid>>> {
        let Some(bbox) = self.query.bbox else {
            return Ok(None);
        };
        let catalog = &self.teller.catalog;
        let mut found = HashSet::new();
        let mut of_type: BTreeMap<Arc<str>, HashSet<Uuid>> = BTreeMap::new();
        for e in entries {
            let table = catalog.table_named(&e.schema, &e.table);
            let (Some(table), Some(id)) = (table, e.cabd_id) else {
                continue;
            };
            if let Some(base) = base_type(&table.relation) {
                of_type.entry(base.clone()).or_default().insert(id);
            }
            if matches!(table.relation, Relation::Feature(_))
                && let Some(spatial) = table.spatial
            {
                let name = &table.columns[spatial].name;
                for values in [&e.old, &e.new] {
                    if meets(values.get(name), &bbox)? {
                        found.insert(id);
                    }
                }
            }
        }
        let (Some(first), Some(last)) = (entries.first(), entries.last()) else {
            return Ok(Some(found));
        };
        for (base, ids) in of_type {
            let ids: Vec<Uuid> = ids.into_iter().filter(|id| !found.contains(id)).collect();
            let table: &Arc<Table> = catalog.table(&Relation::Feature(base))?;
            let Some(spatial) = table.spatial else {
                continue;
            };
            for at in [CommitNumber(first.commit.0 - 1), last.commit] {
                let all = states(self.store, &[(table.clone(), 0)], &ids, at).await?;
                for row in all.into_iter().flatten() {
                    if meets(row.get(spatial), &bbox)? {
                        found.extend(row[0].as_uuid());
                    }
                }
            }
        }
        Ok(Some(found))
    }
}

fn meets(value: Option<&Value>, bbox: &Bbox) -> Result<bool> {
    match value {
        Some(Value::Geometry(g)) => g.intersects(bbox),
        _ => Ok(false),
    }
}

/// The columns of [`change_batch`].
pub fn change_schema() -> SchemaRef {
    let text = |name: &str| Field::new(name, DataType::Utf8, true);
    let id = HashMap::from([("ARROW:extension:name".to_owned(), "arrow.uuid".to_owned())]);
    Arc::new(Schema::new(vec![
        Field::new("commit", DataType::Int64, false),
        Field::new("revision", DataType::Int64, false),
        Field::new(
            "datetime",
            DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
            false,
        ),
        text("author"),
        text("reason"),
        text("kind"),
        text("type"),
        Field::new("cabd_id", DataType::FixedSizeBinary(16), true).with_metadata(id),
        text("relation"),
        text("action"),
        text("key"),
        text("old"),
        text("new"),
    ]))
}

/// Changes as an Arrow batch, a row each; `old` and `new` are JSON objects of values by attribute, `key` is a JSON array.
///
/// # Errors
/// When the columns do not fit together.
///
/// ```
/// let batch = cabd_core::store::change_batch(&[])?;
/// assert_eq!((batch.num_rows(), batch.num_columns()), (0, 13));
/// # Ok::<(), cabd_core::Error>(())
/// ```
pub fn change_batch(changes: &[Change]) -> Result<RecordBatch> {
    let numbers = |of: &dyn Fn(&Change) -> i64| -> ArrayRef {
        let mut b = Int64Builder::new();
        changes.iter().for_each(|c| b.append_value(of(c)));
        Arc::new(b.finish())
    };
    let texts = |of: &dyn Fn(&Change) -> Option<String>| -> ArrayRef {
        let mut b = StringBuilder::new();
        changes.iter().for_each(|c| b.append_option(of(c)));
        Arc::new(b.finish())
    };
    let mut times = TimestampMicrosecondBuilder::new().with_timezone("UTC");
    let mut ids = FixedSizeBinaryBuilder::new(16);
    for c in changes {
        times.append_value(c.instant.as_microsecond());
        match c.cabd_id {
            Some(id) => ids.append_value(id.as_bytes())?,
            None => ids.append_null(),
        }
    }
    let old = |c: &Change| {
        let of = |v: &super::ValueAct| (v.attribute.clone(), v.from.clone());
        let all: serde_json::Map<_, _> = c.row.values.iter().map(of).collect();
        (c.row.action != "INSERT").then(|| serde_json::Value::Object(all).to_string())
    };
    let new = |c: &Change| {
        let of = |v: &super::ValueAct| (v.attribute.clone(), v.to.clone());
        let all: serde_json::Map<_, _> = c.row.values.iter().map(of).collect();
        (c.row.action != "DELETE").then(|| serde_json::Value::Object(all).to_string())
    };
    let columns: Vec<ArrayRef> = vec![
        numbers(&|c| c.commit),
        numbers(&|c| c.revision),
        Arc::new(times.finish()),
        texts(&|c| c.author.clone()),
        texts(&|c| c.reason.clone()),
        texts(&|c| Some(c.kind.clone())),
        texts(&|c| c.feature_type.clone()),
        Arc::new(ids.finish()),
        texts(&|c| Some(c.row.relation.clone())),
        texts(&|c| Some(c.row.action.clone())),
        texts(&|c| {
            let key = &c.row.key;
            (!key.is_empty()).then(|| serde_json::Value::from(key.clone()).to_string())
        }),
        texts(&old),
        texts(&new),
    ];
    Ok(RecordBatch::try_new(change_schema(), columns)?)
}

/// A feed as Arrow batches of up to `rows` changes.
pub fn change_batches<'a>(
    changes: BoxStream<'a, Result<Change>>,
    rows: usize,
) -> BoxStream<'a, Result<RecordBatch>> {
    changes
        .try_chunks(rows.max(1))
        .map_err(|e| e.1)
        .and_then(|chunk| async move { change_batch(&chunk) })
        .boxed()
}
