//! `cabd synth`.

use std::process::ExitCode;

use cabd::catalog::Relation;
use cabd::feature::{ChangeHead, ChangeKind};
use cabd::{Result, synth};
use clap::Args;
use futures::TryStreamExt;

use crate::output;
use crate::progress;
use crate::session;

const EXAMPLES: &str = "\
The features lie in clusters as real ones do, and their data source says that they are synthetic.
The same number and seed give the same features with the same identifiers.

Examples:
  cabd synth test.sqlite --features 100000 --seed 1
  cabd synth test.sqlite --features 5000 --seed 2 --type waterfalls";

/// Arguments of `cabd synth`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Synth {
    /// The store
    store: String,
    /// How many features
    #[arg(long, value_name = "N")]
    features: u64,
    /// Any number; the same one gives the same features
    #[arg(long, value_name = "S")]
    seed: u64,
    /// The feature type
    #[arg(long = "type", value_name = "TYPE", default_value = "dams")]
    feature_type: String,
}

impl Synth {
    /// Makes the features, in one commit.
    pub async fn run(self) -> Result<ExitCode> {
        let store = session::open(&self.store).await?;
        let catalog = store.catalog().await?;
        let synth = synth::Synth::new(&catalog, &self.feature_type, self.features, self.seed)?;
        let source = synth.source_name();
        let head = ChangeHead {
            reason: Some(source.clone()),
            kind: ChangeKind::Load,
            client: Some(session::CLIENT.to_owned()),
            ..ChangeHead::default()
        };
        let feature_type = catalog.feature_type(&self.feature_type)?.id().to_owned();
        let relation = Relation::feature(&feature_type);
        let bar = progress::of_features("making", Some(self.features));
        let (counting, counted) = (bar.clone(), relation.clone());
        let operations = synth.stream().inspect_ok(move |operation| {
            if operation.relation == counted {
                counting.inc(1);
            }
        });
        let applied = store.apply(&head, Box::pin(operations)).await?;
        bar.finish_and_clear();
        store.close().await?;
        output::line(format!(
            "{}: {} synthetic {feature_type}, data source {source:?}",
            cabd::without_password(&self.store),
            applied.of(&relation).inserted,
        ))?;
        Ok(ExitCode::SUCCESS)
    }
}
