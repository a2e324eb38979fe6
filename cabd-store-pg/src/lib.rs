//! The PostGIS back-end of cabd: [`PgStore`].
//!
//! One schema a feature type, `cabd` for what is shared. Reads are one SQL statement each, streamed into Arrow batches;
//! writes are one transaction each, logged by the database's own triggers.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

mod audit;
mod beside;
mod bulk;
mod catalog;
mod config;
mod derive;
mod doctor;
mod error;
mod evolve;
mod features;
mod migrate;
mod pool;
mod registered;
mod row;
mod seal;
mod sql;
mod tls;
mod transaction;
mod types;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, RwLock};

use async_trait::async_trait;

use cabd_core::catalog::{Catalog, Manifest, Relation};
use cabd_core::error::{Error, ErrorKind, Result};
use cabd_core::id::CommitNumber;
use cabd_core::query::FeatureQuery;
use cabd_core::store::{
    AuditStore, Capabilities, DeriveExt, FeatureStore, Finding, Hooks, LogReader, ProofExt, Store,
    StoreInfo,
};

use crate::error::pg;
use crate::pool::{Pool, Session};

/// The oldest server that has what the store needs (`CREATE OR REPLACE TRIGGER`).
const OLDEST_SERVER: i32 = 140_000;

/// A store in a PostgreSQL database with PostGIS.
///
/// Cheap calls: connections are pooled, statements prepared once a connection, the catalogue is read again only when its
/// version grew. Several programs may read and write one database at the same time.
pub struct PgStore {
    pool: Pool,
    catalog: RwLock<(catalog::Stamp, Arc<Catalog>)>,
    log_reader: RwLock<Option<LogReader>>,
    /// Whether a big load left foreign keys to validate.
    unvalidated: AtomicBool,
    hooks: Hooks,
}

impl std::fmt::Debug for PgStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PgStore")
            .field("location", &self.pool.location())
            .finish_non_exhaustive()
    }
}

impl PgStore {
    /// Opens the cabd store in a database; an older one is brought up to date in one transaction.
    ///
    /// Rows that other programs have written are not looked at: `cabd::open` does that, or
    /// [`DeriveExt::derive_foreign`] at any time.
    ///
    /// # Errors
    /// [`ErrorKind::NotAStore`] where the database has no cabd tables, [`ErrorKind::NewerStore`] where a newer program
    /// wrote them, [`ErrorKind::Unreachable`] where there is no server or it refuses the login.
    pub async fn connect(url: &str) -> Result<Self> {
        let store = Self::new(url)?;
        let mut session = store.pool.session().await?;
        match migrate::version(&session).await? {
            None => {
                return Err(
                    Error::new(ErrorKind::NotAStore, "the database has no cabd tables")
                        .at(store.pool.location().to_owned())
                        .hint("run `cabd init`"),
                );
            }
            version => {
                migrate::refuse_newer(version)?;
                if version != Some(migrate::newest()) {
                    migrate::migrate(&mut session).await?;
                }
            }
        }
        store.seal_at_opening(&mut session).await?;
        drop(session);
        Ok(store)
    }

    /// Makes a cabd store of a database, or brings the one that is there up to date: missing tables, columns, indexes,
    /// triggers and views are made again.
    ///
    /// # Errors
    /// As [`PgStore::connect`]; [`ErrorKind::Unsupported`] where the server is too old or its text is not UTF-8,
    /// [`ErrorKind::Denied`] where the role may not make schemas or the PostGIS extension.
    pub async fn create(url: &str) -> Result<Self> {
        let store = Self::new(url)?;
        let mut session = store.pool.session().await?;
        suits(&session).await?;
        session
            .run("CREATE EXTENSION IF NOT EXISTS postgis")
            .await?;
        migrate::migrate(&mut session).await?;
        session.begin("").await?;
        catalog::regenerate(&session, false).await?;
        session.commit().await?;
        store.seal_at_opening(&mut session).await?;
        drop(session);
        Ok(store)
    }

