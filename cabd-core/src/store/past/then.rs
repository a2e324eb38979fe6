//! What a question finds of the features that have changed since.

use std::collections::HashSet;
use std::sync::Arc;

use uuid::Uuid;

use super::instants::following;
use super::rows::{Since, feature_column, fetch};
use crate::catalog::{Catalog, Relation, Served, Table};
use crate::error::{Error, ErrorKind, Result};
use crate::feature::FeatureBatch;
use crate::id::CommitNumber;
use crate::query::{Branch, Plan, Pred};
use crate::store::plain::{self, Held, Tables};
use crate::store::{AuditStore, CatalogStore, ChangeQuery, FeatureStore};
use crate::value::Value;

/// The features that have changed since a commit.
pub(super) struct Then<'a, S: ?Sized> {
    store: &'a S,
    at: CommitNumber,
    /// The commit that the look at the log saw last.
    pub head: CommitNumber,
    bases: Vec<Relation>,
    read: Read,
    ids: Option<Vec<Uuid>>,
    since: Since,
    rows: Tables,
    /// Features that may answer otherwise than now.
    pub affected: HashSet<Uuid>,
}

impl<'a, S> Then<'a, S>
where
    S: CatalogStore + FeatureStore + AuditStore + ?Sized,
{
    /// The changes after a commit that a plan's answer may depend on; none are read yet.
    pub async fn begin(
        store: &'a S,
        catalog: &Arc<Catalog>,
        plan: &Plan,
        ids: Option<&[Uuid]>,
        at: CommitNumber,
    ) -> Result<Self> {
        let read = Read::of(catalog, plan)?;
        let of = |b: &Branch| Relation::feature(b.feature_type.id());
        Ok(Self {
            store,
            at,
            head: at,
            bases: plan.branches.iter().map(of).collect(),
            since: Since::new(store, catalog.clone(), read.naming.clone()).await?,
            read,
            ids: ids.map(<[Uuid]>::to_vec),
            rows: Tables::new(),
            affected: HashSet::new(),
        })
    }

    /// Reads what was committed since the last look, or since the commit.
    pub async fn follow(&mut self) -> Result<()> {
        let until = self.store.head().await?;
        if until == self.head {
            return Ok(());
        }
        let Read { own, naming } = &self.read;
        let mut query = ChangeQuery {
            until: Some(until),
            relations: own.iter().map(|t| t.relation.clone()).collect(),
            features: self.ids.clone(),
            values: false,
            ..ChangeQuery::since(self.head)
        };
        self.affected
            .extend(self.since.read(self.store, &query).await?);
        for (table, column) in naming {
            if self.ids.is_some() || !own.iter().any(|t| t.relation == table.relation) {
                query.relations = vec![table.relation.clone()];
                query.features = None;
                self.since.read(self.store, &query).await?;
            }
            // Whom a changed row names.
            let known = self.since.keys(&table.relation);
            let name = &table.columns[0].name;
            fetch(self.store, table, name, &known, &mut self.rows).await?;
            let now = self.rows.get(&table.relation).into_iter();
            let now = now.flat_map(|r| r.values()).map(|row| &row[*column]);
            self.affected.extend(now.filter_map(Value::as_uuid));
        }
        self.affected.extend(self.since.named.drain());
        self.head = until;
        Ok(())
    }

    /// The rows of the features that have changed, as they were.
    pub async fn rows(mut self) -> Result<Was> {
        let affected = self.affected.clone();
        // The rows of naming tables were fetched when others were.
        let mut rows = Tables::new();
        for feature in std::mem::take(&mut self.bases) {
            // A feature that came later has nothing of then.
            let wanted: Vec<Value> = affected
                .iter()
                .map(|id| Value::from(*id))
                .filter(|id| !self.since.is_new(&feature, std::slice::from_ref(id)))
                .collect();
            let ids = wanted.iter().filter_map(Value::as_uuid);
            let main = self.since.catalog.table(&feature)?.clone();
            self.since
                .put_instants_back(self.store, &main, ids, self.at)
                .await?;
            for table in &self.read.own {
                let of_base = table.relation == feature
                    || table.relation == Relation::FeatureUpdate
                    || table.parent.as_ref().is_some_and(|(_, p)| *p == feature);
                if let Some(column) = feature_column(table).filter(|_| of_base) {
                    let name = &table.columns[column].name;
                    fetch(self.store, table, name, &wanted, &mut rows).await?;
                }
            }
            for (table, column) in &self.read.naming {
                let name = &table.columns[*column].name;
                fetch(self.store, table, name, &wanted, &mut rows).await?;
                let known = self.since.keys(&table.relation);
                let name = &table.columns[0].name;
                fetch(self.store, table, name, &known, &mut rows).await?;
            }
        }
        // What others have written meanwhile is taken back as well.
        self.follow().await?;
        self.since.put_back(&mut rows)?;
        Ok(Was { affected, rows })
    }
}

/// The features that have changed since a commit, and their rows as they were.
pub(super) struct Was {
    /// The features.
    pub affected: HashSet<Uuid>,
    rows: Tables,
}

impl Was {
    /// What a plan finds in the rows of then.
    pub fn answer(&self, catalog: &Catalog, plan: &Plan) -> Result<Vec<FeatureBatch>> {
        let tables = &self.rows;
        plain::batches(Held { catalog, tables }, plan)
    }
}

/// What a plan reads.
#[derive(Default)]
struct Read {
    /// The tables whose rows belong to its features.
    own: Vec<Arc<Table>>,
    /// Those whose rows hide others, with the column that names them.
    naming: Vec<(Arc<Table>, usize)>,
}

impl Read {
    fn of(catalog: &Catalog, plan: &Plan) -> Result<Self> {
        let mut read = Self::default();
        for branch in &plan.branches {
            let ft = &branch.feature_type;
            if ft.served != Served::Tables {
                return Err(Error::new(
                    ErrorKind::Unsupported,
                    format!(
                        "{} is read from a view made by hand, which keeps no past",
                        ft.id()
                    ),
                )
                .field("as_of"));
            }
            let feature = Relation::feature(ft.id());
            // Instants follow changes of every row around.
            let follows = following(catalog.table(&feature)?).next().is_some();
            for table in catalog.tables() {
                let shown = match table.relation {
                    Relation::Part(..) | Relation::Link(..) => true,
                    Relation::AttributeSource(_) => branch.reads_sources(),
                    _ => false,
                };
                let belongs = table.relation == feature
                    || (shown || follows)
                        && table.parent.as_ref().is_some_and(|(_, p)| *p == feature);
                if belongs && !read.own.iter().any(|t| t.relation == table.relation) {
                    read.own.push(table);
                }
            }
            read.names(catalog, &branch.filter);
        }
        read.own
            .push(catalog.table(&Relation::FeatureUpdate)?.clone());
        Ok(read)
    }

    fn names(&mut self, catalog: &Catalog, filter: &Pred) {
        match filter {
            Pred::And(all) | Pred::Or(all) => all.iter().for_each(|p| self.names(catalog, p)),
            Pred::Not(p) => self.names(catalog, p),
            Pred::NamedBy {
                schema,
                table,
                column,
            } => {
                if let Some(t) = catalog.table_named(schema, table)
                    && let Some(c) = t.position(column)
                {
                    self.naming.push((t.clone(), c));
                }
            }
            _ => {}
        }
    }
}
