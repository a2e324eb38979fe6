//! One batch of rows gets what follows from the rest of it.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use jiff::Timestamp;
use uuid::Uuid;

use super::rules::{FromArea, Levels, Rules};
use super::{Position, Snapper};
use crate::catalog::{Catalog, Relation, Table};
use crate::error::{Error, Result};
use crate::geometry::Geometry;
use crate::store::write::{Row, Step, WriteTransaction, first_of, placed};
use crate::time::to_micros;
use crate::value::{DataType, Value};

/// Features that are surely remembered as marked; at most twice as many are.
const REMEMBERED: usize = 100_000;

/// The newest of the features marked with the instant of this change: a feature and the rows around it come close together.
#[derive(Default)]
struct Marked {
    recent: HashSet<Uuid>,
    older: HashSet<Uuid>,
}

impl Marked {
    fn insert(&mut self, id: Uuid) {
        if self.recent.len() >= REMEMBERED {
            self.older = std::mem::take(&mut self.recent);
        }
        self.recent.insert(id);
    }

    fn contains(&self, id: &Uuid) -> bool {
        self.recent.contains(id) || self.older.contains(id)
    }
}

/// Why a row is looked at.
pub(in crate::store) enum Cause {
    /// An operation writes it.
    Written,
    /// It is looked at again; see [`Written`](super::Written).
    Unknown,
    New(Option<Timestamp>),
    Columns(Vec<usize>, Option<Timestamp>),
}

/// A row on its way into the store.
pub(in crate::store) struct Pending {
    /// The new row; of a row that is there, only the named and derived columns count.
    pub row: Row,
    pub named: Arc<[usize]>,
    pub before: Option<Row>,
    pub place: Option<Arc<str>>,
    pub cause: Cause,
    /// Columns filled in here.
    pub derived: Vec<usize>,
}

impl Pending {
    /// The value after the change.
    fn value(&self, c: usize) -> &Value {
        match &self.before {
            Some(before) if !self.named.contains(&c) && !self.derived.contains(&c) => &before[c],
            _ => &self.row[c],
        }
    }

    fn set(&mut self, c: usize, value: Value) {
        self.row[c] = value;
        if !self.derived.contains(&c) {
            self.derived.push(c);
        }
    }

    /// Whether somebody gives the column a value now.
    pub fn gives(&self, c: usize) -> bool {
        match &self.cause {
            Cause::Written => self.named.contains(&c) && !self.row[c].is_null(),
            Cause::Unknown => false,
            Cause::New(_) => self.before.as_ref().is_some_and(|b| !b[c].is_null()),
            Cause::Columns(columns, _) => columns.contains(&c),
        }
    }

    /// Whether a value that is there is asked to be derived again: it is named without one.
    fn clears(&self, c: usize) -> bool {
        matches!(self.cause, Cause::Written)
            && self.named.contains(&c)
            && self.row[c].is_null()
            && self.before.as_ref().is_some_and(|b| !b[c].is_null())
    }

    fn has_changed(&self, c: usize) -> bool {
        match (&self.cause, &self.before) {
            (Cause::Written, Some(before)) => {
                (self.named.contains(&c) || self.derived.contains(&c)) && self.row[c] != before[c]
            }
            (Cause::Written, None) | (Cause::Unknown | Cause::New(_), _) => true,
            (Cause::Columns(columns, _), _) => columns.contains(&c) || self.derived.contains(&c),
        }
    }

    /// Whether the derivation of `c` from `inputs` is due.
    fn wants(&self, c: usize, mut inputs: impl Iterator<Item = usize>) -> bool {
        !self.gives(c) && (self.clears(c) || inputs.any(|i| self.has_changed(i)))
    }

    fn id(&self) -> Option<Uuid> {
        self.row.first().and_then(Value::as_uuid)
    }
}

/// A value that follows, for a column that may have a source of its own.
struct Doubt {
    at: usize,
    column: usize,
    source: Option<usize>,
    value: Value,
}

