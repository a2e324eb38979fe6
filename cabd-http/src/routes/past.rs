//! What has been: the history of a feature, the feed of changes, differences between states, releases.

use std::sync::Arc;

use axum::body::Body;
use axum::http::{Response, StatusCode};
use cabd_core::store::{Act, Change, DiffQuery, FeedPlace, FeedQuery, HistoryExt, Release};
use cabd_core::time::format_instant;
use cabd_core::{Catalog, CommitNumber, id};
use futures::TryStreamExt;
use serde_json::{Value, json};

use super::Answer;
use super::features::missing;
use crate::answer::{self, Head};
use crate::app::{App, Tag};
use crate::layers;
use crate::problem::Problem;
use crate::request::{Asked, Form};
use crate::stream;

/// The forms of the feed and of differences, the default first.
pub(crate) const FORMS: [Form; 2] = [Form::Json, Form::Lines];
/// Changes in an answer, unless asked otherwise, and at most.
const CHANGES: (usize, usize) = (1_000, 10_000);

/// The commit whose state is asked for: the parameter `as-of`.
pub(crate) async fn as_of(app: &App, asked: &Asked) -> Result<Option<CommitNumber>, Box<Problem>> {
    let Some(text) = asked.query.one("as-of")? else {
        return Ok(None);
    };
    let commit = app.store.commit_of(text).await?;
    let head = app.store.head().await?;
    if commit > head || commit.0 < 0 {
        let (en, fr) = ("no such commit", "ce commit n’existe pas");
        return Err(Box::new(
            Problem::parameter("as-of", text, en, fr).expected(
                format!("a commit number from 0 to {head}"),
                format!("un numéro de commit de 0 à {head}"),
            ),
        ));
    }
    Ok(Some(commit))
}

/// Whether `as-of` is a commit's number, which always means the same state.
pub(crate) fn names_commit(asked: &Asked) -> bool {
    let text = asked.query.one("as-of").ok().flatten();
    text.is_some_and(|t| t.trim().parse::<i64>().is_ok())
}

/// What only administrators may see is not kept by anybody between.
fn answered(head: Head, app: &App, asked: &Asked, body: Body) -> Response<Body> {
    let head = match asked.is_admin {
        true => head.with("cache-control", "no-store".to_owned()),
        false => head,
    };
    head.answer(app, asked, body)
}

/// The tag of what everybody sees.
fn tag(
    app: &App,
    asked: &Asked,
    form: Form,
    state: CommitNumber,
    catalog: &Catalog,
) -> Option<Tag> {
    (!asked.is_admin).then(|| app.tag(state, catalog, asked, form))
}

/// `/features/{type}/{uuid}/history`
pub(super) async fn history(app: Arc<App>, asked: Asked, path: Vec<String>) -> Answer {
    let form = asked.form(&[Form::Json])?;
    let [name, text] = path.as_slice() else {
        return Err(missing(""));
    };
    let catalog = app.store.catalog().await?;
    let ft = catalog.feature_type(name)?.id().to_owned();
    let id = id::parse("uuid", text).map_err(|_| missing(text))?;
    let head = app.store.head().await?;
    let answer = Head::new(form, tag(&app, &asked, form, head, &catalog));
    if answer.is_known(&asked) {
        return Ok(answer.not_modified(&app, &asked));
    }
    let acts = app.store.history(&ft, id, asked.lang).await?;
    let acts: Vec<Act> = match asked.is_admin {
        true => acts,
        false => acts.into_iter().map(Act::without_people).collect(),
    };
    let body = answer::json(&json!({"type": ft, "cabd_id": id, "history": acts}));
    Ok(answered(answer, &app, &asked, body))
}

/// `/changes`
pub(super) async fn changes(app: Arc<App>, asked: Asked, _: Vec<String>) -> Answer {
    let form = asked.form(&FORMS)?;
    let catalog = app.store.catalog().await?;
    let bbox = asked.query.one("bbox")?.map(str::parse).transpose();
    let mut query = FeedQuery {
        types: types(&asked, &catalog)?,
        bbox: bbox.map_err(|e| Problem::of(&e))?,
        attributes: names(&asked, "attribute"),
        lang: asked.lang,
        ..FeedQuery::default()
    };
    if let Some(text) = asked.query.one("since")? {
        query.after = match text.parse::<FeedPlace>() {
            Ok(place) => place,
            Err(_) => FeedPlace {
                commit: commit(&app, "since", text).await?,
                revision: None,
            },
        };
    }
    let most = limit(&asked)?;
    let head = app.store.head().await?;
    let answer = Head::new(form, tag(&app, &asked, form, head, &catalog));
    if answer.is_known(&asked) {
        return Ok(answer.not_modified(&app, &asked));
    }
    let mut next = query.after;
    let (until, mut feed) = app.store.feed(query).await?;
    let mut found: Vec<Change> = vec![];
    let mut complete = false;
    while found.len() < most && !complete {
        match feed.try_next().await? {
            Some(change) => found.push(change),
            None => complete = true,
        }
    }
    drop(feed);
    next = match (complete, found.last()) {
        (true, _) => FeedPlace {
            commit: until.max(next.commit),
            revision: next.revision.filter(|_| next.commit > until),
        },
        (false, Some(last)) => last.place(),
        (false, None) => next,
    };
    let found: Vec<Change> = match asked.is_admin {
        true => found,
        false => found.into_iter().map(Change::without_people).collect(),
    };
    let answer = answer.with("cabd-next", next.to_string());
    let body = match form {
        Form::Lines => {
            let mut out = vec![];
            for change in &found {
                stream::push_line(&mut out, change)?;
            }
            Body::from(out)
        }
        _ => answer::json(&json!({
            "changes": found, "next": next.to_string(), "complete": complete, "head": until,
        })),
    };
    Ok(answered(answer, &app, &asked, body))
}

