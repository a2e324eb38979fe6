//! Clients that read any body to its end and keep their connections.

use std::time::{Duration, Instant};

use http_body_util::{BodyExt, Empty};
use hyper::body::Bytes;
use hyper::client::conn::http1::SendRequest;
use hyper::{Request, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

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
    pub answers: u64,
    pub errors: u64,
    pub bytes: u64,
    pub waits: Vec<Duration>,
    pub time: Duration,
}

impl Load {
    pub fn rate(&self) -> f64 {
        self.answers as f64 / self.time.as_secs_f64()
    }

    /// The wait that `share` of the answers stay under.
    pub fn wait(&mut self, share: f64) -> Duration {
        self.waits.sort_unstable();
        let at =
            ((self.waits.len() as f64 * share) as usize).min(self.waits.len().saturating_sub(1));
        self.waits.get(at).copied().unwrap_or_default()
    }
}

/// `clients` at once, each asking the next path when it has its answer.
pub async fn load(at: &str, paths: &[String], clients: usize, time: Duration) -> Load {
    let begun = Instant::now();
    let mut all = tokio::task::JoinSet::new();
    for n in 0..clients {
        let (at, paths) = (at.to_owned(), paths.to_vec());
        all.spawn(async move {
            let mut load = Load::default();
            let mut client = None;
            let mut next = n;
            while begun.elapsed() < time {
                if client.is_none() {
                    client = Client::connect(&at).await.ok();
                }
                let Some(open) = &mut client else {
                    load.errors += 1;
                    continue;
                };
                next += 1;
                match open.get(&paths[next % paths.len()]).await {
                    Ok(got) if got.status == StatusCode::OK => {
                        load.answers += 1;
                        load.bytes += got.bytes as u64;
                        load.waits.push(got.whole);
                    }
                    Ok(_) => load.errors += 1,
                    Err(_) => {
                        load.errors += 1;
                        client = None;
                    }
                }
            }
            load
        });
    }
    let mut sum = Load::default();
    while let Some(one) = all.join_next().await {
        let Ok(one) = one else {
            sum.errors += 1;
            continue;
        };
        sum.answers += one.answers;
        sum.errors += one.errors;
        sum.bytes += one.bytes;
        sum.waits.extend(one.waits);
    }
    sum.time = begun.elapsed();
    sum
}
