//! The dictionary as one web page: no script is needed, nothing is fetched, and it prints.

use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::{Dictionary, Languages, MOST_CODES, groups, words};
use crate::catalog::{Attribute, CodeList, FeatureType};
use crate::lang::Lang;
use crate::store::Record;

const STYLE: &str = include_str!("page.css");
/// Keeps the page's language and the address in step with the switch.
const SCRIPT: &str = include_str!("page.js");

pub(super) fn page(d: &Dictionary<'_>, languages: Languages<'_>) -> String {
    let all = languages.all();
    let first = all.first().copied().unwrap_or_default();
    let both = all.len() > 1;
    let page = html! {
        (DOCTYPE)
        html lang=(first.code()) {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="generator" content=(concat!("cabd ", env!("CARGO_PKG_VERSION")));
                title { (words::title(first)) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                @if both {
                    // Radio buttons before both texts: the style shows the text of the checked one.
                    @for lang in all {
                        input type="radio" name="lang" id=(format!("lang-{lang}")) value=(lang.code())
                            checked[*lang == first] data-title=(words::title(*lang));
                        label for=(format!("lang-{lang}")) lang=(lang.code()) { (words::language(*lang)) }
                    }
                }
                @for lang in all {
                    (text(d, *lang, languages))
                }
                @if both {
                    script { (PreEscaped(SCRIPT)) }
                }
            }
        }
    };
    page.into_string()
}

/// What an identifier within the page begins with: the second language of a page has its own.
struct Ids {
    lang: Lang,
    before: &'static str,
}

impl Ids {
    fn of(&self, parts: &[&str]) -> String {
        let id: String = parts
            .join("_")
            .chars()
            .map(|c| if c.is_whitespace() { '_' } else { c })
            .collect();
        format!("{}{id}", self.before)
    }

    fn w<'a>(&self, en: &'a str, fr: &'a str) -> &'a str {
        words::of(self.lang, en, fr)
    }
}

fn text(d: &Dictionary<'_>, lang: Lang, languages: Languages<'_>) -> Markup {
    let before = match (languages, lang) {
        (Languages::Both, Lang::Fr) => "fr-",
        _ => "",
    };
    let ids = Ids { lang, before };
    let i = &ids;
    html! {
        div .text lang=(lang.code()) id=(format!("text-{lang}")) {
            a .skip href=(format!("#{}", i.of(&["main"]))) { (i.w("Skip to the content", "Passer au contenu")) }
            header {
                @if let Languages::One { other: Some(other), .. } = languages {
                    @let to = match lang { Lang::En => Lang::Fr, Lang::Fr => Lang::En };
                    p .switch { a href=(other) lang=(to.code()) hreflang=(to.code()) { (words::language(to)) } }
                }
                h1 { (words::title(lang)) }
                p { (words::about(lang)) }
            }
            (contents(d, i))
            main id=(i.of(&["main"])) tabindex="-1" {
                @for ft in &d.types { (feature_type(d, i, ft)) }
                @if !d.lists.is_empty() {
                    section id=(i.of(&["codes"])) {
                        h2 { (i.w("Code lists", "Listes de codes")) }
                        @for list in &d.lists { (codes(i, list)) }
                    }
                }
                @if !d.sources().is_empty() {
                    section id=(i.of(&["ds"])) {
                        h2 { (i.w("Data sources", "Sources de données")) }
                        @for source in d.sources() { (one_source(i, source)) }
                    }
                }
            }
        }
    }
}

fn contents(d: &Dictionary<'_>, i: &Ids) -> Markup {
    let link =
        |parts: &[&str], text: &str| html! { a href=(format!("#{}", i.of(parts))) { (text) } };
    html! {
        nav aria-label=(i.w("Contents", "Sommaire")) {
            ul {
                @for ft in &d.types {
                    li { (link(&["ft", ft.id()], ft.head.name.get(i.lang))) }
                }
                @if !d.lists.is_empty() {
                    li {
                        (link(&["codes"], i.w("Code lists", "Listes de codes")))
                        details {
                            summary { (i.w("All lists", "Toutes les listes")) }
                            ul { @for list in &d.lists {
                                li { (link(&["list", &list.id], list.title.get(i.lang))) }
                            } }
                        }
                    }
                }
                @if !d.sources().is_empty() {
                    li { (link(&["ds"], i.w("Data sources", "Sources de données"))) }
                }
            }
        }
    }
}

