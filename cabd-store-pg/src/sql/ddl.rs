//! Tables, indexes, keys, comments, staging: everything a catalogue needs in the database.

use cabd_core::catalog::{Catalog, FeatureType, Relation, Table};
use cabd_core::lang::Lang;

use super::audit::{audit_triggers, effective_trigger};
use super::{derived_name, ident, idents, literal, name_of, qualified};
use crate::types::column_type;

/// A foreign key of a table.
pub(crate) struct ForeignKey {
    /// Name of the constraint.
    pub name: String,
    /// The referencing column.
    pub column: String,
    /// The referenced table and column.
    pub target: Table,
    /// Whether rows go with the row they refer to.
    pub cascade: bool,
}

/// The foreign keys of a table: its parent, its sources, its codes. Open lists take any code, and the source of each
/// attribute is checked when it is written.
pub(crate) fn foreign_keys(t: &Table, catalog: &Catalog) -> Vec<ForeignKey> {
    let mut out = vec![];
    let mut add = |column: usize, relation: &Relation, cascade: bool| {
        let (Some(c), Ok(target)) = (t.columns.get(column), catalog.table(relation)) else {
            return;
        };
        out.push(ForeignKey {
            name: derived_name(&[&t.name, &c.name], "fkey"),
            column: c.name.clone(),
            target: (**target).clone(),
            cascade,
        });
    };
    for (i, c) in t.columns.iter().enumerate() {
        match &c.references {
            Some(r @ Relation::Codes(id)) if catalog.list(id).is_some_and(|l| !l.open) => {
                add(i, r, false);
            }
            Some(r @ Relation::DataSource)
                if !matches!(t.relation, Relation::AttributeSource(_)) =>
            {
                add(i, r, false);
            }
            _ => {}
        }
    }
    if let Some((column, parent)) = &t.parent {
        add(*column, parent, true);
    }
    out
}

/// `ALTER TABLE … ADD CONSTRAINT …`.
pub(crate) fn add_foreign_key(t: &Table, k: &ForeignKey) -> String {
    format!(
        "ALTER TABLE {} ADD CONSTRAINT {} FOREIGN KEY ({}) REFERENCES {} ({}){}",
        name_of(t),
        ident(&k.name),
        ident(&k.column),
        name_of(&k.target),
        idents(k.target.columns[..1].iter().map(|c| c.name.as_str())),
        if k.cascade { " ON DELETE CASCADE" } else { "" }
    )
}

/// The indexes of a table besides its key: name and definition.
pub(crate) fn indexes(t: &Table) -> Vec<(String, String)> {
    let table = name_of(t);
    let mut out: Vec<(String, String)> = t
        .indexes
        .iter()
        .map(|columns| {
            let names: Vec<&str> = columns
                .iter()
                .map(|i| t.columns[*i].name.as_str())
                .collect();
            let mut parts = vec![t.name.as_str()];
            parts.extend(&names);
            let name = derived_name(&parts, "idx");
            let text = format!(
                "CREATE INDEX IF NOT EXISTS {} ON {table} ({})",
                ident(&name),
                idents(names)
            );
            (name, text)
        })
        .collect();
    if let Some(column) = t.spatial {
        let column = &t.columns[column].name;
        let name = derived_name(&[&t.name, column], "gist");
        let text = format!(
            "CREATE INDEX IF NOT EXISTS {} ON {table} USING gist ({})",
            ident(&name),
            ident(column)
        );
        out.push((name, text));
    }
    out
}

fn column_definition(t: &Table, i: usize) -> String {
    let c = &t.columns[i];
    let mut out = format!("{} {}", ident(&c.name), column_type(&c.data_type));
    if !c.nullable {
        out.push_str(" NOT NULL");
    }
    let named_by_us = matches!(
        t.relation,
        Relation::Feature(_)
            | Relation::Part(..)
            | Relation::DataSource
            | Relation::Contact
            | Relation::FeatureUpdate
    );
    if i == 0 && named_by_us {
        out.push_str(" DEFAULT gen_random_uuid()");
    }
    out
}

/// The table with its columns, key and indexes; what exists is widened.
pub(crate) fn table(t: &Table) -> String {
    let columns: Vec<String> = (0..t.columns.len())
        .map(|i| column_definition(t, i))
        .collect();
    let added: Vec<String> = columns
        .iter()
        .map(|c| format!("ADD COLUMN IF NOT EXISTS {c}"))
        .collect();
    let key = idents(t.columns[..t.key].iter().map(|c| c.name.as_str()));
    let mut out = format!(
        "CREATE SCHEMA IF NOT EXISTS {};\nCREATE TABLE IF NOT EXISTS {} ({}, PRIMARY KEY ({key}));\n\
         ALTER TABLE {1} {};\n",
        ident(&t.schema),
        name_of(t),
        columns.join(", "),
        added.join(", "),
    );
    for (_, text) in indexes(t) {
        out.push_str(&text);
        out.push_str(";\n");
    }
    out
}

