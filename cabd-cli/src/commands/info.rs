//! `cabd info`.

use std::process::ExitCode;
use std::sync::Arc;

use cabd::catalog::Attribute;
use cabd::store::{Record, Release, StoreInfo};
use cabd::{Catalog, FeatureType, Lang, Result, Store, StoreExt};
use clap::Args;
use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::output;
use crate::session;
use crate::table;

const EXAMPLES: &str = "\
Examples:
  cabd info inventory.sqlite
  cabd info inventory.sqlite --json
  cabd info inventory.sqlite --type dams
  cabd info inventory.sqlite --codes dams.dam_use_codes --lang fr";

/// Arguments of `cabd info`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Info {
    /// The store
    store: String,
    /// List the attributes of a type instead
    #[arg(long = "type", value_name = "TYPE", conflicts_with = "codes")]
    feature_type: Option<String>,
    /// List the codes of a code list (schema.table) instead
    #[arg(long, value_name = "LIST")]
    codes: Option<String>,
    /// Language of labels: en or fr
    #[arg(long, default_value = "en")]
    lang: String,
    /// Write JSON for programs
    #[arg(long)]
    json: bool,
}

impl Info {
    /// Shows the store, a type or a code list.
    pub async fn run(self) -> Result<ExitCode> {
        let lang: Lang = self.lang.parse()?;
        let store = session::open(&self.store).await?;
        let catalog = store.catalog().await?;
        if let Some(list) = &self.codes {
            self.list(&catalog, list, lang)?;
        } else if let Some(id) = &self.feature_type {
            let ft = catalog.feature_type(id)?.clone();
            if self.json {
                output::json(&json!({
                    "type": ft.id(),
                    "name": ft.head.name.get(lang),
                    "attributes": ft.attributes.iter().map(|a| attribute_json(a, lang)).collect::<Vec<_>>(),
                }))?;
            } else {
                attributes(&ft, lang)?;
            }
        } else {
            self.all(&store, &catalog, lang).await?;
        }
        store.close().await?;
        Ok(ExitCode::SUCCESS)
    }

    async fn all(&self, store: &Arc<dyn Store>, catalog: &Catalog, lang: Lang) -> Result<()> {
        let info = store.info().await?;
        let mut sources: Vec<DataSource> = store
            .data_sources()
            .await?
            .iter()
            .map(DataSource::of)
            .collect();
        sources.sort_by(|a, b| a.name.cmp(&b.name));
        let releases = store.releases().await?;
        if self.json {
            let mut all = as_json(store.as_ref(), &info, catalog, &sources, lang)?;
            all["release"] = json!(releases.last());
            return output::json(&all);
        }
        output::line(head(&info, &sources, releases.last()))?;
        types(&info, catalog, lang)
    }

    fn list(&self, catalog: &Catalog, id: &str, lang: Lang) -> Result<()> {
        let list = catalog.list(id).ok_or_else(|| {
            cabd::Error::not_found("no such code list")
                .field("codes")
                .value(id)
                .hint("`cabd info STORE --type TYPE` shows the code list of each attribute")
        })?;
        if self.json {
            let codes = list.codes.iter().map(|c| {
                json!({
                    "code": c.code.to_value().to_json(),
                    "name": c.name.get(lang),
                    "description": c.description.get(lang),
                    "retired": c.retired,
                })
            });
            return output::json(&json!({ "list": list.id, "codes": codes.collect::<Vec<_>>() }));
        }
        let rows = list.codes.iter().map(|c| {
            vec![
                c.code.to_string(),
                match c.retired {
                    true => format!("{} (retired)", c.name.get(lang)),
                    false => c.name.get(lang).to_owned(),
                },
                c.description.get(lang).to_owned(),
            ]
        });
        table::print(&["code", "name", "description"], rows, &[])
    }
}

/// A data source, and what its owner asks for.
#[derive(Debug, Serialize)]
struct DataSource {
    name: String,
    licence: Option<String>,
    attribution: Option<String>,
}

impl DataSource {
    fn of(record: &Record) -> Self {
        let text = |column| record.get(column).as_str().map(str::to_owned);
        Self {
            name: text("name").unwrap_or_default(),
            licence: text("licence"),
            attribution: text("attribution"),
        }
    }
}

