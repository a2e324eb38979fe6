//! Which feature a row is: one that the store has, or a new one.

use std::collections::hash_map::{Entry, RandomState};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt;
use std::hash::BuildHasher;
use std::str::FromStr;

use futures::TryStreamExt;
use serde::{Deserialize, Serialize};

use super::convert::Refusal;
use super::lookup;
use super::mapper::{MappedRow, Mapper};
use super::mapping::Otherwise;
use super::names::{Agreement, Names};
use super::sources::{DataSource, find_or_make};
use crate::catalog::{ID, Relation};
use crate::error::{Error, Result};
use crate::feature::Operation;
use crate::geometry::Geometry;
use crate::id::{self, Uuid};
use crate::page::Near;
use crate::query::{FeatureQuery, Selection};
use crate::store::{FeatureStoreExt, Record, RecordQuery, Store};
use crate::value::Value;

/// How a row finds the feature that it describes. A row that carries a `cabd_id` is found by it, whatever the rule.
///
/// ```
/// use cabd_core::load::Match;
/// assert_eq!("near:50".parse::<Match>()?, Match::Near(50.0));
/// assert_eq!("source".parse::<Match>()?, Match::Source);
/// assert_eq!("near:500,name".parse::<Match>()?, Match::NearName(500.0));
/// assert!("near:far".parse::<Match>().is_err());
/// # Ok::<(), cabd_core::Error>(())
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Match {
    /// By the data source and its own identifier; else the row is a new feature.
    #[default]
    Source,
    /// By `cabd_id`: every row must have one. A feature that is not there is added where the row has a place.
    CabdId,
    /// As [`Match::Source`]; else the nearest feature within so many metres; else the row is a new feature.
    Near(f64),
    /// As [`Match::Source`]; else, of the features within so many metres, the nearest that has the same name, then the nearest
    /// whose name holds the row's or is held by it; else the row is a new feature.
    ///
    /// Names are compared by their words, accents and case ignored, without the words that only say what a structure is
    /// (dam, barrage, generating station, centrale); what stands in brackets is a name of its own. Where both
    /// names have numbers, the numbers must be the same.
    NearName(f64),
}

impl TryFrom<String> for Match {
    type Error = Error;

    fn try_from(text: String) -> Result<Self> {
        text.parse()
    }
}

impl From<Match> for String {
    fn from(rule: Match) -> Self {
        rule.to_string()
    }
}

impl fmt::Display for Match {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Source => f.write_str("source"),
            Self::CabdId => f.write_str("cabd_id"),
            Self::Near(metres) => write!(f, "near:{metres}"),
            Self::NearName(metres) => write!(f, "near:{metres},name"),
        }
    }
}

impl FromStr for Match {
    type Err = Error;

    fn from_str(s: &str) -> Result<Self> {
        let near = |text: &str| {
            let metres = text.parse().ok();
            metres.filter(|m: &f64| m.is_finite() && *m > 0.0)
        };
        match s {
            "source" => Some(Self::Source),
            "cabd_id" => Some(Self::CabdId),
            other => other
                .strip_prefix("near:")
                .and_then(|rest| match rest.split_once(',') {
                    None => near(rest).map(Self::Near),
                    Some((metres, "name")) => near(metres).map(Self::NearName),
                    Some(_) => None,
                }),
        }
        .ok_or_else(|| {
            Error::invalid("unknown rule")
                .field("match")
                .value(s)
                .expected("source, cabd_id, near:METRES or near:METRES,name, for example near:50")
        })
    }
}

/// How a row came to its feature.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum How {
    New,
    /// The row speaks for the feature: mapped values follow it.
    Same,
    /// The row only completes the feature.
    Near,
}

