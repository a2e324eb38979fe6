//! A client: many connections that ask again as soon as they are answered.

use std::io::{Error, Result};
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// A connection that stays.
pub struct Client {
    socket: TcpStream,
    at: String,
    read: Vec<u8>,
}

impl Client {
    pub async fn connect(at: &str) -> Result<Self> {
        let socket = TcpStream::connect(at).await?;
        socket.set_nodelay(true)?;
        Ok(Self {
            socket,
            at: at.to_owned(),
            read: vec![0; 256 * 1024],
        })
    }

    /// Status and length of the body.
    pub async fn get(&mut self, path: &str) -> Result<(u16, usize)> {
        let request = format!("GET {path} HTTP/1.1\r\nhost: {}\r\n\r\n", self.at);
        self.socket.write_all(request.as_bytes()).await?;
        let mut have = 0;
        let (head, status, length) = loop {
            let n = self.socket.read(&mut self.read[have..]).await?;
            if n == 0 {
                return Err(Error::other("the connection was closed"));
            }
            have += n;
            if let Some(end) = find(&self.read[..have], b"\r\n\r\n") {
                let head = String::from_utf8_lossy(&self.read[..end]).to_lowercase();
                let status = head.split(' ').nth(1).and_then(|s| s.parse().ok());
                let length = head.lines().find_map(|l| l.strip_prefix("content-length:"));
                let length = length.and_then(|l| l.trim().parse().ok()).unwrap_or(0);
                break (end + 4, status.unwrap_or(0), length);
            }
        };
        let mut left = (head + length).saturating_sub(have);
        while left > 0 {
            let most = left.min(self.read.len());
            let n = self.socket.read(&mut self.read[..most]).await?;
            if n == 0 {
                return Err(Error::other("the body broke off"));
            }
            left -= n;
        }
        Ok((status, length))
    }
}

fn find(all: &[u8], what: &[u8]) -> Option<usize> {
    all.windows(what.len()).position(|w| w == what)
}

/// Answers a second for one path.
pub async fn rate(at: &str, path: &str, connections: usize, seconds: u64) -> Result<f64> {
    let end = Instant::now() + Duration::from_secs(seconds);
    let one = |mut client: Client| async move {
        let mut n = 0u64;
        while Instant::now() < end {
            let (status, _) = client.get(path).await?;
            if status != 200 {
                return Err(Error::other(format!("{path}: {status}")));
            }
            n += 1;
        }
        Ok(n)
    };
    let mut clients = vec![];
    for _ in 0..connections {
        clients.push(Client::connect(at).await?);
    }
    let begun = Instant::now();
    let done = futures::future::join_all(clients.into_iter().map(one)).await;
    let n: u64 = done.into_iter().sum::<Result<u64>>()?;
    Ok(n as f64 / begun.elapsed().as_secs_f64())
}
