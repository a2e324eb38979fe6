//! The dictionary as one CSV table.

use super::{Dictionary, words};
use crate::catalog::{Attribute, Code, CodeList, FeatureType};
use crate::error::{Error, Result};
use crate::lang::{Lang, Text};

/// The columns without a language.
const PLAIN: [&str; 15] = [
    "kind",
    "of",
    "id",
    "data_type",
    "unit",
    "smallest",
    "largest",
    "code_list",
    "sets",
    "short",
    "required",
    "retired",
    "members",
    "licence",
    "attribution",
];
/// The columns that each language has, with its code behind.
const SPOKEN: [&str; 4] = ["name", "description", "group", "comes_from"];

#[derive(Default)]
struct Row {
    plain: [String; PLAIN.len()],
    spoken: Vec<[String; SPOKEN.len()]>,
}

impl Row {
    fn new(kind: &str, of: &str, id: &str, langs: &[Lang]) -> Self {
        let mut row = Self {
            spoken: langs.iter().map(|_| <[String; 4]>::default()).collect(),
            ..Self::default()
        };
        row.set("kind", kind).set("of", of).set("id", id);
        row
    }

    fn set(&mut self, column: &str, value: impl Into<String>) -> &mut Self {
        if let Some(at) = PLAIN.iter().position(|c| *c == column) {
            self.plain[at] = value.into();
        }
        self
    }

    fn say(&mut self, column: &str, langs: &[Lang], text: impl Fn(Lang) -> String) -> &mut Self {
        if let Some(at) = SPOKEN.iter().position(|c| *c == column) {
            for (cells, lang) in self.spoken.iter_mut().zip(langs) {
                cells[at] = text(*lang);
            }
        }
        self
    }

    fn texts(&mut self, langs: &[Lang], name: &Text, description: &Text) -> &mut Self {
        self.say("name", langs, |l| name.get(l).to_owned());
        self.say("description", langs, |l| description.get(l).to_owned())
    }
}

/// UTF-8, lines ending in CR LF. A column of each language is named with its code (`name_en`).
pub(super) fn table(d: &Dictionary<'_>, langs: &[Lang]) -> Result<String> {
    let failed =
        |e: csv::Error| Error::internal("a row of the dictionary does not fit into CSV").because(e);
    let mut out = csv::WriterBuilder::new()
        .terminator(csv::Terminator::CRLF)
        .from_writer(vec![]);
    let spoken = langs
        .iter()
        .flat_map(|l| SPOKEN.iter().map(move |c| format!("{c}_{l}")));
    let head = PLAIN.iter().map(|c| (*c).to_owned()).chain(spoken);
    out.write_record(head).map_err(failed)?;
    for row in rows(d, langs) {
        let cells = row.plain.iter().chain(row.spoken.iter().flatten());
        out.write_record(cells).map_err(failed)?;
    }
    let bytes = out.into_inner().map_err(|e| {
        Error::internal("the dictionary cannot be gathered").because(e.into_error())
    })?;
    String::from_utf8(bytes).map_err(|e| Error::internal("the dictionary is not UTF-8").because(e))
}

fn rows(d: &Dictionary<'_>, langs: &[Lang]) -> Vec<Row> {
    let mut all = vec![];
    for ft in &d.types {
        all.push(feature_type(ft, langs));
        let kept = ft.attributes.iter().map(|a| (a, false));
        for (a, retired) in kept.chain(ft.retired.iter().map(|a| (a, true))) {
            all.push(attribute(d, ft, a, retired, langs));
        }
    }
    for list in &d.lists {
        let mut row = Row::new("code_list", "", &list.id, langs);
        row.texts(langs, &list.title, &Text::default())
            .set("data_type", list.key_type.to_string());
        all.push(row);
        all.extend(list.codes.iter().map(|c| code(list, c, langs)));
    }
    if d.lists.len() == d.catalog.lists().count() {
        for set in d.catalog.sets() {
            let mut row = Row::new("attribute_set", "", &set.name, langs);
            row.set("members", set.aliases.join(", "));
            all.push(row);
        }
    }
    for source in d.sources() {
        let text = |column: &str| words::cell(source, column).unwrap_or_default();
        let mut row = Row::new("data_source", "", &text("name"), langs);
        row.say("name", langs, |_| text("full_name"))
            .say("description", langs, |_| text("comments"))
            .say("group", langs, |_| text("data_source_category"))
            .say("comes_from", langs, |_| text("organization_name"))
            .set("licence", text("licence"))
            .set("attribution", text("attribution"));
        all.push(row);
    }
    all
}

fn feature_type(ft: &FeatureType, langs: &[Lang]) -> Row {
    let mut row = Row::new("type", "", ft.id(), langs);
    let members: Vec<&str> = ft.members.iter().map(|m| m.feature_type.as_str()).collect();
    row.texts(langs, &ft.head.name, &ft.head.description)
        .set("members", members.join(", "));
    if let Some(g) = &ft.geometry {
        row.set(
            "data_type",
            crate::value::DataType::Geometry(g.kind).to_string(),
        );
    }
    row
}

fn attribute(
    d: &Dictionary<'_>,
    ft: &FeatureType,
    a: &Attribute,
    retired: bool,
    langs: &[Lang],
) -> Row {
    let mut row = Row::new("attribute", ft.id(), &a.id, langs);
    let yes = |b: bool| if b { "true" } else { "" };
    let bound = |at: usize| a.plausible.map(|p| p[at].to_string()).unwrap_or_default();
    row.texts(langs, &a.name, &a.description)
        .say("group", langs, |l| a.group.get(l).to_owned())
        .say("comes_from", langs, |l| {
            words::comes_from(ft, a, l).unwrap_or_default()
        })
        .set("data_type", a.data_type.to_string())
        .set("unit", a.unit.clone().unwrap_or_default())
        .set("smallest", bound(0))
        .set("largest", bound(1))
        .set(
            "code_list",
            d.list_of(ft, a).map(|l| l.id.clone()).unwrap_or_default(),
        )
        .set("sets", d.sets_of(a))
        .set("short", a.short.clone().unwrap_or_default())
        .set("required", yes(a.required))
        .set("retired", yes(retired));
    row
}

fn code(list: &CodeList, c: &Code, langs: &[Lang]) -> Row {
    let mut row = Row::new("code", &list.id, &c.code.to_string(), langs);
    row.texts(langs, &c.name, &c.description)
        .set("retired", if c.retired { "true" } else { "" });
    row
}