/// What the store holds of the features that were found.
#[derive(Default)]
pub(super) struct Existing {
    /// Attribute sources.
    pub(super) attributes: HashMap<Uuid, Record>,
    /// Features that also come from another data source than the row's.
    pub(super) shared: HashSet<Uuid>,
    /// Rows of each part by feature.
    pub(super) parts: Vec<HashMap<Uuid, Vec<Record>>>,
    /// The features themselves, where a row only completes them, or may.
    pub(super) features: HashMap<Uuid, Record>,
    /// Features that were there before this source: they have values that the row gives as well and no source stands for.
    pub(super) joined: HashSet<Uuid>,
    /// Where features are shown that have several geometries.
    pub(super) places: HashMap<Uuid, Geometry>,
    /// How new the features are.
    pub(super) newness: HashMap<Uuid, Value>,
}

impl Existing {
    /// The columns of which the row has a value and no source is known for what is there; those that are derived say nothing.
    fn unsourced_columns<'a>(
        &'a self,
        mapper: &'a Mapper,
        row: &'a MappedRow,
        id: &Uuid,
    ) -> impl Iterator<Item = &'a str> {
        let target = &mapper.target;
        let sources = self.attributes.get(id);
        let given = target
            .tracked
            .iter()
            .zip(target.source_fields.iter().skip(1));
        given.filter_map(move |(t, field)| {
            let of = target
                .feature_type
                .as_ref()?
                .attribute(field.strip_suffix("_ds")?)?;
            let is_own = t.part.is_none() && of.derived.is_none() && !row.main[t.rule].is_null();
            let unknown = sources.is_none_or(|s| s.get(field).is_null());
            let column = target.main.rules[t.rule].column;
            (is_own && unknown).then(|| target.main.table.columns[column].name.as_str())
        })
    }

    fn unsourced(&self, mapper: &Mapper, row: &MappedRow, id: &Uuid) -> bool {
        self.unsourced_columns(mapper, row, id).next().is_some()
    }

    fn was_there(&self, mapper: &Mapper, row: &MappedRow, id: &Uuid) -> bool {
        let Some(feature) = self.features.get(id) else {
            return false;
        };
        let mut columns = self.unsourced_columns(mapper, row, id);
        columns.any(|column| !feature.get(column).is_null())
    }
}

/// A row that is not loaded.
pub(super) type Refused = (usize, u64, Refusal);

/// Input and line of a row in eight bytes: a million rows are remembered in some 35 MB.
#[derive(Clone, Copy)]
struct Place(u64);

impl Place {
    fn pack((input, line): (u32, u64)) -> Self {
        Self(u64::from(input) << 40 | line & 0xff_ffff_ffff)
    }

    fn unpack(self) -> (u32, u64) {
        ((self.0 >> 40) as u32, self.0 & 0xff_ffff_ffff)
    }
}

pub(super) struct Matcher<'a> {
    pub(super) store: &'a dyn Store,
    rule: Match,
    /// Whether the store had no feature of the type when the load began.
    nothing_there: bool,
    sources: Vec<DataSource>,
    /// What makes the sources that are new, until a row needs them.
    made: HashMap<usize, Operation>,
    /// Identifiers of this load and features that its rows were matched to, hashed to 64 bits, and where they were. Among a million rows two different ones share a
    /// hash with a chance of 3 in 100 million; the later row is then rejected, never silently lost.
    seen: HashMap<u64, Place>,
    hasher: RandomState,
    /// Rows that found no feature and make none.
    pub(super) skipped: u64,
}

impl<'a> Matcher<'a> {
    pub(super) fn new(store: &'a dyn Store, rule: Match) -> Self {
        Self {
            store,
            rule,
            nothing_there: false,
            sources: vec![],
            made: HashMap::new(),
            seen: HashMap::new(),
            hasher: RandomState::default(),
            skipped: 0,
        }
    }

    pub(super) fn source(&self, at: usize) -> Option<DataSource> {
        self.sources.get(at).copied()
    }

    /// Whether rows are looked up in the store: not where it has no feature of the type.
    pub(super) async fn reads(&mut self, mapper: &Mapper) -> Result<bool> {
        let target = &mapper.target;
        if target.feature_type.is_none() || lookup::is_needed(target) {
            return Ok(true);
        }
        let mut any = RecordQuery::of(target.main.relation.clone()).only(&[ID]);
        any.limit = Some(1);
        self.nothing_there = self.store.all_records(&any).await?.is_empty();
        Ok(!self.nothing_there)
    }

