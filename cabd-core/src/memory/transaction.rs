//! A write transaction on a copy of the state; tables are copied when first written.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use async_trait::async_trait;

use super::State;
use crate::catalog::{CatalogCommit, Code, CodeKey, Relation, Table};
use crate::error::{Error, Result};
use crate::feature::ChangeHead;
use crate::geometry::Areas;
use crate::id::{CommitNumber, Uuid};
use crate::store::{
    ChangeQuery, Changeset, Key, LogEntry, LogValues, Position, Row, RowChange, WriteTransaction,
    key_of, key_part,
};
use crate::time::{Timestamp, to_micros};
use crate::value::Value;

pub(super) struct Transaction {
    state: State,
    changeset: Changeset,
    codes_changed: bool,
    /// Polygons of reference tables that were asked for points.
    areas: Areas<(Relation, Key)>,
}

impl Transaction {
    pub(super) fn new(state: State, head: &ChangeHead) -> Self {
        let changeset = Changeset {
            commit: CommitNumber(state.head.0 + 1),
            datetime: to_micros(Timestamp::now()),
            author: head.author.clone(),
            reason: head.reason.clone(),
            kind: head.kind.word().to_owned(),
            client: head.client.clone(),
            reviewer: head.reviewer.clone(),
            data_source: head.data_source,
        };
        Self {
            state,
            changeset,
            codes_changed: false,
            areas: Areas::default(),
        }
    }

    fn rows(&mut self, table: &Table) -> &mut BTreeMap<Key, Row> {
        Arc::make_mut(self.state.tables.entry(table.relation.clone()).or_default())
    }

    fn log(&mut self, table: &Table, action: &str, row: &Row, old: LogValues, new: LogValues) {
        if matches!(table.relation, Relation::Codes(_)) {
            self.codes_changed = true;
            self.areas.clear();
        }
        let ids = table.log_ids();
        let uuid = |column: Option<usize>| match &row[column?] {
            Value::Text(t) => t.parse().ok(),
            v => v.as_uuid(),
        };
        let log = Arc::make_mut(&mut self.state.log);
        log.push(LogEntry {
            revision: log.len() as i64 + 1,
            commit: self.changeset.commit,
            datetime: self.changeset.datetime,
            author: self.changeset.author.clone(),
            schema: table.schema.clone(),
            table: table.name.clone(),
            action: action.to_owned(),
            cabd_id: uuid(ids.cabd_id),
            datasource_id: uuid(ids.datasource_id),
            id_pk: uuid(ids.id_pk),
            row_key: ids.row_key.iter().map(|c| row[*c].to_string()).collect(),
            old,
            new,
        });
    }

    /// The state after the change; code lists in the catalogue follow their rows.
    pub(super) fn finish(mut self) -> Result<State> {
        self.state.head = self.changeset.commit;
        Arc::make_mut(&mut self.state.commits).push(self.changeset);
        if self.codes_changed {
            let mut manifest = self.state.catalog.to_manifest();
            for list in &mut manifest.lists {
                let relation = Relation::Codes(list.id.as_str().into());
                let Some(rows) = self.state.tables.get(&relation) else {
                    continue;
                };
                let extra = list
                    .columns
                    .iter()
                    .map(|c| c.id.clone())
                    .collect::<Vec<_>>();
                let codes = rows
                    .values()
                    .filter_map(|r| code_of(r, &extra))
                    .map(|c| Code {
                        retired: list.get(&c.code).is_some_and(|k| k.retired),
                        ..c
                    })
                    .collect();
                *list = list.with_codes(codes);
            }
            let version = self.state.catalog.version + 1;
            let declared = self.state.catalog.declared().clone();
            let new = crate::catalog::Catalog::loaded(version, manifest, declared, vec![]);
            self.state.catalog = Arc::new(new);
        }
        Ok(self.state)
    }
}

/// The values of a row that are not null.
fn present(table: &Table, row: &Row) -> LogValues {
    let all = table.columns.iter().zip(row);
    all.filter(|(_, v)| !v.is_null())
        .map(|(c, v)| (c.name.clone(), v.clone()))
        .collect()
}

fn code_of(row: &Row, extra: &[String]) -> Option<Code> {
    let text = |i: usize| row.get(i).and_then(Value::as_str).unwrap_or_default();
    Some(Code {
        code: CodeKey::of(row.first()?)?,
        name: crate::lang::Text::new(text(1), text(2)),
        description: crate::lang::Text::new(text(3), text(4)),
        more: extra
            .iter()
            .enumerate()
            .filter_map(|(i, name)| match row.get(5 + i) {
                None | Some(Value::Null) => None,
                Some(Value::Text(t)) => Some((name.clone(), t.clone())),
                Some(v) => Some((name.clone(), v.to_json().to_string())),
            })
            .collect(),
        retired: false,
    })
}

