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
use crate::query::{Plan, Pred};
use crate::store::plain::{self, Held, Tables};
use crate::store::{AuditStore, CatalogStore, ChangeQuery, FeatureStore};
use crate::value::Value;

/// The features that have changed since a commit, as they were.
pub(super) struct Then {
    /// The commit that the look at the log saw last.
    pub head: CommitNumber,
    /// Features that may answer otherwise than now.
    pub affected: HashSet<Uuid>,
    /// Their rows, and the rows around them, as they were.
    rows: Tables,
}

impl Then {
    /// Looks at the changes after a commit that a plan's answer may depend on.
    pub async fn gather<S>(
        store: &S,
        catalog: &Arc<Catalog>,
        plan: &Plan,
        ids: Option<&[Uuid]>,
        at: CommitNumber,
    ) -> Result<Self>
    where
        S: CatalogStore + FeatureStore + AuditStore + ?Sized,
    {
        let head = store.head().await?;
        let Read { own, naming } = Read::of(catalog, plan)?;
        let mut query = ChangeQuery {
            until: Some(head),
            relations: own.iter().map(|t| t.relation.clone()).collect(),
            features: ids.map(<[Uuid]>::to_vec),
            values: false,
            ..ChangeQuery::since(at)
        };
        let mut since = Since::new(store, catalog.clone()).await?;
        let mut affected = since.read(store, &query).await?;
        let mut rows = Tables::new();
        for (table, column) in &naming {
            if ids.is_some() || !own.iter().any(|t| t.relation == table.relation) {
                query.relations = vec![table.relation.clone()];
                query.features = None;
                since.read(store, &query).await?;
            }
            // Whom a changed row names now or named then.
            let (known, were) = since.touched(&table.relation, *column);
            fetch(store, table, &table.columns[0].name, &known, &mut rows).await?;
            let now = rows.get(&table.relation).into_iter();
            let now = now.flat_map(|r| r.values()).map(|row| &row[*column]);
            affected.extend(now.chain(&were).filter_map(Value::as_uuid));
        }
        for branch in &plan.branches {
            let feature = Relation::feature(branch.feature_type.id());
            // A feature that came later has nothing of then.
            let wanted: Vec<Value> = affected
                .iter()
                .map(|id| Value::from(*id))
                .filter(|id| !since.is_new(&feature, std::slice::from_ref(id)))
                .collect();
            let ids = wanted.iter().filter_map(Value::as_uuid);
            let main = catalog.table(&feature)?;
            since.put_instants_back(store, main, ids, at).await?;
            for table in &own {
                let of_branch = table.relation == feature
                    || table.relation == Relation::FeatureUpdate
                    || table.parent.as_ref().is_some_and(|(_, p)| *p == feature);
                if let Some(column) = feature_column(table).filter(|_| of_branch) {
                    let name = &table.columns[column].name;
                    fetch(store, table, name, &wanted, &mut rows).await?;
                }
            }
            for (table, column) in &naming {
                let name = &table.columns[*column].name;
                fetch(store, table, name, &wanted, &mut rows).await?;
            }
        }
        since.put_back(&mut rows)?;
        Ok(Self {
            head,
            affected,
            rows,
        })
    }

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
                let shown = matches!(table.relation, Relation::Part(..) | Relation::Link(..));
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