fn as_json(
    store: &dyn Store,
    info: &StoreInfo,
    catalog: &Catalog,
    sources: &[DataSource],
    lang: Lang,
) -> Result<Value> {
    let mut all = serde_json::to_value(info)
        .map_err(|e| cabd::Error::internal("the answer does not fit into JSON").because(e))?;
    let capabilities: Map<String, Value> = store
        .capabilities()
        .flags()
        .into_iter()
        .map(|(name, flag)| (name.to_owned(), flag.into()))
        .collect();
    let types: Vec<Value> = catalog
        .types()
        .map(|ft| {
            json!({
                "id": ft.id(),
                "name": ft.head.name.get(lang),
                "members": ft.members.iter().map(|m| m.feature_type.as_str()).collect::<Vec<_>>(),
                "attributes": ft.attributes.len(),
                "features": info.features.get(ft.id()),
            })
        })
        .collect();
    if let Some(object) = all.as_object_mut() {
        object.insert("capabilities".to_owned(), capabilities.into());
        object.insert("types".to_owned(), types.into());
        object.insert("sources".to_owned(), json!(sources));
    }
    Ok(all)
}

fn head(info: &StoreInfo, sources: &[DataSource], release: Option<&Release>) -> String {
    let mut lines = vec![
        format!("store         {}, {}", info.store, info.location),
        format!(
            "versions      schema {}, catalogue {}, commit {}",
            info.schema_version, info.catalog_version, info.head
        ),
    ];
    if let Some(r) = release {
        lines.push(format!("release       {}, commit {}", r.name, r.commit));
    }
    if !info.engine.is_empty() {
        let engine: Vec<String> = info
            .engine
            .iter()
            .map(|(name, version)| format!("{name} {version}"))
            .collect();
        lines.push(format!("engine        {}", engine.join(", ")));
    }
    let names = sources.iter().map(|source| source.name.as_str());
    list(&mut lines, "data sources", names.collect());
    let mut attributions: Vec<&str> = sources
        .iter()
        .filter_map(|source| source.attribution.as_deref())
        .collect();
    attributions.sort_unstable();
    attributions.dedup();
    list(&mut lines, "attribution", attributions);
    lines.join("\n")
}

/// Adds one line for each text, the label before the first.
fn list(lines: &mut Vec<String>, label: &str, texts: Vec<&str>) {
    for (place, text) in texts.iter().take(LONGEST_LIST).enumerate() {
        let label = if place == 0 { label } else { "" };
        lines.push(format!("{label:14}{text}"));
    }
    if texts.len() > LONGEST_LIST {
        let more = texts.len() - LONGEST_LIST;
        lines.push(format!("{:14}… and {more} more; --json has all", ""));
    }
}

const LONGEST_LIST: usize = 20;

fn types(info: &StoreInfo, catalog: &Catalog, lang: Lang) -> Result<()> {
    let rows = catalog.types().map(|ft| {
        let members: Vec<&str> = ft.members.iter().map(|m| m.feature_type.as_str()).collect();
        let count = info.features.get(ft.id());
        vec![
            ft.id().to_owned(),
            ft.head.name.get(lang).to_owned(),
            count.map(u64::to_string).unwrap_or_default(),
            ft.attributes.len().to_string(),
            members.join(", "),
        ]
    });
    table::print(
        &["type", "name", "features", "attributes", "made of"],
        rows,
        &[2, 3],
    )
}

fn attributes(ft: &FeatureType, lang: Lang) -> Result<()> {
    let rows = ft.attributes.iter().map(|a| {
        let sets: Vec<&str> = a.sets.keys().map(String::as_str).collect();
        vec![
            a.id.clone(),
            a.data_type.to_string(),
            a.unit.clone().unwrap_or_default(),
            a.name.get(lang).to_owned(),
            a.codes.clone().unwrap_or_default(),
            sets.join(" "),
        ]
    });
    table::print(
        &["attribute", "type", "unit", "name", "code list", "sets"],
        rows,
        &[],
    )
}

fn attribute_json(a: &Attribute, lang: Lang) -> Value {
    json!({
        "id": a.id,
        "type": a.data_type.to_string(),
        "name": a.name.get(lang),
        "description": a.description.get(lang),
        "unit": a.unit,
        "codes": a.codes,
        "sets": a.sets,
        "stored": a.is_stored(),
        "required": a.required,
    })
}
