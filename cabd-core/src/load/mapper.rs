//! Rows of a file become rows of the inventory: a mapping at work.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::convert::{Outcome, Refusal, Rule, only_of};
use super::crs::{Crs, Transformer};
use super::implicit;
use super::mapping::{IdRule, Mapping, Otherwise};
use super::matching::Match;
use super::place::{Column, Place, of_class, places};
use super::report::{NoteKind, Notes};
use super::target::{TableRules, Target};
use crate::catalog::{Catalog, GEOMETRY, Table};
use crate::error::{Error, Result};
use crate::format::{RawValue, SourceRow};
use crate::geometry::Geometry;
use crate::id::Uuid;
use crate::value::{DataType, Value};

/// A row, read by the mapping; every value fits its column.
#[derive(Debug)]
pub(super) struct MappedRow {
    pub(super) input: usize,
    pub(super) line: u64,
    /// The identifier that the file gives.
    pub(super) id: Option<Uuid>,
    /// Place among [`Mapper::source_names`].
    pub(super) source: Option<usize>,
    /// The source's own identifier.
    pub(super) source_id: Option<String>,
    pub(super) geometry: Option<Geometry>,
    pub(super) main: Vec<Value>,
    pub(super) parts: Vec<Vec<Value>>,
    pub(super) links: Vec<Vec<Value>>,
    /// What the mapping's name columns say.
    pub(super) names: Vec<String>,
}

/// What became of a row.
pub(super) enum Mapped {
    Row(MappedRow),
    Skipped,
    Rejected(Refusal),
}

/// Which rows a load fills.
#[derive(Clone)]
pub(super) enum Goal {
    Type(String),
    Table(String),
}

pub(super) struct Mapper {
    pub(super) catalog: Arc<Catalog>,
    pub(super) target: Target,
    pub(super) source_names: Vec<String>,
    goal: Goal,
    mapping: Mapping,
    /// Whether the mapping follows from the columns of the file.
    implicit: bool,
    /// The rule, among those of the type's own table, whose value tells how new a row is.
    pub(super) newness: Option<usize>,
    places: Vec<Place>,
    transformer: Transformer,
    only: Vec<(Column, Vec<String>)>,
    id: Option<Vec<Column>>,
    source_column: Option<Column>,
    source_id: Vec<Column>,
    /// Columns that name the feature.
    names: Vec<Column>,
    by_name: HashMap<String, usize>,
    columns: Arc<[Arc<str>]>,
}

impl Mapper {
    pub(super) fn new(
        catalog: Arc<Catalog>,
        goal: Goal,
        mapping: Option<Mapping>,
        source_name: Option<String>,
        keep_newer: Option<String>,
    ) -> Result<Self> {
        let implicit = mapping.is_none();
        let mut mapping = mapping.unwrap_or_default();
        if let Some(name) = source_name {
            mapping.source.get_or_insert_default().name = Some(name);
        }
        if let Some(attribute) = keep_newer {
            mapping.source.get_or_insert_default().keep_newer = Some(attribute);
        }
        if let Some(source) = &mapping.source
            && source.name.is_none()
            && source.column.is_none()
        {
            return Err(
                Error::invalid("the data source has neither a name nor a column")
                    .at("mapping")
                    .field("source")
                    .hint("name the data source of the rows"),
            );
        }
        let target = if implicit {
            implicit::nothing(&catalog, &goal)?
        } else {
            target(&catalog, &goal, &mapping)?
        };
        let mut mapper = Self {
            catalog,
            target,
            source_names: vec![],
            goal,
            mapping,
            implicit,
            newness: None,
            places: vec![],
            transformer: Transformer::default(),
            only: vec![],
            id: None,
            source_column: None,
            source_id: vec![],
            names: vec![],
            by_name: HashMap::new(),
            columns: Arc::new([]),
        };
        mapper.prepare(None)?;
        if !implicit {
            mapper.newness = mapper.find_newness()?;
        }
        Ok(mapper)
    }