/// Fills in derived values, for one change.
pub(in crate::store) struct Deriver<'a> {
    catalog: &'a Catalog,
    snapper: Option<Arc<dyn Snapper>>,
    now: Timestamp,
    rules: HashMap<Relation, Option<Arc<Rules>>>,
    /// Reference tables without any polygon.
    empty: HashSet<Relation>,
    /// Features that carry the instant of this change, or were given another in it.
    marked: HashMap<Arc<str>, Marked>,
}

impl<'a> Deriver<'a> {
    pub fn new(catalog: &'a Catalog, snapper: Option<Arc<dyn Snapper>>) -> Self {
        Self {
            catalog,
            snapper,
            now: to_micros(Timestamp::now()),
            rules: HashMap::new(),
            empty: HashSet::new(),
            marked: HashMap::new(),
        }
    }

    /// What is derived in the relation's table; none where nothing is.
    pub fn rules(&mut self, relation: &Relation) -> Result<Option<Arc<Rules>>> {
        if let Some(known) = self.rules.get(relation) {
            return Ok(known.clone());
        }
        let snaps = self.snapper.is_some();
        let rules = Rules::of(self.catalog, relation)?
            .filter(|r| !r.is_idle(snaps))
            .map(Arc::new);
        self.rules.insert(relation.clone(), rules.clone());
        Ok(rules)
    }

    /// The rows of a relation are about to change.
    pub fn writes(&mut self, relation: &Relation) {
        self.empty.remove(relation);
    }

    /// Fills in what follows; `rest` is what the batch holds for later tables.
    pub async fn fill(
        &mut self,
        table: &Table,
        rules: &Rules,
        pending: &mut [Pending],
        transaction: &mut dyn WriteTransaction,
        rest: &[(Arc<Table>, Vec<Step>)],
    ) -> Result<()> {
        self.snap(table, rules, pending).await?;
        let mut doubts = vec![];
        for area in &rules.areas {
            self.locate(table, rules, area, pending, transaction, &mut doubts)
                .await?;
        }
        self.settle(rules, pending, doubts, transaction, rest)
            .await?;
        let mut doubts = vec![];
        for levels in &rules.completeness {
            complete(levels, pending, &mut doubts);
        }
        self.settle(rules, pending, doubts, transaction, rest).await
    }

    /// Asks for the snapped points of original points that are new or have moved.
    async fn snap(&self, table: &Table, rules: &Rules, pending: &mut [Pending]) -> Result<()> {
        let (Some(snapper), Some((snapped, original))) = (&self.snapper, rules.snap) else {
            return Ok(());
        };
        let (mut asked, mut originals): (Vec<usize>, Vec<Position>) = (vec![], vec![]);
        for (n, p) in pending.iter().enumerate() {
            if matches!(p.cause, Cause::Unknown) || p.gives(snapped) || !p.has_changed(original) {
                continue;
            }
            if let Value::Geometry(g) = p.value(original)
                && let Some(point) = g.as_point()
            {
                asked.push(n);
                originals.push(point);
            }
        }
        if asked.is_empty() {
            return Ok(());
        }
        let answers = snapper.snap(&rules.feature_type, &originals).await?;
        if answers.len() != asked.len() {
            return Err(
                Error::invalid("the snapper's answers do not match its questions")
                    .value(answers.len())
                    .expected(format!("{} answers", asked.len())),
            );
        }
        for (n, answer) in asked.into_iter().zip(answers) {
            let Some((x, y)) = answer else { continue };
            let point = Geometry::point(x, y);
            let p = &mut pending[n];
            point
                .check_world(&table.columns[snapped].name)
                .map_err(|e| placed(e, &p.place))?;
            p.set(snapped, point.into());
            if let Some(spatial) = rules.spatial {
                let place = first_of(&rules.origins, |c| p.value(c));
                p.set(spatial, place);
            }
        }
        Ok(())
    }

