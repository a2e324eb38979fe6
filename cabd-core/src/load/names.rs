//! Whether two names mean the same structure, for a match by nearness and name.

use std::collections::BTreeSet;

use crate::value::fold_name;

/// Words that say what a structure is and not which, in both languages, folded.
const GENERIC: [&str; 38] = [
    "aux",
    "barrage",
    "barrages",
    "centrale",
    "centrales",
    "chute",
    "chutes",
    "dam",
    "dams",
    "de",
    "des",
    "development",
    "du",
    "facility",
    "fall",
    "falls",
    "generating",
    "generation",
    "gs",
    "hydro",
    "hydroelectric",
    "hydroelectrique",
    "hydropower",
    "la",
    "le",
    "les",
    "no",
    "of",
    "plant",
    "power",
    "powerhouse",
    "project",
    "seuil",
    "spillway",
    "station",
    "the",
    "usine",
    "weir",
];

/// How well two names agree.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Agreement {
    /// One holds every word of the other.
    Holds,
    /// The same words.
    Same,
}

/// The telling words of one or more names.
#[derive(Debug, Default)]
pub(super) struct Names(Vec<BTreeSet<String>>);

impl Names {
    /// Adds a name: the whole without its brackets, and what each bracket holds.
    pub(super) fn add(&mut self, name: &str) {
        let mut outside = String::with_capacity(name.len());
        let mut rest = name;
        while let Some((before, after)) = rest.split_once('(') {
            outside.push_str(before);
            outside.push(' ');
            let (inside, next) = after.split_once(')').unwrap_or((after, ""));
            self.add_form(inside);
            rest = next;
        }
        outside.push_str(rest);
        self.add_form(&outside);
    }

    fn add_form(&mut self, text: &str) {
        let words = words(text);
        let tells = words.iter().any(|w| w.chars().any(char::is_alphabetic));
        if tells && !self.0.contains(&words) {
            self.0.push(words);
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The best agreement among all pairs of names.
    pub(super) fn agree(&self, other: &Self) -> Option<Agreement> {
        let pairs = self
            .0
            .iter()
            .flat_map(|a| other.0.iter().map(move |b| agree(a, b)));
        pairs.flatten().max()
    }
}

/// Numbers tell structures of a river apart: where both names have some, they must be the same.
fn agree(a: &BTreeSet<String>, b: &BTreeSet<String>) -> Option<Agreement> {
    if a == b {
        return Some(Agreement::Same);
    }
    let (mut in_a, mut in_b) = (numbers(a).peekable(), numbers(b).peekable());
    if in_a.peek().is_some() && in_b.peek().is_some() && in_a.ne(in_b) {
        return None;
    }
    (a.is_subset(b) || b.is_subset(a)).then_some(Agreement::Holds)
}

fn numbers(words: &BTreeSet<String>) -> impl Iterator<Item = &String> {
    words
        .iter()
        .filter(|w| w.starts_with(|c: char| c.is_ascii_digit()))
}

fn words(text: &str) -> BTreeSet<String> {
    // A possessive belongs to its word (Hell's, Hells); another apostrophe ends one (L'Anse).
    let folded = fold_name(text).replace('’', "'");
    let mut joined = String::with_capacity(folded.len());
    let mut rest = folded.as_str();
    while let Some((before, after)) = rest.split_once('\'') {
        joined.push_str(before);
        let possessive = after
            .strip_prefix('s')
            .is_some_and(|next| !next.starts_with(|c: char| c.is_alphanumeric()));
        if !possessive {
            joined.push(' ');
        }
        rest = after;
    }
    joined.push_str(rest);
    joined
        .split(|c: char| !c.is_alphanumeric())
        .filter(|w| !w.is_empty() && *w != "l" && *w != "d")
        .filter(|w| GENERIC.binary_search(w).is_err())
        .map(str::to_owned)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(names: &[&str]) -> Names {
        let mut out = Names::default();
        for name in names {
            out.add(name);
        }
        out
    }

    #[test]
    fn the_generic_words_are_sorted_so_that_they_are_found() {
        assert!(GENERIC.is_sorted());
    }

    #[test]
    fn names_agree_by_their_telling_words() {
        use Agreement::{Holds, Same};
        for (a, b, expected) in [
            ("Aberfeldie", "ABERFELDIE DAM", Some(Same)),
            (
                "Centrale de l'Île-d'Été",
                "Ile d’Ete Generating Station",
                Some(Same),
            ),
            ("Manic-5", "Daniel-Johnson Dam (Manic-5)", Some(Same)),
            ("Manic-5-PA", "Daniel-Johnson Dam (Manic-5)", Some(Holds)),
            ("Hell's Gate", "Hells Gate Fishways", Some(Holds)),
            ("La Grande-2", "La Grande-2A", None),
            ("La Grande-3", "La Grande-4", None),
            ("Outardes", "Outardes-3 Dam", Some(Holds)),
            ("Dam No. 2", "Dam No. 2", None),
            ("Mill Pond", "Silver Lake", None),
            ("Ash River", "Ash", Some(Holds)),
            ("", "Anything", None),
            ("(open", "Open Dam", Some(Same)),
        ] {
            assert_eq!(of(&[a]).agree(&of(&[b])), expected, "{a} | {b}");
            assert_eq!(of(&[b]).agree(&of(&[a])), expected, "{b} | {a}");
        }
        assert!(of(&["Dam No. 2", "Barrage"]).is_empty());
        assert_eq!(of(&["Far", "Near"]).agree(&of(&["Near Dam"])), Some(Same));
    }
}
