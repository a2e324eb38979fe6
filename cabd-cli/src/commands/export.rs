//! `cabd export`.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use cabd::catalog::Served;
use cabd::format::{Format, Metadata, SourceNames, WriteOptions, write_features};
use cabd::store::{HistoryExt, SourcesExt};
use cabd::time::Timestamp;
use cabd::{Catalog, Error, FeatureType, Result};
use clap::Args;
use flate2::Compression;
use flate2::write::GzEncoder;
use futures::TryStreamExt;
use indicatif::ProgressBar;

use crate::ask::Ask;
use crate::output::{self, Target};
use crate::progress;
use crate::session;

const EXAMPLES: &str = "\
The file appears under its name when it is complete. A name that ends in .gz is packed.

Examples:
  cabd export inventory.sqlite --type dams --format geojson -o dams.geojson
  cabd export inventory.sqlite --type barriers -o barriers.csv.gz --attributes simple --lang fr
  cabd export inventory.sqlite --type dams --format csv --filter height_m:gte:50 -o - | head";

/// Arguments of `cabd export`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Export {
    /// The store
    store: String,
    /// Feature type, or super type such as barriers
    #[arg(long = "type", value_name = "TYPE")]
    feature_type: String,
    /// geojson, geojsonseq (a feature a line) or csv; told by the file's name where left out
    #[arg(long, value_name = "FORMAT")]
    format: Option<String>,
    /// The file, or - for standard output
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
    #[command(flatten)]
    ask: Ask,
}

impl Export {
    /// Writes the answer to the file.
    pub async fn run(self) -> Result<ExitCode> {
        let format = self.format()?;
        output::refuse_same("output", &self.output, Path::new(&self.store))?;
        let mut query = self.ask.query(&self.feature_type)?;
        let store = session::open(&self.store).await?;
        let catalog = store.catalog().await?;
        let asked = self.ask.commit(store.as_ref()).await?;
        // Views made by hand keep no past, and what they show is no commit's state.
        let state = match asked {
            None if keeps_past(&catalog, &self.feature_type)? => Some(store.head().await?),
            asked => asked,
        };
        query.as_of = state;
        let answer = store.features(&query).await?;
        let mut metadata = metadata(&catalog, &self.feature_type)?;
        if let Some(commit) = state {
            metadata.state = Some(store.stamp(commit).await?);
        }
        let options = WriteOptions {
            lang: query.lang,
            metadata: Some(metadata),
            service_root: None,
            sources: match query.sources {
                true => store.source_names().await?,
                false => SourceNames::default(),
            },
            ..WriteOptions::default()
        };

        let mut sink = Sink::open(&self.output)?;
        let shown = !sink.is_standard();
        let bar = if shown {
            let total = match query.limit {
                None => store.count(&query).await.ok(),
                limit => limit,
            };
            progress::of_features("writing", total)
        } else {
            ProgressBar::hidden()
        };
        let batches = answer
            .batches
            .inspect_ok(|batch| bar.inc(batch.rows() as u64));
        let mut writer = format.writer(&answer.schema, &mut sink, options)?;
        let written = write_features(batches, writer.as_mut())
            .await
            .map_err(|e| place(e, &self.output))?;
        drop(writer);
        sink.finish().map_err(|e| place(e, &self.output))?;
        bar.finish_and_clear();
        store.close().await?;
        if shown {
            output::note(format!(
                "{}: {written} {}",
                self.output.display(),
                self.feature_type
            ));
        }
        Ok(ExitCode::SUCCESS)
    }

    fn format(&self) -> Result<Format> {
        let path = self.output.display().to_string();
        match &self.format {
            Some(name) => name.parse(),
            None => Format::from_path(&path).ok_or_else(|| {
                Error::invalid("the file's name does not tell its format")
                    .field("output")
                    .value(path)
                    .hint("name it with --format geojson or --format csv")
            }),
        }
    }
}

/// Adds the file to an error that names no place.
fn place(error: Error, path: &Path) -> Error {
    if error.place().is_some() {
        return error;
    }
    error.at(match path.to_str() {
        Some("-") => "standard output".to_owned(),
        _ => path.display().to_string(),
    })
}

/// Whether every change of what is exported is a commit.
fn keeps_past(catalog: &Catalog, feature_type: &str) -> Result<bool> {
    let asked = catalog.feature_type(feature_type)?;
    let of_tables = |t: &FeatureType| t.served == Served::Tables;
    Ok(of_tables(asked) && catalog.base_types(asked)?.iter().all(|t| of_tables(t)))
}

/// The head of the file: when it was read, and the version of each type's data.
fn metadata(catalog: &Catalog, feature_type: &str) -> Result<Metadata> {
    let asked = catalog.feature_type(feature_type)?;
    let versions = catalog.base_types(asked)?.into_iter().filter_map(|ft| {
        let version = ft.head.data_version.clone()?;
        Some((ft.id().to_owned(), version))
    });
    Ok(Metadata {
        data_version: versions.collect(),
        downloaded: Some(Timestamp::now()),
        ..Metadata::default()
    })
}

/// The target, packed or not.
enum Sink {
    Plain(Target),
    Packed(Box<GzEncoder<Target>>),
}

impl Sink {
    fn open(path: &Path) -> Result<Self> {
        let target = Target::open(path)?;
        let is_packed = path
            .extension()
            .is_some_and(|end| end.eq_ignore_ascii_case("gz"));
        Ok(if is_packed {
            Sink::Packed(Box::new(GzEncoder::new(target, Compression::default())))
        } else {
            Sink::Plain(target)
        })
    }

    fn is_standard(&self) -> bool {
        match self {
            Sink::Plain(target) => target.is_standard(),
            Sink::Packed(packer) => packer.get_ref().is_standard(),
        }
    }

    fn finish(self) -> Result<()> {
        match self {
            Sink::Plain(target) => target.finish(),
            Sink::Packed(packer) => packer.finish()?.finish(),
        }
    }
}

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Sink::Plain(target) => target.write(bytes),
            Sink::Packed(packer) => packer.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Sink::Plain(target) => target.flush(),
            Sink::Packed(packer) => packer.flush(),
        }
    }
}