    async fn locate(
        &mut self,
        table: &Table,
        rules: &Rules,
        area: &FromArea,
        pending: &mut [Pending],
        transaction: &mut dyn WriteTransaction,
        doubts: &mut Vec<Doubt>,
    ) -> Result<()> {
        let Some(spatial) = rules.spatial else {
            return Ok(());
        };
        if self.empty.contains(&area.table.relation) {
            return Ok(());
        }
        // A place has changed where its effective column has; of rows of others, where any column of it was written.
        let wants = |p: &Pending, c: usize| match &p.cause {
            Cause::Columns(columns, _) => !p.gives(c) && rules.names_place(columns),
            _ => p.wants(c, std::iter::once(spatial)),
        };
        let (mut asked, mut points): (Vec<usize>, Vec<Position>) = (vec![], vec![]);
        for (n, p) in pending.iter().enumerate() {
            if area.targets.iter().any(|t| wants(p, t.column))
                && let Value::Geometry(g) = p.value(spatial)
                && let Some(point) = g.position()?
            {
                asked.push(n);
                points.push(point);
            }
        }
        if asked.is_empty() {
            return Ok(());
        }
        let Some(found) = transaction
            .containing(&area.table, &area.columns, &points)
            .await?
        else {
            self.empty.insert(area.table.relation.clone());
            return Ok(());
        };
        let mut lowest: Vec<Option<Row>> = vec![None; points.len()];
        for (n, row) in found {
            let best = lowest
                .get_mut(n)
                .ok_or_else(|| Error::internal("an answer for no point"))?;
            if best
                .as_ref()
                .is_none_or(|b| row[0].compare(&b[0]).is_some_and(std::cmp::Ordering::is_lt))
            {
                *best = Some(row);
            }
        }
        for (n, row) in asked.into_iter().zip(lowest) {
            let Some(row) = row else { continue };
            for t in &area.targets {
                let value = &row[t.pick];
                let p = &pending[n];
                if value.is_null() || !wants(p, t.column) {
                    continue;
                }
                let column = &table.columns[t.column];
                let value = value
                    .clone()
                    .coerce(&column.name, &column.data_type)
                    .map_err(|e| {
                        let e = e.hint(format!(
                            "shorten {} of {} in {}",
                            area.table.columns[area.columns[t.pick]].name,
                            row[0].to_json(),
                            area.table.qualified()
                        ));
                        placed(e, &p.place)
                    })?;
                doubts.push(Doubt {
                    at: n,
                    column: t.column,
                    source: t.source,
                    value,
                });
            }
        }
        Ok(())
    }

    /// Puts the values in, but for those over a value that has a source of its own.
    async fn settle(
        &mut self,
        rules: &Rules,
        pending: &mut [Pending],
        doubts: Vec<Doubt>,
        transaction: &mut dyn WriteTransaction,
        rest: &[(Arc<Table>, Vec<Step>)],
    ) -> Result<()> {
        if doubts.is_empty() {
            return Ok(());
        }
        let relation = Relation::AttributeSource(rules.feature_type.clone());
        let is_there = |d: &Doubt, pending: &[Pending]| {
            d.source.is_some()
                && pending[d.at]
                    .before
                    .as_ref()
                    .is_some_and(|b| !b[d.column].is_null() && b[d.column] != d.value)
        };
        let mut ids: Vec<Row> = vec![];
        let mut seen = HashSet::new();
        for d in doubts.iter().filter(|d| is_there(d, pending)) {
            if let Some(id) = pending[d.at].id()
                && seen.insert(id)
            {
                ids.push(vec![id.into()]);
            }
        }
        let mut stored: HashMap<Uuid, Row> = HashMap::new();
        let mut coming: HashMap<Uuid, &Step> = HashMap::new();
        if !ids.is_empty() {
            let table = self.catalog.table(&relation)?;
            let rows = transaction.fetch(table, &ids).await?;
            for row in rows.into_iter().flatten() {
                if let Some(id) = row[0].as_uuid() {
                    stored.insert(id, row);
                }
            }
            for step in rest
                .iter()
                .filter(|(t, _)| t.relation == relation)
                .flat_map(|(_, steps)| steps)
            {
                if let Some(id) = step.row[0].as_uuid().filter(|id| seen.contains(id)) {
                    coming.insert(id, step);
                }
            }
        }
        for d in doubts {
            if is_there(&d, pending)
                && let (Some(id), Some(column)) = (pending[d.at].id(), d.source)
            {
                let source = match coming.get(&id) {
                    Some(step) if step.named.contains(&column) => Some(&step.row[column]),
                    _ => stored.get(&id).map(|row| &row[column]),
                };
                if source.is_some_and(|s| !s.is_null()) {
                    continue;
                }
            }
            pending[d.at].set(d.column, d.value);
        }
        Ok(())
    }
}