fn names(asked: &Asked, parameter: &str) -> Vec<String> {
    let all = asked.query.all(parameter).flat_map(|t| t.split(','));
    let all = all.map(|t| t.trim().to_owned());
    all.filter(|t| !t.is_empty()).collect()
}

/// The parameter `types`.
fn types(asked: &Asked, catalog: &Catalog) -> Result<Vec<String>, Box<Problem>> {
    let all = names(asked, "types");
    for name in &all {
        catalog.feature_type(name).map_err(|e| {
            let problem = Problem::of(&e.field("types"));
            Box::new(problem.with(StatusCode::BAD_REQUEST, "invalid-parameter"))
        })?;
    }
    Ok(all)
}

fn limit(asked: &Asked) -> Result<usize, Box<Problem>> {
    let Some(text) = asked.query.one("max-results")? else {
        return Ok(CHANGES.0);
    };
    let number = text.trim().parse().ok();
    let fitting = number.filter(|n| (1..=CHANGES.1).contains(n));
    fitting.ok_or_else(|| {
        let (en, fr) = ("not a number of changes", "pas un nombre de changements");
        Box::new(Problem::parameter("max-results", text, en, fr).expected(
            format!("a whole number from 1 to {}", CHANGES.1),
            format!("un nombre entier de 1 à {}", CHANGES.1),
        ))
    })
}

/// The commit that a parameter names.
async fn commit(app: &App, name: &str, text: &str) -> Result<CommitNumber, Box<Problem>> {
    let found = app.store.commit_of(text).await;
    Ok(found.map_err(|e| e.field(name))?)
}

/// `/diff`
pub(super) async fn diff(app: Arc<App>, asked: Asked, _: Vec<String>) -> Answer {
    let form = asked.form(&FORMS)?;
    let from = match asked.query.one("from")? {
        Some(text) => commit(&app, "from", text).await?,
        None => {
            let newest = app.store.releases().await?.pop();
            newest.map(|r| r.commit).unwrap_or_default()
        }
    };
    let to = match asked.query.one("to")? {
        Some(text) => commit(&app, "to", text).await?,
        None => app.store.head().await?,
    };
    let catalog = app.store.catalog().await?;
    let types = types(&asked, &catalog)?;
    let state = CommitNumber(from.0.max(to.0));
    let answer = Head::new(form, Some(app.tag(state, &catalog, &asked, form)));
    if answer.is_known(&asked) {
        return Ok(answer.not_modified(&app, &asked));
    }
    let query = DiffQuery {
        from,
        to,
        types,
        lang: asked.lang,
    };
    let frame = match form {
        Form::Lines => None,
        _ => {
            let from = stamp(&app, from).await?;
            let to = stamp(&app, to).await?;
            Some(format!("{{\"from\":{from},\"to\":{to},\"features\":["))
        }
    };
    // However long it is, and as slowly as the client reads.
    asked.slot.give_back();
    let place = layers::turn(&app, &app.long).await?;
    let body = stream::differences(app.clone(), query, frame, place).await?;
    Ok(answer.answer(&app, &asked, body))
}

async fn stamp(app: &App, commit: CommitNumber) -> cabd_core::Result<Value> {
    let stamp = app.store.stamp(commit).await?;
    Ok(json!({
        "commit": commit,
        "datetime": stamp.datetime.map(format_instant),
        "release": stamp.release,
    }))
}

/// `/releases`
pub(super) async fn releases(app: Arc<App>, asked: Asked, _: Vec<String>) -> Answer {
    let form = asked.form(&[Form::Json])?;
    let shown = |r: Release| {
        let mut shown = json!({
            "name": r.name, "commit": r.commit, "datetime": format_instant(r.datetime), "note": r.note,
        });
        if asked.is_admin {
            shown["author"] = json!(r.author);
        }
        shown
    };
    let all = app.store.releases().await?.into_iter().map(shown);
    let body = answer::json(&all.collect());
    // A release is no commit: there is no tag to be told by.
    Ok(answered(Head::new(form, None), &app, &asked, body))
}