    /// Finds the data sources that rows have named since the last call, or prepares them.
    pub(super) async fn sources(&mut self, mapper: &Mapper) -> Result<()> {
        while let Some(name) = mapper.source_names.get(self.sources.len()) {
            let (source, made) = find_or_make(self.store, name, mapper.mapping()).await?;
            self.made
                .extend(made.map(|made| (self.sources.len(), made)));
            self.sources.push(source);
        }
        Ok(())
    }

    /// What makes a data source that the store does not have; once, for the first row that is loaded from it.
    pub(super) fn make_source(&mut self, at: usize) -> Option<Operation> {
        self.made.remove(&at)
    }

    /// Takes an identifier of this load; where it was before, if it was.
    fn take(&mut self, kind: u8, source: usize, id: &str, at: (u32, u64)) -> Option<(u32, u64)> {
        match self.seen.entry(self.hasher.hash_one((kind, source, id))) {
            Entry::Occupied(before) => Some(before.get().unpack()),
            Entry::Vacant(free) => {
                free.insert(Place::pack(at));
                None
            }
        }
    }

    /// Keeps the first row of each key, for a reference table.
    pub(super) fn first_of_key(&mut self, at: (u32, u64), key: &Value) -> Option<(u32, u64)> {
        self.take(2, 0, &key.to_json().to_string(), at)
    }

    /// The feature of each row, in the order of the rows; refused rows are taken out.
    pub(super) async fn find(
        &mut self,
        mapper: &Mapper,
        rows: Vec<MappedRow>,
        inputs: &[String],
        refused: &mut Vec<Refused>,
    ) -> Result<Vec<(MappedRow, Uuid, How)>> {
        let rows = self.unique(rows, inputs, refused);
        let mut found: Vec<Option<(Uuid, How)>> = vec![None; rows.len()];
        let mut out = Vec::with_capacity(rows.len());
        let mut twice = HashSet::new();
        if !self.nothing_there {
            self.by_id(mapper, &rows, &mut found).await?;
            twice = self.by_source(mapper, &rows, &mut found).await?;
        }
        let relation = &mapper.target.main.relation;
        for (i, row) in rows.into_iter().enumerate() {
            let at = (row.input as u32, row.line);
            let mut refuse = |field: &str, value: String, why: String| {
                refused.push((row.input, row.line, Refusal::new(field, value, why)));
            };
            if twice.contains(&i) {
                let id = row.source_id.clone().unwrap_or_default();
                refuse(
                    "source",
                    id,
                    "several features have this identifier of the source".to_owned(),
                );
                continue;
            }
            if self.rule == Match::CabdId && row.id.is_none() {
                refuse(
                    ID,
                    String::new(),
                    "the row has no cabd_id to be matched by".to_owned(),
                );
                continue;
            }
            let mut hit = found[i];
            if hit.is_none()
                && !self.nothing_there
                && row.id.is_none()
                && let Some((longitude, latitude)) =
                    row.geometry.as_ref().and_then(|g| g.as_point())
            {
                let near = |within_m| Near {
                    longitude,
                    latitude,
                    within_m: Some(within_m),
                };
                let id = match self.rule {
                    Match::Near(within_m) => self.nearest(relation, near(within_m)).await?,
                    Match::NearName(within_m) => {
                        let names = names_of(mapper, &row);
                        self.nearest_named(relation, near(within_m), &names).await?
                    }
                    Match::Source | Match::CabdId => None,
                };
                hit = id.map(|id| (id, How::Near));
            }
            match hit {
                Some((id, how)) => {
                    // A row that carries the identifier has taken it already.
                    let before = match row.id {
                        Some(own) if own == id => None,
                        _ => self.take(0, 0, &id.to_string(), at),
                    };
                    if let Some((input, line)) = before {
                        let first = place(inputs, input, line);
                        refuse(
                            ID,
                            id.to_string(),
                            format!("the row of {first} was matched to the same feature"),
                        );
                        continue;
                    }
                    out.push((row, id, how));
                }
                None if row.geometry.is_none() => match row.id {
                    Some(id) => {
                        let why = "there is no such feature, and the row has no place to make one";
                        refuse(ID, id.to_string(), why.to_owned());
                    }
                    None => {
                        let columns = mapper.place_columns();
                        refuse(&columns, String::new(), "the row has no place".to_owned());
                    }
                },
                None => match mapper.otherwise() {
                    Otherwise::New => {
                        let id = row.id.unwrap_or_else(id::new_id);
                        out.push((row, id, How::New));
                    }
                    Otherwise::Skip => self.skipped += 1,
                    Otherwise::Reject => {
                        let why = match self.rule {
                            Match::NearName(m) => format!("no feature within {m} m has this name"),
                            Match::Near(m) => format!("there is no feature within {m} m"),
                            Match::Source | Match::CabdId => "there is no such feature".to_owned(),
                        };
                        refuse("match", row.names.join(", "), why);
                    }
                },
            }
        }
        Ok(out)
    }

