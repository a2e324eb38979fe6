//! Nothing unfinished and nothing left from debugging is tracked.

use crate::source::{is_test_file, rust_files, tokens, without_tests};

const FORBIDDEN: [&str; 3] = ["todo", "unimplemented", "dbg"];

fn forbidden(name: &str, text: &str) -> Vec<String> {
    let code = without_tests(&tokens(text));
    code.windows(3)
        .filter(|window| {
            window[1].is_mark('!') && ['(', '[', '{'].iter().any(|open| window[2].is_mark(*open))
        })
        .filter_map(|window| Some((window[0].line, window[0].word()?)))
        .filter(|(_, word)| FORBIDDEN.contains(word))
        .map(|(line, word)| {
            format!("{name}:{line}: `{word}!` outside of tests: finish the code or return an error")
        })
        .collect()
}

#[test]
fn no_unfinished_or_debugging_macro_is_left_in_the_code() {
    let found: Vec<_> = rust_files()
        .iter()
        .filter(|(name, _)| !is_test_file(name))
        .flat_map(|(name, text)| forbidden(name, text))
        .collect();
    assert!(found.is_empty(), "\n{}", found.join("\n"));
}

#[test]
fn each_forbidden_macro_is_found_on_its_line() {
    let text = "fn a() {\n    todo!()\n}\nfn b() { unimplemented!(\"later\") }\nfn c() { std::dbg!(1); }\n";
    let found = forbidden("a.rs", text);
    assert_eq!(found.len(), 3, "{found:?}");
    assert!(found[0].starts_with("a.rs:2: `todo!`"));
    assert!(found[1].starts_with("a.rs:4: `unimplemented!`"));
    assert!(found[2].starts_with("a.rs:5: `dbg!`"));
}

#[test]
fn the_words_are_free_in_comments_strings_names_and_tests() {
    let text = "// todo!()\nfn todo() { print(\"dbg!(x)\") }\n#[cfg(test)]\nmod tests { fn t() { todo!() } }\n";
    let found = forbidden("a.rs", text);
    assert!(found.is_empty(), "{found:?}");
}
