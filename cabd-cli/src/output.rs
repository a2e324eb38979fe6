//! Standard output, and files that appear only when they are complete.

use std::io::{self, BufWriter, Write};
use std::path::Path;

use cabd::{Error, Result};
use serde::Serialize;
use tempfile::NamedTempFile;

/// Writes to standard output, at once.
///
/// # Errors
/// When it cannot be written; a reader who has gone is told by the cause and ends the program quietly.
pub fn print(bytes: &[u8]) -> Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(bytes)
        .and_then(|()| out.flush())
        .map_err(to_stdout)
}

/// Writes a line to standard output.
///
/// # Errors
/// As [`print()`].
pub fn line(text: impl AsRef<str>) -> Result<()> {
    print(format!("{}\n", text.as_ref()).as_bytes())
}

/// Writes a value as JSON, indented, to standard output.
///
/// # Errors
/// As [`print()`].
pub fn json(value: &impl Serialize) -> Result<()> {
    let text = serde_json::to_string_pretty(value)
        .map_err(|e| Error::internal("the answer does not fit into JSON").because(e))?;
    line(text)
}

/// Writes a remark to standard error, where it is in nobody's way.
pub fn note(text: impl AsRef<str>) {
    let _ = writeln!(io::stderr().lock(), "{}", text.as_ref());
}

/// A failure of standard output.
pub fn to_stdout(error: io::Error) -> Error {
    Error::from(error).at("standard output")
}

/// Refuses to write over a file that the command reads.
///
/// # Errors
/// [`ErrorKind::Invalid`](cabd::ErrorKind::Invalid) when both paths name one file.
pub fn refuse_same(option: &str, written: &Path, read: &Path) -> Result<()> {
    let same = match (written.canonicalize(), read.canonicalize()) {
        (Ok(written), Ok(read)) => written == read,
        _ => false,
    };
    if same {
        return Err(Error::invalid("this file is read by the same command")
            .field(option)
            .value(written.display())
            .expected("another file"));
    }
    Ok(())
}

/// Where an export goes: standard output for `-`, else a file that gets its name when it is complete.
pub enum Target {
    /// Standard output.
    Standard(BufWriter<io::Stdout>),
    /// A file beside its final place, gone when it is dropped.
    File(BufWriter<NamedTempFile>, std::path::PathBuf),
}

const BUFFER_BYTES: usize = 256 * 1024;

impl Target {
    /// Opens the target.
    ///
    /// # Errors
    /// When the folder does not exist or cannot be written, or the path is a folder.
    pub fn open(path: &Path) -> Result<Self> {
        if path == Path::new("-") {
            return Ok(Target::Standard(BufWriter::with_capacity(
                BUFFER_BYTES,
                io::stdout(),
            )));
        }
        let place = path.display().to_string();
        if path.is_dir() {
            return Err(Error::invalid("the output is a folder")
                .at(place)
                .expected("a file path, or - for standard output"));
        }
        let folder = match path.parent() {
            Some(folder) if folder != Path::new("") => folder,
            _ => Path::new("."),
        };
        let mut builder = tempfile::Builder::new();
        builder.prefix(".cabd-").suffix(".part");
        // A temporary file is private unless told otherwise; an export is as readable as any new file of its owner.
        #[cfg(unix)]
        builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
        let file = builder
            .tempfile_in(folder)
            .map_err(|e| Error::from(e).at(place))?;
        Ok(Target::File(
            BufWriter::with_capacity(BUFFER_BYTES, file),
            path.to_owned(),
        ))
    }

    /// Whether a terminal shows it.
    pub fn is_standard(&self) -> bool {
        matches!(self, Target::Standard(_))
    }

    /// Writes what waits and gives the file its name, in place of one that was there.
    ///
    /// # Errors
    /// When the disk is full or the file cannot be moved.
    pub fn finish(self) -> Result<()> {
        match self {
            Target::Standard(mut out) => out.flush().map_err(to_stdout),
            Target::File(out, path) => {
                let failed = |e: io::Error| Error::from(e).at(path.display().to_string());
                let file = out.into_inner().map_err(|e| failed(e.into_error()))?;
                file.as_file().sync_all().map_err(failed)?;
                file.persist(&path).map_err(|e| failed(e.error))?;
                Ok(())
            }
        }
    }
}

impl Write for Target {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Target::Standard(out) => out.write(bytes),
            Target::File(out, _) => out.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Target::Standard(out) => out.flush(),
            Target::File(out, _) => out.flush(),
        }
    }
}