    /// Leaves out rows whose identifier an earlier row of this load has.
    fn unique(
        &mut self,
        rows: Vec<MappedRow>,
        inputs: &[String],
        refused: &mut Vec<Refused>,
    ) -> Vec<MappedRow> {
        let mut out = Vec::with_capacity(rows.len());
        for row in rows {
            let at = (row.input as u32, row.line);
            let mut before = None;
            if let Some(id) = row.id {
                let text = id.to_string();
                before = self.take(0, 0, &text, at).map(|b| (b, ID, text));
            }
            if before.is_none()
                && let (Some(source), Some(id)) = (row.source, &row.source_id)
            {
                before = self
                    .take(1, source, id, at)
                    .map(|b| (b, "source", id.clone()));
            }
            match before {
                None => out.push(row),
                Some(((input, line), field, id)) => {
                    let first = place(inputs, input, line);
                    let why = format!("the identifier was in {first} already");
                    refused.push((row.input, row.line, Refusal::new(field, id, why)));
                }
            }
        }
        out
    }

    async fn by_id(
        &self,
        mapper: &Mapper,
        rows: &[MappedRow],
        found: &mut [Option<(Uuid, How)>],
    ) -> Result<()> {
        let ids: Vec<Value> = rows.iter().filter_map(|r| r.id).map(Value::Uuid).collect();
        if ids.is_empty() {
            return Ok(());
        }
        let query = RecordQuery::of(mapper.target.main.relation.clone())
            .only(&[ID])
            .with(ID, ids);
        let records = self.store.all_records(&query).await?;
        let known: HashSet<Uuid> = records.iter().filter_map(|r| r.get(ID).as_uuid()).collect();
        for (row, hit) in rows.iter().zip(found) {
            *hit = row
                .id
                .filter(|id| known.contains(id))
                .map(|id| (id, How::Same));
        }
        Ok(())
    }

    /// Fills what the source's identifiers find; gives the rows for which there are several features.
    async fn by_source(
        &self,
        mapper: &Mapper,
        rows: &[MappedRow],
        found: &mut [Option<(Uuid, How)>],
    ) -> Result<HashSet<usize>> {
        let mut twice = HashSet::new();
        let Some(ft) = mapper
            .target
            .feature_type
            .as_ref()
            .filter(|t| t.has_feature_source())
        else {
            return Ok(twice);
        };
        let mut wanted: BTreeMap<usize, HashMap<&str, usize>> = BTreeMap::new();
        for (i, row) in rows.iter().enumerate() {
            if row.id.is_none()
                && let (Some(source), Some(id)) = (row.source, &row.source_id)
                && self.source(source).is_some_and(|s| !s.is_new)
            {
                wanted.entry(source).or_default().insert(id, i);
            }
        }
        for (source, ids) in wanted {
            let Some(source) = self.source(source) else {
                continue;
            };
            let query = RecordQuery::of(Relation::FeatureSource(ft.id().into()))
                .only(&[ID, "datasource_feature_id"])
                .with("datasource_id", [Value::Uuid(source.id)])
                .with("datasource_feature_id", ids.keys().map(|k| Value::from(*k)));
            for record in self.store.all_records(&query).await? {
                let id = record.get("datasource_feature_id");
                let (Some(i), Some(feature)) = (
                    id.as_str().and_then(|t| ids.get(t)),
                    record.get(ID).as_uuid(),
                ) else {
                    continue;
                };
                match found[*i].replace((feature, How::Same)) {
                    Some((other, _)) if other != feature => {
                        twice.insert(*i);
                    }
                    _ => {}
                }
            }
        }
        Ok(twice)
    }

