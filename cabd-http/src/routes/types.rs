//! `/features/types`: the types, and what each one's attributes mean.

use std::sync::Arc;

use cabd_core::catalog::{
    Attribute, Catalog, Code, CodeKey, CodeList, FeatureType, GEOMETRY, TILE_SET,
};
use cabd_core::{Bbox, Lang};
use serde_json::{Map, Value, json};

use super::Answer;
use crate::answer::{self, Head};
use crate::app::{App, is_committed};
use crate::ranges::has_range;
use crate::request::{Asked, Form};
use crate::urls::URL;

/// `/features/types`
pub(super) async fn every(app: Arc<App>, asked: Asked, _: Vec<String>) -> Answer {
    let form = asked.form(&[Form::Json])?;
    let head = app.store.head().await?;
    let catalog = app.store.catalog().await?;
    let answer = Head::new(form, Some(app.tag(head, &catalog, &asked, form)));
    if answer.is_known(&asked) {
        return Ok(answer.not_modified(&app, &asked));
    }
    let root = &asked.root;
    let types = catalog
        .types()
        .filter(|t| t.id() != app.settings.all_features_type);
    let types = types.map(|t| {
        json!({
            "type": t.id(),
            "name": t.head.name.get(asked.lang),
            "description": t.head.description.get(asked.lang),
            "members": members(t),
            "metadata": format!("{root}/features/types/{}", t.id()),
            "features": format!("{root}/features/{}", t.id()),
            "data_version": t.head.data_version,
        })
    });
    let body = answer::json(&Value::Array(types.collect()));
    Ok(answer.answer(&app, &asked, body))
}

/// `/features/types/{type}`
pub(super) async fn one(app: Arc<App>, asked: Asked, path: Vec<String>) -> Answer {
    let form = asked.form(&[Form::Json])?;
    let head = app.store.head().await?;
    let catalog = app.store.catalog().await?;
    let ft = catalog.feature_type(path.first().map(String::as_str).unwrap_or_default())?;
    let committed = is_committed(&catalog, ft)?;
    let tag = committed.then(|| app.tag(head, &catalog, &asked, form));
    let answer = Head::new(form, tag);
    if answer.is_known(&asked) {
        return Ok(answer.not_modified(&app, &asked));
    }
    let ranges = app
        .ranges
        .of_type(app.store.as_ref(), ft, committed.then_some(head))
        .await?;
    let mut attributes = vec![];
    for a in ft
        .attributes
        .iter()
        .filter(|a| a.id != GEOMETRY && a.id != URL)
    {
        let mut one = attribute(a, asked.lang);
        if let Some((list, is_label)) = list_of(&catalog, ft, a) {
            let extents = app
                .ranges
                .extents(app.store.as_ref(), &catalog, list)
                .await?;
            let values = list
                .codes
                .iter()
                .map(|c| code(c, is_label, extents.get(&c.code), asked.lang));
            one.insert("values".to_owned(), Value::Array(values.collect()));
        } else if has_range(a) {
            let (smallest, largest) = ranges.get(&a.id).cloned().unwrap_or_default();
            one.insert("min_value".to_owned(), smallest);
            one.insert("max_value".to_owned(), largest);
        }
        attributes.push(Value::Object(one));
    }
    attributes.push(json!({"id": URL, "name": "", "description": "", "type": "url"}));
    let body = json!({
        "type": ft.id(),
        "name": ft.head.name.get(asked.lang),
        "description": ft.head.description.get(asked.lang),
        "data_version": ft.head.data_version,
        "members": members(ft),
        "name_attribute": ft.head.name_attribute,
        "attributes": attributes,
        "views": views(&catalog, ft),
    });
    let body = answer::json(&body);
    Ok(answer.answer(&app, &asked, body))
}

fn attribute(a: &Attribute, lang: Lang) -> Map<String, Value> {
    let description = Some(a.description.get(lang)).filter(|t| !t.is_empty());
    let mut out = Map::new();
    out.insert("id".to_owned(), json!(a.id));
    out.insert("name".to_owned(), json!(a.name.get(lang)));
    out.insert("description".to_owned(), json!(description));
    out.insert("type".to_owned(), json!(a.data_type.to_string()));
    let group = Some(a.group.get(lang)).filter(|t| !t.is_empty());
    out.insert("group".to_owned(), json!(group));
    out.insert("unit".to_owned(), json!(a.unit));
    out.insert("label_of".to_owned(), json!(a.label_of));
    out
}

fn members(ft: &FeatureType) -> Vec<&str> {
    ft.members.iter().map(|m| m.feature_type.as_str()).collect()
}

/// The code list of an attribute, and whether the attribute is the label instead of the code.
fn list_of<'a>(
    catalog: &'a Catalog,
    ft: &FeatureType,
    a: &Attribute,
) -> Option<(&'a Arc<CodeList>, bool)> {
    if let Some(list) = &a.codes {
        return Some((catalog.list(list)?, false));
    }
    let of = ft.attribute(a.label_of.as_deref()?)?;
    Some((catalog.list(of.codes.as_deref()?)?, true))
}

fn code(c: &Code, is_label: bool, extent: Option<&Bbox>, lang: Lang) -> Value {
    let name = c.name.get(lang);
    let value = match &c.code {
        _ if is_label => json!(name),
        CodeKey::Int(i) => json!(i),
        CodeKey::Text(t) => json!(t),
    };
    let mut out = Map::new();
    out.insert("value".to_owned(), value);
    out.insert("name".to_owned(), json!(name));
    let description = c.description.get(lang);
    if !description.is_empty() {
        out.insert("description".to_owned(), json!(description));
    }
    if let Some(b) = extent {
        out.insert(
            "bbox".to_owned(),
            json!([[b.west, b.south], [b.east, b.north]]),
        );
    }
    Value::Object(out)
}

/// The attributes of each set in order, under its name and its other names.
fn views(catalog: &Catalog, ft: &FeatureType) -> Value {
    let order = |set: &str| {
        let ids = ft.set(set).into_iter().map(|a| a.id.as_str());
        json!({"attribute_order": ids.collect::<Vec<_>>()})
    };
    let mut out = Map::new();
    for set in catalog.sets() {
        for name in [&set.name].into_iter().chain(&set.aliases) {
            out.insert(name.clone(), order(&set.name));
        }
    }
    out.insert(TILE_SET.to_owned(), order(TILE_SET));
    Value::Object(out)
}
