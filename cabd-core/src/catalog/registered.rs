//! Types that administrators registered by SQL alone: rows in the metadata tables and views of their own.

use std::collections::BTreeMap;

use super::attribute::{Attribute, Computed, GEOMETRY, ID};
use super::code_list::CodeList;
use super::feature_type::{FeatureType, GeometryRule, Served, TypeHead};
use super::{Catalog, Manifest};
use crate::geometry::GeometryKind;
use crate::value::DataType;

/// A metadata row as an attribute, its texts and flags left to the store. A data type that is not known is read as text.
pub fn metadata_attribute(id: &str, data_type: &str) -> Attribute {
    Attribute {
        id: id.to_owned(),
        data_type: data_type.parse().unwrap_or(DataType::Text(None)),
        name: Default::default(),
        description: Default::default(),
        unit: None,
        group: Default::default(),
        plausible: None,
        sets: BTreeMap::new(),
        tile: false,
        name_search: false,
        is_link: false,
        short: None,
        codes: None,
        required: false,
        tracked: false,
        column: None,
        part: None,
        label_of: None,
        computed: None,
        values_of: None,
        url: None,
        code_in: None,
        present: None,
        derived: None,
    }
}

/// A registered type over its views: the attributes that the views have as columns. Read-only.
///
/// # Errors
/// Why it cannot be served: no identifier, or not one geometry.
pub fn registered(
    head: TypeHead,
    attributes: Vec<Attribute>,
    columns: &[String],
) -> Result<FeatureType, String> {
    let mut attributes: Vec<Attribute> = attributes
        .into_iter()
        .filter(|a| columns.contains(&a.id))
        .collect();
    attributes.sort_by_key(|a| columns.iter().position(|c| *c == a.id));
    if !attributes.iter().any(|a| a.id == ID) {
        return Err(format!("the views or the metadata have no {ID}"));
    }
    let mut geometries = attributes
        .iter_mut()
        .filter(|a| matches!(a.data_type, DataType::Geometry(_)));
    let (Some(geometry), None) = (geometries.next(), geometries.next()) else {
        return Err("the metadata must name one geometry column of the views".to_owned());
    };
    let kind = match geometry.data_type {
        DataType::Geometry(kind) => kind,
        _ => GeometryKind::Geometry,
    };
    let column = std::mem::replace(&mut geometry.id, GEOMETRY.to_owned());
    for a in &mut attributes {
        if a.id == ID {
            a.data_type = DataType::Uuid;
        }
    }
    Ok(FeatureType {
        head,
        geometry: Some(GeometryRule {
            kind,
            column,
            from: vec![],
            more: vec![],
        }),
        parts: vec![],
        links: vec![],
        members: vec![],
        attributes,
        retired: vec![],
        served: Served::Registered,
    })
}

/// The type read from views that somebody put in the place of the generated ones, with the attributes that only the
/// metadata has. `None` where the views lack a column of an attribute: then the tables are read as before.
pub fn with_views(
    ft: &FeatureType,
    extra: Vec<Attribute>,
    columns: &[String],
) -> Option<FeatureType> {
    let has = |id: &str| columns.iter().any(|c| c == id);
    if ft.is_super() || !ft.attributes.iter().all(|a| has(&a.id)) {
        return None;
    }
    let extra: Vec<Attribute> = extra.into_iter().filter(|a| has(&a.id)).collect();
    let mut out = ft.clone();
    out.served = Served::Views {
        extra: extra.iter().map(|a| a.id.clone()).collect(),
    };
    out.attributes.extend(extra);
    Some(out)
}

/// What a store knows of the table behind a registered type.
#[derive(Debug, Clone, Default)]
pub struct Facts {
    /// Schema and name of the table.
    pub table: (String, String),
    /// Its columns and their types, geometries too.
    pub columns: Vec<(String, DataType)>,
    /// The metadata's `value_options_reference` by attribute.
    pub references: BTreeMap<String, String>,
    /// Code tables that the references name and no manifest declares.
    pub lists: Vec<CodeList>,
}

/// The manifest of a registered type, and what could not be taken over.
pub fn adopted(catalog: &Catalog, ft: &FeatureType, facts: Facts) -> (Manifest, Vec<String>) {
    let mut out = FeatureType {
        served: Served::Tables,
        ..ft.clone()
    };
    let mut notes = vec![];
    out.head.schema = Some(facts.table.0.clone()).filter(|s| s != ft.id());
    out.head.table = Some(facts.table.1.clone()).filter(|t| t != ft.id());
    let column = |name: &str| {
        facts
            .columns
            .iter()
            .find(|(c, _)| c == name)
            .map(|(_, t)| t)
    };
    let list_of = |id: &str| {
        let parts: Vec<&str> = facts.references.get(id)?.split(';').collect();
        let known =
            catalog.list(parts[0]).is_some() || facts.lists.iter().any(|l| l.id == parts[0]);
        known.then(|| {
            (
                parts[0].to_owned(),
                parts.get(1).is_some_and(|v| !v.is_empty()),
            )
        })
    };
    let code_of = |list: &str| {
        ft.attributes
            .iter()
            .find(|a| column(&a.id).is_some() && list_of(&a.id) == Some((list.to_owned(), true)))
            .map(|a| a.id.clone())
    };
    out.attributes.retain_mut(|a| {
        if a.id == ID || a.id == GEOMETRY {
            return true;
        }
        if let Some(t) = column(&a.id) {
            a.data_type = t.clone();
            if let Some((list, true)) = list_of(&a.id) {
                a.codes = Some(list);
            }
            return true;
        }
        if let Some(code) = list_of(&a.id).and_then(|(list, _)| code_of(&list)) {
            a.label_of = Some(code);
            return true;
        }
        a.computed = match a.id.as_str() {
            "latitude" => Some(Computed::Latitude),
            "longitude" => Some(Computed::Longitude),
            "feature_type" => Some(Computed::FeatureType),
            "updates_pending" => Some(Computed::UpdatesPending),
            _ => None,
        };
        if a.id == "datasource_url" {
            a.data_type = DataType::Url;
            a.url = Some("features/datasources/{cabd_id}".to_owned());
        }
        let taken = a.computed.is_some() || a.url.is_some();
        if !taken {
            notes.push(format!(
                "{}: the view computes it, no column of {}.{} holds it; left out. A generated view that is replaced by one with \
                 this column, and its row in the metadata, serve it again",
                a.id, facts.table.0, facts.table.1
            ));
        }
        taken
    });
    if let Some(rule) = &mut out.geometry {
        let kinds: Vec<&(String, DataType)> = facts
            .columns
            .iter()
            .filter(|(_, t)| matches!(t, DataType::Geometry(_)))
            .collect();
        if !kinds.iter().any(|(c, _)| *c == rule.column)
            && let [(only, _)] = kinds[..]
        {
            rule.column.clone_from(only);
        }
        if let Some((_, DataType::Geometry(kind))) = kinds.iter().find(|(c, _)| *c == rule.column) {
            rule.kind = *kind;
        }
    }
    let used: Vec<&str> = out
        .attributes
        .iter()
        .filter_map(|a| a.codes.as_deref())
        .collect();
    let lists = facts
        .lists
        .into_iter()
        .filter(|l| used.contains(&l.id.as_str()))
        .collect();
    let manifest = Manifest {
        types: vec![out],
        lists,
        sets: vec![],
    };
    (manifest, notes)
}