    async fn nearest(&self, relation: &Relation, near: Near) -> Result<Option<Uuid>> {
        let Relation::Feature(feature_type) = relation else {
            return Ok(None);
        };
        let mut query = FeatureQuery::of(&**feature_type);
        query.near = Some(near);
        query.limit = Some(1);
        query.select = Selection::Attributes(vec![ID.to_owned()]);
        query.geometry = false;
        let batches = self.store.collect(&query).await?;
        let first = batches.iter().find(|b| b.rows() > 0);
        Ok(first.and_then(|b| b.value(0, ID).as_uuid()))
    }

    /// Of the features in reach, nearest first: the first of the same name, else the first whose name holds the other.
    async fn nearest_named(
        &self,
        relation: &Relation,
        near: Near,
        names: &Names,
    ) -> Result<Option<Uuid>> {
        let Relation::Feature(feature_type) = relation else {
            return Ok(None);
        };
        if names.is_empty() {
            return Ok(None);
        }
        let ft = self
            .store
            .catalog()
            .await?
            .feature_type(feature_type)?
            .clone();
        let named = ft.attributes.iter().filter(|a| a.name_search);
        let named: Vec<&str> = named.map(|a| a.id.as_str()).collect();
        let mut query = FeatureQuery::of(&**feature_type);
        query.near = Some(near);
        let select = std::iter::once(ID).chain(named.iter().copied());
        query.select = Selection::Attributes(select.map(str::to_owned).collect());
        query.geometry = false;
        let mut batches = self.store.features(&query).await?.batches;
        let mut holds = None;
        while let Some(batch) = batches.try_next().await? {
            for row in 0..batch.rows() {
                let mut theirs = Names::default();
                for name in &named {
                    if let Some(text) = batch.value(row, name).as_str() {
                        theirs.add(text);
                    }
                }
                let id = batch.value(row, ID).as_uuid();
                match names.agree(&theirs) {
                    Some(Agreement::Same) => return Ok(id),
                    Some(Agreement::Holds) if holds.is_none() => holds = id,
                    _ => {}
                }
            }
        }
        Ok(holds)
    }

