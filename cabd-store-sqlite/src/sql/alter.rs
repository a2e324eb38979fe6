//! Changes of tables that hold rows.

use cabd_core::Result;
use cabd_core::catalog::{Action, Catalog, Kept, Table, flat_name};

use super::{ddl, flat, table_name};
use crate::spatial::identifier;

/// The function that converts values while a column changes its type.
pub(crate) const CONVERT: &str = "cabd_convert";

/// Unquoted name of a table that was set aside.
pub(crate) fn kept_table(kept: &Kept) -> String {
    format!("{}_{}", kept.tag, flat_name(&kept.schema, &kept.table))
}

/// The unquoted name of the table that a kept column is in.
pub(crate) fn home(kept: &Kept) -> String {
    flat_name(&kept.schema, &kept.table)
}

fn alter(table: &str, what: &str) -> String {
    format!("ALTER TABLE {} {what}", identifier(table))
}

fn rename(table: &str, from: &str, to: &str) -> String {
    alter(
        table,
        &format!("RENAME COLUMN {} TO {}", identifier(from), identifier(to)),
    )
}

/// A nullable copy takes the place of a column.
fn copied(t: &Table, column: usize, to: &str) -> Vec<String> {
    let c = &t.columns[column];
    let table = flat(t);
    let (old, new) = (identifier(&c.name), identifier(to));
    vec![
        alter(
            &table,
            &format!("ADD COLUMN {new} {}", ddl::column_type(t, column)),
        ),
        format!("UPDATE {} SET {new} = {old}", identifier(&table)),
        alter(&table, &format!("DROP COLUMN {old}")),
    ]
}

/// The column under another name, which may be null.
fn set_aside(t: &Table, column: usize, to: &str) -> Vec<String> {
    let c = &t.columns[column];
    if c.nullable {
        vec![rename(&flat(t), &c.name, to)]
    } else {
        copied(t, column, to)
    }
}

/// The statements of an action. The rest of it, layers and indexes, follows from the catalogue.
pub(crate) fn statements(catalog: &Catalog, action: &Action) -> Result<Vec<String>> {
    Ok(match action {
        Action::Create(t) => {
            let mut all = vec![ddl::create_table(catalog, t)?];
            all.extend(ddl::key_index(t));
            all.extend(ddl::look_up_indexes(t).into_iter().map(|(_, sql)| sql));
            all
        }
        Action::Shelve(t, kept) => {
            vec![alter(
                &flat(t),
                &format!("RENAME TO {}", identifier(&kept_table(kept))),
            )]
        }
        Action::Unshelve(t, kept) => {
            let mut all = vec![alter(
                &kept_table(kept),
                &format!("RENAME TO {}", table_name(t)),
            )];
            all.extend(ddl::key_index(t));
            all
        }
        Action::Add(t, column) => vec![ddl::add_column(t, *column)],
        Action::Rename {
            table,
            from,
            column,
        } => vec![rename(&flat(table), from, &table.columns[*column].name)],
        Action::Keep(t, column, kept) => set_aside(t, *column, &kept.column_name()),
        Action::Restore(t, column, kept) => vec![rename(
            &flat(t),
            &kept.column_name(),
            &t.columns[*column].name,
        )],
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
            let aside = kept.column_name();
            let mut all = set_aside(&before, *column, &aside);
            all.push(ddl::add_column(table, *column));
            let was = restore
                .as_ref()
                .map(|k| format!(", {}", identifier(&k.column_name())))
                .unwrap_or_default();
            all.push(format!(
                "UPDATE {} SET {} = {CONVERT}({}{was})",
                table_name(table),
                identifier(&table.columns[*column].name),
                identifier(&aside),
            ));
            if let Some(k) = restore {
                all.push(alter(
                    &flat(table),
                    &format!("DROP COLUMN {}", identifier(&k.column_name())),
                ));
            }
            all
        }
        Action::Widen(t, column) | Action::Relax(t, column) => {
            let c = &t.columns[*column];
            let room = format!("{}_room", c.name);
            let mut all = copied(t, *column, &room);
            all.push(rename(&flat(t), &room, &c.name));
            all
        }
        // A trigger refuses nulls of other programs.
        Action::Require(..) => vec![],
        Action::Purge(kept) => vec![match &kept.column {
            Some(_) => alter(
                &home(kept),
                &format!("DROP COLUMN {}", identifier(&kept.column_name())),
            ),
            None => format!("DROP TABLE {}", identifier(&kept_table(kept))),
        }],
    })
}
