//! Rust source as tokens, and the list of files of the workspace: what the rule tests read.

use std::path::{Path, PathBuf};
use std::process::Command;

/// The folder of the workspace.
pub(crate) fn root() -> PathBuf {
    let member = Path::new(env!("CARGO_MANIFEST_DIR"));
    member
        .parent()
        .expect("the crate stands in a workspace")
        .to_owned()
}

/// Every `.rs` file of the workspace that git tracks or would track, relative to the root, sorted, with its text.
pub(crate) fn rust_files() -> Vec<(String, String)> {
    let root = root();
    let mut names = listed_by_git(&root).unwrap_or_else(|| {
        let mut found = Vec::new();
        walk(&root, &root, &mut found);
        found
    });
    names.retain(|name| name.ends_with(".rs"));
    names.sort();
    names.dedup();
    let files: Vec<_> = names
        .into_iter()
        // A deleted file stays listed until it is committed.
        .filter_map(|name| {
            let text = std::fs::read_to_string(root.join(&name)).ok()?;
            Some((name, text))
        })
        .collect();
    assert!(
        files.len() > 5,
        "found only {} source files below {}",
        files.len(),
        root.display()
    );
    files
}

fn listed_by_git(root: &Path) -> Option<Vec<String>> {
    let listed = Command::new("git")
        .args([
            "ls-files",
            "-z",
            "--cached",
            "--others",
            "--exclude-standard",
        ])
        .current_dir(root)
        .output()
        .ok()
        .filter(|output| output.status.success())?;
    let text = String::from_utf8(listed.stdout).ok()?;
    Some(text.split_terminator('\0').map(str::to_owned).collect())
}

/// The same list for a copy of the sources that is no git checkout.
fn walk(root: &Path, folder: &Path, found: &mut Vec<String>) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        let name = entry.file_name();
        if name.to_string_lossy().starts_with('.') || name == "target" || name == "node_modules" {
            continue;
        }
        if path.is_dir() {
            walk(root, &path, found);
        } else if let Ok(relative) = path.strip_prefix(root) {
            found.push(relative.to_string_lossy().replace('\\', "/"));
        }
    }
}

/// Whether a whole file is test code by its place.
pub(crate) fn is_test_file(name: &str) -> bool {
    name.split('/')
        .any(|part| part == "tests" || part == "tests.rs")
}

/// What a token is. Comments are no tokens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Kind {
    /// An identifier, a keyword or a number.
    Word(String),
    /// The inside of a string literal of any sort, escapes as written.
    Text(String),
    /// `::`.
    Path,
    /// Any other character, and a character literal as `'`.
    Mark(char),
}

/// A token and the line it begins on, counted from 1.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Token {
    pub(crate) kind: Kind,
    pub(crate) line: usize,
}

impl Token {
    pub(crate) fn word(&self) -> Option<&str> {
        match &self.kind {
            Kind::Word(word) => Some(word),
            _ => None,
        }
    }

    pub(crate) fn is_word(&self, word: &str) -> bool {
        self.word() == Some(word)
    }

    pub(crate) fn is_mark(&self, mark: char) -> bool {
        self.kind == Kind::Mark(mark)
    }
}

/// Splits source text into tokens. Text that is not Rust gives tokens too, only useless ones.
pub(crate) fn tokens(text: &str) -> Vec<Token> {
    Lexer {
        chars: text.chars().collect(),
        at: 0,
        line: 1,
        tokens: Vec::new(),
    }
    .run()
}

struct Lexer {
    chars: Vec<char>,
    at: usize,
    line: usize,
    tokens: Vec<Token>,
}

impl Lexer {
    fn peek(&self, ahead: usize) -> Option<char> {
        self.chars.get(self.at + ahead).copied()
    }

    fn take(&mut self) -> Option<char> {
        let taken = self.peek(0)?;
        self.at += 1;
        if taken == '\n' {
            self.line += 1;
        }
        Some(taken)
    }

    fn push(&mut self, kind: Kind, line: usize) {
        self.tokens.push(Token { kind, line });
    }

    fn run(mut self) -> Vec<Token> {
        while let Some(next) = self.peek(0) {
            let line = self.line;
            match (next, self.peek(1)) {
                ('/', Some('/')) => {
                    while self.peek(0).is_some_and(|c| c != '\n') {
                        self.take();
                    }
                }
                ('/', Some('*')) => self.block_comment(),
                (':', Some(':')) => {
                    self.at += 2;
                    self.push(Kind::Path, line);
                }
                ('"', _) => {
                    self.take();
                    self.text(line);
                }
                ('\'', _) => self.quote(line),
                (c, _) if c.is_alphanumeric() || c == '_' => self.word(line),
                (c, _) => {
                    self.take();
                    if !c.is_whitespace() {
                        self.push(Kind::Mark(c), line);
                    }
                }
            }
        }
        self.tokens
    }

    fn block_comment(&mut self) {
        let mut depth = 0;
        loop {
            match (self.peek(0), self.peek(1)) {
                (Some('/'), Some('*')) => {
                    depth += 1;
                    self.at += 2;
                }
                (Some('*'), Some('/')) => {
                    depth -= 1;
                    self.at += 2;
                    if depth == 0 {
                        return;
                    }
                }
                (None, _) => return,
                _ => {
                    self.take();
                }
            }
        }
    }