    /// Brings what is looked up by column in line with the mapping.
    fn prepare(&mut self, declared: Option<Crs>) -> Result<()> {
        let m = &self.mapping;
        let crs = declared.unwrap_or(Crs::Degrees);
        let wkt = self.target.wkt.iter();
        self.places = wkt.map(|c| Place::Wkt(crs, Column::new(c))).collect();
        match &m.point {
            Some(rule) => self.places.extend(places(rule)?),
            None => self.places.push(Place::File(crs)),
        }
        self.only = only_of(&m.only);
        let names = m.match_rule.iter().flat_map(|r| &r.names);
        self.names = names.map(|c| Column::new(c)).collect();
        self.id = self
            .target
            .id
            .as_ref()
            .map(|rule| rule.from.iter().map(|c| Column::new(c)).collect());
        let source = m.source.as_ref();
        self.source_column = source.and_then(|s| s.column.as_deref()).map(Column::new);
        self.source_id = source.map_or(vec![], |s| s.id.iter().map(|c| Column::new(c)).collect());
        Ok(())
    }

    pub(super) fn mapping(&self) -> &Mapping {
        &self.mapping
    }

    /// Whether the rule can work with the mapping.
    pub(super) fn check_match(&self, rule: Match) -> Result<()> {
        let by_name = matches!(rule, Match::NearName(_)) && self.target.feature_type.is_some();
        if by_name && !self.implicit && self.names.is_empty() && self.target.named.is_empty() {
            return Err(Error::invalid(
                "nothing in the mapping names a feature, so names cannot be compared",
            )
            .at("mapping")
            .field("match")
            .value(rule)
            .hint("map a name, or list the columns that hold one under [match] as `names`"));
        }
        Ok(())
    }

    /// What a row that finds no feature becomes.
    pub(super) fn otherwise(&self) -> Otherwise {
        let rule = self.mapping.match_rule.as_ref();
        rule.map_or(Otherwise::New, |r| r.otherwise)
    }

    /// The one data source of every row, if there is only one.
    pub(super) fn only_source(&mut self) -> Option<usize> {
        let source = self.mapping.source.as_ref()?;
        match (&source.column, &source.name) {
            (None, Some(name)) => match self.by_name.get(name) {
                Some(at) => Some(*at),
                None => Some(self.source_of(name.clone())),
            },
            _ => None,
        }
    }

    fn source_of(&mut self, name: String) -> usize {
        if let Some(at) = self.by_name.get(&name) {
            return *at;
        }
        self.source_names.push(name.clone());
        self.by_name.insert(name, self.source_names.len() - 1);
        self.source_names.len() - 1
    }

    fn find_newness(&self) -> Result<Option<usize>> {
        let wanted = self.mapping.source.as_ref();
        let Some(wanted) = wanted.and_then(|s| s.keep_newer.as_deref()) else {
            return Ok(None);
        };
        let main = &self.target.main;
        let of_type = self.target.feature_type.is_some();
        let ordered = |data_type: &DataType| {
            use DataType::{Date, Double, Integer, Numeric, Timestamp};
            matches!(data_type, Date | Timestamp | Integer | Double | Numeric)
        };
        let at = main.rules.iter().position(|r| {
            of_type
                && r.to.eq_ignore_ascii_case(wanted)
                && ordered(&main.table.columns[r.column].data_type)
        });
        match at {
            Some(at) => Ok(Some(at)),
            None => Err(Error::invalid("the load does not fill such an attribute")
                .field("keep_newer")
                .value(wanted)
                .expected("a date, instant or number of the feature itself, filled by the mapping")
                .hint("add it to the fields of the mapping, or leave keep_newer out")),
        }
    }

