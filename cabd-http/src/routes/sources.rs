//! `/features/datasources/{uuid}`: where a feature and each of its values come from.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::Arc;

use axum::body::Body;
use cabd_core::catalog::{Catalog, FeatureType, Relation};
use cabd_core::query::{FeatureQuery, Selection};
use cabd_core::store::{Record, RecordQuery};
use cabd_core::{FeatureStoreExt, Store, Uuid, Value, id};
use serde_json::{Map, json};

use super::Answer;
use super::features::{find_type, missing};
use super::gone;
use crate::answer::{self, Head};
use crate::app::{App, is_committed};
use crate::problem::Problem;
use crate::request::{Asked, Form};

/// The forms, the default first.
pub(crate) const FORMS: [Form; 2] = [Form::Csv, Form::Json];

/// One source of a feature.
struct Source {
    name: String,
    kind: String,
    feature: String,
    date: serde_json::Value,
    version: serde_json::Value,
}

impl Source {
    fn is_spatial(&self) -> bool {
        self.kind == "spatial"
    }
}

/// What is known about a feature's sources.
struct Sources {
    id: Uuid,
    name: Option<String>,
    sources: Vec<Source>,
    attributes: BTreeMap<String, String>,
}

/// `/features/datasources/{uuid}`
pub(super) async fn one(app: Arc<App>, asked: Asked, path: Vec<String>) -> Answer {
    let form = asked.form(&FORMS)?;
    let everything = match asked.query.one("fields")? {
        None => false,
        Some("all") => true,
        Some(other) => {
            return Err(Box::new(
                Problem::parameter(
                    "fields",
                    other,
                    "not a choice of fields",
                    "pas un choix de champs",
                )
                .expected("all, or no such parameter", "all, ou pas de tel paramètre"),
            ));
        }
    };
    let text = path.first().map(String::as_str).unwrap_or_default();
    let id = id::parse("uuid", text).map_err(|_| missing(text))?;
    let head = app.store.head().await?;
    let catalog = app.store.catalog().await?;
    let ft = match find_type(&app, &catalog, id, None).await {
        Ok(ft) => ft,
        Err(missing) => {
            let address = gone::data_sources;
            return gone::or_fate(&app, &asked, text, Err(missing), address).await;
        }
    };
    if !ft.has_attribute_source() {
        let (en, fr) = (
            "the feature's type keeps no data sources of attributes",
            "le type de cet élément ne garde pas les sources des attributs",
        );
        return Err(Box::new(Problem::missing("uuid", text, en, fr)));
    }
    let tag = is_committed(&catalog, &ft)?.then(|| app.tag(head, &catalog, &asked, form));
    let answer = Head::new(form, tag);
    if answer.is_known(&asked) {
        return Ok(answer.not_modified(&app, &asked));
    }
    let found = read(app.store.as_ref(), &catalog, &ft, id, &asked).await?;
    let body = match form {
        Form::Csv => Body::from(found.csv(&asked.root, everything)),
        _ => answer::json(&found.json(everything)),
    };
    Ok(answer.answer(&app, &asked, body))
}

async fn read(
    store: &dyn Store,
    catalog: &Catalog,
    ft: &FeatureType,
    id: Uuid,
    asked: &Asked,
) -> cabd_core::Result<Sources> {
    let of_feature = |relation| RecordQuery::of(relation).with("cabd_id", [Value::Uuid(id)]);
    let rows = store
        .all_records(&of_feature(Relation::FeatureSource(ft.id().into())))
        .await?;
    let tracked = store
        .all_records(&of_feature(Relation::AttributeSource(ft.id().into())))
        .await?;
    let table = catalog.table(&Relation::AttributeSource(ft.id().into()))?;
    let mut attributes = BTreeMap::new();
    for column in table.columns.iter().filter(|c| !c.retired) {
        if let Some(attribute) = column.name.strip_suffix("_ds") {
            let source = tracked.first().and_then(|r| r.get(&column.name).as_uuid());
            attributes.insert(attribute.to_owned(), source);
        }
    }
    let of_rows = rows.iter().filter_map(|r| r.get("datasource_id").as_uuid());
    let mut ids: Vec<Uuid> = of_rows
        .chain(attributes.values().copied().flatten())
        .collect();
    ids.sort_unstable();
    ids.dedup();
    let mut known: BTreeMap<Uuid, Record> = BTreeMap::new();
    if !ids.is_empty() {
        let query =
            RecordQuery::of(Relation::DataSource).with("id", ids.into_iter().map(Value::Uuid));
        for record in store.all_records(&query).await? {
            if let Some(id) = record.get("id").as_uuid() {
                known.insert(id, record);
            }
        }
    }
    let text = |v: &Value| v.as_str().unwrap_or_default().to_owned();
    let name = |id: Option<Uuid>| {
        let record = id.and_then(|id| known.get(&id));
        record.map(|r| text(r.get("name"))).unwrap_or_default()
    };
    let mut sources: Vec<Source> = vec![];
    for row in &rows {
        let id = row.get("datasource_id").as_uuid();
        let field = |column: &str| {
            let record = id.and_then(|id| known.get(&id));
            record.map_or(serde_json::Value::Null, |r| r.get(column).to_json())
        };
        sources.push(Source {
            name: name(id),
            kind: field("source_type").as_str().unwrap_or_default().to_owned(),
            feature: text(row.get("datasource_feature_id")),
            date: field("version_date"),
            version: field("version_number"),
        });
    }
    sources.sort_by(|a, b| (&a.name, &a.feature).cmp(&(&b.name, &b.feature)));
    Ok(Sources {
        id,
        name: feature_name(store, ft, id, asked).await?,
        sources,
        attributes: attributes
            .into_iter()
            .map(|(a, id)| (a, name(id)))
            .collect(),
    })
}

