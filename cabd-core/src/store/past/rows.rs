//! Rows as they were: what is there now, with what the log says since.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use futures::TryStreamExt;
use uuid::Uuid;

use super::IDS;
use super::instants::following;
use crate::catalog::{Catalog, ID, Past, Relation, Table};
use crate::error::Result;
use crate::id::CommitNumber;
use crate::store::plain::Tables;
use crate::store::{
    AuditStore, CatalogStore, ChangeQuery, FeatureStore, Key, LogEntry, RecordQuery, Row, key_of,
};
use crate::value::Value;

/// The rows of features of a base type, and of the parts, links and sources around them, as they were when a commit was
/// made: by table, those that others name first, with the columns and types of today. A feature that was not there has none.
/// Costs the changes of these features since.
///
/// # Errors
/// [`ErrorKind::NotFound`](crate::ErrorKind::NotFound) for an unknown type.
///
/// ```
/// use cabd_core::{CommitNumber, memory::MemoryStore, store::past::rows_at};
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// let e = rows_at(&MemoryStore::new(), "dams", &[], CommitNumber(3)).await.unwrap_err();
/// assert_eq!(e.kind(), cabd_core::ErrorKind::NotFound);
/// # })
/// ```
pub async fn rows_at<S>(
    store: &S,
    feature_type: &str,
    ids: &[Uuid],
    at: CommitNumber,
) -> Result<Vec<(Arc<Table>, Vec<Row>)>>
where
    S: CatalogStore + FeatureStore + AuditStore + ?Sized,
{
    let catalog = store.catalog().await?;
    let tables = around(&catalog, catalog.feature_type(feature_type)?.id());
    let rows = states(store, &tables, ids, at).await?;
    Ok(tables.into_iter().map(|(t, _)| t).zip(rows).collect())
}

/// The rows of tables about features, as they were when a commit was made.
pub(super) async fn states<S>(
    store: &S,
    tables: &[(Arc<Table>, usize)],
    ids: &[Uuid],
    at: CommitNumber,
) -> Result<Vec<Vec<Row>>>
where
    S: CatalogStore + FeatureStore + AuditStore + ?Sized,
{
    if ids.is_empty() || tables.is_empty() {
        return Ok(vec![vec![]; tables.len()]);
    }
    let mut since = Since::new(store, store.catalog().await?, vec![]).await?;
    let wanted: Vec<Value> = ids.iter().map(|id| Value::from(*id)).collect();
    let mut rows = Tables::new();
    for (table, column) in tables {
        let name = &table.columns[*column].name;
        fetch(store, table, name, &wanted, &mut rows).await?;
    }
    // Read after the rows: what they hold is in the log.
    let query = ChangeQuery {
        relations: tables.iter().map(|(t, _)| t.relation.clone()).collect(),
        features: Some(ids.to_vec()),
        values: false,
        ..ChangeQuery::since(at)
    };
    since.read(store, &query).await?;
    since.put_back(&mut rows)?;
    let of = |(table, _): &(Arc<Table>, usize)| {
        let rows = rows.get(&table.relation);
        let rows = rows.map(|r| r.values().cloned().collect());
        rows.unwrap_or_default()
    };
    Ok(tables.iter().map(of).collect())
}

/// The tables of a base type, with the column that names the feature.
pub(super) fn around(catalog: &Catalog, feature_type: &str) -> Vec<(Arc<Table>, usize)> {
    let feature = Relation::feature(feature_type);
    let column = |t: &Arc<Table>| match &t.parent {
        _ if t.relation == feature => Some(0),
        Some((column, parent)) if *parent == feature => Some(*column),
        _ => None,
    };
    let all = catalog.tables().into_iter();
    let mut all: Vec<_> = all.filter_map(|t| column(&t).map(|c| (t, c))).collect();
    all.sort_by_key(|(t, _)| t.relation.rank());
    all
}

/// What has happened to a row since.
#[derive(Default)]
struct Later {
    /// Whether the row came later.
    is_new: bool,
    /// Whether it has gone, and perhaps come again: nothing of what is there now counts.
    gone: bool,
    /// Values of then, by place.
    was: BTreeMap<usize, Value>,
}

/// What has happened to rows since a commit.
pub(super) struct Since {
    pub catalog: Arc<Catalog>,
    past: Past,
    /// The first commit that touched each feature, and whether it tells the instants that follow.
    first: HashMap<Uuid, (CommitNumber, bool)>,
    changed: HashMap<Relation, HashMap<Key, (Row, Later)>>,
    naming: Vec<(Arc<Table>, usize)>,
    /// Whom changed rows have named.
    pub named: HashSet<Uuid>,
}

impl Since {
    /// `naming` are columns whose values are noted, whichever rows have them.
    pub async fn new<S: CatalogStore + ?Sized>(
        store: &S,
        catalog: Arc<Catalog>,
        naming: Vec<(Arc<Table>, usize)>,
    ) -> Result<Self> {
        Ok(Self {
            naming,
            named: HashSet::new(),
            past: Past::new(&store.catalog_history().await?),
            catalog,
            first: HashMap::new(),
            changed: HashMap::new(),
        })
    }

    /// Takes entries of the log into account, and gives the features they are about.
    pub async fn read<S: AuditStore + ?Sized>(
        &mut self,
        store: &S,
        query: &ChangeQuery,
    ) -> Result<HashSet<Uuid>> {
        let mut features = HashSet::new();
        let mut log = store.changes(query).await?;
        while let Some(e) = log.try_next().await? {
            features.extend(e.cabd_id);
            self.note(e, &mut features);
        }
        Ok(features)
    }

