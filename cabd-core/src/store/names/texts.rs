//! The folded names of one base type in one text, and how it is searched.

use std::collections::{BTreeMap, BTreeSet};

use memchr::memmem::Finder;
use uuid::Uuid;

/// Before every name, and after the last. No byte of UTF-8.
const EDGE: u8 = 0xff;
/// In the place of a name that is missing. No byte of UTF-8.
const NONE: u8 = 0xfe;
/// Changes that are kept beside the text before it is written anew.
const LATER: usize = 16_384;

/// What a name must be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Sought {
    /// A name that contains this.
    Part(String),
    /// A name that is this.
    Whole(String),
}

/// Which names of a feature count: of each list the first that is there.
pub(super) type Chains = Vec<Vec<usize>>;

/// Names of features, folded; those of a feature in the order of the type's slots. About 24 bytes a feature that has a name, and a byte a
/// letter.
#[derive(Debug, Default)]
pub(super) struct Texts {
    text: Vec<u8>,
    /// Where the names of each feature begin.
    starts: Vec<u32>,
    ids: Vec<[u8; 16]>,
    /// Places in `ids`, in the order of the identifiers.
    by_id: Vec<u32>,
    /// Places in `ids` of features that have changed or are no more.
    gone: BTreeSet<u32>,
    later: BTreeMap<Uuid, Vec<u8>>,
}

/// The names of a feature as they are kept; `None` where it has none.
pub(super) fn record<'a>(names: impl IntoIterator<Item = Option<&'a str>>) -> Option<Vec<u8>> {
    let (mut out, mut any) = (vec![], false);
    for name in names {
        out.push(EDGE);
        match name {
            Some(name) => {
                out.extend(crate::value::fold_name(name).as_bytes());
                any = true;
            }
            None => out.push(NONE),
        }
    }
    any.then_some(out)
}

impl Texts {
    /// Adds a feature while the names are read; false where there is no room.
    pub(super) fn push(&mut self, id: Uuid, record: &[u8]) -> bool {
        let Ok(start) = u32::try_from(self.text.len()) else {
            return false;
        };
        self.starts.push(start);
        self.ids.push(*id.as_bytes());
        self.text.extend(record);
        true
    }

    /// Ends the reading.
    pub(super) fn finish(mut self) -> Self {
        if !self.ids.is_empty() {
            self.text.push(EDGE);
        }
        self.text.shrink_to_fit();
        self.starts.shrink_to_fit();
        self.ids.shrink_to_fit();
        self.by_id = (0..self.ids.len() as u32).collect();
        self.by_id.sort_unstable_by_key(|i| self.ids[*i as usize]);
        self
    }

    /// Memory held, in bytes, about.
    pub(super) fn bytes(&self) -> usize {
        let later: usize = self.later.values().map(|r| r.len() + 64).sum();
        self.text.len() + self.ids.len() * 24 + self.gone.len() * 8 + later
    }

    /// Gives a feature its names anew, or none.
    pub(super) fn put(&mut self, id: Uuid, record: Option<Vec<u8>>) {
        let key = |i: &u32| self.ids[*i as usize];
        if let Ok(at) = self.by_id.binary_search_by_key(id.as_bytes(), key) {
            self.gone.insert(self.by_id[at]);
        }
        match record {
            Some(record) => drop(self.later.insert(id, record)),
            None => drop(self.later.remove(&id)),
        }
        if self.gone.len() + self.later.len() > LATER {
            *self = self.anew();
        }
    }

    fn anew(&self) -> Self {
        let mut out = Self::default();
        let kept = (0..self.ids.len()).filter(|i| !self.gone.contains(&(*i as u32)));
        for i in kept {
            out.push(Uuid::from_bytes(self.ids[i]), self.of(i));
        }
        for (id, record) in &self.later {
            out.push(*id, record);
        }
        out.finish()
    }

    fn end(&self, i: usize) -> usize {
        let next = self.starts.get(i + 1).map(|s| *s as usize);
        next.unwrap_or_else(|| self.text.len().saturating_sub(1))
    }

    fn of(&self, i: usize) -> &[u8] {
        &self.text[self.starts[i] as usize..self.end(i)]
    }

    /// Adds the features that have such a name.
    pub(super) fn find(&self, sought: &Sought, chains: &Chains, out: &mut Vec<Uuid>) {
        let (needle, whole) = match sought {
            Sought::Part(part) => (part.as_bytes().to_vec(), false),
            Sought::Whole(name) => ([&[EDGE], name.as_bytes(), &[EDGE]].concat(), true),
        };
        if chains.is_empty() {
            return;
        }
        let finder = Finder::new(&needle);
        let (mut from, mut i) = (0, 0);
        while let Some(at) = self.text.get(from..).and_then(|t| finder.find(t)) {
            let at = from + at;
            i = self.holding(i, at);
            let (start, end) = (self.starts[i] as usize, self.end(i));
            let found = !self.gone.contains(&(i as u32))
                && counts(&self.text[start..end], at - start, chains);
            if found {
                out.push(Uuid::from_bytes(self.ids[i]));
            }
            from = if found { end } else { at + 1 };
        }
        for (id, record) in &self.later {
            let record = [record.as_slice(), &[EDGE]].concat();
            let mut hits = finder.find_iter(&record);
            let hit = match whole {
                // The edge of one name is that of the next.
                true => (0..record.len())
                    .any(|at| record[at..].starts_with(&needle) && counts(&record, at, chains)),
                false => hits.any(|at| counts(&record, at, chains)),
            };
            if hit {
                out.push(*id);
            }
        }
    }