fn feature_type(d: &Dictionary<'_>, i: &Ids, ft: &FeatureType) -> Markup {
    let id = ft.id();
    html! {
        section id=(i.of(&["ft", id])) {
            h2 { (ft.head.name.get(i.lang)) " " code { (id) } }
            p { (ft.head.description.get(i.lang)) }
            p .facts {
                @if let Some(g) = &ft.geometry {
                    span { (i.w("Geometry: ", "Géométrie\u{a0}: ")) (words::geometry(g.kind, i.lang)) }
                }
                @if let Some(version) = &ft.head.data_version {
                    span { (i.w("Data version: ", "Version des données\u{a0}: ")) (version) }
                }
                @if ft.is_super() {
                    span {
                        (i.w("Made of: ", "Composé de\u{a0}: "))
                        @for (n, m) in ft.members.iter().enumerate() {
                            @if n > 0 { ", " }
                            a href=(format!("#{}", i.of(&["ft", &m.feature_type]))) { code { (m.feature_type) } }
                        }
                    }
                }
            }
            div id=(i.of(&["ftatt", id])) {
                @for (group, attributes) in groups(ft, i.lang) {
                    @if !group.is_empty() { h3 { (group) } }
                    dl { @for a in attributes { (attribute(d, i, ft, a)) } }
                }
                @if !ft.retired.is_empty() {
                    h3 { (i.w("Retired attributes", "Attributs retirés")) }
                    ul { @for a in &ft.retired { li { (a.name.get(i.lang)) " " code { (a.id) } } } }
                }
            }
        }
    }
}

fn attribute(d: &Dictionary<'_>, i: &Ids, ft: &FeatureType, a: &Attribute) -> Markup {
    html! {
        div .attribute id=(i.of(&[ft.id(), &a.id])) {
            dt { (a.name.get(i.lang)) " " code { (a.id) } }
            dd {
                @let about = a.description.get(i.lang);
                @if !about.is_empty() { p { (about) } }
                @if let Some(from) = words::comes_from(ft, a, i.lang) { p .from { (from) "." } }
                p .facts {
                    span { (words::data_type(&a.data_type, i.lang)) }
                    @if let Some(unit) = &a.unit {
                        span { (i.w("unit: ", "unité\u{a0}: ")) (words::unit(unit)) }
                    }
                    @if let Some(range) = words::range(a, i.lang) { span { (range) } }
                    @if a.required { span { (i.w("required", "obligatoire")) } }
                    @if let Some(list) = d.list_of(ft, a) {
                        span {
                            (i.w("codes: ", "codes\u{a0}: "))
                            a href=(format!("#{}", i.of(&["list", &list.id]))) { (list.title.get(i.lang)) }
                        }
                    }
                    @let sets = d.sets_of(a);
                    @if !sets.is_empty() {
                        span { (i.w("sets: ", "jeux d’attributs\u{a0}: ")) (sets) }
                    }
                    @if let Some(short) = &a.short {
                        span { (i.w("in shapefiles: ", "dans les shapefiles\u{a0}: ")) code { (short) } }
                    }
                }
            }
        }
    }
}

fn codes(i: &Ids, list: &CodeList) -> Markup {
    let id = i.of(&["list", &list.id]);
    let described = list.codes.iter().any(|c| !c.description.is_empty());
    html! {
        section id=(id) {
            h3 { (list.title.get(i.lang)) " " code { (list.id) } }
            @if list.codes.is_empty() {
                p { (words::no_codes(i.lang)) }
            } @else if list.codes.len() > MOST_CODES {
                p { (words::too_many(list.codes.len(), i.lang)) }
            } @else {
                table aria-label=(list.title.get(i.lang)) {
                    thead { tr {
                        th scope="col" { (i.w("Code", "Code")) }
                        th scope="col" { (i.w("Label", "Libellé")) }
                        @if described { th scope="col" { (i.w("Meaning", "Signification")) } }
                    } }
                    tbody { @for c in &list.codes {
                        tr {
                            th scope="row" { code { (c.code) } }
                            td {
                                (c.name.get(i.lang))
                                @if c.retired { " " span .retired { (i.w("(retired)", "(retiré)")) } }
                            }
                            @if described { td { (c.description.get(i.lang)) } }
                        }
                    } }
                }
            }
        }
    }
}

fn one_source(i: &Ids, source: &Record) -> Markup {
    let name = words::cell(source, "name").unwrap_or_default();
    let is_link = |text: &str| text.starts_with("https://") || text.starts_with("http://");
    html! {
        section .source id=(i.of(&["ds", &name])) {
            h3 { (name) }
            dl .facts-list {
                @for (column, label) in words::source_columns(i.lang) {
                    @if let Some(text) = words::cell(source, column) {
                        div {
                            dt { (label) }
                            dd {
                                @if is_link(&text) { a href=(text) rel="noreferrer" { (text) } } @else { (text) }
                            }
                        }
                    }
                }
            }
        }
    }
}
