//! The service as a process, a bare handler beside it, and clients that keep their connections.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use http_body_util::{BodyExt, Empty};
use hyper::body::Bytes;
use hyper::client::conn::http1::SendRequest;
use hyper::{Request, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

/// The release build of the command, beside the bench.
pub fn program() -> PathBuf {
    let bench = std::env::current_exe().expect("the bench has a path");
    let release = bench.ancestors().find(|p| p.ends_with("release"));
    let program = release.expect("a release build").join("cabd");
    assert!(
        program.is_file(),
        "{} is missing: cargo build --release -p cabd-cli",
        program.display()
    );
    program
}

/// A new SpatiaLite file with synthetic dams.
pub fn inventory(path: &Path, features: u64) {
    for arguments in [
        vec!["init"],
        vec![
            "synth",
            "--features",
            &features.to_string(),
            "--type",
            "dams",
            "--seed",
            "1",
        ],
    ] {
        let mut command = Command::new(program());
        command.arg(arguments[0]).arg(path).args(&arguments[1..]);
        let done = command.stdout(Stdio::null()).stderr(Stdio::null()).status();
        assert!(done.expect("cabd runs").success());
    }
}

/// A running server; ended when dropped.
pub struct Server {
    child: Child,
    /// Host and port.
    pub at: String,
    /// From its start to the line that says where it answers.
    pub started: Duration,
}

impl Server {
    /// `cabd serve` of a store.
    pub fn cabd(store: &Path) -> Self {
        let mut command = Command::new(program());
        command.arg("serve").arg(store);
        command.args(["--listen", "127.0.0.1:0", "--set", "log_level=info"]);
        Self::start(command)
    }

    /// This bench as a bare axum handler that gives `size` bytes.
    pub fn bare(size: usize) -> Self {
        let mut command = Command::new(std::env::current_exe().expect("the bench has a path"));
        command.args(["--bare", &size.to_string()]);
        Self::start(command)
    }

    fn start(mut command: Command) -> Self {
        let begun = Instant::now();
        let mut child = command
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the server starts");
        let mut err = BufReader::new(child.stderr.take().expect("standard error"));
        let mut line = String::new();
        err.read_line(&mut line).expect("a line");
        let started = begun.elapsed();
        let (_, after) = line
            .split_once("http://")
            .unwrap_or_else(|| panic!("{line}"));
        let at = after
            .split(['/', ' ', '\n'])
            .next()
            .unwrap_or_default()
            .to_owned();
        // The log is read, or the server waits for a reader.
        std::thread::spawn(move || err.lines().for_each(drop));
        Self { child, at, started }
    }

    /// Resident memory in MB.
    pub fn memory_mb(&self) -> f64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()));
        let status = status.expect("the server's status");
        let line = status
            .lines()
            .find(|l| l.starts_with("VmRSS:"))
            .expect("its memory");
        let kb = line
            .split_whitespace()
            .nth(1)
            .and_then(|n| n.parse::<f64>().ok());
        kb.expect("a number") / 1000.0
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// One client on one connection.
pub struct Client {
    sender: SendRequest<Empty<Bytes>>,
    host: String,
}

/// An answer, read to its end.
pub struct Got {
    pub status: StatusCode,
    pub bytes: Vec<u8>,
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

    pub async fn get(&mut self, path: &str) -> Result<Got, hyper::Error> {
        let request = Request::get(path).header("host", &self.host);
        let request = request.body(Empty::new()).expect("the request is sound");
        let begun = Instant::now();
        self.sender.ready().await?;
        let answer = self.sender.send_request(request).await?;
        let status = answer.status();
        let range = answer.headers().get("content-range");
        let range = range
            .and_then(|v| v.to_str().ok())
            .unwrap_or_default()
            .to_owned();
        let (mut body, mut bytes, mut first) = (answer.into_body(), vec![], None);
        while let Some(frame) = body.frame().await {
            if let Ok(data) = frame?.into_data() {
                first.get_or_insert_with(|| begun.elapsed());
                bytes.extend_from_slice(&data);
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
                        load.bytes += got.bytes.len() as u64;
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
        let one = one.expect("a client ends");
        sum.answers += one.answers;
        sum.errors += one.errors;
        sum.bytes += one.bytes;
        sum.waits.extend(one.waits);
    }
    sum.time = begun.elapsed();
    sum
}