    /// The feature whose names hold this place; not before the feature `from`.
    fn holding(&self, from: usize, at: usize) -> usize {
        // Most often a near one.
        let mut step = 1;
        while self
            .starts
            .get(from + step)
            .is_some_and(|s| *s as usize <= at)
        {
            step *= 2;
        }
        let low = from + step / 2;
        let high = (from + step).min(self.starts.len());
        let within = &self.starts[low..high];
        low + within
            .partition_point(|s| *s as usize <= at)
            .saturating_sub(1)
    }
}

/// Whether the name at this place of a feature's names is one that counts.
fn counts(record: &[u8], at: usize, chains: &Chains) -> bool {
    // A whole name is found by the edge before it.
    let before = &record[..(at + 1).min(record.len())];
    let edges = memchr::memchr_iter(EDGE, before).count();
    let slot = edges.saturating_sub(1);
    let missing = |slot: usize| record.split(|b| *b == EDGE).nth(slot + 1) == Some(&[NONE][..]);
    chains
        .iter()
        .any(|chain| match chain.iter().position(|s| *s == slot) {
            Some(n) => chain[..n].iter().all(|s| missing(*s)),
            None => false,
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(n: u128) -> Uuid {
        Uuid::from_u128(n)
    }

    fn found(texts: &Texts, sought: &Sought, chains: &[&[usize]]) -> Vec<u128> {
        let mut out = vec![];
        let chains = chains.iter().map(|c| c.to_vec()).collect();
        texts.find(sought, &chains, &mut out);
        out.sort_unstable();
        out.iter().map(Uuid::as_u128).collect()
    }

    fn texts() -> Texts {
        let mut texts = Texts::default();
        for (n, names) in [
            (9, [Some("Mill Weir"), Some("Seuil du Cœur")]),
            (1, [None, Some("Mill")]),
            (5, [Some(""), Some("mill mill")]),
            (3, [Some("Lonely"), None]),
        ] {
            assert!(texts.push(id(n), &record(names).unwrap()));
        }
        texts.finish()
    }

    #[test]
    fn names_are_found_in_the_slots_that_count() {
        let t = texts();
        let part = |s: &str| Sought::Part(s.to_owned());
        let whole = |s: &str| Sought::Whole(s.to_owned());
        assert_eq!(found(&t, &part("mill"), &[&[0], &[1]]), [1, 5, 9]);
        assert_eq!(found(&t, &part("mill"), &[&[0]]), [9]);
        assert_eq!(found(&t, &part("coeur"), &[&[0], &[1]]), [9]);
        assert_eq!(found(&t, &whole("mill"), &[&[0], &[1]]), [1]);
        assert_eq!(found(&t, &whole("lonely"), &[&[0], &[1]]), [3]);
        assert_eq!(found(&t, &whole("mill mill"), &[&[0], &[1]]), [5]);
        assert_eq!(found(&t, &part("mill"), &[&[0, 1]]), [1, 9]);
        assert_eq!(found(&t, &part("mill"), &[]), []);
    }

    #[test]
    fn changes_are_found_and_what_was_is_not() {
        let mut t = texts();
        t.put(id(1), record([Some("Brook"), Some("Mill")]));
        t.put(id(9), None);
        t.put(id(7), record([Some("a"), Some("mill")]));
        let part = |s: &str| Sought::Part(s.to_owned());
        for _ in 0..2 {
            assert_eq!(found(&t, &part("mill"), &[&[0], &[1]]), [1, 5, 7]);
            let whole = Sought::Whole("mill".to_owned());
            assert_eq!(found(&t, &whole, &[&[1]]), [1, 7]);
            assert_eq!(found(&t, &part("brook"), &[&[0], &[1]]), [1]);
            assert_eq!(found(&t, &part("lonely"), &[&[0], &[1]]), [3]);
            t = t.anew();
        }
        assert_eq!(record([None, None]), None);
    }

    #[test]
    fn many_features_are_told_apart() {
        let mut t = Texts::default();
        for n in 0..5000 {
            let name = format!("n{n}x");
            t.push(id(5000 - n), &record([Some(name.as_str()), None]).unwrap());
        }
        let t = t.finish();
        for n in [0, 1, 2, 63, 64, 2500, 4998, 4999] {
            let whole = Sought::Whole(format!("n{n}x"));
            assert_eq!(found(&t, &whole, &[&[0], &[1]]), [5000 - n]);
        }
        assert_eq!(
            found(&t, &Sought::Part("x".into()), &[&[0], &[1]]).len(),
            5000
        );
        assert!(t.bytes() < 5000 * 40);
    }
}
