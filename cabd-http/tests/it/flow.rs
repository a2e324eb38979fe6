//! Answers flow: the first bytes before the last row, no further ahead than the client reads, and no query without a client.

use std::io::Read;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use axum::body::Body;
use axum::http::Request;
use cabd::catalog::{CatalogChange, CatalogCommit, CatalogPlan};
use cabd::store::{
    Adopted, AuditStore, BoxStream, Capabilities, CatalogStore, FeatureStream, Finding, LogEntry,
    OperationStream, RecordQuery, RecordStream, StoreInfo,
};
use cabd::{
    Applied, Catalog, ChangeHead, CommitNumber, Error, FeatureQuery, FeatureStore, Result, Store,
};
use cabd_http::{Service, Settings, router};
use futures::{StreamExt, stream};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tower::ServiceExt;

use crate::support::{fill, send};

/// A store whose answers repeat their rows `times`, with a pause before each batch; it counts what was asked of it.
struct Slow {
    inner: Arc<dyn Store>,
    times: usize,
    pause: Duration,
    breaks_after: usize,
    given: Arc<AtomicUsize>,
    dropped: Arc<AtomicBool>,
}

struct Watch(Arc<AtomicBool>);

impl Drop for Watch {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

impl Slow {
    async fn new(times: usize, pause: Duration) -> Self {
        let inner = cabd::create("memory:").await.unwrap();
        inner
            .change_catalog(&cabd::shipped().unwrap())
            .await
            .unwrap();
        fill(inner.as_ref()).await;
        Self {
            inner,
            times,
            pause,
            breaks_after: usize::MAX,
            given: Arc::default(),
            dropped: Arc::default(),
        }
    }
}

#[async_trait]
impl CatalogStore for Slow {
    async fn catalog(&self) -> Result<Arc<Catalog>> {
        self.inner.catalog().await
    }
    async fn plan(&self, change: &CatalogChange) -> Result<CatalogPlan> {
        self.inner.plan(change).await
    }
    async fn evolve(&self, change: &CatalogChange) -> Result<CatalogPlan> {
        self.inner.evolve(change).await
    }
    async fn catalog_history(&self) -> Result<Vec<CatalogCommit>> {
        self.inner.catalog_history().await
    }
    async fn adopt(&self, feature_type: &str) -> Result<Adopted> {
        self.inner.adopt(feature_type).await
    }
}

#[async_trait]
impl FeatureStore for Slow {
    async fn features(&self, query: &FeatureQuery) -> Result<FeatureStream> {
        let mut answer = self.inner.features(query).await?;
        let batch = answer.batches.next().await.unwrap()?;
        let (given, pause, breaks_after) = (self.given.clone(), self.pause, self.breaks_after);
        let watch = Watch(self.dropped.clone());
        let batches = stream::iter(0..self.times).then(move |n| {
            let (batch, given, _watch) = (batch.clone(), given.clone(), &watch);
            async move {
                tokio::time::sleep(pause).await;
                given.fetch_add(1, Ordering::SeqCst);
                if n >= breaks_after {
                    Err(Error::corrupt("planted"))
                } else {
                    Ok(batch)
                }
            }
        });
        Ok(FeatureStream {
            schema: answer.schema,
            batches: batches.boxed(),
        })
    }
    async fn count(&self, _: &FeatureQuery) -> Result<u64> {
        Ok(3 * self.times as u64)
    }
    async fn records(&self, query: &RecordQuery) -> Result<RecordStream> {
        self.inner.records(query).await
    }
    async fn apply(&self, head: &ChangeHead, operations: OperationStream) -> Result<Applied> {
        self.inner.apply(head, operations).await
    }
    async fn derive(
        &self,
        head: &ChangeHead,
        features: cabd::store::DeriveStream,
    ) -> Result<Applied> {
        self.inner.derive(head, features).await
    }
}

#[async_trait]
impl AuditStore for Slow {
    async fn head(&self) -> Result<CommitNumber> {
        self.inner.head().await
    }
    async fn changes(&self, query: &cabd::store::ChangeQuery) -> Result<BoxStream<LogEntry>> {
        self.inner.changes(query).await
    }
    async fn changesets(
        &self,
        after: CommitNumber,
        until: Option<CommitNumber>,
    ) -> Result<BoxStream<cabd::store::Changeset>> {
        self.inner.changesets(after, until).await
    }
    async fn release(&self, release: &cabd::store::Release) -> Result<()> {
        self.inner.release(release).await
    }
    async fn releases(&self) -> Result<Vec<cabd::store::Release>> {
        self.inner.releases().await
    }
    async fn last_change(&self, feature: cabd::Uuid) -> Result<CommitNumber> {
        self.inner.last_change(feature).await
    }
}

#[async_trait]
impl cabd::store::ProofStore for Slow {
    async fn seal(&self) -> Result<u64> {
        self.inner.seal().await
    }
    async fn seals(&self, after: CommitNumber) -> Result<BoxStream<cabd::store::Seal>> {
        self.inner.seals(after).await
    }
    async fn seal_of(&self, until: CommitNumber) -> Result<Option<cabd::store::Seal>> {
        self.inner.seal_of(until).await
    }
    async fn stored_rows(
        &self,
        query: &cabd::store::StoredRows,
    ) -> Result<BoxStream<cabd::store::StoredRow>> {
        self.inner.stored_rows(query).await
    }
    async fn erase_stored(&self, rows: Vec<cabd::store::Erasure>) -> Result<()> {
        self.inner.erase_stored(rows).await
    }
    async fn log_triggers(&self) -> Result<Vec<Finding>> {
        self.inner.log_triggers().await
    }
}

#[async_trait]
impl Store for Slow {
    fn name(&self) -> &'static str {
        "slow"
    }
    fn capabilities(&self) -> Capabilities {
        self.inner.capabilities()
    }
    async fn info(&self) -> Result<StoreInfo> {
        self.inner.info().await
    }
    async fn doctor(&self) -> Result<Vec<Finding>> {
        self.inner.doctor().await
    }
    fn hooks(&self) -> &cabd::store::Hooks {
        self.inner.hooks()
    }
    async fn close(&self) -> Result<()> {
        self.inner.close().await
    }
}

