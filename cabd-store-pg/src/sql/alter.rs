//! Changes of tables that hold rows.

use cabd_core::catalog::{Action, Catalog, Kept, Table};
use cabd_core::error::Result;
use cabd_core::value::Value;

use super::{audit, ddl, derived_name, ident, literal, name_of, qualified};
use crate::types::column_type;

/// The schema that holds the tables of `kept`'s schema that one change set aside.
pub(crate) fn kept_schema(kept: &Kept) -> String {
    format!("{}_{}", kept.tag, kept.schema)
}

/// The table that was set aside, or that a kept column is in.
pub(crate) fn home(kept: &Kept) -> String {
    match &kept.column {
        Some(_) => qualified(&kept.schema, &kept.table),
        None => qualified(&kept_schema(kept), &kept.table),
    }
}

fn alter(t: &Table, what: &str) -> String {
    format!("ALTER TABLE {} {what}", name_of(t))
}

fn rename(t: &Table, from: &str, to: &str) -> String {
    alter(
        t,
        &format!("RENAME COLUMN {} TO {}", ident(from), ident(to)),
    )
}

fn drop_key(t: &Table, column: &str) -> String {
    let name = derived_name(&[&t.name, column], "fkey");
    alter(t, &format!("DROP CONSTRAINT IF EXISTS {}", ident(&name)))
}

fn index(t: &Table, column: &str) -> String {
    derived_name(&[&t.name, column], "idx")
}

/// The column under another name: it may be null, and neither key nor index keep other rows in place for it.
fn set_aside(t: &Table, column: usize, to: &str) -> Vec<String> {
    let c = &t.columns[column];
    let mut all = vec![
        drop_key(t, &c.name),
        format!(
            "DROP INDEX IF EXISTS {}",
            qualified(&t.schema, &index(t, &c.name))
        ),
    ];
    if !c.nullable {
        all.push(alter(
            t,
            &format!("ALTER COLUMN {} DROP NOT NULL", ident(&c.name)),
        ));
    }
    all.push(rename(t, &c.name, to));
    all
}

/// Removes a code.
pub(crate) fn remove_code(t: &Table, code: &Value) -> Result<String> {
    Ok(format!(
        "DELETE FROM {} WHERE {} = {};\n",
        name_of(t),
        ident(&t.columns[0].name),
        super::written(code)?
    ))
}

fn drop_empty_schema(schema: &str) -> String {
    format!(
        "DO $empty$ BEGIN IF NOT EXISTS (SELECT 1 FROM pg_class WHERE relnamespace = to_regnamespace({})) \
         THEN DROP SCHEMA IF EXISTS {}; END IF; END $empty$",
        literal(&ident(schema)),
        ident(schema)
    )
}

/// The statements of an action before values are converted, and those after.
pub(crate) fn statements(old: &Catalog, action: &Action) -> (Vec<String>, Vec<String>) {
    let mut after = vec![];
    let all = match action {
        Action::Create(t) => vec![ddl::table(t).trim_end().trim_end_matches(';').to_owned()],
        Action::Shelve(t, kept) => {
            let mut all: Vec<String> = ddl::foreign_keys(t, old)
                .iter()
                .map(|k| alter(t, &format!("DROP CONSTRAINT IF EXISTS {}", ident(&k.name))))
                .collect();
            let schema = ident(&kept_schema(kept));
            all.push(format!("CREATE SCHEMA IF NOT EXISTS {schema}"));
            all.push(alter(t, &format!("SET SCHEMA {schema}")));
            all.push(audit::present_elsewhere(t, &home(kept)));
            all
        }
        Action::Unshelve(t, kept) => vec![
            format!("ALTER TABLE {} SET SCHEMA {}", home(kept), ident(&t.schema)),
            drop_empty_schema(&kept_schema(kept)),
        ],
        Action::Add(t, column) => {
            let c = &t.columns[*column];
            vec![alter(
                t,
                &format!(
                    "ADD COLUMN {} {}",
                    ident(&c.name),
                    column_type(&c.data_type)
                ),
            )]
        }
        Action::Rename {
            table,
            from,
            column,
        } => {
            let to = &table.columns[*column].name;
            vec![
                drop_key(table, from),
                format!(
                    "ALTER INDEX IF EXISTS {} RENAME TO {}",
                    qualified(&table.schema, &index(table, from)),
                    ident(&index(table, to))
                ),
                rename(table, from, to),
            ]
        }
        Action::Keep(t, column, kept) => set_aside(t, *column, &kept.column_name()),
        Action::Restore(t, column, kept) => {
            vec![rename(t, &kept.column_name(), &t.columns[*column].name)]
        }
        Action::Retype {
            table,
            column,
            from,
            kept,
            restore,
            ..
        } => {
            let mut before = (**table).clone();
            before.columns[*column] = (**from).clone();
            let mut all = set_aside(&before, *column, &kept.column_name());
            let c = &table.columns[*column];
            all.push(alter(
                table,
                &format!(
                    "ADD COLUMN {} {}",
                    ident(&c.name),
                    column_type(&c.data_type)
                ),
            ));
            if let Some(k) = restore {
                after.push(alter(
                    table,
                    &format!("DROP COLUMN {}", ident(&k.column_name())),
                ));
            }
            if !c.nullable {
                after.push(alter(
                    table,
                    &format!("ALTER COLUMN {} SET NOT NULL", ident(&c.name)),
                ));
            }
            all
        }
        Action::Widen(t, column) => {
            let c = &t.columns[*column];
            vec![alter(
                t,
                &format!(
                    "ALTER COLUMN {} TYPE {}",
                    ident(&c.name),
                    column_type(&c.data_type)
                ),
            )]
        }
        Action::Relax(t, column) => vec![alter(
            t,
            &format!(
                "ALTER COLUMN {} DROP NOT NULL",
                ident(&t.columns[*column].name)
            ),
        )],
        Action::Require(t, column) => vec![alter(
            t,
            &format!(
                "ALTER COLUMN {} SET NOT NULL",
                ident(&t.columns[*column].name)
            ),
        )],
        Action::Purge(kept) => match &kept.column {
            Some(_) => vec![format!(
                "ALTER TABLE IF EXISTS {} DROP COLUMN IF EXISTS {}",
                home(kept),
                ident(&kept.column_name())
            )],
            None => vec![
                format!("DROP TABLE IF EXISTS {}", home(kept)),
                audit::present_nowhere(&home(kept)),
                drop_empty_schema(&kept_schema(kept)),
            ],
        },
    };
    (all, after)
}
