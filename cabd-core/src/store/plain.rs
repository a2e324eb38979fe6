//! Answers by plain loops over rows in memory: the meaning of a plan, for the reference store and for rows of an earlier state.

use std::cell::{OnceCell, RefCell};
use std::cmp::Ordering;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use uuid::Uuid;

use super::{Key, Record, RecordQuery, Row, key_of, key_part};
use crate::catalog::{Catalog, ID, Relation, Table, UPDATE_STATUS, flat_name};
use crate::error::Result;
use crate::feature::{BatchBuilder, FeatureBatch, Fields};
use crate::geometry::Geometry;
use crate::query::{Branch, Plan, RowAccess, Source, evaluate, matches};
use crate::value::Value;

/// The rows of a relation, shared until written.
pub(crate) type Rows = Arc<BTreeMap<Key, Row>>;

/// Rows by relation.
pub(crate) type Tables = HashMap<Relation, Rows>;

/// A catalogue and the rows of its tables.
#[derive(Clone, Copy)]
pub(crate) struct Held<'a> {
    pub catalog: &'a Catalog,
    pub tables: &'a Tables,
}

/// What one branch reads besides the type's own row.
struct World<'a> {
    state: Held<'a>,
    table: Arc<Table>,
    parts: HashMap<String, (Arc<Table>, HashMap<Uuid, Row>)>,
    sources: Option<(Arc<Table>, Rows)>,
    links: HashMap<String, HashMap<Uuid, Vec<Row>>>,
    named: RefCell<HashMap<(String, String), HashSet<Uuid>>>,
    pending: OnceCell<HashSet<Uuid>>,
}

impl<'a> World<'a> {
    fn new(state: Held<'a>, branch: &Branch) -> Result<Self> {
        let ft = &branch.feature_type;
        let mut parts = HashMap::new();
        for id in branch.parts() {
            let Some(part) = ft.part(&id) else { continue };
            let table = state.catalog.table(&Relation::part(ft.id(), &id))?.clone();
            let primary = table.position(&part.primary).unwrap_or(0);
            let order = table.position(&part.order).unwrap_or(0);
            let mut best: HashMap<Uuid, Row> = HashMap::new();
            for row in rows(state, &table.relation).values() {
                if row[primary] != Value::Bool(true) {
                    continue;
                }
                let Some(parent) = row[1].as_uuid() else {
                    continue;
                };
                let rank = |r: &Row| {
                    (
                        r[order].as_i64().is_none(),
                        r[order].as_i64(),
                        r[0].as_uuid(),
                    )
                };
                match best.get(&parent) {
                    Some(other) if rank(other) <= rank(row) => {}
                    _ => {
                        best.insert(parent, row.clone());
                    }
                }
            }
            parts.insert(id, (table, best));
        }
        let mut links: HashMap<String, HashMap<Uuid, Vec<Row>>> = HashMap::new();
        for link in &ft.links {
            let by_parent = links.entry(link.id.clone()).or_default();
            for row in rows(state, &Relation::link(ft.id(), &link.id)).values() {
                if let Some(parent) = row[0].as_uuid() {
                    by_parent.entry(parent).or_default().push(row.clone());
                }
            }
        }
        let table = state.catalog.table(&Relation::feature(ft.id()))?.clone();
        let sources = match branch.reads_sources() {
            true => {
                let relation = Relation::AttributeSource(ft.id().into());
                let table = state.catalog.table(&relation)?.clone();
                Some((table, rows(state, &relation)))
            }
            false => None,
        };
        Ok(Self {
            state,
            table,
            parts,
            sources,
            links,
            named: RefCell::default(),
            pending: OnceCell::new(),
        })
    }
}

fn rows(state: Held<'_>, relation: &Relation) -> Rows {
    state.tables.get(relation).cloned().unwrap_or_default()
}

/// The features that a suggested update waits for.
fn pending(state: Held<'_>) -> HashSet<Uuid> {
    let Ok(table) = state.catalog.table(&Relation::FeatureUpdate) else {
        return HashSet::new();
    };
    let (Some(id), Some(status)) = (table.position(ID), table.position("status")) else {
        return HashSet::new();
    };
    rows(state, &table.relation)
        .values()
        .filter(|r| r[status].as_str() == Some(UPDATE_STATUS[0]))
        .filter_map(|r| r[id].as_uuid())
        .collect()
}

struct Access<'a> {
    world: &'a World<'a>,
    row: &'a Row,
    id: Uuid,
}

