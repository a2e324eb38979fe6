//! Every cell of the documented lists of attributes and codes beside the shipped manifests.
//!
//! The lists lie in `../shared/design` beside the checkout; without them these tests say so in one line and end.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::Path;

use cabd_core::catalog::{Attribute, Catalog, FeatureType, Origin};

use cabd_core::conformance::shipped::manifest as shipped;

mod known;

use known::{BETTERED, DIFFERENT, OWN, RENAMED, RESPELT};

type Row = HashMap<String, String>;

fn rows(file: &str) -> Option<Vec<Row>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/design");
    let path = folder.join(file);
    if !path.exists() {
        println!("lists not found: {}: not compared", path.display());
        return None;
    }
    let mut reader = csv::Reader::from_path(path).unwrap();
    Some(reader.deserialize().map(|row| row.unwrap()).collect())
}

fn type_of(listed: &str) -> &str {
    match listed {
        "(all features)" => "all_features",
        "sites" | "structures" => "stream_crossings",
        other => other,
    }
}

/// The list's names of types, as the manifests write them.
fn plain(data_type: &str) -> &str {
    match data_type {
        "varchar" | "character varying" => "text",
        "double precision" | "real" => "double",
        "smallint" => "integer",
        "timestamp without time zone" => "timestamp",
        "geometry" | "geometry(Point,4617)" => "geometry(point)",
        "integer[]" | "ARRAY" => "array(integer)",
        "varchar[]" => "array(varchar)",
        other => other,
    }
}

/// Whether the manifest's type holds what the list's does: the same, the column's own where the list is looser, or for a
/// label, which is longer in French, a wider text.
fn fits(row: &Row, a: &Attribute) -> bool {
    let own = a.data_type.to_string();
    if own == plain(&row["data_type"]) || own == plain(&row["sql_type"]) {
        return true;
    }
    let width = |t: &str| match t {
        "text" => Some(u32::MAX),
        t => t.strip_prefix("varchar(")?.strip_suffix(')')?.parse().ok(),
    };
    let wider = width(&own) >= width(plain(&row["data_type"])) && width(&own).is_some();
    let wider = wider || width(&own) >= width(plain(&row["sql_type"])) && width(&own).is_some();
    let narrow_code = a.codes.is_some() && row["data_type"] == "varchar";
    wider && a.label_of.is_some() || narrow_code
}

struct Comparison {
    cells: usize,
    wrong: Vec<String>,
    used: BTreeSet<usize>,
}

impl Comparison {
    fn cell(&mut self, place: (&str, &str, &str), listed: &str, ours: &str) {
        self.cells += 1;
        if listed == ours {
            return;
        }
        let (t, field, cell) = place;
        let known = DIFFERENT.iter().position(|(kt, kf, kc, value, _)| {
            (*kt == t || *kt == "*") && *kf == field && *kc == cell && *value == ours
        });
        match known {
            Some(at) => drop(self.used.insert(at)),
            None => self.wrong.push(format!(
                "{t}.{field}, {cell}: {listed:?} in the list, {ours:?} here"
            )),
        }
    }
}

fn yes(b: bool) -> &'static str {
    if b { "yes" } else { "no" }
}

fn options(catalog: &Catalog, row: &Row) -> String {
    let Some(list) = catalog.list(&row["code_table"]) else {
        return format!("no list {}", row["code_table"]);
    };
    let value = if row["code_part"] == "code" {
        list.key.as_str()
    } else {
        ""
    };
    let geometry = if list.extent.is_some() {
        ";geometry"
    } else {
        ""
    };
    format!("{};{value};name;description{geometry}", list.id)
}

fn shown(c: &mut Comparison, catalog: &Catalog, ft: &FeatureType, a: &Attribute, row: &Row) {
    let t = row["feature_type"].as_str();
    let field = row["field"].as_str();
    let order = |set: &str| a.sets.get(set).map_or(String::new(), ToString::to_string);
    for (cell, set) in [
        ("order_all", "all"),
        ("order_limited", "simple"),
        ("order_mobile", "mobile"),
    ] {
        c.cell((t, field, cell), &row[cell], &order(set));
    }
    // Blank where only the view has the attribute, and not the metadata.
    let flag = |cell: &str| {
        if row[cell].is_empty() {
            "no"
        } else {
            &row[cell]
        }
        .to_owned()
    };
    c.cell(
        (t, field, "in_vector_tile"),
        &flag("in_vector_tile"),
        yes(a.tile),
    );
    c.cell((t, field, "is_link"), &flag("is_link"), yes(a.is_link));
    c.cell(
        (t, field, "is_name_search"),
        &flag("is_name_search"),
        yes(a.name_search),
    );
    let short = a.short.as_deref().unwrap_or_default();
    c.cell(
        (t, field, "shape_field_name"),
        &row["shape_field_name"],
        short,
    );
    let ours = catalog.value_options(ft, a).unwrap_or_default();
    let listed = match row["code_part"].as_str() {
        "" => String::new(),
        _ => options(catalog, row),
    };
    c.cell((t, field, "code_table"), &listed, &ours);
}

