//! What stands before the routes: what is kept is given again before anything else is done for a request.
//!
//! A map asks for many tiles and pages share lists; what surrounds other requests (routes, layers) takes as long as such an answer itself.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::Router;
use axum::body::{Body, Bytes, HttpBody};
use axum::extract::Request;
use axum::http::Response;
use tower::{BoxError, Service};

use crate::app::App;
use crate::recent;
use crate::routes::tiles;

/// The routes with what is kept before them.
#[derive(Clone)]
pub(crate) struct Front {
    app: Arc<App>,
    routes: Router,
}

impl Front {
    pub(crate) fn new(app: Arc<App>, routes: Router) -> Self {
        Self { app, routes }
    }
}

impl<B> Service<Request<B>> for Front
where
    B: HttpBody<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let Self { app, mut routes } = self.clone();
        Box::pin(async move {
            let (parts, body) = request.into_parts();
            if let Some(tile) = tiles::kept(&app, &parts).await {
                return Ok(tile);
            }
            let question = match recent::again(&app, &parts).await {
                Ok(answer) => return Ok(answer),
                Err(question) => question,
            };
            let answer = routes.call(Request::from_parts(parts, body)).await?;
            Ok(match question {
                Some(question) => recent::keep(app, question, answer),
                None => answer,
            })
        })
    }
}
