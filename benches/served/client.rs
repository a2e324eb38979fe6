//! Clients that read any body to its end and keep their connections.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use http_body_util::{BodyExt, Empty};
use hyper::body::Bytes;
use hyper::client::conn::http1::SendRequest;
use hyper::{Request, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use crate::mix::Question;

/// One client on one connection.
pub struct Client {
    sender: SendRequest<Empty<Bytes>>,
    host: String,
}

/// An answer, read to its end.
pub struct Got {
    pub status: StatusCode,
    pub bytes: usize,
    /// From the request to the first bytes of the body.
    pub first: Duration,
    pub whole: Duration,
    pub range: String,
}

impl Client {
    pub async fn connect(at: &str) -> std::io::Result<Self> {
        let stream = TcpStream::connect(at).await?;
        stream.set_nodelay(true)?;
        let handshake = hyper::client::conn::http1::handshake(TokioIo::new(stream));
        let (sender, connection) = handshake.await.map_err(std::io::Error::other)?;
        tokio::spawn(connection);
        Ok(Self {
            sender,
            host: at.to_owned(),
        })
    }

    pub async fn get(&mut self, path: &str) -> std::io::Result<Got> {
        self.read(path, |_| ()).await
    }

    /// The status and the whole body.
    pub async fn body(&mut self, path: &str) -> std::io::Result<(StatusCode, Vec<u8>)> {
        let mut body = vec![];
        let got = self.read(path, |data| body.extend_from_slice(data)).await?;
        Ok((got.status, body))
    }

    async fn read(&mut self, path: &str, mut each: impl FnMut(&[u8])) -> std::io::Result<Got> {
        let request = Request::get(path).header("host", &self.host);
        let request = request.body(Empty::new()).map_err(std::io::Error::other)?;
        let begun = Instant::now();
        self.sender.ready().await.map_err(std::io::Error::other)?;
        let answer = self.sender.send_request(request).await;
        let answer = answer.map_err(std::io::Error::other)?;
        let status = answer.status();
        let range = answer.headers().get("content-range");
        let range = range
            .and_then(|v| v.to_str().ok())
            .unwrap_or_default()
            .to_owned();
        let (mut body, mut bytes, mut first) = (answer.into_body(), 0, None);
        while let Some(frame) = body.frame().await {
            if let Ok(data) = frame.map_err(std::io::Error::other)?.into_data() {
                first.get_or_insert_with(|| begun.elapsed());
                bytes += data.len();
                each(&data);
            }
        }
        let whole = begun.elapsed();
        let first = first.unwrap_or(whole);
        Ok(Got {
            status,
            bytes,
            first,
            whole,
            range,
        })
    }
}

/// What clients got that asked one after the other until their time was over.
#[derive(Default)]
pub struct Load {
    pub bytes: u64,
    /// The kind of each question and how long its answer took.
    pub waits: Vec<(usize, Duration)>,
    /// What came instead of an answer, and how often.
    pub errors: BTreeMap<String, u64>,
    pub time: Duration,
}

impl Load {
    pub fn rate(&self) -> f64 {
        self.waits.len() as f64 / self.time.as_secs_f64()
    }

    pub fn failed(&self) -> u64 {
        self.errors.values().sum()
    }

    /// The answers to questions of a kind, the quickest first; of every kind where none is named.
    pub fn sorted(&self, kind: Option<usize>) -> Vec<Duration> {
        let of_kind = self
            .waits
            .iter()
            .filter(|(k, _)| kind.is_none_or(|kind| kind == *k));
        let mut all: Vec<Duration> = of_kind.map(|(_, wait)| *wait).collect();
        all.sort_unstable();
        all
    }

    fn add(&mut self, other: Self) {
        self.bytes += other.bytes;
        self.waits.extend(other.waits);
        for (what, n) in other.errors {
            *self.errors.entry(what).or_default() += n;
        }
    }
}

/// The wait that `share` of them stay under.
pub fn quantile(sorted: &[Duration], share: f64) -> Duration {
    let at = ((sorted.len() as f64 * share) as usize).min(sorted.len().saturating_sub(1));
    sorted.get(at).copied().unwrap_or_default()
}

/// `clients` at once, each asking its next question when it has its answer: `ask` is told who asks for the how manieth time.
pub async fn load(
    at: &str,
    ask: impl Fn(usize, usize) -> Question + Clone + Send + 'static,
    clients: usize,
    time: Duration,
) -> Load {
    let begun = Instant::now();
    let mut all = tokio::task::JoinSet::new();
    for n in 0..clients {
        let (at, ask) = (at.to_owned(), ask.clone());
        all.spawn(async move {
            let mut load = Load::default();
            let mut client = None;
            let mut step = 0;
            while begun.elapsed() < time {
                step += 1;
                let question = ask(n, step);
                if let Err(e) = once(&at, &mut client, &question, &mut load).await {
                    *load.errors.entry(e.to_string()).or_default() += 1;
                    client = None;
                }
            }
            load
        });
    }
    let mut sum = Load::default();
    while let Some(one) = all.join_next().await {
        sum.add(one.unwrap_or_default());
    }
    sum.time = begun.elapsed();
    sum
}

async fn once(
    at: &str,
    client: &mut Option<Client>,
    question: &Question,
    load: &mut Load,
) -> std::io::Result<()> {
    let open = match client {
        Some(open) => open,
        none => none.insert(Client::connect(at).await?),
    };
    let got = open.get(&question.path).await?;
    // A tile without features has no content.
    if got.status == StatusCode::OK || got.status == StatusCode::NO_CONTENT {
        load.bytes += got.bytes as u64;
        load.waits.push((question.kind, got.whole));
    } else {
        let path = question.path.split('?').next().unwrap_or_default();
        let what: Vec<&str> = path.split('/').take(4).collect();
        *load
            .errors
            .entry(format!("{} {}", got.status, what.join("/")))
            .or_default() += 1;
    }
    Ok(())
}
