//! Where a mapping's rules lead: the columns of a type, its parts, links and sources, or of a reference table.

use std::sync::Arc;

use super::convert::Rule;
use super::mapping::{FieldRule, Mapping};
use super::updates;
use crate::catalog::{
    Attribute, Catalog, FeatureType, GEOMETRY, ID, Link, Origin, Part, Relation, Table,
};
use crate::error::{Error, Result};
use crate::feature::Fields;
use crate::geometry::GeometryKind;
use crate::value::DataType;

/// The rules of one table, and the names of the values in an operation on it.
pub(super) struct TableRules {
    pub(super) relation: Relation,
    pub(super) table: Arc<Table>,
    pub(super) rules: Vec<Rule>,
    pub(super) fields: Fields,
}

pub(super) struct PartRules {
    pub(super) part: Part,
    pub(super) rules: TableRules,
}

pub(super) struct LinkRules {
    pub(super) rules: TableRules,
    pub(super) flags: Vec<bool>,
}

/// A value with a place in the attribute source table.
pub(super) struct Tracked {
    /// Part, if it is a part's, and the rule's place among its table's.
    pub(super) part: Option<usize>,
    pub(super) rule: usize,
}

/// Where rows go.
pub(super) struct Target {
    /// The type; none for a reference table.
    pub(super) feature_type: Option<Arc<FeatureType>>,
    /// The type's own table (values: identifier, rules, geometry), or the reference table (rules, geometry).
    pub(super) main: TableRules,
    pub(super) parts: Vec<PartRules>,
    pub(super) links: Vec<LinkRules>,
    /// The rule for the identifier.
    pub(super) id: Option<FieldRule>,
    /// The rule for a geometry as WKT.
    pub(super) wkt: Vec<String>,
    pub(super) tracked: Vec<Tracked>,
    /// Names of an attribute source row: identifier, then one for each of `tracked`.
    pub(super) source_fields: Fields,
    /// Names of a feature source row.
    pub(super) feature_source_fields: Fields,
    pub(super) kind: Option<GeometryKind>,
    /// Rules of the main table whose values name filters look at.
    pub(super) named: Vec<usize>,
    /// For the data sources: whether the identifier follows from the name, since no column gives it.
    pub(super) id_by_name: bool,
    /// For suggested updates: whether the identifier follows from the data source and its own identifier of the row.
    pub(super) id_by_source: bool,
}

