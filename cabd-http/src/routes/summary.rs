//! `/features/summary/{type}`: how many features have each value.

use std::sync::Arc;

use axum::body::Body;
use cabd_core::FeatureQuery;

use super::{Answer, past};
use crate::answer::Head;
use crate::app::{App, counted, is_committed};
use crate::lists;
use crate::names;
use crate::problem::Problem;
use crate::request::{Asked, Form};
use crate::summary;

/// Attributes of one question.
const MOST_ATTRIBUTES: usize = 12;

/// `/features/summary/{type}`
pub(super) async fn of_type(app: Arc<App>, asked: Asked, path: Vec<String>) -> Answer {
    let form = asked.form(&[Form::Json])?;
    let catalog = app.store.catalog().await?;
    let ft = catalog.feature_type(path.first().map(String::as_str).unwrap_or_default())?;
    let mut query = FeatureQuery::of(ft.id());
    query.lang = asked.lang;
    lists::part(&asked, ft, &mut query)?;
    lists::conditions(&asked, &mut query)?;
    let at = past::as_of(&app, &asked).await?;
    query.as_of = at;
    let names: Vec<&str> = asked
        .query
        .all("by")
        .flat_map(|t| t.split(','))
        .map(str::trim)
        .filter(|t| !t.is_empty())
        .collect();
    if names.len() > MOST_ATTRIBUTES {
        return Err(refuse(
            &names.join(","),
            "too many attributes",
            "trop d’attributs",
        ));
    }
    let mut by = vec![];
    for name in names {
        let attribute = ft.require("by", name)?;
        if !summary::can_count(attribute) {
            return Err(refuse(
                name,
                "not an attribute that features are counted by",
                "pas un attribut selon lequel on compte",
            ));
        }
        by.push(attribute);
    }
    let committed = is_committed(&catalog, ft)?;
    let head = app.store.head().await?;
    let tag = committed.then(|| app.tag(at.unwrap_or(head), &catalog, &asked, form));
    let answer = Head::new(form, tag);
    if answer.is_known(&asked) {
        return Ok(answer.not_modified(&app, &asked));
    }
    let (question, mut key) = counted(&query);
    by.iter().for_each(|a| key = format!("{key} {}", a.id));
    let compute = async {
        let named = names::found(&app, ft, &question).await?;
        let narrow = names::narrowed(named.as_ref(), &question);
        let found = summary::count(app.store.as_ref(), ft, &narrow, &by).await?;
        Ok::<_, cabd_core::Error>(format!("{found}\n"))
    };
    let text = app
        .summaries
        .of(&key, committed.then_some(head), compute)
        .await?;
    Ok(answer.answer(&app, &asked, Body::from(text)))
}

fn refuse(value: &str, en: &str, fr: &str) -> Box<Problem> {
    let (expected, attendu) = (
        format!("at most {MOST_ATTRIBUTES} attributes of numbers, dates, words or yes and no"),
        format!("au plus {MOST_ATTRIBUTES} attributs de nombres, dates, mots ou oui et non"),
    );
    Box::new(Problem::parameter("by", value, en, fr).expected(expected, attendu))
}
