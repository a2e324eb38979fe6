//! `cabd serve`: from the command line to the last answer.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::support::{Database, Desk, sample};

/// A running service; killed when dropped.
pub struct Serving {
    child: Child,
    pub at: String,
    err: BufReader<std::process::ChildStderr>,
}

impl Serving {
    pub fn start(desk: &Desk, arguments: &[&str]) -> Self {
        let mut all = vec!["serve"];
        all.extend(arguments);
        all.extend(["--listen", "127.0.0.1:0"]);
        let mut child = desk.command(all).spawn().unwrap();
        let mut err = BufReader::new(child.stderr.take().unwrap());
        let mut line = String::new();
        err.read_line(&mut line).unwrap();
        let (_, after) = line
            .split_once("http://")
            .unwrap_or_else(|| panic!("{line}"));
        let at = after.split('/').next().unwrap().to_owned();
        Self { child, at, err }
    }

    pub fn send(&self, path: &str) -> TcpStream {
        let mut socket = TcpStream::connect(&self.at).unwrap();
        socket
            .set_read_timeout(Some(Duration::from_secs(60)))
            .unwrap();
        let request = format!(
            "GET {path} HTTP/1.1\r\nhost: {}\r\nconnection: close\r\n\r\n",
            self.at
        );
        socket.write_all(request.as_bytes()).unwrap();
        socket
    }

    /// Head and body of an answer.
    pub fn get(&self, path: &str) -> (String, String) {
        let mut text = String::new();
        self.send(path).read_to_string(&mut text).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        (head.to_owned(), body.to_owned())
    }

    pub fn signal(&self) {
        let done = Command::new("kill")
            .arg(self.child.id().to_string())
            .status()
            .unwrap();
        assert!(done.success());
    }

    pub fn end(&mut self) -> (Option<i32>, String) {
        let begun = Instant::now();
        let code = loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                break status.code();
            }
            assert!(
                begun.elapsed() < Duration::from_secs(30),
                "the service ends"
            );
            std::thread::sleep(Duration::from_millis(20));
        };
        let mut log = String::new();
        self.err.read_to_string(&mut log).unwrap();
        (code, log)
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn dams(serving: &Serving) {
    let (head, body) = serving.get("/cabd-api/features/dams?max-results=2");
    assert!(head.starts_with("HTTP/1.1 200"), "{head}");
    assert!(head.contains("content-range: features 0-2/"), "{head}");
    assert!(
        body.contains("\"FeatureCollection\"") && body.ends_with("0\r\n\r\n"),
        "{body}"
    );
}

#[test]
fn a_file_is_served_until_the_signal_and_is_one_file_then() {
    let desk = Desk::with_inventory();
    let dams_csv = sample("dams.csv");
    desk.ok([
        "load",
        "inventory.sqlite",
        "--mapping",
        "sample-dams",
        &dams_csv,
    ]);
    let mut serving = Serving::start(&desk, &["inventory.sqlite", "--set", "log=json"]);
    dams(&serving);
    let (head, _) = serving.get("/cabd-api/features?bbox=1");
    assert!(head.starts_with("HTTP/1.1 400"), "{head}");
    let waiting = TcpStream::connect(&serving.at).unwrap();
    serving.signal();
    let (code, log) = serving.end();
    drop(waiting);
    assert_eq!(code, Some(0), "{log}");
    assert_eq!(desk.files(), ["inventory.sqlite"]);
    let lines: Vec<Value> = log
        .lines()
        .map(|l| serde_json::from_str(l).unwrap_or_else(|e| panic!("{e}: {l}")))
        .collect();
    let answered: Vec<_> = lines
        .iter()
        .filter(|l| l["message"] == "answered")
        .collect();
    assert_eq!(answered.len(), 2, "{log}");
    assert_eq!(
        (&answered[1]["status"], &answered[1]["whole"]),
        (&Value::from(400), &Value::from(true))
    );
}

#[test]
fn postgis_is_served() {
    let Some(database) = Database::new() else {
        return;
    };
    let desk = Desk::new();
    desk.ok(["init", &database.url]);
    let dams_csv = sample("dams.csv");
    desk.ok(["load", &database.url, "--mapping", "sample-dams", &dams_csv]);
    let mut serving = Serving::start(&desk, &[&database.url]);
    dams(&serving);
    serving.signal();
    assert_eq!(serving.end().0, Some(0));
}

#[test]
fn settings_are_shown_without_passwords_and_flags_win() {
    let desk = Desk::new();
    desk.write(
        "c.toml",
        "store = \"postgres://u:secret@h/d\"\nmax_features = 5\nlicence = \"L\"\n",
    );
    let text = desk.ok([
        "serve",
        "--config",
        "c.toml",
        "--max-features",
        "7",
        "--print-config",
    ]);
    assert!(!text.contains("secret"), "{text}");
    for line in [
        "store = \"postgres://u:***@h/d\"",
        "max_features = 7",
        "licence = \"L\"",
        "listen = \"127.0.0.1:8080\"",
    ] {
        assert!(text.lines().any(|l| l == line), "{line} in {text}");
    }
    let mut command = desk.command(["serve", "--config", "c.toml", "--print-config"]);
    let output = command.env("CABD_HTTP_MAX_FEATURES", "6").output().unwrap();
    assert!(
        String::from_utf8(output.stdout)
            .unwrap()
            .contains("max_features = 6")
    );
    let err = desk.refused(3, ["serve", "x.sqlite", "--set", "max_featurs=1"]);
    assert!(err.contains("max_featurs"), "{err}");
}

#[test]
fn a_missing_store_or_a_taken_port_is_told() {
    let desk = Desk::with_inventory();
    desk.refused(4, ["serve", "none.sqlite"]);
    desk.refused(3, ["serve"]);
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let at = taken.local_addr().unwrap().to_string();
    let err = desk.refused(5, ["serve", "inventory.sqlite", "--listen", &at]);
    assert!(err.contains(&at), "{err}");
}
