//! Text clean-up.

use std::borrow::Cow;

use super::mapping::Clean;

/// Runs the steps in order and trims; blank text comes out empty.
pub(super) fn clean<'a>(text: &'a str, steps: &[Clean]) -> Cow<'a, str> {
    let mut text = Cow::Borrowed(text.trim());
    for step in steps {
        let next = match step {
            Clean::HtmlEntities if text.contains('&') => {
                html_escape::decode_html_entities(&text).into_owned()
            }
            Clean::HtmlTags if text.contains('<') => without_tags(&text),
            Clean::Spaces => match one_space(&text) {
                Some(next) => next,
                None => continue,
            },
            Clean::TitleCase if is_capitals(&text) => title_case(&text),
            Clean::LowerCase => text.to_lowercase(),
            Clean::Mojibake => match unscramble(&text) {
                Some(next) => next,
                None => continue,
            },
            Clean::HtmlEntities | Clean::HtmlTags | Clean::TitleCase => continue,
        };
        text = Cow::Owned(next);
    }
    match text {
        Cow::Borrowed(t) => Cow::Borrowed(t.trim()),
        Cow::Owned(t) if t.trim().len() == t.len() => Cow::Owned(t),
        Cow::Owned(t) => Cow::Owned(t.trim().to_owned()),
    }
}

fn without_tags(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('<') {
        let (before, tag) = rest.split_at(at);
        out.push_str(before);
        let starts = tag[1..].starts_with(|c: char| c.is_ascii_alphabetic() || "/!".contains(c));
        match tag.find('>').filter(|_| starts) {
            Some(end) => {
                let name = tag[1..end].trim_start_matches('/').to_ascii_lowercase();
                if ["br", "p", "div", "li", "tr", "td"]
                    .iter()
                    .any(|t| name.starts_with(t))
                {
                    out.push(' ');
                }
                rest = &tag[end + 1..];
            }
            None => {
                out.push('<');
                rest = &tag[1..];
            }
        }
    }
    out.push_str(rest);
    out
}

fn one_space(text: &str) -> Option<String> {
    let mut before = false;
    let fine = text.chars().all(|c| {
        let space = c.is_whitespace();
        let ok = !space || (c == ' ' && !before);
        before = space;
        ok
    });
    (!fine).then(|| text.split_whitespace().collect::<Vec<_>>().join(" "))
}

fn is_capitals(text: &str) -> bool {
    text.chars().any(char::is_uppercase) && !text.chars().any(char::is_lowercase)
}

const NUMERALS: [&str; 8] = ["II", "III", "IV", "VI", "VII", "VIII", "IX", "XI"];

fn title_case(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for (i, word) in text.split(' ').enumerate() {
        if i > 0 {
            out.push(' ');
        }
        let bare = word.trim_matches(|c: char| !c.is_alphanumeric());
        if NUMERALS.contains(&bare) {
            out.push_str(word);
            continue;
        }
        // Letters since the last sign: one letter and an apostrophe begin a name (O'Brien, L'Anse).
        let (mut letters, mut capital) = (0, true);
        for c in word.chars() {
            if c.is_alphanumeric() {
                if capital {
                    out.extend(c.to_uppercase());
                } else {
                    out.extend(c.to_lowercase());
                }
                letters += 1;
                capital = false;
            } else {
                capital = !matches!(c, '\'' | '’') || letters == 1;
                letters = 0;
                out.push(c);
            }
        }
    }
    out
}

/// UTF-8 that was read as Windows-1252, put right; `None` where it is not that.
fn unscramble(text: &str) -> Option<String> {
    if text.is_ascii() {
        return None;
    }
    let (bytes, _, lossy) = encoding_rs::WINDOWS_1252.encode(text);
    if lossy {
        return None;
    }
    String::from_utf8(bytes.into_owned()).ok()
}

/// The number that a text begins with, after signs that cannot belong to one (`~4`, `3.5 m`).
///
/// A comma followed by a digit belongs to a number that is written in another way: no number is read then.
pub(super) fn lenient_number(text: &str) -> Option<f64> {
    let from = text.find(|c: char| c.is_ascii_digit())?;
    let head = &text.as_bytes()[..from];
    let from = match head {
        [.., b'-' | b'+', b'.'] => from - 2,
        [.., b'-' | b'+' | b'.'] => from - 1,
        _ => from,
    };
    let bytes = text.get(from..)?.as_bytes();
    let mut end = bytes
        .iter()
        .take_while(|b| matches!(b, b'-' | b'+'))
        .count();
    let digits = |at: usize| {
        bytes[at..]
            .iter()
            .take_while(|b| b.is_ascii_digit())
            .count()
    };
    end += digits(end);
    if bytes.get(end) == Some(&b'.') {
        end += 1 + digits(end + 1);
    }
    if let [b'e' | b'E', rest @ ..] = &bytes[end..] {
        let sign = usize::from(matches!(rest, [b'-' | b'+', ..]));
        let exponent = digits(end + 1 + sign);
        if exponent > 0 {
            end += 1 + sign + exponent;
        }
    }
    if let [b',', next, ..] = &bytes[end..]
        && next.is_ascii_digit()
    {
        return None;
    }
    text.get(from..from + end)?
        .parse()
        .ok()
        .filter(|v: &f64| v.is_finite())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_step_does_what_its_name_says() {
        for (step, dirty, expected) in [
            (
                Clean::HtmlEntities,
                "Smith &amp; Sons &eacute;",
                "Smith & Sons é",
            ),
            (Clean::HtmlTags, "a<br/>b <b>c</b> < 5 m", "a b c < 5 m"),
            (Clean::Spaces, "a \t b\u{a0}\n c", "a b c"),
            (
                Clean::TitleCase,
                "ST. MARY'S LAKE-EAST DAM NO. II (O'BRIEN)",
                "St. Mary's Lake-East Dam No. II (O'Brien)",
            ),
            (Clean::TitleCase, "McGregor DAM", "McGregor DAM"),
            (
                Clean::TitleCase,
                "BARRAGE DE L'ÎLE-D'ÉTÉ",
                "Barrage De L'Île-D'Été",
            ),
            (Clean::LowerCase, "BC", "bc"),
            (Clean::Mojibake, "BÃ©cancour", "Bécancour"),
            (Clean::Mojibake, "Bécancour", "Bécancour"),
            (Clean::Mojibake, "日本", "日本"),
        ] {
            assert_eq!(clean(dirty, &[step]), expected, "{step:?}");
        }
        assert_eq!(clean(" \t ", &[Clean::Spaces]), "");
        assert_eq!(clean("&nbsp;", &[Clean::HtmlEntities, Clean::Spaces]), "");
    }

    #[test]
    fn a_lenient_number_is_cut_at_what_cannot_belong_to_it() {
        for (text, expected) in [
            ("3.5 m", Some(3.5)),
            ("~4", Some(4.0)),
            ("-2.5", Some(-2.5)),
            (".5m", Some(0.5)),
            ("-.5m", Some(-0.5)),
            ("1e3", Some(1000.0)),
            ("5 e", Some(5.0)),
            ("10-15", Some(10.0)),
            ("2.", Some(2.0)),
            ("1,5", None),
            ("tall", None),
            ("", None),
            ("é3", Some(3.0)),
        ] {
            assert_eq!(lenient_number(text), expected, "{text}");
        }
    }
}