#[test]
fn every_attribute_of_the_list_is_shipped_as_the_list_has_it() {
    let Some(list) = rows("cabd-attributes.csv") else {
        return;
    };
    let catalog = Catalog::new(1, shipped()).unwrap();
    let mut c = Comparison {
        cells: 0,
        wrong: vec![],
        used: BTreeSet::new(),
    };
    let mut seen: BTreeSet<(&str, String)> = BTreeSet::new();
    for row in list
        .iter()
        .filter(|r| !r["feature_type"].starts_with("assessment:"))
    {
        let (t, field) = (row["feature_type"].as_str(), row["field"].as_str());
        let ft = catalog.feature_type(type_of(t)).unwrap();
        if (t, field) == ("structures", "site_id") {
            assert_eq!(ft.part("structures").unwrap().parent, "site_id");
            continue;
        }
        let renamed = RENAMED.iter().find(|(rt, rf, _)| (*rt, *rf) == (t, field));
        let Some(a) = ft.attribute(renamed.map_or(field, |r| r.2)) else {
            c.wrong.push(format!("{t}.{field} is missing"));
            continue;
        };
        seen.insert((type_of(t), a.id.clone()));
        if fits(row, a) {
            c.cells += 1;
        } else {
            c.cell(
                (t, field, "data_type"),
                &row["data_type"],
                &a.data_type.to_string(),
            );
        }
        match t {
            "sites" => {}
            // A structure is placed by its site, and named by the site's type.
            "structures" if ["geometry", "feature_type"].contains(&field) => {}
            "structures" => {
                let stored = match a.origin() {
                    Origin::Label(of) => ft.attribute(of).unwrap().origin(),
                    other => other,
                };
                let part =
                    matches!(stored, Origin::Column { part: Some(p), .. } if p == "structures");
                if !part {
                    c.wrong
                        .push(format!("{t}.{field} is not a column of the structures"));
                }
            }
            _ => shown(&mut c, &catalog, ft, a, row),
        }
    }
    for ft in catalog.types() {
        for a in &ft.attributes {
            let known = seen.contains(&(ft.id(), a.id.clone()));
            if !known && !OWN.contains(&(ft.id(), a.id.as_str())) {
                c.wrong.push(format!("{}.{} is in no list", ft.id(), a.id));
            }
        }
    }
    let stale: Vec<_> = (0..DIFFERENT.len())
        .filter(|i| !c.used.contains(i))
        .collect();
    let stale: Vec<_> = stale.iter().map(|i| DIFFERENT[*i]).collect();
    assert!(c.wrong.is_empty(), "{:#?}", c.wrong);
    assert!(stale.is_empty(), "no longer different: {stale:#?}");
    assert!(c.cells > 3000, "{} cells were compared", c.cells);
}

fn letters(text: &str) -> String {
    text.to_lowercase()
        .chars()
        .filter(|c| c.is_alphanumeric())
        .collect()
}

