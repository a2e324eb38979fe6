//! The dictionary as Markdown.

use std::fmt::Write;

use super::{Dictionary, MOST_CODES, words};
use crate::catalog::{CodeList, FeatureType};
use crate::lang::Lang;

/// A text in which nothing is taken for a mark of Markdown or HTML.
fn plain(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\n' | '\r' => out.push(' '),
            '\\' | '|' | '*' | '_' | '`' | '[' | ']' | '#' => {
                out.push('\\');
                out.push(c);
            }
            '<' => out.push_str("&lt;"),
            '&' => out.push_str("&amp;"),
            _ => out.push(c),
        }
    }
    out
}

/// An identifier, as code; the few characters that code cannot hold in a table are left out.
fn code(text: &str) -> String {
    format!("`{}`", text.replace(['`', '|', '\n', '\r'], " "))
}

struct Page {
    out: String,
    lang: Lang,
}

impl Page {
    fn w<'a>(&self, en: &'a str, fr: &'a str) -> &'a str {
        words::of(self.lang, en, fr)
    }

    fn line(&mut self, text: &str) {
        // Writing to a string does not fail.
        let _ = writeln!(self.out, "{text}");
    }

    fn head(&mut self, level: usize, text: &str) {
        let marks = "#".repeat(level);
        self.line(&format!("\n{marks} {text}\n"));
    }

    fn row(&mut self, cells: &[String]) {
        self.line(&format!("| {} |", cells.join(" | ")));
    }

    fn titles(&mut self, cells: &[&str]) {
        let cells: Vec<String> = cells.iter().map(|c| (*c).to_owned()).collect();
        self.row(&cells);
        self.row(&vec!["---".to_owned(); cells.len()]);
    }
}

pub(super) fn text(d: &Dictionary<'_>, lang: Lang) -> String {
    let mut page = Page {
        out: String::new(),
        lang,
    };
    page.line(&format!("# {}\n", words::title(lang)));
    page.line(words::about(lang));
    for ft in &d.types {
        feature_type(&mut page, d, ft);
    }
    if !d.lists.is_empty() {
        let title = page.w("Code lists", "Listes de codes");
        page.head(2, title);
        for list in &d.lists {
            codes(&mut page, list);
        }
    }
    if !d.sources().is_empty() {
        sources(&mut page, d);
    }
    page.out
}

fn feature_type(page: &mut Page, d: &Dictionary<'_>, ft: &FeatureType) {
    let lang = page.lang;
    page.head(
        2,
        &format!("{} ({})", plain(ft.head.name.get(lang)), code(ft.id())),
    );
    let about = ft.head.description.get(lang);
    if !about.is_empty() {
        page.line(&format!("{}\n", plain(about)));
    }
    if ft.is_super() {
        let members: Vec<String> = ft.members.iter().map(|m| code(&m.feature_type)).collect();
        let made = page.w("Made of: ", "Composé de\u{a0}: ");
        page.line(&format!("{made}{}\n", members.join(", ")));
    }
    let titles = [
        page.w("Attribute", "Attribut"),
        page.w("Name", "Nom"),
        page.w("Description", "Description"),
        page.w("Kind of value", "Nature de la valeur"),
        page.w("Unit", "Unité"),
        page.w("Group", "Groupe"),
        page.w("Codes", "Codes"),
        page.w("Sets", "Jeux"),
    ];
    page.titles(&titles);
    for a in &ft.attributes {
        let mut about = vec![a.description.get(lang).to_owned()];
        about.extend(words::comes_from(ft, a, lang).map(|t| format!("{t}.")));
        about.extend(words::range(a, lang).map(|t| format!("({t})")));
        about.retain(|t| !t.is_empty());
        page.row(&[
            code(&a.id),
            plain(a.name.get(lang)),
            plain(&about.join(" ")),
            plain(&words::data_type(&a.data_type, lang)),
            plain(&a.unit.as_deref().map(words::unit).unwrap_or_default()),
            plain(a.group.get(lang)),
            d.list_of(ft, a).map(|l| code(&l.id)).unwrap_or_default(),
            plain(&d.sets_of(a)),
        ]);
    }
    if !ft.retired.is_empty() {
        let ids: Vec<String> = ft.retired.iter().map(|a| code(&a.id)).collect();
        let label = page.w("Retired: ", "Retirés\u{a0}: ");
        page.line(&format!("\n{label}{}", ids.join(", ")));
    }
}

fn codes(page: &mut Page, list: &CodeList) {
    let lang = page.lang;
    page.head(
        3,
        &format!("{} ({})", plain(list.title.get(lang)), code(&list.id)),
    );
    if list.codes.is_empty() {
        return page.line(words::no_codes(lang));
    }
    if list.codes.len() > MOST_CODES {
        return page.line(&words::too_many(list.codes.len(), lang));
    }
    let titles = [
        page.w("Code", "Code"),
        page.w("Label", "Libellé"),
        page.w("Meaning", "Signification"),
    ];
    page.titles(&titles);
    for c in &list.codes {
        let retired = match c.retired {
            true => page.w(" (retired)", " (retiré)"),
            false => "",
        };
        page.row(&[
            code(&c.code.to_string()),
            format!("{}{retired}", plain(c.name.get(lang))),
            plain(c.description.get(lang)),
        ]);
    }
}

fn sources(page: &mut Page, d: &Dictionary<'_>) {
    let title = page.w("Data sources", "Sources de données");
    page.head(2, title);
    for source in d.sources() {
        let name = words::cell(source, "name").unwrap_or_default();
        page.head(3, &plain(&name));
        for (column, label) in words::source_columns(page.lang) {
            if let Some(text) = words::cell(source, column) {
                let colon = page.w(":", "\u{a0}:");
                page.line(&format!("* {label}{colon} {}", plain(&text)));
            }
        }
    }
}
