//! The way back: a commit, or a part of it, is undone.

use std::sync::Arc;

use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderValue, Response, StatusCode};
use cabd_core::feature::ChangeHead;
use cabd_core::store::{Revert, RevertExt};
use cabd_core::{CommitNumber, Error, ErrorKind, Uuid};
use serde::Deserialize;
use serde_json::{Value, json};

use super::Answer;
use super::edits::{Edit, commit_header, counts};
use crate::app::App;
use crate::problem::Problem;
use crate::refused::{details, is_private, of_undoing};
use crate::{answer, french};

/// What is sent.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Document {
    reason: Option<String>,
    features: Vec<Uuid>,
    attributes: Vec<String>,
    only_clean: bool,
}

/// POST `/changesets/{commit}/revert`
pub(super) async fn revert(app: Arc<App>, edit: Edit, path: Vec<String>) -> Answer {
    let text = path.first().map(String::as_str).unwrap_or_default();
    let commit = text
        .parse()
        .map_err(|_| Problem::missing("commit", text, "not a commit", "pas un commit"))?;
    let document: Document = serde_json::from_value(edit.document.clone()).map_err(|e| {
        Problem::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            "invalid-change",
            format!("not what is to be undone: {e}"),
            format!("ne dit pas ce qui doit être annulé : {e}"),
        )
        .hint(
            "send reason, features, attributes and only_clean, as far as they are needed",
            "envoyez reason, features, attributes et only_clean, selon les besoins",
        )
    })?;
    let preview = edit.flag("preview")?;
    let what = Revert {
        commit: CommitNumber(commit),
        features: document.features,
        attributes: document.attributes,
        only_clean: document.only_clean,
    };
    let head = ChangeHead {
        author: Some(edit.author.clone()),
        client: Some("http".to_owned()),
        reason: document.reason,
        dry_run: preview,
        ..ChangeHead::default()
    };
    let done = app.store.revert(&head, &what, edit.asked.lang).await;
    let mut done = done.map_err(|e| match e.kind() {
        ErrorKind::NotFound if e.field_name() == Some("commit") => {
            let (en, fr) = ("there is no such commit", "il n’y a pas un tel commit");
            Box::new(Problem::missing("commit", text, en, fr))
        }
        ErrorKind::Invalid | ErrorKind::NotFound | ErrorKind::Conflict => of_undoing(&e),
        _ => Box::new(Problem::of(&e)),
    })?;
    let told = |e: &Error| {
        let mut said = json!({"row": e.place(), "detail": french::either(e, edit.asked.lang)});
        let (value, clash) = details(e);
        for (name, value) in [("attribute", e.field_name()), ("value", value)] {
            if let Some(value) = value {
                said[name] = Value::from(value);
            }
        }
        if let Some(clash) = clash {
            said["conflict"] = json!(clash);
        }
        said
    };
    for row in done.rows.iter_mut().filter(|r| is_private(&r.relation)) {
        row.values.clear();
    }
    let body = json!({"commit": done.applied.commit, "preview": preview, "changes": counts(&done.applied),
        "rows": done.rows, "unchanged": done.unchanged,
        "conflicts": done.conflicts.iter().map(told).collect::<Vec<_>>()});
    let mut response = Response::new(answer::json(&body));
    let json = HeaderValue::from_static("application/json");
    response.headers_mut().insert(CONTENT_TYPE, json);
    commit_header(&mut response, done.applied.commit);
    Ok(response)
}
