//! Files of rejected rows: made with the first such row, named when the load has ended well.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use cabd::load::{CsvRejects, RejectSink, Rejected};
use cabd::{ErrorKind, Result};

use crate::output::Target;

/// The end of the name, after the input's.
const SUFFIX: &str = ".rejected.csv";

/// One file for all rejected rows, or one for each input that has some.
#[derive(Clone, Default)]
pub struct RejectFiles {
    inside: Arc<Mutex<Inside>>,
}

#[derive(Default)]
struct Inside {
    /// The one file, where it was named.
    named: Option<PathBuf>,
    /// Open files by name.
    files: BTreeMap<PathBuf, Open>,
    /// The file of each input.
    places: BTreeMap<String, PathBuf>,
}

struct Open {
    rows: CsvRejects<Shared>,
    target: Shared,
}

impl RejectFiles {
    /// Files beside the inputs, or the one that is named.
    pub fn new(named: Option<PathBuf>) -> Self {
        let inside = Inside {
            named,
            ..Inside::default()
        };
        Self {
            inside: Arc::new(Mutex::new(inside)),
        }
    }

    /// Gives the files their names, and tells them; no rejected row, no file.
    ///
    /// # Errors
    /// When a file cannot be written to its end.
    pub fn keep(&self) -> Result<Vec<PathBuf>> {
        let mut inside = self.inside.lock().unwrap_or_else(PoisonError::into_inner);
        let mut names = vec![];
        for (path, mut open) in std::mem::take(&mut inside.files) {
            open.rows.finish()?;
            drop(open.rows);
            if let Some(target) = open.target.take() {
                target.finish()?;
            }
            names.push(path);
        }
        Ok(names)
    }
}

impl RejectSink for RejectFiles {
    fn reject(&mut self, row: &Rejected) -> Result<()> {
        let mut inside = self.inside.lock().unwrap_or_else(PoisonError::into_inner);
        inside.file(&row.input)?.rows.reject(row)
    }
}

impl Inside {
    fn file(&mut self, input: &str) -> Result<&mut Open> {
        let path = match (&self.named, self.places.get(input)) {
            (Some(named), _) => named.clone(),
            (None, Some(place)) => place.clone(),
            (None, None) => {
                let (path, target) = beside(input)?;
                self.files.insert(path.clone(), Open::new(target));
                self.places.insert(input.to_owned(), path.clone());
                path
            }
        };
        match self.files.entry(path) {
            std::collections::btree_map::Entry::Occupied(open) => Ok(open.into_mut()),
            std::collections::btree_map::Entry::Vacant(free) => {
                let target = Target::open(free.key())?;
                Ok(free.insert(Open::new(target)))
            }
        }
    }
}

/// A file beside the input, or, where that folder may not be written, in the present one.
fn beside(input: &str) -> Result<(PathBuf, Target)> {
    let path = PathBuf::from(format!("{input}{SUFFIX}"));
    match Target::open(&path) {
        Ok(target) => Ok((path, target)),
        Err(error) if error.kind() == ErrorKind::Denied => {
            let name = path.file_name().map_or_else(|| path.clone(), PathBuf::from);
            let target = Target::open(&name)
                .map_err(|e| e.hint("name a file for rejected rows with --rejects"))?;
            Ok((name, target))
        }
        Err(error) => Err(error),
    }
}

impl Open {
    fn new(target: Target) -> Self {
        let target = Shared(Arc::new(Mutex::new(Some(target))));
        Self {
            rows: CsvRejects::new(target.clone()),
            target,
        }
    }
}

/// A target that can be taken back from the writer of rows.
#[derive(Clone)]
struct Shared(Arc<Mutex<Option<Target>>>);

impl Shared {
    fn take(&self) -> Option<Target> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    fn with<T>(&self, work: impl FnOnce(&mut Target) -> io::Result<T>) -> io::Result<T> {
        let mut target = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match target.as_mut() {
            Some(target) => work(target),
            None => Err(io::Error::other("the file of rejected rows is closed")),
        }
    }
}

impl Write for Shared {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.with(|target| target.write(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.with(Write::flush)
    }
}
