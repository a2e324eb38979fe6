//! The peer: an axum handler that does nothing but give bytes.

use axum::Router;
use axum::body::Bytes;
use axum::http::header::CONTENT_TYPE;
use axum::routing::get;

/// Answers every request with `size` bytes until the process is ended.
pub async fn serve(size: usize) {
    let bytes = Bytes::from(vec![b'x'; size]);
    let answer = move || {
        let bytes = bytes.clone();
        async move { ([(CONTENT_TYPE, "application/json")], bytes) }
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    eprintln!("http://{}", listener.local_addr().unwrap());
    let router = Router::new().fallback(get(answer));
    axum::serve(listener, router).await.unwrap();
}