fn get(path: &str) -> Request<Body> {
    Request::get(format!("/cabd-api{path}"))
        .body(Body::empty())
        .unwrap()
}

fn everything() -> Settings {
    Settings {
        max_features: 1_000_000_000,
        ..Settings::default()
    }
}

async fn until(what: &str, is_so: impl Fn() -> bool) {
    for _ in 0..200 {
        if is_so() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("{what}");
}

/// Batches of three rows hardly fill the writer's buffer: the CSV writer and the GeoJSON writer hand on 64 KiB at a time.
const ENOUGH: usize = 2000;

#[tokio::test(flavor = "multi_thread")]
async fn the_first_bytes_come_before_the_last_row_also_packed() {
    for (format, packed) in [
        ("json", ""),
        ("csv", ""),
        ("json", "gzip"),
        ("json", "br"),
        ("json", "zstd"),
    ] {
        let store = Slow::new(ENOUGH, Duration::from_millis(1)).await;
        let given = store.given.clone();
        let router = router(Arc::new(store), everything());
        let mut request = get(&format!("/features/dams?format={format}"));
        request
            .headers_mut()
            .insert("accept-encoding", packed.parse().unwrap());
        let answer = router.oneshot(request).await.unwrap();
        assert_eq!(answer.status(), 200);
        let encoding = answer
            .headers()
            .get("content-encoding")
            .map_or("", |v| v.to_str().unwrap());
        assert_eq!(encoding, packed);
        let mut body = answer.into_body().into_data_stream();
        let first = body.next().await.unwrap().unwrap();
        assert!(!first.is_empty());
        let rows = given.load(Ordering::SeqCst);
        assert!(
            rows < ENOUGH / 2,
            "{format} {packed}: {rows} batches before the first byte"
        );
        let mut whole = first.to_vec();
        while let Some(piece) = body.next().await {
            whole.extend_from_slice(&piece.unwrap());
        }
        if packed == "gzip" {
            let mut text = String::new();
            flate2::read::GzDecoder::new(&whole[..])
                .read_to_string(&mut text)
                .unwrap();
            assert!(text.ends_with("]}\n"));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_client_holds_the_query_back() {
    let store = Slow::new(1_000_000, Duration::ZERO).await;
    let (given, dropped) = (store.given.clone(), store.dropped.clone());
    let router = router(Arc::new(store), everything());
    let answer = router.oneshot(get("/features/dams")).await.unwrap();
    let mut body = answer.into_body().into_data_stream();
    body.next().await.unwrap().unwrap();
    tokio::time::sleep(Duration::from_millis(300)).await;
    let held = given.load(Ordering::SeqCst);
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(
        given.load(Ordering::SeqCst),
        held,
        "nobody reads, nothing is read"
    );
    assert!(held < 1000, "{held} batches ahead of the client");
    assert!(!dropped.load(Ordering::SeqCst));
    drop(body);
    until("the query ends when the client goes", || {
        dropped.load(Ordering::SeqCst)
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_goes_while_the_store_is_at_work_ends_the_query() {
    let store = Slow::new(10, Duration::from_secs(3600)).await;
    let dropped = store.dropped.clone();
    let router = router(Arc::new(store), everything());
    let waiting = tokio::spawn(router.oneshot(get("/features/dams")));
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert!(!dropped.load(Ordering::SeqCst));
    waiting.abort();
    until("the query ends", || dropped.load(Ordering::SeqCst)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_stops_reading_is_cut_off() {
    let store = Slow::new(1_000_000, Duration::ZERO).await;
    let dropped = store.dropped.clone();
    let settings = Settings {
        stalled_seconds: 1,
        ..everything()
    };
    let answer = router(Arc::new(store), settings)
        .oneshot(get("/features/dams"))
        .await
        .unwrap();
    let body = answer.into_body();
    tokio::time::sleep(Duration::from_millis(1500)).await;
    until("the query ends", || dropped.load(Ordering::SeqCst)).await;
    assert!(
        axum::body::to_bytes(body, usize::MAX).await.is_err(),
        "and the answer is not whole"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_error_before_the_first_byte_is_a_problem_and_later_a_broken_answer() {
    let mut store = Slow::new(10, Duration::ZERO).await;
    store.breaks_after = 0;
    let got = send(
        &router(Arc::new(store), everything()),
        get("/features/dams"),
    )
    .await;
    assert_eq!(got.status, 500);
    assert!(!got.text().contains("planted"));
    assert_eq!(got.json()["request_id"], got.header("x-request-id"));
    let mut store = Slow::new(ENOUGH, Duration::ZERO).await;
    store.breaks_after = ENOUGH - 1;
    let answer = router(Arc::new(store), everything())
        .oneshot(get("/features/dams"))
        .await
        .unwrap();
    assert_eq!(answer.status(), 200);
    assert!(
        axum::body::to_bytes(answer.into_body(), usize::MAX)
            .await
            .is_err()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_does_not_begin_in_time_is_503() {
    let store = Slow::new(10, Duration::from_secs(3600)).await;
    let dropped = store.dropped.clone();
    let settings = Settings {
        answer_seconds: 1,
        ..everything()
    };
    let got = send(&router(Arc::new(store), settings), get("/features/dams")).await;
    assert_eq!((got.status.as_u16(), got.header("retry-after")), (503, "5"));
    assert_eq!(got.json()["type"], "urn:cabd:problem:too-slow");
    until("the query ends", || dropped.load(Ordering::SeqCst)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_waits_too_long_for_a_turn_is_told_and_health_is_always_answered() {
    let store = Slow::new(10, Duration::from_secs(3600)).await;
    let settings = Settings {
        max_concurrent: 1,
        queue_seconds: 1,
        ..everything()
    };
    let router = router(Arc::new(store), settings);
    let first = tokio::spawn(router.clone().oneshot(get("/features/dams")));
    tokio::time::sleep(Duration::from_millis(200)).await;
    let begun = Instant::now();
    let second = send(&router, get("/features/types")).await;
    assert_eq!(second.status, 503, "{}", second.text());
    assert!(begun.elapsed() >= Duration::from_secs(1));
    let health = Request::get("/health/ready").body(Body::empty()).unwrap();
    assert_eq!(send(&router, health).await.status, 200);
    first.abort();
    let _ = first.await;
    assert_eq!(send(&router, get("/features/types")).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_that_read_long_answers_slowly_keep_nobody_waiting() {
    let store = Slow::new(1_000_000, Duration::ZERO).await;
    let settings = Settings {
        max_concurrent: 1,
        queue_seconds: 1,
        ..everything()
    };
    let router = router(Arc::new(store), settings);
    let mut slow = vec![];
    for _ in 0..5 {
        slow.push(router.clone().oneshot(get("/features/dams")).await.unwrap());
    }
    assert!(slow.iter().all(|answer| answer.status() == 200));
    let types = tokio::time::timeout(
        Duration::from_millis(900),
        send(&router, get("/features/types")),
    );
    assert_eq!(types.await.unwrap().status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_end_waits_for_answers_in_progress() {
    let store = Slow::new(ENOUGH, Duration::from_millis(1)).await;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = listener.local_addr().unwrap();
    let (end, ended) = tokio::sync::oneshot::channel::<()>();
    let service = Service::new(Arc::new(store), everything());
    let serving = tokio::spawn(service.serve(listener, async {
        let _ = ended.await;
    }));
    let mut socket = tokio::net::TcpStream::connect(at).await.unwrap();
    let request = "GET /cabd-api/features/dams HTTP/1.1\r\nhost: x\r\n\r\n";
    socket.write_all(request.as_bytes()).await.unwrap();
    let mut all = vec![0; 1000];
    let n = socket.read(&mut all).await.unwrap();
    all.truncate(n);
    end.send(()).unwrap();
    socket.read_to_end(&mut all).await.unwrap();
    let text = String::from_utf8_lossy(&all);
    assert!(text.starts_with("HTTP/1.1 200"), "{text:.300}");
    assert!(text.ends_with("]}\n\r\n0\r\n\r\n"), "the answer is whole");
    assert_eq!(serving.await.unwrap().unwrap(), 0);
    assert!(
        tokio::net::TcpStream::connect(at).await.is_err(),
        "nothing new is accepted"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_without_a_request_is_closed_in_time() {
    let store = Slow::new(1, Duration::ZERO).await;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = listener.local_addr().unwrap();
    let settings = Settings {
        header_seconds: 1,
        ..everything()
    };
    let serving = tokio::spawn(
        Service::new(Arc::new(store), settings).serve(listener, std::future::pending()),
    );
    let mut socket = tokio::net::TcpStream::connect(at).await.unwrap();
    socket
        .write_all(b"GET /cabd-api/features HTTP/1.1\r\nhost")
        .await
        .unwrap();
    let mut all = vec![];
    let closed = tokio::time::timeout(Duration::from_secs(10), socket.read_to_end(&mut all)).await;
    assert!(closed.is_ok());
    serving.abort();
}