async fn feature_name(
    store: &dyn Store,
    ft: &FeatureType,
    id: Uuid,
    asked: &Asked,
) -> cabd_core::Result<Option<String>> {
    let Some(attribute) = &ft.head.name_attribute else {
        return Ok(None);
    };
    let mut query = FeatureQuery::of(ft.id());
    query.ids = Some(vec![id]);
    query.geometry = false;
    query.lang = asked.lang;
    query.select = Selection::Attributes(vec![attribute.clone()]);
    let batches = store.collect(&query).await?;
    let row = batches.iter().find(|b| b.rows() > 0);
    Ok(row.and_then(|b| b.value(0, attribute).as_str().map(str::to_owned)))
}

impl Sources {
    fn json(&self, everything: bool) -> serde_json::Value {
        let sources = self.sources.iter().map(|s| {
            let mut out = Map::new();
            out.insert("name".to_owned(), json!(s.name));
            out.insert("type".to_owned(), json!(s.kind));
            if s.is_spatial() || !s.feature.is_empty() {
                out.insert("datasource_feature_id".to_owned(), json!(s.feature));
            }
            if everything {
                out.insert("version_date".to_owned(), s.date.clone());
                out.insert("version_number".to_owned(), s.version.clone());
            }
            serde_json::Value::Object(out)
        });
        json!({
            "cabd_id": self.id,
            "feature_name": self.name,
            "data_sources": sources.collect::<Vec<_>>(),
            "attribute_data_sources": self.attributes,
        })
    }

    /// Blocks in the original's order.
    fn csv(&self, root: &str, everything: bool) -> String {
        let mut out = String::new();
        if let Some(name) = &self.name {
            line(&mut out, &[name]);
        }
        line(&mut out, &[&self.id.to_string()]);
        line(&mut out, &[]);
        line(
            &mut out,
            &[&format!(
                "{root}/features/datasources/{}?fields=all&format=json",
                self.id
            )],
        );
        line(&mut out, &[]);
        for (title, spatial) in [
            ("Spatial Data Sources", true),
            ("Non-Spatial Data Sources", false),
        ] {
            line(&mut out, &[title]);
            match (everything, spatial) {
                (true, _) => line(
                    &mut out,
                    &[
                        "datasource_name",
                        "datasource_feature_id",
                        "datasource_date",
                        "datasource_version",
                    ],
                ),
                (false, true) => line(&mut out, &["datasource_name", "datasource_feature_id"]),
                (false, false) => line(&mut out, &["datasource_name", ""]),
            }
            for s in self.sources.iter().filter(|s| s.is_spatial() == spatial) {
                let (date, version) = (plain(&s.date), plain(&s.version));
                match (everything, spatial) {
                    (true, _) => line(&mut out, &[&s.name, &s.feature, &date, &version]),
                    (false, true) => line(&mut out, &[&s.name, &s.feature]),
                    (false, false) => line(&mut out, &[&s.name, ""]),
                }
            }
            line(&mut out, &[]);
        }
        line(&mut out, &["Attributes"]);
        line(&mut out, &["attribute_field_name", "datasource_name"]);
        for (attribute, source) in &self.attributes {
            line(&mut out, &[attribute, source]);
        }
        out
    }
}

fn plain(v: &serde_json::Value) -> String {
    match v {
        serde_json::Value::Null => String::new(),
        serde_json::Value::String(s) => s.clone(),
        other => other.to_string(),
    }
}

/// A line of CSV, quoted where needed.
fn line(out: &mut String, cells: &[&str]) {
    for (i, cell) in cells.iter().enumerate() {
        if i > 0 {
            out.push(',');
        }
        if cell.contains(['"', ',', '\r', '\n']) {
            // Writing to a String cannot fail.
            let _ = write!(out, "\"{}\"", cell.replace('"', "\"\""));
        } else {
            out.push_str(cell);
        }
    }
    out.push_str("\r\n");
}
