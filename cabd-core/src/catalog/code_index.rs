//! Finding a code's place in its list, millions of times.

use std::collections::HashMap;

use super::code_list::{Code, CodeKey};

/// Widest range of integer codes that is looked up by offset.
const DENSE: u64 = 4096;

/// Places by code.
#[derive(Debug, Clone, Default)]
pub(super) struct CodeIndex {
    codes: usize,
    /// Integer codes from `low` on: place + 1, or 0.
    low: i64,
    dense: Vec<u32>,
    integers: HashMap<i64, usize>,
    texts: HashMap<String, usize>,
}

impl CodeIndex {
    pub(super) fn new(codes: &[Code]) -> Self {
        let mut out = Self {
            codes: codes.len(),
            ..Self::default()
        };
        for (place, c) in codes.iter().enumerate() {
            match &c.code {
                CodeKey::Int(i) => {
                    out.integers.insert(*i, place);
                }
                CodeKey::Text(t) => {
                    out.texts.insert(t.clone(), place);
                }
            }
        }
        if let (Some(low), Some(high)) = (out.integers.keys().min(), out.integers.keys().max())
            && high.abs_diff(*low) < DENSE
        {
            out.low = *low;
            out.dense = vec![0; high.abs_diff(*low) as usize + 1];
            for (code, place) in std::mem::take(&mut out.integers) {
                out.dense[code.abs_diff(out.low) as usize] = place as u32 + 1;
            }
        }
        out
    }

    /// Whether it was made of so many codes.
    pub(super) fn is_of(&self, codes: usize) -> bool {
        self.codes == codes
    }

    pub(super) fn integer(&self, code: i64) -> Option<usize> {
        if self.dense.is_empty() {
            return self.integers.get(&code).copied();
        }
        let offset = code.checked_sub(self.low)?;
        let place = *self.dense.get(usize::try_from(offset).ok()?)?;
        (place as usize).checked_sub(1)
    }

    pub(super) fn text(&self, code: &str) -> Option<usize> {
        self.texts.get(code).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn index(codes: &[i64]) -> CodeIndex {
        let codes: Vec<Code> = codes
            .iter()
            .map(|i| toml::from_str(&format!("code = {i}")).unwrap())
            .collect();
        CodeIndex::new(&codes)
    }

    #[test]
    fn codes_close_together_and_far_apart_are_found() {
        for codes in [vec![3, -2, 99], vec![i64::MIN, 7, i64::MAX]] {
            let index = index(&codes);
            for (place, code) in codes.iter().enumerate() {
                assert_eq!(index.integer(*code), Some(place));
            }
            assert_eq!(index.integer(4), None);
            assert_eq!(index.integer(i64::MIN + 1), None);
        }
    }
}
