//! Names of features kept in memory, in step with the log, so that a search while typing reads no table.
//!
//! What is found here are identifiers: the store is asked the same question about these features, so that every condition keeps its
//! one meaning.

mod texts;
mod wanted;

use std::collections::BTreeMap;
use std::sync::{PoisonError, RwLock};

use futures::TryStreamExt;
use uuid::Uuid;

use super::touched::{TOGETHER, Touched};
use super::{FeatureStore, Store};
use crate::catalog::{Catalog, FeatureType};
use crate::error::{Error, Result};
use crate::feature::FeatureBatch;
use crate::id::CommitNumber;
use crate::query::{FeatureQuery, Selection, Source};
use crate::value::Value;
use texts::{Chains, Texts, record};
use wanted::{Slot, Wanted, place, slots, wanted};

/// The most features that a question names one by one.
const MOST_IDS: usize = 20_000;

/// The folded names of base types, read when asked for, at most so many bytes of them.
///
/// ```
/// use std::sync::Arc;
/// use cabd_core::query::{FeatureQuery, parse_name_filter};
/// use cabd_core::store::{Store, names::Names};
/// # let runtime = tokio::runtime::Builder::new_current_thread().build()?;
/// # runtime.block_on(async {
/// let store = cabd_core::memory::MemoryStore::new();
/// let names = Names::new(50_000_000);
/// let (head, catalog) = store.moment().await?;
/// names.follow(&store, &catalog, head).await?;
/// for ft in catalog.types() {
///     names.prepare(&store, &catalog, ft).await?;
/// }
/// let mut question = FeatureQuery::of("dams");
/// question.names = vec![parse_name_filter("like:mill")?];
/// // There are no dams: the store will say so.
/// assert!(names.find(&catalog, &question).is_none());
/// # Ok::<(), cabd_core::Error>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Names {
    most_bytes: usize,
    state: RwLock<State>,
}

#[derive(Debug, Default)]
struct State {
    version: i64,
    head: CommitNumber,
    bases: BTreeMap<String, Base>,
}

/// The names of a base type as of a commit.
#[derive(Debug)]
struct Base {
    at: CommitNumber,
    slots: Vec<Slot>,
    /// `None` where there is no room for them.
    texts: Option<Texts>,
}

/// The features that the names of a question find.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// In their order.
    ids: Vec<Uuid>,
    /// Whether all of them are shown, unless other conditions leave some out.
    is_exact: bool,
}

impl Names {
    /// Nothing known yet.
    pub fn new(most_bytes: usize) -> Self {
        Self {
            most_bytes,
            state: RwLock::default(),
        }
    }