#[test]
fn every_text_unit_group_and_range_of_the_list_is_shipped() {
    let Some(texts) = rows("catalogue/attributes.csv") else {
        return;
    };
    let Some(list) = rows("cabd-attributes.csv") else {
        return;
    };
    let original: HashMap<(&str, &str), &str> = list
        .iter()
        .map(|r| {
            (
                (r["feature_type"].as_str(), r["field"].as_str()),
                r["name_en"].as_str(),
            )
        })
        .collect();
    let catalog = Catalog::new(1, shipped()).unwrap();
    let (mut wrong, mut bettered, mut cells) = (vec![], BTreeSet::new(), 0);
    for row in texts {
        let (t, field) = (row["feature_type"].as_str(), row["field"].as_str());
        if t.starts_with("assessment:") || t == "sites" || t == "structures" {
            continue;
        }
        let ft = catalog.feature_type(type_of(t)).unwrap();
        let a = ft.attribute(field).unwrap();
        let number = |cell: &str| row[cell].parse::<f64>().ok();
        let plausible = number("plausible_min").zip(number("plausible_max"));
        for (cell, ours) in [
            ("name_en", a.name.en.as_str()),
            ("name_fr", &a.name.fr),
            ("description_en", &a.description.en),
            ("description_fr", &a.description.fr),
            ("group_en", &a.group.en),
            ("group_fr", &a.group.fr),
            ("unit", a.unit.as_deref().unwrap_or_default()),
        ] {
            cells += 1;
            if row[cell] == ours {
                continue;
            }
            match BETTERED.iter().find(|b| **b == (t, field, cell)) {
                Some(b) => drop(bettered.insert(*b)),
                None => wrong.push(format!("{t}.{field}, {cell}: {:?} | {ours:?}", row[cell])),
            }
        }
        if plausible.map(|(a, b)| [a, b]) != a.plausible {
            wrong.push(format!(
                "{t}.{field}: range {plausible:?} | {:?}",
                a.plausible
            ));
        }
        let label = original[&(t, field)];
        let told = row["note"].contains("original label: ");
        if !label.is_empty() && letters(label) != letters(&a.name.en) && !told {
            wrong.push(format!("{t}.{field}: label {label:?} | {:?}", a.name.en));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert_eq!(bettered.len(), BETTERED.len(), "{bettered:?}");
    assert!(cells > 2600, "{cells} cells were compared");
}

fn list_of(listed: &str) -> &str {
    match listed {
        "(sites/structures *_src flag)" => "stream_crossings.attribute_origin_codes",
        other => other,
    }
}

#[test]
fn every_code_of_the_list_is_shipped_and_no_other() {
    let Some(codes) = rows("cabd-codes.csv") else {
        return;
    };
    let Some(texts) = rows("catalogue/codes.csv") else {
        return;
    };
    let manifest = shipped();
    let mut ours: BTreeMap<(String, String), [String; 4]> = BTreeMap::new();
    for list in &manifest.lists {
        for c in &list.codes {
            let (n, d) = (&c.name, &c.description);
            let texts = [&n.en, &n.fr, &d.en, &d.fr].map(Clone::clone);
            ours.insert((list.id.clone(), c.code.to_string()), texts);
        }
    }
    let mut wrong = vec![];
    let mut listed = BTreeSet::new();
    for row in &codes {
        let list = list_of(&row["code_table"]);
        // Work units come from their own file; species have their labels for keys in the list.
        if ["cabd.nhn_workunit", "cabd.fish_species"].contains(&list) {
            continue;
        }
        let key = (list.to_owned(), row["code"].clone());
        let Some([name_en, ..]) = ours.get(&key) else {
            wrong.push(format!("{list} {} is missing", row["code"]));
            continue;
        };
        let respelt = (list, row["code"].as_str(), row["name_en"].as_str());
        if !row["name_en"].eq_ignore_ascii_case(name_en) && !RESPELT.contains(&respelt) {
            wrong.push(format!(
                "{list} {}: {:?} | {name_en:?}",
                row["code"], row["name_en"]
            ));
        }
        listed.insert(key);
    }
    for row in &texts {
        let key = (list_of(&row["code_table"]).to_owned(), row["code"].clone());
        let Some(own) = ours.get(&key) else {
            wrong.push(format!("{key:?} is missing"));
            continue;
        };
        for (cell, own) in ["name_en", "name_fr", "description_en", "description_fr"]
            .iter()
            .zip(own)
        {
            // Bettered since: the point of the compass is part of the name.
            let north = row[*cell].replace("du nord", "du Nord");
            if row[*cell] != *own && north != *own {
                wrong.push(format!("{key:?}, {cell}: {:?} | {own:?}", row[*cell]));
            }
        }
        listed.insert(key);
    }
    let extra = ours.keys().filter(|key| !listed.contains(*key));
    wrong.extend(extra.map(|key| format!("{key:?} is in no list")));
    assert!(wrong.is_empty(), "{wrong:#?}");

    let species = codes
        .iter()
        .filter(|r| r["code_table"] == "cabd.fish_species");
    let ours = manifest
        .lists
        .iter()
        .find(|l| l.id == "cabd.fish_species")
        .unwrap();
    let names: BTreeSet<String> = ours
        .codes
        .iter()
        .map(|c| c.name.en.to_lowercase())
        .collect();
    let mut found = 0;
    for row in species {
        let common = row["name_en"].split('(').next().unwrap_or_default();
        assert!(
            names.contains(&common.trim().to_lowercase()),
            "{}",
            row["name_en"]
        );
        found += 1;
    }
    assert_eq!((found, ours.codes.len()), (136, 136));
}
