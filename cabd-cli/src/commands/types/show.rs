//! `cabd type show`.

use std::process::ExitCode;

use cabd::catalog::Served;
use cabd::{Catalog, Error, FeatureType, Manifest, Result};
use clap::Args;
use serde_json::json;

use crate::output;
use crate::session;
use crate::table;

/// Arguments of `cabd type show`.
#[derive(Debug, Args)]
pub struct Show {
    /// The store
    store: String,
    /// One type; all of them otherwise
    #[arg(value_name = "TYPE")]
    feature_type: Option<String>,
    /// Write JSON for programs
    #[arg(long)]
    json: bool,
    /// Write the type's manifest
    #[arg(long, conflicts_with = "json", requires = "feature_type")]
    toml: bool,
    /// Show where the tables say otherwise than the declarations
    #[arg(long, conflicts_with = "toml")]
    drift: bool,
}

impl Show {
    /// Shows types, one type, or drift.
    pub async fn run(self) -> Result<ExitCode> {
        let store = session::open(&self.store).await?;
        let catalog = store.catalog().await?;
        store.close().await?;
        if self.drift {
            drift(&catalog, self.feature_type.as_deref(), self.json)?;
        } else if let Some(id) = &self.feature_type {
            let ft = catalog.feature_type(id)?;
            if self.toml {
                output::print(toml(ft)?.as_bytes())?;
            } else if self.json {
                output::json(&one_json(ft)?)?;
            } else {
                one(ft)?;
            }
        } else if self.json {
            let all: Vec<_> = catalog
                .types()
                .map(|t| one_json(t))
                .collect::<Result<_>>()?;
            output::json(&json!({ "types": all }))?;
        } else {
            all(&catalog)?;
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn served(ft: &FeatureType) -> &'static str {
    match ft.served {
        Served::Tables => "tables",
        Served::Views { .. } => "replaced views",
        _ => "registered views, read-only",
    }
}

fn toml(ft: &FeatureType) -> Result<String> {
    if ft.is_registered() {
        return Err(Error::invalid(format!(
            "{} was registered by SQL: it has no manifest",
            ft.id()
        ))
        .hint("`cabd type adopt` writes one"));
    }
    Manifest {
        types: vec![ft.declared()],
        ..Manifest::default()
    }
    .to_toml()
}

fn one_json(ft: &FeatureType) -> Result<serde_json::Value> {
    let mut value = serde_json::to_value(ft)
        .map_err(|e| Error::internal("the type does not fit into JSON").because(e))?;
    if let Some(object) = value.as_object_mut() {
        object.insert("id".to_owned(), ft.id().into());
        object.insert("served_from".to_owned(), served(ft).into());
    }
    Ok(value)
}

fn all(catalog: &Catalog) -> Result<()> {
    let rows = catalog.types().map(|ft| {
        let members: Vec<&str> = ft.members.iter().map(|m| m.feature_type.as_str()).collect();
        vec![
            ft.id().to_owned(),
            ft.head.name.en.clone(),
            ft.attributes.len().to_string(),
            ft.retired.len().to_string(),
            members.join(", "),
            served(ft).to_owned(),
        ]
    });
    table::print(
        &[
            "type",
            "name",
            "attributes",
            "retired",
            "made of",
            "served from",
        ],
        rows,
        &[2, 3],
    )
}

fn one(ft: &FeatureType) -> Result<()> {
    let extra = match &ft.served {
        Served::Views { extra } => extra.clone(),
        _ => vec![],
    };
    let shown = ft.attributes.iter().map(|a| (a, false));
    let rows = shown
        .chain(ft.retired.iter().map(|a| (a, true)))
        .map(|(a, retired)| {
            let sets: Vec<String> = a.sets.iter().map(|(s, n)| format!("{s} {n}")).collect();
            let state = match (retired, extra.contains(&a.id), a.required) {
                (true, ..) => "retired",
                (_, true, _) => "of the view",
                (_, _, true) => "required",
                _ => "",
            };
            vec![
                a.id.clone(),
                a.data_type.to_string(),
                state.to_owned(),
                a.name.en.clone(),
                a.name.fr.clone(),
                a.codes.clone().unwrap_or_default(),
                sets.join(", "),
            ]
        });
    table::print(
        &[
            "attribute",
            "type",
            "state",
            "English",
            "French",
            "code list",
            "sets",
        ],
        rows,
        &[],
    )
}

fn drift(catalog: &Catalog, of: Option<&str>, as_json: bool) -> Result<()> {
    let mut found = catalog.drift();
    if let Some(id) = of {
        let ft = catalog.feature_type(id)?;
        let (_, view) = ft.view();
        found.retain(|d| {
            d.object == ft.id()
                || d.object.starts_with(&format!("{}.", ft.id()))
                || d.object.contains(&view)
        });
    }
    if as_json {
        return output::json(&json!({ "drift": found }));
    }
    if found.is_empty() {
        return output::line("the tables say what was declared");
    }
    let rows = found
        .into_iter()
        .map(|d| vec![d.object, d.field, d.declared, d.present]);
    table::print(&["what", "field", "declared", "the tables say"], rows, &[])
}
