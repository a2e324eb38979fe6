//! Runs the command in a folder of its own, on files and on databases of its own.

use std::ffi::OsStr;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use serde_json::Value;
use tempfile::TempDir;

/// The folder of the workspace.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .unwrap()
        .to_owned()
}

/// A file of the shipped sample.
pub fn sample(name: &str) -> String {
    let path = root().join("catalog/sample").join(name);
    path.to_str().unwrap().to_owned()
}

/// A folder, gone at the end, in which commands run.
pub struct Desk {
    folder: TempDir,
}

/// What a command left.
#[derive(Debug)]
pub struct Done {
    pub code: Option<i32>,
    pub out: String,
    pub err: String,
}

impl Desk {
    pub fn new() -> Self {
        let folder = tempfile::Builder::new()
            .prefix("cabd-cli-")
            .tempdir()
            .unwrap();
        Self { folder }
    }

    /// A desk with `inventory.sqlite` on it, holding the shipped catalogue.
    pub fn with_inventory() -> Self {
        let desk = Self::new();
        desk.ok(["init", "inventory.sqlite"]);
        desk
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn write(&self, name: &str, bytes: impl AsRef<[u8]>) {
        std::fs::write(self.path(name), bytes).unwrap();
    }

    pub fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap()
    }

    /// The names of the files, sorted.
    pub fn files(&self) -> Vec<String> {
        let mut names: Vec<String> = std::fs::read_dir(self.folder.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    pub fn command<I: IntoIterator<Item: AsRef<OsStr>>>(&self, arguments: I) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_cabd"));
        command
            .args(arguments)
            .current_dir(self.folder.path())
            .env_remove("COLUMNS")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    /// Runs a command, whatever its end.
    pub fn run<I: IntoIterator<Item: AsRef<OsStr>>>(&self, arguments: I) -> Done {
        done(self.command(arguments).output().unwrap())
    }

    /// Runs a command that must end well; gives its standard output.
    pub fn ok<I: IntoIterator<Item: AsRef<OsStr>>>(&self, arguments: I) -> String {
        let done = self.run(arguments);
        assert_eq!(done.code, Some(0), "{done:#?}");
        done.out
    }

    /// Runs a command that must end well, and reads its JSON.
    pub fn json<I: IntoIterator<Item: AsRef<OsStr>>>(&self, arguments: I) -> Value {
        serde_json::from_str(&self.ok(arguments)).unwrap()
    }

    /// Runs a command that must end with `code`, an `error:` line and no panic; gives standard error.
    pub fn refused<I: IntoIterator<Item: AsRef<OsStr>>>(&self, code: i32, arguments: I) -> String {
        let done = self.run(arguments);
        assert_eq!(done.code, Some(code), "{done:#?}");
        assert!(done.err.starts_with("error: "), "{done:#?}");
        assert!(!done.err.contains("panicked"), "{done:#?}");
        done.err
    }

    /// Runs a command with bytes on its standard input.
    pub fn fed<I: IntoIterator<Item: AsRef<OsStr>>>(&self, input: &[u8], arguments: I) -> Done {
        let mut child = self
            .command(arguments)
            .stdin(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdin = child.stdin.take().unwrap();
        let input = input.to_vec();
        let feeder = std::thread::spawn(move || {
            // A command that refuses its input may stop reading.
            let _ = stdin.write_all(&input);
        });
        let output = child.wait_with_output().unwrap();
        feeder.join().unwrap();
        done(output)
    }

    /// How many features of a type the store holds.
    pub fn count(&self, store: &str, feature_type: &str) -> u64 {
        let text = self.ok(["query", store, feature_type, "--count"]);
        text.trim().parse().unwrap()
    }
}

fn done(output: Output) -> Done {
    Done {
        code: output.status.code(),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

/// A database of its own on the test server, dropped at the end.
pub struct Database {
    pub url: String,
    name: String,
    server: String,
}

impl Database {
    /// A new, empty database; `None` where the tests on PostGIS are left out by `CABD_TEST_PG=skip`.
    ///
    /// # Panics
    /// Without `CABD_TEST_PG`: a run that tests nothing on PostGIS must say so.
    pub fn new() -> Option<Self> {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let server = std::env::var("CABD_TEST_PG").expect(
            "CABD_TEST_PG must name a PostGIS server (scripts/pg.sh start prints one), or be `skip`",
        );
        if server == "skip" {
            return None;
        }
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("cabd_cli_{}_{number}", std::process::id());
        program("createdb", &["--maintenance-db", &server, &name]);
        let (before, _) = server.rsplit_once('/').unwrap();
        Some(Self {
            url: format!("{before}/{name}"),
            name,
            server,
        })
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        let arguments = ["--force", "--maintenance-db", &self.server, &self.name];
        let dropped = pg_program("dropdb").args(arguments).output();
        if !std::thread::panicking() {
            assert!(dropped.unwrap().status.success(), "{} stays", self.name);
        }
    }
}

fn program(name: &str, arguments: &[&str]) {
    let output = pg_program(name).args(arguments).output().unwrap();
    let err = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{name} {arguments:?}: {err}");
}

/// A client program of PostgreSQL, on the PATH or in `CABD_PG_BINDIR`.
pub fn pg_program(name: &str) -> Command {
    match std::env::var("CABD_PG_BINDIR") {
        Ok(folder) => Command::new(Path::new(&folder).join(name)),
        Err(_) => Command::new(name),
    }
}