    /// Takes the columns of a file as far as they are known. `crs` is what the file declares.
    pub(super) fn bind(&mut self, columns: &Arc<[Arc<str>]>, crs: Option<&str>) -> Result<()> {
        self.columns = columns.clone();
        if self.implicit {
            let source = self.mapping.source.take();
            self.mapping = implicit::mapping(&self.catalog, &self.goal, columns)?;
            self.mapping.source = source;
            if let (Some(name), Some(file)) = (crs, &mut self.mapping.point) {
                file.crs = name.to_owned();
            }
            self.target = target(&self.catalog, &self.goal, &self.mapping)?;
            self.newness = self.find_newness()?;
        }
        let declared = match crs {
            Some(name) if self.mapping.point.is_none() => {
                Some(name.parse::<Crs>().map_err(|e| {
                    e.hint("reproject the file, or say what it is under [point] in the mapping")
                })?)
            }
            _ => None,
        };
        self.prepare(declared)?;
        let find = |name: &str| position(columns, name);
        for rule in self.target.rules_mut() {
            rule.places = rule.from.iter().filter_map(|name| find(name)).collect();
            let pieces = rule.pieces.iter_mut().flatten();
            let pieces = pieces.filter_map(|(_, column)| column.as_mut());
            for column in rule.only.iter_mut().map(|(c, _)| c).chain(pieces) {
                column.place = find(&column.name);
            }
        }
        let places = self.places.iter_mut().flat_map(Place::columns_mut);
        let only = self.only.iter_mut().map(|(c, _)| c);
        let id = self.id.iter_mut().flatten();
        let source = self.source_column.iter_mut().chain(&mut self.source_id);
        let names = self.names.iter_mut();
        for column in places.chain(only).chain(id).chain(source).chain(names) {
            column.place = find(&column.name);
        }
        Ok(())
    }

    /// Whether the mapping finds any of its columns in the file at hand.
    pub(super) fn finds_a_column(&mut self) -> bool {
        let places = self.places.iter_mut().flat_map(Place::columns_mut);
        let only = self.only.iter_mut().map(|(c, _)| c);
        let id = self.id.iter_mut().flatten();
        let source = self.source_column.iter_mut().chain(&mut self.source_id);
        let mut named = places.chain(only).chain(id).chain(source);
        named.any(|c| c.place.is_some()) || self.target.rules_mut().any(|r| !r.places.is_empty())
    }

    /// Notes columns that are not used, and those that the mapping misses, at the end of a file.
    pub(super) fn note_columns(&mut self, input: &str, notes: &mut Notes) {
        let mut used: Vec<String> = self.mapping.ignore.clone();
        for place in &self.places {
            used.extend(place.columns().into_iter().map(str::to_owned));
        }
        used.extend(self.only.iter().map(|(c, _)| c.name.clone()));
        let columns = self
            .id
            .iter()
            .flatten()
            .chain(&self.source_column)
            .chain(&self.source_id)
            .chain(&self.names);
        used.extend(columns.map(|c| c.name.clone()));
        let mut missing: BTreeMap<String, String> = BTreeMap::new();
        for rule in self.target.rules_mut() {
            used.extend(rule.from.iter().cloned());
            used.extend(rule.only.iter().map(|(c, _)| c.name.clone()));
            let pieces = rule.pieces.iter().flatten();
            used.extend(pieces.filter_map(|(_, c)| Some(c.as_ref()?.name.clone())));
            if rule.places.is_empty() && !rule.from.is_empty() {
                missing.insert(rule.from.join(", "), rule.to.clone());
            }
        }
        for name in self.columns.iter() {
            if !used.iter().any(|u| u.eq_ignore_ascii_case(name)) {
                let what = || ("neither used nor ignored".to_owned(), input.to_owned());
                notes.add(NoteKind::UnusedColumn, name, what);
            }
        }
        for (from, to) in missing {
            let what = || (format!("{to} stays empty"), input.to_owned());
            notes.add(NoteKind::MissingColumn, &from, what);
        }
    }