#[async_trait]
impl WriteTransaction for Transaction {
    async fn fetch(&mut self, table: &Arc<Table>, keys: &[Row]) -> Result<Vec<Option<Row>>> {
        let rows = self.rows(table);
        Ok(keys.iter().map(|k| rows.get(&key_of(k)).cloned()).collect())
    }

    async fn existing(&mut self, table: &Arc<Table>, keys: &[Row]) -> Result<Vec<bool>> {
        let rows = self.rows(table);
        Ok(keys.iter().map(|k| rows.contains_key(&key_of(k))).collect())
    }

    async fn last_changes(&mut self, _: &Arc<Table>, ids: &[Uuid]) -> Result<Vec<CommitNumber>> {
        Ok(ids.iter().map(|id| self.state.last_change(*id)).collect())
    }

    async fn changes(&mut self, query: &ChangeQuery) -> Result<Vec<LogEntry>> {
        self.state.changes(query)
    }

    async fn catalog_history(&mut self) -> Result<Vec<CatalogCommit>> {
        Ok((*self.state.history).clone())
    }

    async fn insert(&mut self, table: &Arc<Table>, rows: Vec<Row>) -> Result<()> {
        for row in rows {
            let key = key_of(&row[..table.key]);
            self.log(
                table,
                "INSERT",
                &row,
                LogValues::new(),
                present(table, &row),
            );
            if self.rows(table).insert(key, row.clone()).is_some() {
                return Err(
                    Error::conflict(format!("{} has this row already", table.qualified()))
                        .field(&table.columns[0].name)
                        .value(&row[0]),
                );
            }
        }
        Ok(())
    }

    async fn update(&mut self, table: &Arc<Table>, changes: Vec<RowChange>) -> Result<()> {
        let identity = table.identity();
        for change in changes {
            let Some(row) = self.rows(table).get_mut(&key_of(&change.key)) else {
                continue;
            };
            let (mut old, mut new) = (LogValues::new(), LogValues::new());
            let before = row.clone();
            let moved = change.set.iter().any(|(c, _)| identity.contains(c));
            let mut counts = false;
            for (column, value) in change.set {
                let c = &table.columns[column];
                counts |= !c.follows;
                new.insert(c.name.clone(), value.clone());
                old.insert(c.name.clone(), std::mem::replace(&mut row[column], value));
            }
            if moved {
                let row = row.clone();
                let (went, came) = (present(table, &before), present(table, &row));
                self.log(table, "DELETE", &before, went, LogValues::new());
                self.log(table, "INSERT", &row, LogValues::new(), came);
            } else if counts {
                let row = row.clone();
                self.log(table, "UPDATE", &row, old, new);
            }
        }
        Ok(())
    }

    async fn delete(&mut self, table: &Arc<Table>, keys: &[Row]) -> Result<()> {
        for (other, column) in self.state.catalog.clone().columns_naming(&table.relation) {
            let wanted: HashSet<_> = keys.iter().map(|k| key_part(&k[0])).collect();
            let named = |r: &&Row| !r[column].is_null() && wanted.contains(&key_part(&r[column]));
            if let Some(row) = self.rows(&other).values().find(named) {
                let name = &other.columns[column].name;
                return Err(Error::conflict(format!(
                    "{} is named by {}.{name}",
                    table.qualified(),
                    other.qualified()
                ))
                .field(&table.columns[0].name)
                .value(&row[column])
                .hint("change or delete those rows first"));
            }
        }
        for key in keys {
            if let Some(row) = self.rows(table).remove(&key_of(key)) {
                self.log(
                    table,
                    "DELETE",
                    &row,
                    present(table, &row),
                    LogValues::new(),
                );
            }
        }
        Ok(())
    }

    async fn delete_where(
        &mut self,
        table: &Arc<Table>,
        column: usize,
        values: &[Value],
    ) -> Result<u64> {
        let wanted: Vec<_> = values.iter().map(key_part).collect();
        let keys: Vec<Row> = self
            .rows(table)
            .values()
            .filter(|r| wanted.contains(&key_part(&r[column])))
            .map(|r| r[..table.key].to_vec())
            .collect();
        self.delete(table, &keys).await?;
        Ok(keys.len() as u64)
    }

    async fn containing(
        &mut self,
        table: &Arc<Table>,
        columns: &[usize],
        positions: &[Position],
    ) -> Result<Option<Vec<(usize, Row)>>> {
        let rows = self
            .state
            .tables
            .get(&table.relation)
            .cloned()
            .unwrap_or_default();
        let mut found = None;
        for (key, row) in rows.iter() {
            let Some(Value::Geometry(g)) = table.spatial.map(|c| &row[c]) else {
                continue;
            };
            let found = found.get_or_insert_with(Vec::new);
            let key = (table.relation.clone(), key.clone());
            let area = self.areas.get(key, || Ok(g.clone()))?;
            for (n, (x, y)) in positions.iter().enumerate() {
                if area.covers(*x, *y) {
                    found.push((n, columns.iter().map(|c| row[*c].clone()).collect()));
                }
            }
        }
        Ok(found)
    }
}