/// The triggers of a table.
pub(crate) fn triggers(t: &Table) -> String {
    let mut out = audit_triggers(t);
    out.push_str(&effective_trigger(t));
    if matches!(t.relation, Relation::Codes(_)) {
        out.push_str(&format!(
            "CREATE OR REPLACE TRIGGER catalog_changed AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON {} \
             FOR EACH STATEMENT EXECUTE FUNCTION cabd.catalog_changed();\n",
            name_of(t)
        ));
    }
    out
}

/// The foreign keys that are not there yet.
pub(crate) fn missing_foreign_keys(t: &Table, catalog: &Catalog, validate_later: bool) -> String {
    let how = if validate_later { " NOT VALID" } else { "" };
    foreign_keys(t, catalog)
        .iter()
        .map(|k| {
            format!(
                "DO $fk$ BEGIN IF NOT EXISTS (SELECT 1 FROM pg_constraint WHERE contype = 'f' \
                 AND conrelid = {}::regclass AND conname = {}) THEN {}{how}; END IF; END $fk$;\n",
                literal(&name_of(t)),
                literal(&k.name),
                add_foreign_key(t, k)
            )
        })
        .collect()
}

/// Comments on a table and its columns, from the catalogue's texts in both languages.
pub(crate) fn comments(t: &Table, catalog: &Catalog) -> String {
    let ft = match &t.relation {
        Relation::Feature(id) | Relation::Part(id, _) => catalog.feature_type(id).ok(),
        _ => None,
    };
    let Some(ft) = ft else {
        return String::new();
    };
    let mut out = String::new();
    if matches!(t.relation, Relation::Feature(_)) {
        let text = both(
            ft.head.description.get(Lang::En),
            ft.head.description.get(Lang::Fr),
        );
        out.push_str(&format!(
            "COMMENT ON TABLE {} IS {};\n",
            name_of(t),
            literal(&text)
        ));
    }
    for c in &t.columns {
        let Some(a) = c.attribute.as_deref().and_then(|a| ft.attribute(a)) else {
            continue;
        };
        let unit = a.unit.as_ref().map_or(String::new(), |u| format!(" [{u}]"));
        let text = |lang| format!("{}{unit}: {}", a.name.get(lang), a.description.get(lang));
        out.push_str(&format!(
            "COMMENT ON COLUMN {}.{} IS {};\n",
            name_of(t),
            ident(&c.name),
            literal(&both(&text(Lang::En), &text(Lang::Fr)))
        ));
    }
    out
}

fn both(en: &str, fr: &str) -> String {
    if en == fr {
        en.to_owned()
    } else {
        format!("{en} / {fr}")
    }
}

/// Name of a type's staging table.
pub(crate) fn staging_name(ft: &FeatureType) -> Option<String> {
    ft.head.community.as_ref()?;
    Some(format!("{}_community_staging", ft.id()))
}

/// A type's staging table, where it takes community data.
pub(crate) fn staging(ft: &FeatureType) -> String {
    let Some(name) = staging_name(ft) else {
        return String::new();
    };
    let index = derived_name(&[&name, "open"], "idx");
    format!(
        "CREATE TABLE IF NOT EXISTS {table} (\n    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),\n    \
         cabd_id uuid NOT NULL,\n    user_id uuid REFERENCES cabd.community_contact (user_id),\n    \
         uploaded_datetime timestamptz NOT NULL DEFAULT now(),\n    data jsonb,\n    \
         status varchar(32) NOT NULL DEFAULT 'NEW',\n    status_message text,\n    warnings text[]\n);\n\
         CREATE INDEX IF NOT EXISTS {index} ON {table} (cabd_id) WHERE status = 'NEW';\n",
        table = qualified(ft.schema(), &name),
        index = ident(&index),
    )
}

/// The view of features that wait for review, one row a feature.
pub(crate) fn updates_pending(catalog: &Catalog) -> String {
    let mut all = vec![
        "SELECT cabd_id FROM cabd.user_feature_updates WHERE status = 'needs_review'".to_owned(),
    ];
    for ft in catalog.types() {
        if let Some(name) = staging_name(ft) {
            all.push(format!(
                "SELECT cabd_id FROM {} WHERE status = 'NEW'",
                qualified(ft.schema(), &name)
            ));
        }
    }
    let all = if let [one] = &all[..] {
        one.replacen("SELECT", "SELECT DISTINCT", 1)
    } else {
        all.join(" UNION ")
    };
    format!("CREATE OR REPLACE VIEW cabd.updates_pending AS {all};\n")
}