impl RowAccess for Access<'_> {
    fn id(&self) -> Uuid {
        self.id
    }

    fn geometry(&self) -> Option<&Geometry> {
        match self.world.table.spatial.map(|i| &self.row[i]) {
            Some(Value::Geometry(g)) => Some(g),
            _ => None,
        }
    }

    fn column(&self, source: &Source, name: &str) -> Value {
        let (table, row) = match source {
            Source::Main => (&self.world.table, Some(self.row)),
            Source::Part(p) => match self.world.parts.get(p) {
                Some((table, rows)) => (table, rows.get(&self.id)),
                None => return Value::Null,
            },
            Source::AttributeSource => match &self.world.sources {
                Some((table, rows)) => (table, rows.get(&key_of(&[Value::Uuid(self.id)]))),
                None => return Value::Null,
            },
        };
        match (table.position(name), row) {
            (Some(i), Some(row)) => row[i].clone(),
            _ => Value::Null,
        }
    }

    fn link(&self, link: &str, flags: &[(String, bool)]) -> Vec<Value> {
        let Ok(table) = self
            .world
            .state
            .catalog
            .table(&Relation::link(self.type_id(), link))
        else {
            return vec![];
        };
        let mut codes: Vec<Value> = self
            .world
            .links
            .get(link)
            .and_then(|l| l.get(&self.id))
            .into_iter()
            .flatten()
            .filter(|row| {
                flags
                    .iter()
                    .all(|(f, v)| table.position(f).is_some_and(|i| row[i] == Value::Bool(*v)))
            })
            .map(|row| row[1].clone())
            .collect();
        codes.sort_by_key(key_part);
        codes
    }

    fn updates_pending(&self) -> bool {
        let state = self.world.state;
        let pending = self.world.pending.get_or_init(|| pending(state));
        pending.contains(&self.id)
    }

    fn named_by(&self, schema: &str, table: &str, column: &str) -> bool {
        let key = (flat_name(schema, table), column.to_owned());
        let mut named = self.world.named.borrow_mut();
        let ids = named.entry(key).or_insert_with(|| {
            let catalog = &self.world.state.catalog;
            let found = catalog
                .tables()
                .into_iter()
                .find(|t| t.schema == schema && t.name == table);
            found
                .and_then(|t| t.position(column).map(|i| (t, i)))
                .map(|(t, i)| {
                    rows(self.world.state, &t.relation)
                        .values()
                        .filter_map(|r| r[i].as_uuid())
                        .collect()
                })
                .unwrap_or_default()
        });
        ids.contains(&self.id)
    }
}

impl Access<'_> {
    fn type_id(&self) -> &str {
        match &self.world.table.relation {
            Relation::Feature(t) => t,
            _ => "",
        }
    }
}

fn each(
    state: Held<'_>,
    plan: &Plan,
    mut take: impl FnMut(&Branch, &Access<'_>) -> Result<()>,
) -> Result<()> {
    for branch in &plan.branches {
        let world = World::new(state, branch)?;
        for row in rows(state, &world.table.relation).values() {
            let Some(id) = row[0].as_uuid() else { continue };
            let access = Access {
                world: &world,
                row,
                id,
            };
            if matches(&branch.filter, &access)? {
                take(branch, &access)?;
            }
        }
    }
    Ok(())
}

pub(crate) fn count(state: Held<'_>, plan: &Plan) -> Result<u64> {
    let mut n = 0;
    each(state, plan, |_, _| {
        n += 1;
        Ok(())
    })?;
    Ok(n)
}

pub(crate) fn batches(state: Held<'_>, plan: &Plan) -> Result<Vec<FeatureBatch>> {
    let mut all: Vec<Row> = vec![];
    each(state, plan, |branch, access| {
        all.push(branch.select.iter().map(|e| evaluate(e, access)).collect());
        Ok(())
    })?;
    if !plan.order.is_empty() {
        all.sort_by(|a, b| {
            for key in &plan.order {
                let (x, y) = (&a[key.column], &b[key.column]);
                let order = match (x.is_null(), y.is_null()) {
                    (true, true) => Ordering::Equal,
                    (true, false) => Ordering::Greater,
                    (false, true) => Ordering::Less,
                    (false, false) => {
                        let order = x.compare(y).unwrap_or(Ordering::Equal);
                        if key.descending {
                            order.reverse()
                        } else {
                            order
                        }
                    }
                };
                if order != Ordering::Equal {
                    return order;
                }
            }
            Ordering::Equal
        });
    }
    let limit = plan
        .limit
        .map_or(usize::MAX, |l| usize::try_from(l).unwrap_or(usize::MAX));
    let offset = usize::try_from(plan.offset).unwrap_or(usize::MAX);
    let mut builder = BatchBuilder::new(plan.layout.clone(), plan.batch_rows);
    let mut out = vec![];
    for row in all.iter().skip(offset).take(limit) {
        if builder.push_row(row)? {
            out.push(builder.finish()?);
        }
    }
    if !builder.is_empty() {
        out.push(builder.finish()?);
    }
    Ok(out)
}

pub(crate) fn records(state: Held<'_>, query: &RecordQuery) -> Result<Vec<Record>> {
    let table = state.catalog.table(&query.relation)?;
    let picked = query.picked(table)?;
    let keys = |(i, values): (usize, Vec<Value>)| {
        let keys: HashSet<_> = values.iter().map(key_part).collect();
        (i, keys)
    };
    let filter: Vec<_> = query.conditions(table)?.into_iter().map(keys).collect();
    let fields: Fields = picked
        .iter()
        .map(|i| table.columns[*i].name.clone())
        .collect();
    let limit = query
        .limit
        .map_or(usize::MAX, |l| usize::try_from(l).unwrap_or(usize::MAX));
    let rows = rows(state, &query.relation);
    let mut found: Vec<(&Vec<_>, &Row)> = rows
        .iter()
        .filter(|(_, r)| {
            filter
                .iter()
                .all(|(i, keys)| !r[*i].is_null() && keys.contains(&key_part(&r[*i])))
        })
        .collect();
    found.sort_by_key(|(_, r)| key_of(&r[..table.key]));
    Ok(found
        .into_iter()
        .take(limit)
        .map(|(_, r)| Record {
            fields: fields.clone(),
            values: picked.iter().map(|i| r[*i].clone()).collect(),
        })
        .collect())
}