    /// Entries come oldest first.
    fn note(&mut self, e: LogEntry, features: &mut HashSet<Uuid>) {
        let Some(table) = self.catalog.table_named(&e.schema, &e.table) else {
            return;
        };
        let Some(head) = e.key(table) else {
            return;
        };
        if let Some(id) = e
            .cabd_id
            .filter(|_| table.relation != Relation::FeatureUpdate)
        {
            let first = self.first.entry(id).or_insert((e.commit, false));
            let own = matches!(table.relation, Relation::Feature(_));
            let told = |p: usize| e.old.contains_key(&table.columns[p].name);
            first.1 |= own
                && first.0 == e.commit
                && (e.action == "DELETE" || e.action == "UPDATE" && following(table).all(told));
        }
        for (_, column) in self
            .naming
            .iter()
            .filter(|(t, _)| t.relation == table.relation)
        {
            for (name, value) in e.old.iter().chain(&e.new) {
                let value = value.as_uuid().map(Value::from).unwrap_or_default();
                let today = self.past.today(table, name, e.commit.0, value);
                let named = today.filter(|(place, _)| place == column);
                self.named.extend(named.and_then(|(_, v)| v.as_uuid()));
            }
        }
        let key = key_of(&head);
        let known = self.changed.entry(table.relation.clone()).or_default();
        let first = !known.contains_key(&key);
        let (_, later) = known.entry(key).or_insert_with(|| (head, Later::default()));
        match e.action.as_str() {
            "INSERT" => later.is_new |= first,
            _ if later.is_new || later.gone => {}
            action => {
                later.gone = action == "DELETE";
                for (name, value) in e.old {
                    if let Some((place, value)) = self.past.today(table, &name, e.commit.0, value) {
                        later.was.entry(place).or_insert(value);
                    }
                }
                // Older logs tell of a row that moved to another feature under the new one alone.
                let of = table.log_ids().cabd_id;
                let was = of.and_then(|c| later.was.get(&c));
                features.extend(was.and_then(Value::as_uuid));
            }
        }
    }

    /// Whether the first change of a feature tells what its instants were; true where only suggestions have changed.
    pub fn knows_instants(&self, id: &Uuid) -> bool {
        self.first.get(id).is_none_or(|(_, known)| *known)
    }

    /// The place and value of today of what a column was called and held.
    pub fn today(
        &self,
        table: &Table,
        column: &str,
        commit: CommitNumber,
        value: Value,
    ) -> Option<(usize, Value)> {
        self.past.today(table, column, commit.0, value)
    }

    /// Says what a value of a feature's row was.
    pub fn was_then(&mut self, relation: &Relation, id: Uuid, place: usize, value: Value) {
        let head = vec![Value::from(id)];
        let known = self.changed.entry(relation.clone()).or_default();
        let (_, later) = known
            .entry(key_of(&head))
            .or_insert_with(|| (head, Later::default()));
        later.was.insert(place, value);
    }

    /// Whether a row came since.
    pub fn is_new(&self, relation: &Relation, key: &[Value]) -> bool {
        let known = self.changed.get(relation);
        known.is_some_and(|k| k.get(&key_of(key)).is_some_and(|(_, l)| l.is_new))
    }

    /// The first column of the changed rows of a relation.
    pub fn keys(&self, relation: &Relation) -> Vec<Value> {
        let known = self.changed.get(relation).into_iter();
        known
            .flat_map(HashMap::values)
            .map(|(key, _)| key[0].clone())
            .collect()
    }

    /// Makes present rows those of then.
    pub fn put_back(self, rows: &mut Tables) -> Result<()> {
        for (relation, keys) in self.changed {
            let table = self.catalog.table(&relation)?;
            let rows = Arc::make_mut(rows.entry(relation).or_default());
            for (key, (head, later)) in keys {
                if later.is_new {
                    rows.remove(&key);
                    continue;
                }
                if later.gone {
                    let mut row = vec![Value::Null; table.columns.len()];
                    row[..head.len()].clone_from_slice(&head);
                    rows.insert(key.clone(), row);
                }
                if let Some(row) = rows.get_mut(&key) {
                    for (place, value) in later.was {
                        row[place] = value;
                    }
                }
            }
        }
        Ok(())
    }
}

/// The column of a table that says which feature a row is about.
pub(super) fn feature_column(table: &Table) -> Option<usize> {
    match &table.relation {
        Relation::FeatureUpdate => table.position(ID),
        _ => table.log_ids().cabd_id,
    }
}

/// Adds the present rows whose column has one of the values.
pub(super) async fn fetch<S: FeatureStore + ?Sized>(
    store: &S,
    table: &Arc<Table>,
    column: &str,
    values: &[Value],
    rows: &mut Tables,
) -> Result<()> {
    let columns: Vec<&str> = table.columns.iter().map(|c| c.name.as_str()).collect();
    let all = Arc::make_mut(rows.entry(table.relation.clone()).or_default());
    for some in values.chunks(IDS) {
        let query = RecordQuery::of(table.relation.clone())
            .only(&columns)
            .with(column, some.iter().cloned());
        let mut found = store.records(&query).await?;
        while let Some(record) = found.try_next().await? {
            all.insert(key_of(&record.values[..table.key]), record.values);
        }
    }
    Ok(())
}