    fn new(url: &str) -> Result<Self> {
        Ok(Self {
            pool: Pool::new(config::read(url)?)?,
            catalog: RwLock::new((
                (-1, 0),
                Arc::new(Catalog::assemble(-1, Manifest::default())),
            )),
            unvalidated: AtomicBool::new(false),
            log_reader: RwLock::default(),
            hooks: Hooks::default(),
        })
    }
}

/// Whether the server can hold a store.
async fn suits(session: &Session) -> Result<()> {
    let row = session
        .client()?
        .query_one(
            "SELECT current_setting('server_version_num')::int, current_setting('server_encoding')",
            &[],
        )
        .await
        .map_err(pg)?;
    let (version, encoding): (i32, &str) = (row.get(0), row.get(1));
    if version < OLDEST_SERVER {
        return Err(Error::new(ErrorKind::Unsupported, "the server is too old")
            .value(version)
            .expected("PostgreSQL 14 or newer"));
    }
    if encoding != "UTF8" {
        return Err(
            Error::new(ErrorKind::Unsupported, "the database's encoding")
                .value(encoding)
                .expected("UTF8")
                .hint("make the database with `createdb --encoding=UTF8 --template=template0`"),
        );
    }
    Ok(())
}

#[async_trait]
impl Store for PgStore {
    fn name(&self) -> &'static str {
        "pg"
    }

    fn hooks(&self) -> &Hooks {
        &self.hooks
    }

    fn reads_at_once(&self) -> Option<usize> {
        Some(pool::STREAMS)
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::DATABASE
    }

    async fn moment(&self) -> Result<(CommitNumber, Arc<Catalog>)> {
        let mut session = self.pool.session().await?;
        let head = audit::head(&session).await?;
        Ok((head, self.catalog_on(&mut session).await?))
    }

    async fn info(&self) -> Result<StoreInfo> {
        let mut session = self.pool.session().await?;
        let catalog = self.catalog_on(&mut session).await?;
        let schema_version = migrate::version(&session).await?.unwrap_or(0);
        let client = session.client()?;
        let row = client
            .query_one(include_str!("../sql/versions.sql"), &[])
            .await
            .map_err(pg)?;
        let engine = BTreeMap::from([
            ("PostgreSQL".to_owned(), row.get(0)),
            ("PostGIS".to_owned(), row.get(1)),
            ("GEOS".to_owned(), row.get(2)),
            ("collation".to_owned(), row.get(3)),
        ]);
        let mut features = BTreeMap::new();
        for ft in catalog.types().filter(|t| !t.is_super()) {
            let n = if ft.is_registered() {
                self.count(&FeatureQuery::of(ft.id())).await?
            } else {
                rows_of(&session, catalog.table(&Relation::feature(ft.id()))?).await?
            };
            features.insert(ft.id().to_owned(), n);
        }
        let sources = rows_of(&session, catalog.table(&Relation::DataSource)?).await?;
        drop(session);
        Ok(StoreInfo {
            store: self.name().to_owned(),
            location: self.pool.location().to_owned(),
            schema_version,
            catalog_version: catalog.version,
            head: self.head().await?.0,
            engine,
            features,
            data_sources: sources,
        })
    }

    async fn doctor(&self) -> Result<Vec<Finding>> {
        let mut found = doctor::examine(self).await?;
        found.extend(self.underived().await?);
        found.extend(self.verify_newest().await?.findings);
        Ok(found)
    }

    async fn close(&self) -> Result<()> {
        if self.unvalidated.swap(false, Ordering::Relaxed) {
            let mut session = self.pool.session().await?;
            let catalog = self.catalog_on(&mut session).await?;
            let checked = bulk::validate_keys(&session, &catalog).await;
            self.pool.close();
            return checked.map_err(|e| {
                e.hint("everything that was loaded is there; `cabd doctor` names the key that is not checked yet")
            });
        }
        self.pool.close();
        Ok(())
    }
}

async fn rows_of(session: &Session, table: &cabd_core::catalog::Table) -> Result<u64> {
    let text = format!("SELECT count(*) FROM {}", sql::name_of(table));
    let row = session.client()?.query_one(&text, &[]).await.map_err(pg)?;
    let n: i64 = row.get(0);
    Ok(u64::try_from(n).unwrap_or(0))
}