/// Finds the level of rows whose counted values have changed.
fn complete(levels: &Levels, pending: &[Pending], doubts: &mut Vec<Doubt>) {
    for (n, p) in pending.iter().enumerate() {
        if !p.wants(levels.column, levels.of.iter().map(|(c, _)| *c)) {
            continue;
        }
        let filled = levels.of.iter().filter(|(c, unknown)| {
            let v = p.value(*c);
            let blank = matches!(v, Value::Text(t) if t.trim().is_empty());
            !v.is_null() && !blank && !unknown.contains(v)
        });
        // Shares such as 1/3 are written rounded.
        let share = filled.count() as f64 / levels.of.len().max(1) as f64 + 1e-9;
        let level = levels
            .levels
            .iter()
            .rev()
            .find(|(least, _)| share >= *least);
        if let Some((_, code)) = level {
            doubts.push(Doubt {
                at: n,
                column: levels.column,
                source: levels.source,
                value: code.clone(),
            });
        }
    }
}

impl Deriver<'_> {
    /// An instant as a value of the column.
    fn instant(table: &Table, column: usize, at: Timestamp) -> Value {
        match table.columns[column].data_type {
            DataType::Date => Value::Date(at.to_zoned(jiff::tz::TimeZone::UTC).date()),
            _ => Value::Timestamp(to_micros(at)),
        }
    }

    /// The instant of a new row.
    pub fn stamp_new(&self, table: &Table, rules: &Rules, row: &mut Row) {
        for c in &rules.last_modified {
            if row[*c].is_null() {
                row[*c] = Self::instant(table, *c, self.now);
            }
        }
    }

    /// The instant of a row that is there, given what has changed of it.
    pub fn stamp(&self, table: &Table, rules: &Rules, p: &Pending, set: &mut Vec<(usize, Value)>) {
        for c in &rules.last_modified {
            if matches!(p.cause, Cause::Written) {
                if p.gives(*c) {
                    continue;
                }
                set.retain(|(s, _)| s != c);
            }
            let others = match &p.cause {
                Cause::Written | Cause::Unknown => None,
                Cause::Columns(columns, _) if columns.contains(c) => continue,
                Cause::New(at) | Cause::Columns(_, at) => *at,
            };
            let at = if set.iter().any(|(s, _)| !rules.last_modified.contains(s)) {
                self.now
            } else if let Some(at) = others {
                at
            } else {
                continue;
            };
            let new = Self::instant(table, *c, at);
            let earlier = |b: &Row| b[*c].compare(&new).is_none_or(std::cmp::Ordering::is_lt);
            if p.before.as_ref().is_some_and(earlier) {
                set.push((*c, new));
            }
        }
    }

    /// The features carry the instant of this change, or one that was given in it.
    pub fn mark(&mut self, feature_type: &Arc<str>, ids: impl IntoIterator<Item = Uuid>) {
        let marked = self.marked.entry(feature_type.clone()).or_default();
        ids.into_iter().for_each(|id| marked.insert(id));
    }

    /// Whether the feature's row says when it was changed, and does not yet say now.
    pub fn is_marked(&self, feature_type: &Arc<str>, id: &Uuid) -> bool {
        self.marked
            .get(feature_type)
            .is_some_and(|ids| ids.contains(id))
    }

    /// The instant of this change for a feature around which something has changed.
    pub fn stamp_around(&self, table: &Table, rules: &Rules, row: &Row) -> Vec<(usize, Value)> {
        rules
            .last_modified
            .iter()
            .map(|c| (*c, Self::instant(table, *c, self.now)))
            .filter(|(c, v)| row[*c] != *v)
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_marks_outlive_any_number_of_others() {
        let mut marked = Marked::default();
        for n in 0..3 * REMEMBERED as u128 {
            marked.insert(Uuid::from_u128(n));
            assert!(marked.contains(&Uuid::from_u128(n.saturating_sub(1_000))));
        }
        assert!(!marked.contains(&Uuid::from_u128(0)));
    }
}