    /// Reads one row.
    pub(super) fn map(
        &mut self,
        input: usize,
        row: &SourceRow,
        notes: &mut Notes,
        place: &dyn Fn(u64) -> String,
    ) -> Mapped {
        if let Some(fault) = &row.fault {
            return Mapped::Rejected(Refusal::new(
                &fault.field,
                &fault.value,
                fault.reason.clone(),
            ));
        }
        if self
            .only
            .iter()
            .any(|(column, wanted)| !column.holds_one_of(row, wanted))
        {
            return Mapped::Skipped;
        }
        match self.read(input, row, notes, place) {
            Ok(mapped) => Mapped::Row(mapped),
            Err(refusal) => Mapped::Rejected(refusal),
        }
    }

    fn read(
        &mut self,
        input: usize,
        row: &SourceRow,
        notes: &mut Notes,
        place: &dyn Fn(u64) -> String,
    ) -> Result<MappedRow, Refusal> {
        let source = self.row_source(row)?;
        let source_id = match source {
            Some(_) => self.row_source_id(row)?,
            None => None,
        };
        let geometry = self.row_geometry(row, notes, place)?;
        let id = self.row_id(row)?;
        let catalog = &self.catalog;
        let mut dropped = |why: Refusal| {
            notes.add(NoteKind::DroppedValue, &why.field, || {
                (format!("{:?}: {}", why.value, why.reason), place(row.line))
            });
        };
        let mut values = |rules: &TableRules| -> Result<Vec<Value>, Refusal> {
            let one = |rule: &Rule| one(catalog, &rules.table, rule, row, &mut dropped);
            rules.rules.iter().map(one).collect()
        };
        let main = values(&self.target.main)?;
        let parts = self.target.parts.iter().map(|p| values(&p.rules));
        let parts = parts.collect::<Result<Vec<_>, _>>()?;
        let mut links = vec![];
        for link in &self.target.links {
            let mut codes = vec![];
            for rule in &link.rules.rules {
                codes.extend(rule.elements(catalog, &link.rules.table, row, &mut dropped)?);
            }
            links.push(codes);
        }
        let names = self.names.iter().map(|c| c.of(row));
        let names = names.filter(|raw| !raw.is_blank()).map(ToString::to_string);
        Ok(MappedRow {
            input,
            line: row.line,
            id,
            source,
            source_id,
            geometry,
            main,
            parts,
            links,
            names: names.collect(),
        })
    }

    fn row_source(&mut self, row: &SourceRow) -> Result<Option<usize>, Refusal> {
        let Some(rule) = &self.mapping.source else {
            return Ok(None);
        };
        let Some(column) = &self.source_column else {
            return Ok(self.only_source());
        };
        let value = row.cell(column.place.unwrap_or(usize::MAX));
        if value.is_blank() {
            return Err(Refusal::new(
                &column.name,
                "",
                "the row does not say its data source",
            ));
        }
        let value = value.to_string();
        if value.contains('\0') {
            return Err(Refusal::new(
                &column.name,
                "",
                "the text holds a NUL character",
            ));
        }
        let name = match &rule.name {
            Some(prefix) => format!("{prefix} / {}", value.trim()),
            None => value.trim().to_owned(),
        };
        Ok(Some(self.source_of(name)))
    }

    fn row_source_id(&self, row: &SourceRow) -> Result<Option<String>, Refusal> {
        let Some(rule) = self.mapping.source.as_ref().filter(|s| !s.id.is_empty()) else {
            return Ok(None);
        };
        let mut out = String::new();
        for column in &self.source_id {
            let raw = row.cell(column.place.unwrap_or(usize::MAX));
            if raw.is_blank() {
                continue;
            }
            if out.is_empty() {
                out.push_str(rule.id_prefix.as_deref().unwrap_or_default());
            } else {
                out.push(':');
            }
            push_identifier(&mut out, raw);
            if rule.id_rule == IdRule::First {
                break;
            }
        }
        if out.is_empty() {
            let names: Vec<&str> = self.source_id.iter().map(|c| c.name.as_str()).collect();
            let why =
                "the row has no identifier of its source, so that it could not be found again";
            return Err(Refusal::new(&names.join(", "), "", why));
        }
        if out.contains('\0') {
            return Err(Refusal::new(
                "source",
                "",
                "the identifier holds a NUL character",
            ));
        }
        Ok(Some(out))
    }

