//! `/docs`: the data dictionary.

use std::sync::Arc;

use axum::body::Body;
use cabd_core::dictionary::{self, Dictionary, Languages};
use cabd_core::{Lang, StoreExt};

use super::Answer;
use crate::answer::Head;
use crate::app::App;
use crate::request::{Asked, Form};

/// The forms, the default first.
pub(crate) const FORMS: [Form; 3] = [Form::Html, Form::Markdown, Form::Csv];

/// The page has its own style and nothing else.
const POLICY: &str =
    "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'";

/// `/docs`
pub(super) async fn dictionary(app: Arc<App>, asked: Asked, _: Vec<String>) -> Answer {
    let form = asked.form(&FORMS)?;
    let head = app.store.head().await?;
    let catalog = app.store.catalog().await?;
    let answer = Head::new(form, Some(app.tag(head, &catalog, &asked, form)))
        .with("content-security-policy", POLICY.to_owned());
    if answer.is_known(&asked) {
        return Ok(answer.not_modified(&app, &asked));
    }
    let options = asked.query.all("options").flat_map(|list| list.split(','));
    let options = options.map(str::trim).filter(|name| !name.is_empty());
    let sources = app.store.data_sources().await?;
    let dictionary = Dictionary::new(&catalog, sources).only(options)?;
    let other = match asked.lang {
        Lang::En => Lang::Fr,
        Lang::Fr => Lang::En,
    };
    let other = asked.query.with("lang", other.code());
    let languages = Languages::One {
        lang: asked.lang,
        other: Some(&other),
    };
    let written = match form {
        Form::Markdown => dictionary::Form::Markdown,
        Form::Csv => dictionary::Form::Csv,
        _ => dictionary::Form::Html,
    };
    let text = dictionary.write(written, languages)?;
    Ok(answer.answer(&app, &asked, Body::from(text)))
}
