//! `cabd set`: attribute sets of a live inventory.

use std::process::ExitCode;

use cabd::catalog::{AttributeSet, CatalogChange};
use cabd::{Catalog, Error, Manifest, Result};
use clap::{Args, Subcommand};

use super::types::{Consent, carry_out};
use crate::session;

const EXAMPLES: &str = "\
Examples:
  cabd set add inventory.sqlite field --attributes dams.dam_name_en,dams.height_m,waterfalls.fall_height_m
  cabd set change inventory.sqlite field --attributes dams.use_code=2 --without dams.height_m --alias crew
  cabd set drop inventory.sqlite field";

/// Arguments of `cabd set`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES, arg_required_else_help = true)]
pub struct Sets {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Add a set
    Add(Put),
    /// Change which attributes a set has, their order, its other names
    Change(Put),
    /// Drop a set; the attributes stay
    Drop {
        /// The store
        store: String,
        /// The set
        name: String,
        #[command(flatten)]
        consent: Consent,
    },
}

#[derive(Debug, Args)]
struct Put {
    /// The store
    store: String,
    /// The set
    name: String,
    /// Attributes to put into it, at the end or at a place: type.attribute or type.attribute=3
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    attributes: Vec<String>,
    /// Attributes to take out
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    without: Vec<String>,
    /// Another name that is accepted
    #[arg(long, value_name = "NAME")]
    alias: Vec<String>,
    #[command(flatten)]
    consent: Consent,
}

impl Sets {
    /// Changes a set.
    pub async fn run(self) -> Result<ExitCode> {
        match self.what {
            What::Drop {
                store,
                name,
                consent,
            } => {
                let change = CatalogChange::of(Manifest::default()).drop(format!("set:{name}"));
                carry_out(&store, change, consent).await
            }
            What::Add(put) => put.run(true).await,
            What::Change(put) => put.run(false).await,
        }
    }
}

impl Put {
    async fn run(self, is_new: bool) -> Result<ExitCode> {
        let store = session::open(&self.store).await?;
        let catalog = store.catalog().await?;
        store.close().await?;
        let known = catalog.sets().iter().find(|s| s.name == self.name);
        let set = match (known, is_new) {
            (Some(_), true) => {
                return Err(Error::conflict("there is a set of this name")
                    .field("name")
                    .value(&self.name)
                    .hint("`cabd set change` changes it"));
            }
            (None, false) => {
                catalog.set_name(&self.name)?;
                return Err(Error::invalid(
                    "this set is made by the system, or named by its alias",
                )
                .field("name")
                .value(&self.name));
            }
            (known, _) => {
                let mut set = known.cloned().unwrap_or_else(|| AttributeSet {
                    name: self.name.clone(),
                    column: format!("vw_{}_order", self.name),
                    aliases: vec![],
                    registered: false,
                });
                set.registered = false;
                set.aliases.extend(self.alias.iter().cloned());
                set.aliases.dedup();
                set
            }
        };
        let mut manifest = Manifest {
            sets: vec![set],
            ..Manifest::default()
        };
        for name in &self.attributes {
            let (name, place) = match name.split_once('=') {
                Some((name, place)) => (name, Some(read_place(place)?)),
                None => (name.as_str(), None),
            };
            put(&catalog, &mut manifest, &self.name, name, Some(place))?;
        }
        for name in &self.without {
            put(&catalog, &mut manifest, &self.name, name, None)?;
        }
        carry_out(&self.store, CatalogChange::of(manifest), self.consent).await
    }
}

fn read_place(text: &str) -> Result<i32> {
    text.parse().map_err(|_| {
        Error::invalid("not a place in a set")
            .field("attributes")
            .value(text)
            .expected("a whole number")
    })
}

/// Puts an attribute into the set, at a place or at the end, or takes it out.
fn put(
    catalog: &Catalog,
    manifest: &mut Manifest,
    set: &str,
    name: &str,
    place: Option<Option<i32>>,
) -> Result<()> {
    let (id, attribute) = name.split_once('.').ok_or_else(|| {
        Error::invalid("not the name of an attribute")
            .field("attributes")
            .value(name)
            .expected("type.attribute")
    })?;
    let present = catalog.feature_type(id)?;
    present.require("attributes", attribute)?;
    if manifest.types.iter().all(|t| t.id() != present.id()) {
        let declared = catalog
            .declared()
            .types
            .iter()
            .find(|t| t.id() == present.id());
        let declared = declared.ok_or_else(|| {
            Error::invalid("this type was registered by SQL: its sets are in its metadata rows")
                .field("attributes")
                .value(name)
                .hint("`cabd type adopt` writes a manifest for it")
        })?;
        manifest.types.push(declared.clone());
    }
    let ft = manifest.types.iter_mut().find(|t| t.id() == present.id());
    let Some(ft) = ft else {
        return Ok(());
    };
    let last = ft
        .attributes
        .iter()
        .filter_map(|a| a.sets.get(set))
        .max()
        .copied()
        .unwrap_or(0);
    let Some(a) = ft
        .attributes
        .iter_mut()
        .find(|a| a.id.eq_ignore_ascii_case(attribute))
    else {
        return Ok(());
    };
    match place {
        Some(place) => a.sets.insert(set.to_owned(), place.unwrap_or(last + 1)),
        None => a.sets.remove(set),
    };
    Ok(())
}