impl Target {
    /// The target of a type's mapping.
    pub(super) fn of_type(catalog: &Catalog, id: &str, mapping: &Mapping) -> Result<Self> {
        let ft = catalog.feature_type(id)?.clone();
        if ft.is_super() {
            return Err(Error::invalid(format!(
                "{id} is made of other types and holds no rows itself"
            ))
            .field("type")
            .hint("name the type that the rows belong to"));
        }
        let relation = Relation::feature(ft.id());
        let table = catalog.table(&relation)?.clone();
        let mut main: Vec<Rule> = vec![];
        let mut parts: Vec<PartRules> = vec![];
        let mut links: Vec<LinkRules> = vec![];
        let (mut id, mut wkt) = (None, vec![]);
        let (mut tracked, mut named) = (vec![], vec![]);
        for rule in &mapping.fields {
            if rule.to == GEOMETRY {
                wkt.extend(rule.from.iter().cloned());
                continue;
            }
            // An array of the link's labels may have its name.
            let stored = ft.attribute(&rule.to).is_some_and(|a| a.is_stored());
            if !stored && let Some(link) = ft.link(&rule.to) {
                links.push(link_rules(catalog, &ft, link, rule)?);
                continue;
            }
            let attribute = ft.require("mapping", &rule.to)?;
            match attribute.origin() {
                Origin::Id => id = Some(rule.clone()),
                Origin::Column { part: None, column } => {
                    once(&main, rule)?;
                    main.push(made(catalog, &table, column, rule)?);
                    if attribute.name_search {
                        named.push(main.len() - 1);
                    }
                    track(&mut tracked, attribute, None, main.len() - 1);
                }
                Origin::Column {
                    part: Some(part),
                    column,
                } => {
                    let at = part_at(catalog, &ft, &mut parts, part)?;
                    if frames(&parts[at].part, column) {
                        return Err(Error::invalid("the load itself gives this value")
                            .at("mapping")
                            .field(&rule.to)
                            .hint("leave it out: one primary row is made for each feature"));
                    }
                    let rules = &mut parts[at].rules;
                    once(&rules.rules, rule)?;
                    rules.rules.push(made(catalog, &rules.table, column, rule)?);
                    track(&mut tracked, attribute, Some(at), rules.rules.len() - 1);
                }
                _ => {
                    return Err(Error::invalid(
                        "the attribute is not stored, so nothing can be loaded into it",
                    )
                    .at("mapping")
                    .field(&rule.to)
                    .hint("labels, links and computed attributes follow from stored ones"));
                }
            }
        }
        for p in &mut parts {
            let own = p
                .rules
                .rules
                .iter()
                .map(|r| p.rules.table.columns[r.column].name.clone());
            let part = &p.part;
            let mut fields = vec![part.key.clone(), part.parent.clone()];
            fields.extend(own);
            fields.extend([part.primary.clone(), part.order.clone()]);
            p.rules.fields = fields.into();
        }
        let names = main.iter().map(|r| table.columns[r.column].name.clone());
        let fields: Fields = std::iter::once(ID.to_owned())
            .chain(names)
            .chain([GEOMETRY.to_owned()])
            .collect();
        if !ft.has_attribute_source() {
            tracked.clear();
        }
        let source_fields = std::iter::once(ID.to_owned())
            .chain(tracked.iter().map(|t| {
                let rules = t.part.map_or(&main, |p| &parts[p].rules.rules);
                let to = &rules[t.rule].to;
                format!(
                    "{}_ds",
                    ft.attribute(to).map_or(to.as_str(), |a| a.id.as_str())
                )
            }))
            .collect();
        Ok(Self {
            kind: spatial_kind(&table),
            feature_type: Some(ft),
            main: TableRules {
                relation,
                table,
                rules: main,
                fields,
            },
            parts,
            links,
            id,
            wkt,
            tracked,
            source_fields,
            feature_source_fields: [ID, "datasource_id", "datasource_feature_id"]
                .map(str::to_owned)
                .into(),
            named,
            id_by_name: false,
            id_by_source: false,
        })
    }

    /// The target of a reference table's mapping; `id` is `schema.table`.
    pub(super) fn of_table(catalog: &Catalog, id: &str, mapping: &Mapping) -> Result<Self> {
        let relation = reference(catalog, id)?;
        let table = catalog.table(&relation)?.clone();
        let mut rules: Vec<Rule> = vec![];
        let mut wkt = vec![];
        for rule in &mapping.fields {
            if rule.to == GEOMETRY {
                wkt.extend(rule.from.iter().cloned());
                continue;
            }
            once(&rules, rule)?;
            rules.push(made(catalog, &table, &rule.to, rule)?);
        }
        let has_key = rules.iter().any(|r| r.column == 0);
        let id_by_name = !has_key
            && relation == Relation::DataSource
            && rules.iter().any(|r| table.columns[r.column].name == "name");
        let is_update = relation == Relation::FeatureUpdate;
        let has_source = mapping.source.as_ref().is_some_and(|s| !s.id.is_empty());
        let id_by_source = !has_key && is_update && has_source;
        if !has_key && !id_by_name && !id_by_source {
            return Err(Error::invalid("no column of the file gives the key")
                .field(&table.columns[0].name)
                .at("mapping"));
        }
        let kind = spatial_kind(&table);
        let key = (id_by_name || id_by_source).then(|| table.columns[0].name.clone());
        let given = |name: &str| rules.iter().any(|r| table.columns[r.column].name == name);
        let added = updates::ADDED
            .into_iter()
            .filter(|c| is_update && !given(c));
        let added: Vec<String> = added.map(str::to_owned).collect();
        let own = rules.iter().map(|r| table.columns[r.column].name.clone());
        let fields = key
            .into_iter()
            .chain(own)
            .chain(added)
            .chain(kind.map(|_| GEOMETRY.to_owned()))
            .collect();
        Ok(Self {
            kind,
            feature_type: None,
            main: TableRules {
                relation,
                table,
                rules,
                fields,
            },
            parts: vec![],
            links: vec![],
            id: None,
            wkt,
            tracked: vec![],
            source_fields: Arc::new([]),
            feature_source_fields: Arc::new([]),
            named: vec![],
            id_by_name,
            id_by_source,
        })
    }