    /// Reads what the store holds of the features found.
    pub(super) async fn existing(
        &self,
        mapper: &Mapper,
        rows: &[(MappedRow, Uuid, How)],
    ) -> Result<Existing> {
        let mut out = Existing::default();
        let Some(ft) = &mapper.target.feature_type else {
            return Ok(out);
        };
        let old = || rows.iter().filter(|(_, _, how)| *how != How::New);
        let ids: Vec<Value> = old().map(|(_, id, _)| Value::Uuid(*id)).collect();
        out.parts = mapper.target.parts.iter().map(|_| HashMap::new()).collect();
        if ids.is_empty() {
            return Ok(out);
        }
        if mapper.target.source_fields.len() > 1 {
            let columns: Vec<&str> = mapper
                .target
                .source_fields
                .iter()
                .map(String::as_str)
                .collect();
            let query = RecordQuery::of(Relation::AttributeSource(ft.id().into()))
                .only(&columns)
                .with(ID, ids.clone());
            out.attributes = by_key(self.store.all_records(&query).await?, ID);
        }
        if ft.has_feature_source() && old().any(|(row, _, _)| row.source.is_some()) {
            let own: HashMap<Uuid, Uuid> = old()
                .filter_map(|(row, id, _)| Some((*id, self.source(row.source?)?.id)))
                .collect();
            let query = RecordQuery::of(Relation::FeatureSource(ft.id().into()))
                .only(&[ID, "datasource_id"])
                .with(ID, ids.clone());
            for record in self.store.all_records(&query).await? {
                if let (Some(id), other) = (record.get(ID).as_uuid(), record.get("datasource_id"))
                    && own
                        .get(&id)
                        .is_some_and(|own| other.as_uuid() != Some(*own))
                {
                    out.shared.insert(id);
                }
            }
        }
        for (at, part) in mapper.target.parts.iter().enumerate() {
            let parent = &part.part.parent;
            let query = RecordQuery::of(part.rules.relation.clone()).with(parent, ids.clone());
            for record in self.store.all_records(&query).await? {
                if let Some(id) = record.get(parent).as_uuid() {
                    out.parts[at].entry(id).or_default().push(record);
                }
            }
        }
        // Of features that only follow a source, their own values need not be known: those it gave are its own. Without a source,
        // what changes must be known.
        let tracks = !mapper.target.tracked.is_empty();
        let asked = old().filter(|(row, id, how)| match how {
            How::Near => true,
            _ if row.source.is_none() => tracks,
            _ => row.id.is_none() && row.source.is_some() && out.unsourced(mapper, row, id),
        });
        let asked: Vec<(&MappedRow, Uuid, How)> =
            asked.map(|(row, id, how)| (row, *id, *how)).collect();
        if !asked.is_empty() {
            let ids = asked.iter().map(|(_, id, _)| Value::Uuid(*id));
            let query = RecordQuery::of(mapper.target.main.relation.clone()).with(ID, ids);
            out.features = by_key(self.store.all_records(&query).await?, ID);
            let same = asked
                .iter()
                .filter(|(row, _, how)| *how == How::Same && row.source.is_some());
            let joined = same.filter(|(row, id, _)| out.was_there(mapper, row, id));
            out.joined = joined.map(|(_, id, _)| *id).collect();
        }
        let main = &mapper.target.main;
        let table = &main.table;
        if let Some(at) = mapper.newness {
            let column = &table.columns[main.rules[at].column].name;
            let same = old().filter(|(_, _, how)| *how == How::Same);
            let query = RecordQuery::of(main.relation.clone())
                .only(&[ID, column])
                .with(ID, same.map(|(_, id, _)| Value::Uuid(*id)));
            for record in self.store.all_records(&query).await? {
                if let Some(id) = record.get(ID).as_uuid() {
                    out.newness.insert(id, record.get(column).clone());
                }
            }
        }
        if let Some(effective) = &table.effective {
            let shown = &table.columns[effective.column].name;
            let placed = old().filter(|(row, _, how)| *how == How::Same && row.geometry.is_some());
            let placed = placed.map(|(_, id, _)| Value::Uuid(*id));
            let query = RecordQuery::of(main.relation.clone())
                .only(&[ID, shown])
                .with(ID, placed);
            for record in self.store.all_records(&query).await? {
                if let (Some(id), Value::Geometry(place)) =
                    (record.get(ID).as_uuid(), record.get(shown))
                {
                    out.places.insert(id, place.clone());
                }
            }
        }
        Ok(out)
    }
}

/// What the row calls its feature.
fn names_of(mapper: &Mapper, row: &MappedRow) -> Names {
    let mut out = Names::default();
    if row.names.is_empty() {
        let mapped = mapper.target.named.iter().map(|at| &row.main[*at]);
        mapped
            .filter_map(Value::as_str)
            .for_each(|text| out.add(text));
    }
    row.names.iter().for_each(|text| out.add(text));
    out
}

fn by_key(records: Vec<Record>, key: &str) -> HashMap<Uuid, Record> {
    records
        .into_iter()
        .filter_map(|r| Some((r.get(key).as_uuid()?, r)))
        .collect()
}

/// `line 7`, or `file.csv:7` where the load has several files.
fn place(inputs: &[String], input: u32, line: u64) -> String {
    match inputs.get(input as usize).filter(|_| inputs.len() > 1) {
        Some(name) => format!("{name}:{line}"),
        None => format!("line {line}"),
    }
}
