//! `cabd apply`.

use std::io::Read;
use std::process::ExitCode;

use cabd::catalog::{Catalog, ID, Relation};
use cabd::edit::{self, Draft, Sourcing};
use cabd::store::{FeatureStoreExt, RecordQuery, Store};
use cabd::{Error, Result, Uuid, id};
use clap::Args;
use serde_json::Value;

use super::{Doing, From};
use crate::session;

const EXAMPLES: &str = "\
FILE is a changeset as POST /changesets takes it, or GeoJSON: each feature changes the one of its cabd_id, or is new. - is standard input.

Examples:
  cabd apply inventory.sqlite changes.json
  cabd apply inventory.sqlite changes.json --yes --author Ann
  cabd apply inventory.sqlite dams.geojson --type dams --source src_a --yes";

/// Arguments of `cabd apply`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Apply {
    /// The store
    store: String,
    /// The file
    #[arg(value_name = "FILE")]
    file: String,
    /// Type of GeoJSON features that do not name theirs as `feature_type`
    #[arg(long = "type", value_name = "TYPE")]
    feature_type: Option<String>,
    #[command(flatten)]
    from: From,
    #[command(flatten)]
    doing: Doing,
}

impl Apply {
    /// Applies a file, all or nothing.
    pub async fn run(self) -> Result<ExitCode> {
        let at = |e: Error| e.at(self.file.clone());
        let bytes = read(&self.file).map_err(|e| at(e.into()))?;
        let document: Value = serde_json::from_slice(&bytes).map_err(|e| {
            at(Error::invalid(format!("not JSON: {e}")).expected("a changeset, or GeoJSON"))
        })?;
        let store = session::open(&self.store).await?;
        let catalog = store.catalog().await?;
        let draft = match document.get("type").and_then(Value::as_str) {
            Some("Feature") => self.features(&*store, &catalog, &[document]).await?,
            Some("FeatureCollection") => {
                let features = document.get("features").and_then(Value::as_array);
                let features = features.map(Vec::as_slice).unwrap_or_default();
                self.features(&*store, &catalog, features).await?
            }
            _ => self.changeset(&*store, &catalog, document).await?,
        };
        self.doing.carry_out(&*store, draft).await
    }

    /// The options say what the document leaves open.
    async fn changeset(
        &self,
        store: &dyn Store,
        catalog: &Catalog,
        mut document: Value,
    ) -> Result<Draft> {
        let unsaid = |d: &Value| d.get("data_source").is_none() && d.get("no_source").is_none();
        if let Some(members) = document.as_object()
            && !members.is_empty()
            && unsaid(&document)
        {
            let said = match self.from.sourcing(store).await? {
                Sourcing::Source(id) => Some(("data_source", id.to_string())),
                Sourcing::None(why) => Some(("no_source", why)),
                Sourcing::Unsaid => None,
            };
            if let Some((name, value)) = said {
                document[name] = Value::from(value);
            }
        }
        edit::changeset(catalog, &document)
    }

    async fn features(
        &self,
        store: &dyn Store,
        catalog: &Catalog,
        features: &[Value],
    ) -> Result<Draft> {
        let sourcing = self.from.sourcing(store).await?;
        let mut draft = Draft::default();
        let mut errors = vec![];
        for (n, feature) in features.iter().enumerate() {
            let place = format!("/features/{n}");
            match self.feature(store, catalog, feature, &sourcing).await {
                Ok(one) => {
                    draft.head = one.head;
                    let place = |o: cabd::Operation| o.at(place.clone());
                    draft
                        .operations
                        .extend(one.operations.into_iter().map(place));
                }
                Err(e) => errors.extend(e.apart().into_iter().map(|e| e.at(place.clone()))),
            }
        }
        Error::all(errors).map_or(Ok(draft), Err)
    }

    async fn feature(
        &self,
        store: &dyn Store,
        catalog: &Catalog,
        feature: &Value,
        sourcing: &Sourcing,
    ) -> Result<Draft> {
        let mut feature = feature.clone();
        let properties = feature.get_mut("properties").and_then(Value::as_object_mut);
        let own = properties.and_then(|p| {
            let given = p.remove("feature_type")?;
            given.as_str().map(str::to_owned)
        });
        let name = own
            .as_deref()
            .filter(|name| catalog.feature_type(name).is_ok());
        let name = name.or(self.feature_type.as_deref()).ok_or_else(|| {
            Error::invalid("the feature does not name its type")
                .field("feature_type")
                .hint("give --type")
        })?;
        let ft = catalog.feature_type(name)?;
        let given = feature.get("properties").and_then(|p| p.get(ID));
        let Some(text) = given.and_then(Value::as_str) else {
            return edit::create(catalog, ft.id(), id::new_id(), &feature, sourcing);
        };
        let id: Uuid = id::parse(ID, text)?;
        let query = RecordQuery::of(Relation::feature(ft.id()))
            .only(&[ID])
            .with(ID, [id.into()]);
        match store.all_records(&query).await?.is_empty() {
            true => edit::create(catalog, ft.id(), id, &feature, sourcing),
            false => edit::merge(catalog, ft.id(), id, &feature, sourcing),
        }
    }
}

fn read(file: &str) -> std::io::Result<Vec<u8>> {
    if file != "-" {
        return std::fs::read(file);
    }
    let mut bytes = vec![];
    std::io::stdin().lock().read_to_end(&mut bytes)?;
    Ok(bytes)
}