    /// Every rule, with those of parts and links.
    pub(super) fn rules_mut(&mut self) -> impl Iterator<Item = &mut Rule> {
        let parts = self.parts.iter_mut().flat_map(|p| p.rules.rules.iter_mut());
        let links = self.links.iter_mut().flat_map(|l| l.rules.rules.iter_mut());
        self.main.rules.iter_mut().chain(parts).chain(links)
    }
}

/// The data sources, or the code list or reference table of that name.
fn reference(catalog: &Catalog, id: &str) -> Result<Relation> {
    for shared in [
        Relation::DataSource,
        Relation::Contact,
        Relation::FeatureUpdate,
    ] {
        if catalog.table(&shared)?.qualified() == id {
            return Ok(shared);
        }
    }
    match catalog.list(id) {
        Some(list) => Ok(Relation::Codes(list.id.as_str().into())),
        None => {
            let known: Vec<&str> = catalog.lists().map(|l| l.id.as_str()).collect();
            Err(
                Error::not_found(format!("the reference table {id:?} is not known"))
                    .field("table")
                    .value(id)
                    .hint(format!(
                        "known tables: cabd.data_source, cabd.contacts, cabd.user_feature_updates, {}",
                        known.join(", ")
                    )),
            )
        }
    }
}

/// Whether a part's column ties its rows to features, so that a load gives its values.
pub(super) fn frames(part: &Part, column: &str) -> bool {
    [&part.key, &part.parent, &part.primary, &part.order]
        .into_iter()
        .any(|c| c == column)
}

fn spatial_kind(table: &Table) -> Option<GeometryKind> {
    match table.columns[table.geometry_input?].data_type {
        DataType::Geometry(kind) => Some(kind),
        _ => None,
    }
}

fn made(catalog: &Catalog, table: &Table, column: &str, rule: &FieldRule) -> Result<Rule> {
    let at = table.position(column).ok_or_else(|| {
        Error::invalid(format!("{} has no such column", table.qualified()))
            .field(column)
            .at("mapping")
    })?;
    Rule::new(catalog, table, at, rule)
}

fn once(rules: &[Rule], rule: &FieldRule) -> Result<()> {
    if rules.iter().any(|r| r.to == rule.to) {
        return Err(Error::invalid("the mapping sets it twice")
            .field(&rule.to)
            .at("mapping"));
    }
    Ok(())
}

fn track(tracked: &mut Vec<Tracked>, attribute: &Attribute, part: Option<usize>, rule: usize) {
    if attribute.tracked {
        tracked.push(Tracked { part, rule });
    }
}

fn part_at(
    catalog: &Catalog,
    ft: &FeatureType,
    parts: &mut Vec<PartRules>,
    id: &str,
) -> Result<usize> {
    if let Some(at) = parts.iter().position(|p| p.part.id == id) {
        return Ok(at);
    }
    let part = ft
        .part(id)
        .ok_or_else(|| Error::internal(format!("{} has no part {id}", ft.id())))?;
    let relation = Relation::part(ft.id(), id);
    let table = catalog.table(&relation)?.clone();
    parts.push(PartRules {
        part: part.clone(),
        rules: TableRules {
            relation,
            table,
            rules: vec![],
            fields: Arc::new([]),
        },
    });
    Ok(parts.len() - 1)
}

fn link_rules(
    catalog: &Catalog,
    ft: &FeatureType,
    link: &Link,
    rule: &FieldRule,
) -> Result<LinkRules> {
    let relation = Relation::link(ft.id(), &link.id);
    let table = catalog.table(&relation)?.clone();
    if let Some(unknown) = rule.flags.keys().find(|f| !link.flags.contains(f)) {
        return Err(
            Error::invalid(format!("the link {} has no such flag", link.id))
                .field(unknown)
                .at("mapping")
                .expected(link.flags.join(", ")),
        );
    }
    let mut fields = vec![link.parent.clone(), link.target.clone()];
    fields.extend(rule.flags.keys().cloned());
    Ok(LinkRules {
        flags: rule.flags.values().copied().collect(),
        rules: TableRules {
            rules: vec![made(catalog, &table, &link.target, rule)?],
            relation,
            table,
            fields: fields.into(),
        },
    })
}
