//! A server in a process of its own, killed at the end.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Error, Result};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

pub struct Service {
    child: Child,
    /// `127.0.0.1:PORT`
    pub at: String,
    /// From the start of the process to the line that says it serves.
    pub ready: Duration,
}

/// The command that the release build made, beside the bench.
pub fn command() -> Result<PathBuf> {
    let own = std::env::current_exe()?;
    let found = own
        .ancestors()
        .map(|a| a.join("cabd"))
        .find(|p| p.is_file());
    found.ok_or_else(|| Error::other("no command: cargo build --release -p cabd-cli"))
}

/// A new SpatiaLite file of the shipped catalogue with synthetic dams.
pub fn inventory(path: &Path, features: u64) -> Result<()> {
    let (name, features) = (path.to_string_lossy(), features.to_string());
    for arguments in [
        vec!["init", &*name],
        vec!["synth", &*name, "--features", &*features, "--seed", "1"],
    ] {
        let done = Command::new(command()?).args(arguments).output()?;
        if !done.status.success() {
            return Err(Error::other(
                String::from_utf8_lossy(&done.stderr).into_owned(),
            ));
        }
    }
    Ok(())
}

impl Service {
    /// `cabd serve` of a file.
    pub fn of(store: &Path) -> Result<Self> {
        Self::with(store, &[])
    }

    /// The same with settings.
    pub fn with(store: &Path, settings: &[&str]) -> Result<Self> {
        let name = store.to_string_lossy();
        let mut arguments = vec!["serve", &*name, "--listen", "127.0.0.1:0"];
        for setting in ["log_level=warn"].iter().chain(settings) {
            arguments.extend(["--set", setting]);
        }
        Self::start(command()?, &arguments)
    }

    /// The bare handler, with bodies of so many bytes.
    pub fn bare(bytes: usize) -> Result<Self> {
        Self::start(
            std::env::current_exe()?,
            &["--bare".to_owned(), bytes.to_string()],
        )
    }

    /// Starts a program that says its address on standard error.
    pub fn start<S: AsRef<OsStr>>(program: PathBuf, arguments: &[S]) -> Result<Self> {
        let begun = Instant::now();
        let mut child = Command::new(program)
            .args(arguments)
            .stderr(Stdio::piped())
            .spawn()?;
        let out = child.stderr.take().ok_or(Error::other("no output"))?;
        let mut out = BufReader::new(out);
        let mut line = String::new();
        out.read_line(&mut line)?;
        // What it says later must not fill the pipe.
        std::thread::spawn(move || std::io::copy(&mut out, &mut std::io::sink()));
        let at = line.split_once("http://").map(|(_, rest)| rest);
        let at = at.and_then(|rest| rest.split(['/', '\n']).next());
        let at = at.ok_or_else(|| Error::other(line.clone()))?.to_owned();
        Ok(Self {
            child,
            at,
            ready: begun.elapsed(),
        })
    }

    /// Memory of the process, in bytes.
    pub fn memory(&self) -> u64 {
        let path = format!("/proc/{}/status", self.child.id());
        let status = std::fs::read_to_string(path).unwrap_or_default();
        let line = status.lines().find_map(|l| l.strip_prefix("VmRSS:"));
        let kib = line.and_then(|l| l.trim().split(' ').next()?.parse::<u64>().ok());
        kib.unwrap_or(0) * 1024
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