    fn row_id(&self, row: &SourceRow) -> Result<Option<Uuid>, Refusal> {
        for column in self.id.iter().flatten() {
            let raw = row.cell(column.place.unwrap_or(usize::MAX));
            if !raw.is_blank() {
                let text = raw.to_string();
                return crate::id::parse(&column.name, text.trim())
                    .map(Some)
                    .map_err(|e| Refusal::of(&e, &column.name, text));
            }
        }
        Ok(None)
    }

    fn row_geometry(
        &mut self,
        row: &SourceRow,
        notes: &mut Notes,
        place: &dyn Fn(u64) -> String,
    ) -> Result<Option<Geometry>, Refusal> {
        let Some(kind) = self.target.kind else {
            return Ok(None);
        };
        if row
            .geometry
            .as_ref()
            .is_some_and(|g| g.class_code() >= 1000)
        {
            notes.add(NoteKind::HeightDropped, GEOMETRY, || {
                (
                    "the third coordinate is left out".to_owned(),
                    place(row.line),
                )
            });
        }
        for way in &self.places {
            if let Some(geometry) = way.read(row, &mut self.transformer)? {
                return of_class(geometry, kind).map(Some);
            }
        }
        Ok(None)
    }

    /// The columns that would give a place, for a reason.
    pub(super) fn place_columns(&self) -> String {
        let names = self.places.iter().flat_map(Place::columns);
        let names: Vec<&str> = names.collect();
        if names.is_empty() {
            GEOMETRY.to_owned()
        } else {
            names.join(", ")
        }
    }
}

fn one(
    catalog: &Catalog,
    table: &Table,
    rule: &Rule,
    row: &SourceRow,
    dropped: &mut impl FnMut(Refusal),
) -> Result<Value, Refusal> {
    Ok(match rule.apply(catalog, table, row)? {
        Outcome::Value(value) => value,
        Outcome::Dropped(why) => {
            dropped(why);
            Value::Null
        }
    })
}

fn target(catalog: &Catalog, goal: &Goal, mapping: &Mapping) -> Result<Target> {
    match goal {
        Goal::Type(id) => Target::of_type(catalog, id, mapping),
        Goal::Table(id) => Target::of_table(catalog, id, mapping),
    }
}

/// The place of a column, exactly as written or else in any case.
pub(super) fn position(columns: &[Arc<str>], name: &str) -> Option<usize> {
    let exact = columns.iter().position(|c| **c == *name);
    exact.or_else(|| columns.iter().position(|c| c.eq_ignore_ascii_case(name)))
}

/// The text of an identifier; a whole number written as a float loses its `.0`.
pub(super) fn push_identifier(out: &mut String, raw: &RawValue) {
    match raw {
        RawValue::Text(text) => {
            let text = text.trim();
            match text.split_once('.') {
                Some((whole, zeros))
                    if !whole.is_empty()
                        && !zeros.is_empty()
                        && whole
                            .trim_start_matches('-')
                            .bytes()
                            .all(|b| b.is_ascii_digit())
                        && zeros.bytes().all(|b| b == b'0') =>
                {
                    out.push_str(whole);
                }
                _ => out.push_str(text),
            }
        }
        other => out.push_str(&other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_whole_number_written_as_a_float_loses_its_fraction() {
        for (raw, expected) in [
            (RawValue::from("711.0"), "711"),
            (RawValue::from(" -7.00 "), "-7"),
            (RawValue::Double(711.0), "711"),
            (RawValue::from("7.10"), "7.10"),
            (RawValue::from("A.0"), "A.0"),
            (RawValue::from("1.2.0"), "1.2.0"),
            (RawValue::from("."), "."),
            (RawValue::Int(12), "12"),
        ] {
            let mut out = String::new();
            push_identifier(&mut out, &raw);
            assert_eq!(out, expected);
        }
    }
}
