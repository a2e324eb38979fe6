//! `cabd delete`.

use std::process::ExitCode;

use cabd::edit::Draft;
use cabd::query::{FeatureQuery, Selection, parse_filter};
use cabd::{Error, FeatureStoreExt, Operation, Result, Uuid, id};
use clap::Args;

use super::Doing;
use crate::session;

const EXAMPLES: &str = "\
The rows around a feature go with it: parts, links, sources. `cabd restore` brings them back; `cabd withdraw` says to everybody why a feature
does not belong into the inventory.

Examples:
  cabd delete inventory.sqlite dams 0b6e0000-0000-4000-8000-000000000001 --reason duplicate
  cabd delete inventory.sqlite dams --filter height_m:lt:0.5
  cabd delete inventory.sqlite dams --filter height_m:lt:0.5 --yes";

/// Arguments of `cabd delete`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Delete {
    /// The store
    store: String,
    /// The features' type
    feature_type: String,
    /// The features
    #[arg(value_name = "CABD_ID", required_unless_present = "filter")]
    ids: Vec<String>,
    /// Features that pass; several: all of them
    #[arg(long, value_name = "ATTRIBUTE:OPERATOR:VALUE", conflicts_with = "ids")]
    filter: Vec<String>,
    #[command(flatten)]
    doing: Doing,
}

impl Delete {
    /// Deletes features, in one commit.
    pub async fn run(self) -> Result<ExitCode> {
        let given = self
            .ids
            .iter()
            .map(|text| id::parse("cabd_id", text.trim()));
        let mut ids: Vec<Uuid> = given.collect::<Result<_>>()?;
        let store = session::open(&self.store).await?;
        let catalog = store.catalog().await?;
        let ft = catalog.feature_type(&self.feature_type)?;
        if !self.filter.is_empty() {
            if ft.is_super() {
                return Err(Error::invalid("the features of several types")
                    .field("type")
                    .value(ft.id())
                    .expected("one type that holds features itself"));
            }
            let mut query = FeatureQuery::of(ft.id());
            let filters = self.filter.iter().map(|text| parse_filter(text));
            let filters = filters.collect::<Result<Vec<_>>>()?;
            query.filter = filters.into_iter().reduce(|all, next| all.and(next));
            query.select = Selection::Attributes(vec!["cabd_id".to_owned()]);
            query.geometry = false;
            for batch in store.collect(&query).await? {
                let all = (0..batch.rows()).map(|row| batch.value(row, "cabd_id").as_uuid());
                ids.extend(all.flatten());
            }
        }
        let operations = ids
            .into_iter()
            .map(|id| Operation::delete_feature(ft.id(), id));
        let draft = Draft {
            operations: operations.collect(),
            ..Draft::default()
        };
        self.doing.carry_out(&*store, draft).await
    }
}
