//! Paths in Rust source that start at the crate, with `crate`, `self` and `super` resolved.

use std::collections::BTreeMap;

use crate::source::{Kind, Token, tokens};

/// A path from the crate's root, without the word `crate`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct UsePath {
    /// The names; the last is `*` for a glob; empty for the crate itself.
    pub(crate) segments: Vec<String>,
    /// The name after `as`.
    pub(crate) alias: Option<String>,
    /// The line of the last name.
    pub(crate) line: usize,
}

/// The module of a source file named from `src/`: `catalog/manifest.rs` is `catalog::manifest`, `lib.rs` the root.
pub(crate) fn module_of(file: &str) -> Vec<String> {
    let stem = file.strip_suffix(".rs").unwrap_or(file);
    let mut module: Vec<String> = stem.split('/').map(str::to_owned).collect();
    if module.last().is_some_and(|last| last == "mod") || module == ["lib"] {
        module.pop();
    }
    module
}

/// Every path that begins with `crate::`, `self::` or `super::`, in a use or anywhere else, groups taken apart.
pub(crate) fn absolute_paths(tokens: &[Token], module: &[String]) -> Vec<UsePath> {
    let mut found = Vec::new();
    // Modules written inside this file, each with the brace depth around it.
    let mut inline: Vec<(String, usize)> = Vec::new();
    let mut depth = 0usize;
    let mut at = 0;
    while at < tokens.len() {
        match &tokens[at].kind {
            Kind::Mark('{') => {
                if at >= 2 && tokens[at - 2].is_word("mod") {
                    inline.extend(tokens[at - 1].word().map(|name| (name.to_owned(), depth)));
                }
                depth += 1;
            }
            Kind::Mark('}') => {
                depth = depth.saturating_sub(1);
                if inline.last().is_some_and(|(_, around)| *around == depth) {
                    inline.pop();
                }
            }
            Kind::Word(word) if begins_path(tokens, at) => {
                let here = module
                    .iter()
                    .cloned()
                    .chain(inline.iter().map(|(name, _)| name.clone()));
                let base = match word.as_str() {
                    "crate" => Vec::new(),
                    "self" => here.collect(),
                    _ => up(here.collect()),
                };
                at = read_tree(tokens, at + 1, base, tokens[at].line, &mut found);
                continue;
            }
            _ => {}
        }
        at += 1;
    }
    found
}

fn begins_path(tokens: &[Token], at: usize) -> bool {
    let after = tokens.get(at + 1).map(|token| &token.kind);
    let inside_path = at > 0 && tokens[at - 1].kind == Kind::Path;
    let whole_crate =
        tokens[at].is_word("crate") && tokens.get(at + 1).is_some_and(|token| token.is_word("as"));
    matches!(tokens[at].word(), Some("crate" | "self" | "super"))
        && !inside_path
        && (after == Some(&Kind::Path) || whole_crate)
}

fn up(mut module: Vec<String>) -> Vec<String> {
    module.pop();
    module
}

/// Reads on from behind a name, collects the paths that end there, and gives the place after them.
fn read_tree(
    tokens: &[Token],
    mut at: usize,
    mut path: Vec<String>,
    mut line: usize,
    found: &mut Vec<UsePath>,
) -> usize {
    while tokens.get(at).is_some_and(|token| token.kind == Kind::Path) {
        let Some(next) = tokens.get(at + 1) else {
            break;
        };
        match &next.kind {
            Kind::Word(word) => {
                line = next.line;
                match word.as_str() {
                    "self" => {}
                    "super" => path = up(path),
                    _ => path.push(word.clone()),
                }
                at += 2;
            }
            Kind::Mark('*') => {
                path.push("*".to_owned());
                found.push(UsePath {
                    segments: path,
                    alias: None,
                    line: next.line,
                });
                return at + 2;
            }
            Kind::Mark('{') => return read_group(tokens, at + 2, &path, found),
            _ => break, // `::<`
        }
    }
    let mut alias = None;
    if tokens.get(at).is_some_and(|token| token.is_word("as")) {
        alias = tokens.get(at + 1).and_then(Token::word).map(str::to_owned);
    }
    found.push(UsePath {
        segments: path,
        alias,
        line,
    });
    at
}

/// Reads a group behind its opening brace and gives the place after its closing one.
fn read_group(tokens: &[Token], mut at: usize, path: &[String], found: &mut Vec<UsePath>) -> usize {
    while let Some(token) = tokens.get(at) {
        match &token.kind {
            Kind::Mark('}') => return at + 1,
            Kind::Word(word) => {
                let mut inner = path.to_vec();
                if word != "self" {
                    inner.push(word.clone());
                }
                at = read_tree(tokens, at + 1, inner, token.line, found);
                while tokens
                    .get(at)
                    .is_some_and(|token| !token.is_mark(',') && !token.is_mark('}'))
                {
                    at += 1;
                }
            }
            Kind::Mark('*') => {
                let segments = path.iter().cloned().chain(["*".to_owned()]).collect();
                found.push(UsePath {
                    segments,
                    alias: None,
                    line: token.line,
                });
                at += 1;
            }
            _ => at += 1,
        }
    }
    at
}

/// Names that stand at the crate's root, with the room each comes from: what `lib.rs` re-exports, and macros.
pub(crate) fn root_names(files: &[(String, String)]) -> BTreeMap<String, String> {
    let mut names = BTreeMap::new();
    for (file, text) in files {
        let module = module_of(file);
        let tokens = tokens(text);
        if let Some(room) = module.first() {
            for window in tokens.windows(3) {
                if let (true, true, Some(name)) = (
                    window[0].is_word("macro_rules"),
                    window[1].is_mark('!'),
                    window[2].word(),
                ) {
                    names.insert(name.to_owned(), room.clone());
                }
            }
            continue;
        }
        for (at, token) in tokens.iter().enumerate() {
            if !token.is_word("use") {
                continue;
            }
            let first = tokens.get(at + 1).and_then(Token::word).unwrap_or_default();
            let base = if matches!(first, "crate" | "self") {
                Vec::new()
            } else {
                vec![first.to_owned()]
            };
            let mut found = Vec::new();
            read_tree(&tokens, at + 2, base, token.line, &mut found);
            for path in found {
                if let (Some(room), Some(last)) = (path.segments.first(), path.segments.last()) {
                    names.insert(
                        path.alias.clone().unwrap_or_else(|| last.clone()),
                        room.clone(),
                    );
                }
            }
        }
    }
    names
}