    /// The rest of a string after its opening quote.
    fn text(&mut self, line: usize) {
        let mut inside = String::new();
        while let Some(c) = self.take() {
            match c {
                '"' => break,
                '\\' => {
                    inside.push(c);
                    inside.extend(self.take());
                }
                c => inside.push(c),
            }
        }
        self.push(Kind::Text(inside), line);
    }

    /// The rest of a raw string after its `r`; false when it is none (a raw identifier).
    fn raw_text(&mut self, line: usize) -> bool {
        let hashes = self.chars[self.at..]
            .iter()
            .take_while(|c| **c == '#')
            .count();
        if self.peek(hashes) != Some('"') {
            return false;
        }
        self.at += hashes + 1;
        let mut inside = String::new();
        while let Some(c) = self.take() {
            if c == '"' && (0..hashes).all(|ahead| self.peek(ahead) == Some('#')) {
                self.at += hashes;
                break;
            }
            inside.push(c);
        }
        self.push(Kind::Text(inside), line);
        true
    }

    /// A character literal, or the quote of a lifetime.
    fn quote(&mut self, line: usize) {
        self.take();
        match (self.peek(0), self.peek(1)) {
            (Some('\\'), _) => {
                self.at += 2;
                while self.take().is_some_and(|c| c != '\'') {}
                self.push(Kind::Mark('\''), line);
            }
            (Some(_), Some('\'')) => {
                self.take();
                self.take();
                self.push(Kind::Mark('\''), line);
            }
            _ => {}
        }
    }

    fn word(&mut self, line: usize) {
        let mut word = String::new();
        while let Some(c) = self.peek(0).filter(|c| c.is_alphanumeric() || *c == '_') {
            word.push(c);
            self.take();
        }
        match (word.as_str(), self.peek(0)) {
            ("r" | "br" | "cr", Some('"' | '#')) => {
                if !self.raw_text(line) {
                    self.take(); // r#name: the name follows as a word of its own
                }
            }
            ("b" | "c", Some('"')) => {
                self.take();
                self.text(line);
            }
            ("b", Some('\'')) => self.quote(line),
            _ => self.push(Kind::Word(word), line),
        }
    }
}

/// The tokens without what `#[cfg(test)]` and `#[test]` guard.
pub(crate) fn without_tests(tokens: &[Token]) -> Vec<Token> {
    let mut kept = Vec::with_capacity(tokens.len());
    let mut at = 0;
    while at < tokens.len() {
        if is_test_attribute(&tokens[at..]) {
            at = end_of_item(tokens, at);
        } else {
            kept.push(tokens[at].clone());
            at += 1;
        }
    }
    kept
}

/// `#[test]`, `#[cfg(test)]`, or an attribute path that ends in `test` (`#[tokio::test]`).
fn is_test_attribute(tokens: &[Token]) -> bool {
    if !(tokens.len() > 3 && tokens[0].is_mark('#') && tokens[1].is_mark('[')) {
        return false;
    }
    let close = tokens
        .iter()
        .position(|token| token.is_mark(']'))
        .unwrap_or(0);
    let inside = &tokens[2..close.max(2)];
    let cfg_test = inside.len() == 4 && inside[0].is_word("cfg") && inside[2].is_word("test");
    let path_end = inside
        .iter()
        .position(|token| token.is_mark('('))
        .unwrap_or(inside.len());
    cfg_test || path_end > 0 && inside[path_end - 1].is_word("test")
}

/// The place after the item that begins at `at`: its closing brace, or its semicolon.
fn end_of_item(tokens: &[Token], mut at: usize) -> usize {
    let mut depth = 0usize;
    while at < tokens.len() {
        match tokens[at].kind {
            Kind::Mark('(' | '[' | '{') => depth += 1,
            Kind::Mark(')' | ']') => depth = depth.saturating_sub(1),
            Kind::Mark('}') => {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    return at + 1;
                }
            }
            Kind::Mark(';') if depth == 0 => return at + 1,
            _ => {}
        }
        at += 1;
    }
    at
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<String> {
        tokens(text)
            .iter()
            .filter_map(|token| token.word().map(str::to_owned))
            .collect()
    }

    #[test]
    fn comments_strings_and_characters_hold_no_words() {
        let text = "a /* b /* c */ d */ \"e \\\" f\" r#\"g \" h\"# 'i' '\\'' '\\u{1F600}' b\"j\" br\"k\" // l\nm";
        assert_eq!(words(text), ["a", "m"]);
    }

    #[test]
    fn a_lifetime_is_not_a_character() {
        assert_eq!(
            words("fn f<'a>(x: &'a str, c: char) { c == '\"' ; g(x) }"),
            ["fn", "f", "a", "x", "a", "str", "c", "char", "c", "g", "x"]
        );
    }

    #[test]
    fn lines_are_counted_through_strings_and_comments() {
        let found = tokens("\"one\ntwo\" /* \n */ three\nr#four");
        assert_eq!(
            found.iter().map(|token| token.line).collect::<Vec<_>>(),
            [1, 3, 4]
        );
    }

    #[test]
    fn guarded_items_are_left_out() {
        let text = "fn a() {} #[cfg(test)] mod tests { fn b() { c(); } } #[tokio::test] async fn d() { e() } #[cfg(test)] use f; struct G;";
        let kept = without_tests(&tokens(text));
        let words: Vec<_> = kept.iter().filter_map(Token::word).collect();
        assert_eq!(words, ["fn", "a", "struct", "G"]);
    }
}
