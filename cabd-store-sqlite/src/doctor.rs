//! Looks for damage, drift and missing pieces.

use cabd_core::catalog::{Catalog, Relation, Table};
use cabd_core::store::{Finding, Severity};
use cabd_core::{Lang, Result};
use rusqlite::{Connection, OptionalExtension};

use crate::catalog::layer_of;
use crate::error::db;
use crate::evolve::reads_views;
use crate::spatial::{identifier, literal};
use crate::sql::{ddl, flat, table_name, triggers, views};

struct Doctor<'a> {
    conn: &'a Connection,
    findings: Vec<Finding>,
}

/// Every finding; none means healthy.
pub(crate) fn examine(conn: &Connection, catalog: &Catalog) -> Result<Vec<Finding>> {
    let mut d = Doctor {
        conn,
        findings: vec![],
    };
    d.integrity()?;
    for t in catalog.tables() {
        if d.columns(&t)? {
            d.indexes(&t)?;
            d.triggers(&t)?;
            d.rows(catalog, &t)?;
            d.spatial(&t)?;
        }
    }
    d.registered(catalog);
    let tables = catalog.from_tables();
    for ft in catalog.types().filter(|t| !t.is_registered()) {
        for lang in Lang::ALL {
            d.view(
                &views::view_name(ft, lang),
                &views::create_view(&tables, ft, lang)?,
                ft,
            )?;
        }
    }
    d.findings.sort_by_key(|f| std::cmp::Reverse(f.severity));
    Ok(d.findings)
}

/// What is wrong with the triggers of the tables.
pub(crate) fn triggers(conn: &Connection, catalog: &Catalog) -> Result<Vec<Finding>> {
    let mut d = Doctor {
        conn,
        findings: vec![],
    };
    for t in catalog.tables() {
        d.triggers(&t)?;
    }
    Ok(d.findings)
}

