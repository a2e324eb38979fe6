//! `cabd sources`: where the values of an inventory come from, and the data sources themselves.

mod one;
mod shares;
mod values;

use std::process::ExitCode;

use cabd::{Error, Result};
use clap::{Args, Subcommand};

use crate::ask::Ask;
use crate::session;

const EXAMPLES: &str = "\
Examples:
  cabd sources inventory.sqlite
  cabd sources inventory.sqlite --type dams --json
  cabd sources inventory.sqlite --type dams --values --filter height_m:nosource: --select height_m
  cabd sources list inventory.sqlite
  cabd sources add inventory.sqlite name=Register source_type=spatial version_date=2019-05-01 province_territory_code=qc,on
  cabd sources change inventory.sqlite Register licence=CC0-1.0 --reason asked
  cabd sources drop inventory.sqlite Register";

/// Arguments of `cabd sources`.
#[derive(Debug, Args)]
#[command(
    after_help = EXAMPLES,
    arg_required_else_help = true,
    args_conflicts_with_subcommands = true,
    subcommand_negates_reqs = true
)]
pub struct Sources {
    #[command(subcommand)]
    what: Option<What>,
    /// The store
    #[arg(required = true)]
    store: Option<String>,
    /// Only this type, or the types of a super type
    #[arg(long = "type", value_name = "TYPE")]
    feature_type: Option<String>,
    /// Each value with its source instead: a row for each feature and tracked attribute
    #[arg(long, requires = "feature_type")]
    values: bool,
    /// With --values: csv or ndjson
    #[arg(
        long,
        value_name = "FORMAT",
        default_value = "csv",
        requires = "values"
    )]
    format: String,
    #[command(flatten)]
    ask: Ask,
    /// Write JSON for programs
    #[arg(long, conflicts_with = "values")]
    json: bool,
}

#[derive(Debug, Subcommand)]
enum What {
    /// The data sources
    List(one::List),
    /// One data source
    Show(one::Show),
    /// Add a data source
    Add(one::Add),
    /// Change a data source
    Change(one::Change),
    /// Delete a data source that nothing names
    Drop(one::Drop),
}

impl Sources {
    /// Shows or changes sources.
    pub async fn run(self) -> Result<ExitCode> {
        match self.what {
            Some(What::List(list)) => return list.run().await,
            Some(What::Show(show)) => return show.run().await,
            Some(What::Add(add)) => return add.run().await,
            Some(What::Change(change)) => return change.run().await,
            Some(What::Drop(drop)) => return drop.run().await,
            None => {}
        }
        let name = self.store.unwrap_or_default();
        let store = session::open(&name).await?;
        match (&self.feature_type, self.values) {
            (Some(feature_type), true) => {
                let mut query = self.ask.query(feature_type)?;
                query.as_of = self.ask.commit(store.as_ref()).await?;
                values::write(store.as_ref(), &query, &self.format).await?;
            }
            _ if !self.ask.is_everything() => {
                return Err(Error::invalid("the shares are those of every feature")
                    .field("filter")
                    .hint("--values takes the options of a question"));
            }
            (feature_type, _) => {
                shares::show(store.as_ref(), feature_type.as_deref(), self.json).await?;
            }
        }
        store.close().await?;
        Ok(ExitCode::SUCCESS)
    }
}
