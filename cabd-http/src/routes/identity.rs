//! What becomes of a feature's identifier: merge, split, withdraw and restore.

use std::sync::Arc;

use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderValue, Response, StatusCode};
use cabd_core::feature::{Applied, ChangeHead};
use cabd_core::store::{FeatureName, IdentityExt};
use cabd_core::{Error, ErrorKind, Uuid};
use serde::Deserialize;
use serde_json::json;

use super::edits::{Edit, commit_header, counts, named};
use super::{Answer, features, nowhere};
use crate::answer;
use crate::app::App;
use crate::problem::Problem;
use crate::refused::of_feature;

/// What is sent.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Document {
    reason: Option<String>,
    into: Vec<Uuid>,
}

/// POST `/features/{type}/{uuid}/{act}`
pub(super) async fn act(app: Arc<App>, edit: Edit, path: Vec<String>) -> Answer {
    let [_, _, act] = path.as_slice() else {
        return Err(Box::new(nowhere()));
    };
    let catalog = app.store.catalog().await?;
    let (ft, id) = named(&catalog, &path[..2])?;
    let document: Document = serde_json::from_value(edit.document.clone()).map_err(|e| {
        Problem::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            "invalid-change",
            format!("not what becomes of a feature: {e}"),
            format!("ne dit pas ce que devient un élément : {e}"),
        )
        .hint(
            "send reason, and into with the identifiers of other features",
            "envoyez reason, et into avec les identifiants d’autres éléments",
        )
    })?;
    let of = FeatureName::new(ft.id(), id);
    let mut head = ChangeHead {
        author: Some(edit.author.clone()),
        client: Some("http".to_owned()),
        reason: document.reason,
        ..ChangeHead::default()
    };
    if act != "restore" {
        head.bases.extend(edit.base(&ft, id)?);
    }
    let mut into = vec![];
    for id in document.into {
        let ft = features::find_type(&app, &catalog, id, None).await?;
        into.push(FeatureName::new(ft.id(), id));
    }
    let store = &app.store;
    let done: Result<Applied, Error> = match (act.as_str(), into.as_slice()) {
        ("merge", [into]) => store.merge(&head, &of, into).await,
        ("merge", _) => Err(Error::invalid("a feature is merged with one other")
            .field("into")
            .value(into.len())
            .expected("one identifier")),
        ("split", _) => store.split(&head, &of, &into, vec![]).await,
        ("withdraw", _) => store.withdraw(&head, &of).await,
        ("restore", _) => store.restore(&head, &of).await.map(|r| r.applied),
        _ => return Err(Box::new(nowhere())),
    };
    let done = done.map_err(|e| match e.kind() {
        ErrorKind::NotFound => features::missing(&id.to_string()),
        _ => of_feature(&e),
    })?;
    let body = json!({"commit": done.commit, "dry_run": false, "changes": counts(&done)});
    let mut response = Response::new(answer::json(&body));
    let json = HeaderValue::from_static("application/json");
    response.headers_mut().insert(CONTENT_TYPE, json);
    commit_header(&mut response, done.commit);
    Ok(response)
}