    fn read<T>(&self, f: impl FnOnce(&State) -> T) -> T {
        f(&self.state.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn write<T>(&self, f: impl FnOnce(&mut State) -> T) -> T {
        f(&mut self.state.write().unwrap_or_else(PoisonError::into_inner))
    }

    /// Memory held, in bytes, about.
    pub fn bytes(&self) -> usize {
        self.read(State::bytes)
    }

    /// Reads the names of a type's features, where they are not known. [`Names::follow`] makes them present.
    ///
    /// # Errors
    /// As [`FeatureStore::features`].
    pub async fn prepare(
        &self,
        store: &dyn Store,
        catalog: &Catalog,
        ft: &FeatureType,
    ) -> Result<()> {
        for base in catalog.base_types(ft)? {
            if self.read(|s| s.bases.contains_key(base.id())) {
                continue;
            }
            let at = store.head().await?;
            let slots = slots(catalog, &base);
            let room = self.most_bytes.saturating_sub(self.bytes());
            let texts = read_all(store, base.id(), &slots, room).await?;
            self.write(|s| {
                // What was read in an older version of the catalogue is not kept.
                if s.version == catalog.version {
                    let made = Base { at, slots, texts };
                    s.bases.insert(base.id().to_owned(), made);
                }
            });
        }
        Ok(())
    }

    /// Brings what is known to the commit `head` of the catalogue `catalog`. One at a time.
    ///
    /// # Errors
    /// As the store's; then nothing is brought anywhere, and the next time begins where this one did.
    pub async fn follow(
        &self,
        store: &dyn Store,
        catalog: &Catalog,
        head: CommitNumber,
    ) -> Result<()> {
        let (same, from, bases) = self.read(|s| {
            let bases = s.bases.iter();
            let bases = bases.map(|(id, b)| (id.clone(), b.slots.clone(), b.texts.is_some()));
            let bases: Vec<_> = bases.collect();
            (s.version == catalog.version, s.followed(), bases)
        });
        let clear = |s: &mut State| {
            *s = State {
                version: catalog.version,
                head,
                ..State::default()
            }
        };
        if !same {
            self.write(clear);
            return Ok(());
        }
        if from == head {
            return Ok(());
        }
        if bases.is_empty() {
            self.write(|s| s.head = head);
            return Ok(());
        }
        let Some(touched) = Touched::read(store, catalog, from).await? else {
            self.write(clear);
            return Ok(());
        };
        let mut news: BTreeMap<&str, BTreeMap<Uuid, Option<Vec<u8>>>> = BTreeMap::new();
        for (base, slots, _) in bases.iter().filter(|(.., known)| *known) {
            let ids = touched.of(base);
            let now = news.entry(base).or_default();
            now.extend(ids.iter().map(|id| (*id, None)));
            for some in ids.chunks(TOGETHER) {
                let mut question = FeatureQuery::of(base);
                question.ids = Some(some.to_vec());
                let each = |id, record: Option<Vec<u8>>| {
                    now.insert(id, record);
                    true
                };
                read_names(store, question, slots, each).await?;
            }
        }
        self.write(|s| {
            if s.version != catalog.version {
                return;
            }
            for (base, now) in news {
                let known = s.bases.get_mut(base);
                if let Some(texts) = known.and_then(|b| b.texts.as_mut()) {
                    now.into_iter().for_each(|(id, new)| texts.put(id, new));
                }
            }
            s.head = head;
            for (base, ..) in &bases {
                if let Some(known) = s.bases.get_mut(base) {
                    known.at = known.at.max(head);
                }
            }
            if s.bytes() > self.most_bytes {
                // The largest goes, and is read again with the next version of the catalogue.
                let size = |b: &Base| b.texts.as_ref().map_or(0, Texts::bytes);
                let largest = s.bases.values_mut().max_by_key(|b| size(b));
                largest.into_iter().for_each(|b| b.texts = None);
            }
        });
        Ok(())
    }

    /// Whether the names of a type were read, also where there is no room for them.
    pub fn knows(&self, catalog: &Catalog, ft: &FeatureType) -> bool {
        let Ok(bases) = catalog.base_types(ft) else {
            return false;
        };
        self.read(|s| {
            let known = |b: &FeatureType| s.bases.contains_key(b.id());
            s.version == catalog.version && bases.iter().all(|b| known(b))
        })
    }

    /// The features whose names pass, as of the commit that was followed last. `None` where names do not tell: they are not known, the
    /// state is an earlier one, the type is read from views made by hand, or what is sought is not a part of a name or a whole one.
    pub fn find(&self, catalog: &Catalog, question: &FeatureQuery) -> Option<Found> {
        if question.as_of.is_some() {
            return None;
        }
        let wanted = wanted(catalog, question)?;
        self.read(|s| {
            if s.version != catalog.version {
                return None;
            }
            let (mut ids, mut is_exact) = (vec![], true);
            for one in &wanted {
                s.find(one, &mut ids)?;
                is_exact &= !one.may_hide || one.tests.is_empty();
            }
            ids.sort_unstable();
            ids.dedup();
            Some(Found { ids, is_exact })
        })
    }
}

impl State {
    fn bytes(&self) -> usize {
        let of = |b: &Base| b.texts.as_ref().map_or(0, Texts::bytes);
        self.bases.values().map(of).sum()
    }

    /// The commit up to which everything that is known is followed.
    fn followed(&self) -> CommitNumber {
        let all = self.bases.values().map(|b| b.at);
        all.fold(self.head, Ord::min)
    }

    fn find(&self, wanted: &Wanted, out: &mut Vec<Uuid>) -> Option<()> {
        if wanted.tests.is_empty() {
            return Some(());
        }
        let base = self.bases.get(wanted.base.id());
        let base = base.filter(|b| b.at >= self.head)?;
        let texts = base.texts.as_ref()?;
        for (sought, columns) in &wanted.tests {
            let chains: Option<Chains> = columns.iter().map(|c| base.places(c)).collect();
            let chains = chains?;
            texts.find(sought, &chains, out);
        }
        Some(())
    }
}

impl Base {
    /// Where columns stand among the slots.
    fn places(&self, columns: &[(Source, String)]) -> Option<Vec<usize>> {
        let all = columns.iter();
        all.map(|(source, column)| place(&self.slots, source, column))
            .collect()
    }
}

impl Found {
    /// How many features the question has, where its names alone say.
    pub fn count(&self, question: &FeatureQuery) -> Option<u64> {
        (self.is_exact && is_bare(question)).then_some(self.ids.len() as u64)
    }

    /// The same question about these features only; as it was where they are too many to be named.
    #[must_use]
    pub fn narrow(&self, question: &FeatureQuery) -> FeatureQuery {
        let mut narrow = question.clone();
        let limit = question.limit.and_then(|n| usize::try_from(n).ok());
        let by_id = self.is_exact && is_bare(question) && question.sort.is_empty();
        if let Some(limit) = limit.filter(|n| by_id && *n <= MOST_IDS) {
            // The promised order is that of the identifiers.
            let from = usize::try_from(question.offset).unwrap_or(usize::MAX);
            let part = self.ids.iter().skip(from).take(limit);
            narrow.ids = Some(part.copied().collect());
            narrow.offset = 0;
            return narrow;
        }
        if self.ids.len() > MOST_IDS {
            return narrow;
        }
        narrow.ids = Some(match &question.ids {
            None => self.ids.clone(),
            Some(asked) => {
                let both = asked.iter().copied();
                both.filter(|id| self.ids.binary_search(id).is_ok())
                    .collect()
            }
        });
        narrow
    }
}

/// Whether a question has no condition but names and types.
fn is_bare(q: &FeatureQuery) -> bool {
    let place = q.bbox.is_none() && q.area.is_none() && q.near.is_none();
    place && q.ids.is_none() && q.filter.is_none() && q.after.is_none()
}

/// Reads the names of a base type; `None` where they take more room than there is.
async fn read_all(
    store: &dyn FeatureStore,
    base: &str,
    slots: &[Slot],
    room: usize,
) -> Result<Option<Texts>> {
    let mut texts = Texts::default();
    let mut fits = room > 0;
    if fits && !slots.is_empty() {
        let each = |id, record: Option<Vec<u8>>| {
            if let Some(record) = record {
                fits = texts.push(id, &record) && texts.bytes() <= room;
            }
            fits
        };
        read_names(store, FeatureQuery::of(base), slots, each).await?;
    }
    Ok(fits.then(|| texts.finish()))
}

/// Reads the names of the features that a question finds, until `each` wants no more.
async fn read_names(
    store: &dyn FeatureStore,
    mut question: FeatureQuery,
    slots: &[Slot],
    mut each: impl FnMut(Uuid, Option<Vec<u8>>) -> bool,
) -> Result<()> {
    let attributes = slots.iter().map(|s| s.attribute.clone());
    question.select = Selection::Attributes(attributes.collect());
    question.geometry = false;
    let mut batches = store.features(&question).await?.batches;
    while let Some(batch) = batches.try_next().await? {
        for row in 0..batch.rows() {
            let (id, record) = names_of(&batch, row, slots)?;
            if !each(id, record) {
                return Ok(());
            }
        }
    }
    Ok(())
}

fn names_of(batch: &FeatureBatch, row: usize, slots: &[Slot]) -> Result<(Uuid, Option<Vec<u8>>)> {
    let Value::Uuid(id) = batch.value(row, crate::catalog::ID) else {
        return Err(Error::internal("a feature without identifier"));
    };
    let values: Vec<Value> = slots
        .iter()
        .map(|s| batch.value(row, &s.attribute))
        .collect();
    Ok((id, record(values.iter().map(Value::as_str))))
}
