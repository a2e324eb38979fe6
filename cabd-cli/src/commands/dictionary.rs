//! `cabd dictionary`.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use cabd::dictionary::{Dictionary, Form, Languages};
use cabd::{Catalog, Error, Lang, Result, StoreExt};
use clap::Args;

use crate::output::{self, Target};
use crate::session;

const EXAMPLES: &str = "\
Without --lang the text is in both languages; a web page then has a switch.

Examples:
  cabd dictionary inventory.sqlite -o dictionary.html
  cabd dictionary inventory.sqlite --lang fr --only dams --format md
  cabd dictionary --shipped -o dictionary.csv";

/// Arguments of `cabd dictionary`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct WriteDictionary {
    /// The store
    #[arg(required_unless_present = "shipped", conflicts_with = "shipped")]
    store: Option<String>,
    /// The shipped catalogue instead of a store's
    #[arg(long)]
    shipped: bool,
    /// en or fr; both where left out
    #[arg(long)]
    lang: Option<Lang>,
    /// html, md or csv; told by the file's name where left out
    #[arg(long)]
    format: Option<Form>,
    /// Only this: a type, `types`, or `ds` for the data sources; repeatable
    #[arg(long, value_name = "WHAT")]
    only: Vec<String>,
    /// The file, or - for standard output
    #[arg(short, long, value_name = "FILE", default_value = "-")]
    output: PathBuf,
}

impl WriteDictionary {
    /// Writes the data dictionary.
    pub async fn run(self) -> Result<ExitCode> {
        let form = self.form()?;
        let (catalog, sources) = match &self.store {
            Some(name) => {
                output::refuse_same("output", &self.output, Path::new(name))?;
                let store = session::open(name).await?;
                let catalog = store.catalog().await?;
                let sources = store.data_sources().await?;
                store.close().await?;
                (catalog, sources)
            }
            None => (Catalog::new(0, cabd::shipped()?)?.into(), vec![]),
        };
        let languages = match self.lang {
            Some(lang) => Languages::One { lang, other: None },
            None => Languages::Both,
        };
        let dictionary =
            Dictionary::new(&catalog, sources).only(self.only.iter().map(String::as_str))?;
        let text = dictionary.write(form, languages)?;
        let mut target = Target::open(&self.output)?;
        target
            .write_all(text.as_bytes())
            .map_err(output::to_stdout)?;
        target.finish()?;
        Ok(ExitCode::SUCCESS)
    }

    fn form(&self) -> Result<Form> {
        let path = self.output.display().to_string();
        match self.format {
            Some(form) => Ok(form),
            None if path == "-" => Ok(Form::Markdown),
            None => Form::from_path(&path).ok_or_else(|| {
                Error::invalid("the file's name does not tell its form")
                    .field("output")
                    .value(path)
                    .hint("name it with --format html, --format md or --format csv")
            }),
        }
    }
}