impl Doctor<'_> {
    fn report(
        &mut self,
        severity: Severity,
        check: &'static str,
        object: &str,
        message: impl Into<String>,
        hint: &str,
    ) {
        self.findings.push(Finding {
            severity,
            check,
            object: object.to_owned(),
            message: message.into(),
            hint: (!hint.is_empty()).then(|| hint.to_owned()),
        });
    }

    fn number(&self, sql: &str) -> Result<i64> {
        self.conn
            .query_row(sql, [], |r| r.get(0))
            .map_err(|e| db("examine the file")(e).at(sql.to_owned()))
    }

    fn definition(&self, name: &str) -> Result<Option<String>> {
        self.conn
            .query_row(
                "SELECT sql FROM sqlite_schema WHERE name = ?",
                [name],
                |r| r.get(0),
            )
            .optional()
            .map_err(db("read the schema"))
    }

    fn integrity(&mut self) -> Result<()> {
        // The three virtual-table entries of SpatiaLite need its library, so each table is checked by itself.
        let tables: Vec<String> = self
            .conn
            .prepare("SELECT name FROM sqlite_schema WHERE type = 'table' AND rootpage > 0")
            .and_then(|mut s| s.query_map([], |r| r.get(0))?.collect())
            .map_err(db("read the schema"))?;
        for name in tables {
            let sql = format!("PRAGMA quick_check({})", literal(&name));
            let answer: String = self
                .conn
                .query_row(&sql, [], |r| r.get(0))
                .map_err(db("check the file"))?;
            if answer != "ok" {
                self.report(
                    Severity::Error,
                    "schema",
                    &name,
                    answer,
                    "restore the file from a copy",
                );
            }
        }
        Ok(())
    }

    /// Whether the table is there; reports columns that are not.
    fn columns(&mut self, t: &Table) -> Result<bool> {
        let name = flat(t);
        let have: Vec<String> = self
            .conn
            .prepare("SELECT name FROM pragma_table_info(?)")
            .and_then(|mut s| s.query_map([&name], |r| r.get(0))?.collect())
            .map_err(db("read the schema"))?;
        if have.is_empty() {
            self.report(
                Severity::Error,
                "schema",
                &name,
                "the table is missing",
                "restore it from a copy",
            );
            return Ok(false);
        }
        let missing: Vec<&str> = t
            .columns
            .iter()
            .map(|c| c.name.as_str())
            .filter(|c| !have.iter().any(|h| h == c))
            .collect();
        for c in &missing {
            self.report(
                Severity::Error,
                "schema",
                &format!("{name}.{c}"),
                "the column is missing",
                "add the column, or restore the table",
            );
        }
        if matches!(t.relation, Relation::Feature(_)) {
            for extra in have
                .iter()
                .filter(|h| *h != "fid" && !h.starts_with("kept_") && t.position(h).is_none())
            {
                self.report(
                    Severity::Note,
                    "metadata",
                    &format!("{name}.{extra}"),
                    "the column has no metadata, so no query shows it",
                    "declare it in the type's manifest",
                );
            }
        }
        Ok(missing.is_empty())
    }

    fn indexes(&mut self, t: &Table) -> Result<()> {
        let mut wanted: Vec<String> = ddl::look_up_indexes(t)
            .into_iter()
            .map(|(n, _)| n)
            .collect();
        if t.is_layer {
            wanted.push(format!("{}_key", flat(t)));
        }
        for name in wanted {
            if self.definition(&name)?.is_none() {
                self.report(
                    Severity::Warning,
                    "index",
                    &name,
                    "the index is missing",
                    "`cabd init` on the file makes it again",
                );
            }
        }
        Ok(())
    }

    fn triggers(&mut self, t: &Table) -> Result<()> {
        for (name, sql) in triggers::triggers(t) {
            let message = match self.definition(&name)? {
                None => {
                    "the trigger is missing: changes of other programs are not logged or not completed"
                }
                Some(have) if plain(&have) != plain(&sql) => "the trigger was changed",
                Some(_) => continue,
            };
            self.report(
                Severity::Warning,
                "trigger",
                &name,
                message,
                "`cabd init` on the file makes it again",
            );
        }
        Ok(())
    }

    fn rows(&mut self, catalog: &Catalog, t: &Table) -> Result<()> {
        let name = flat(t);
        for (i, c) in t.columns.iter().enumerate() {
            let parent = t.parent.as_ref().filter(|(p, _)| *p == i).map(|(_, r)| r);
            let Some(other) = parent.or(c.references.as_ref()) else {
                continue;
            };
            if let Relation::Codes(list) = other
                && catalog.list(list).is_some_and(|l| l.open)
            {
                continue;
            }
            let other = catalog.table(other)?;
            let column = identifier(&c.name);
            let n = self.number(&format!(
                "SELECT count(*) FROM {} AS t WHERE t.{column} IS NOT NULL AND NOT EXISTS (SELECT 1 FROM {} AS o WHERE o.{} = t.{column})",
                table_name(t),
                table_name(other),
                identifier(&other.columns[0].name)
            ))?;
            if n > 0 {
                let (check, what) = if parent.is_some() {
                    ("orphan", "rows belong to no row of")
                } else {
                    ("orphan", "values are no key of")
                };
                self.report(
                    Severity::Error,
                    check,
                    &format!("{name}.{}", c.name),
                    format!("{n} {what} {}", flat(other)),
                    "correct or delete them",
                );
            }
        }
        if matches!(t.relation, Relation::Feature(_)) {
            let spatial = t
                .spatial
                .map(|i| identifier(&t.columns[i].name))
                .unwrap_or_default();
            let n = self.number(&format!(
                "SELECT count(*) FROM {} WHERE {spatial} IS NULL",
                table_name(t)
            ))?;
            if n > 0 {
                self.report(
                    Severity::Warning,
                    "value",
                    &name,
                    format!("{n} features have no place"),
                    "give them a geometry",
                );
            }
            let n = self.number(&format!(
                "SELECT count(*) FROM {} WHERE cabd_id IS NULL",
                table_name(t)
            ))?;
            if n > 0 {
                self.report(
                    Severity::Error,
                    "value",
                    &name,
                    format!("{n} features have no identifier"),
                    "set cabd_id to a new UUID",
                );
            }
        }
        Ok(())
    }

    fn spatial(&mut self, t: &Table) -> Result<()> {
        if let Some(layer) = layer_of(t) {
            let index = layer.index_table();
            let registered = crate::spatial::layer(self.conn, &layer.table, &layer.column)
                .map_err(db("read the layers"))?;
            if registered.as_ref() != Some(&layer) {
                self.report(
                    Severity::Error,
                    "schema",
                    &layer.table,
                    "the layer is not registered as it should be",
                    "run RecoverGeometryColumn in the spatialite shell",
                );
            }
            if self.definition(&index)?.is_none() {
                self.report(
                    Severity::Error,
                    "index",
                    &index,
                    "the spatial index is missing",
                    "run RecoverSpatialIndex in the spatialite shell",
                );
                return Ok(());
            }
            let (table, column) = (identifier(&layer.table), identifier(&layer.column));
            let index_name = identifier(&index);
            let missing = self.number(&format!(
                "SELECT count(*) FROM {table} AS t WHERE t.{column} IS NOT NULL AND NOT EXISTS \
                 (SELECT 1 FROM {index_name} AS i WHERE i.pkid = t.rowid AND i.xmin <= MbrMinX(t.{column}) AND i.xmax >= MbrMaxX(t.{column}) \
                 AND i.ymin <= MbrMinY(t.{column}) AND i.ymax >= MbrMaxY(t.{column}))"
            ))?;
            let extra = self.number(&format!(
                "SELECT (SELECT count(*) FROM {index_name}) - (SELECT count(*) FROM {table} WHERE {column} IS NOT NULL)"
            ))?;
            if missing > 0 || extra > 0 {
                self.report(
                    Severity::Error,
                    "index",
                    &index,
                    format!(
                        "the spatial index disagrees with its table in {} rows",
                        missing.max(extra)
                    ),
                    "run RecoverSpatialIndex in the spatialite shell",
                );
            }
        }
        Ok(())
    }

    /// Types that cannot be served as they are registered.
    fn registered(&mut self, catalog: &Catalog) {
        for d in catalog.drift().into_iter().filter(|d| d.field == "type") {
            self.report(
                Severity::Warning,
                "metadata",
                &d.object,
                format!("the type is {} but {}", d.declared, d.present),
                "make the views <data_view>_en and <data_view>_fr with cabd_id and a geometry, and a metadata row a column",
            );
        }
    }

    fn view(&mut self, name: &str, generated: &str, ft: &cabd_core::FeatureType) -> Result<()> {
        match self.definition(name)? {
            None => self.report(
                Severity::Error,
                "view",
                name,
                "the view is missing",
                "`cabd init` on the file makes it again",
            ),
            Some(_) if reads_views(&ft.served) => self.report(
                Severity::Note,
                "view",
                name,
                "the view was replaced by hand; it is read as it is",
                "`cabd type apply --overwrite-drift` makes the generated one again",
            ),
            Some(have) if plain(&have) != plain(generated) => self.report(
                Severity::Warning,
                "view",
                name,
                "the view was changed by hand and lacks columns, so the tables are read instead",
                "add the columns, or make the generated one again with `cabd type apply --overwrite-drift`",
            ),
            Some(_) => {}
        }
        let (schema, view) = ft.view();
        let without = self
            .conn
            .prepare(
                "SELECT name FROM pragma_table_info(?1) WHERE name <> 'fid' AND name NOT IN \
                 (SELECT field_name FROM cabd_feature_type_metadata WHERE view_name = ?2)",
            )
            .and_then(|mut s| {
                s.query_map([name, &format!("{schema}.{view}")], |r| {
                    r.get::<_, String>(0)
                })?
                .collect::<rusqlite::Result<Vec<_>>>()
            })
            .map_err(db("read the metadata"))?;
        for column in without {
            self.report(
                Severity::Warning,
                "metadata",
                &format!("{name}.{column}"),
                "the column has no metadata",
                "add a row to cabd_feature_type_metadata",
            );
        }
        Ok(())
    }
}

/// A definition without differences of white space.
fn plain(sql: &str) -> String {
    sql.split_whitespace().collect::<Vec<_>>().join(" ")
}
