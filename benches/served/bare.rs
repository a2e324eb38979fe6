//! The peer: an axum handler that returns the same bytes each time.

use axum::Router;
use axum::http::header::CONTENT_TYPE;
use axum::routing::get;

/// Serves bodies of so many bytes until the process is killed; says its address as `cabd serve` does.
pub fn serve(bytes: usize) {
    let body = axum::body::Bytes::from(vec![7u8; bytes]);
    let handler = move || {
        let body = body.clone();
        async move { ([(CONTENT_TYPE, "application/vnd.mapbox-vector-tile")], body) }
    };
    let serving = async {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
        eprintln!("serving at http://{}/", listener.local_addr()?);
        axum::serve(listener, Router::new().route("/{*any}", get(handler))).await
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build();
    if let Err(e) = runtime.and_then(|r| r.block_on(serving)) {
        eprintln!("{e}");
    }
}
