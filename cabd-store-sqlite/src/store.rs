//! The store: the traits over connections, catalogue and statements.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use cabd_core::catalog::{Catalog, CatalogChange, CatalogCommit, Relation};
use cabd_core::feature::{Applied, ChangeHead, ChangeKind};
use cabd_core::store::{
    Adopted, Capabilities, CatalogPlan, CatalogStore, DeriveExt, DeriveStream, FeatureStore,
    FeatureStream, Finding, Hooks, LogReader, OperationStream, ProofExt, RecordQuery, RecordStream,
    Store, StoreInfo, apply_operations, derive_features, past, with_named_sources,
};
use cabd_core::{CommitNumber, Error, ErrorKind, FeatureQuery, Manifest, Result};
use rusqlite::Connection;

use crate::error::{db, lost};
use crate::pool::{Pool, open_reader, open_writer, write_ahead};
use crate::transaction::Transaction;
use crate::{audit, catalog, doctor, evolve, features, migrate, registered, seal, spatial, sql};

/// A cabd inventory in one SpatiaLite file.
///
/// Methods run on a tokio runtime; statements run on its blocking threads.
///
/// ```
/// use cabd_core::store::Store;
/// use cabd_store_sqlite::SqliteStore;
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// let folder = tempfile::tempdir()?;
/// let store = SqliteStore::create(folder.path().join("inventory.sqlite"))?;
/// assert_eq!(store.name(), "sqlite");
/// store.close().await?;
/// # Ok::<(), cabd_core::Error>(()) }).unwrap();
/// ```
pub struct SqliteStore {
    pub(crate) pool: Arc<Pool>,
    catalog: Arc<Mutex<(catalog::Stamp, Arc<Catalog>)>>,
    pub(crate) log_reader: Arc<Mutex<Option<LogReader>>>,
    /// What was found last, while nobody has written since.
    seen: Mutex<Option<(i64, CommitNumber, Arc<Catalog>)>>,
    hooks: Hooks,
}

impl std::fmt::Debug for SqliteStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SqliteStore")
            .field("path", &self.pool.path())
            .finish_non_exhaustive()
    }
}

impl SqliteStore {
    /// Opens an existing inventory and brings its schema up to date; read-only where the file is.
    ///
    /// Rows that other programs have written are looked at before the first change, not here: `cabd::open` does that, or
    /// [`DeriveExt::derive_foreign`] at any time.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] without the file, [`ErrorKind::NotAStore`] for a file of another program,
    /// [`ErrorKind::NewerStore`] for a newer schema.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let at = |e: Error| e.at(path.display().to_string());
        if !path.exists() {
            return Err(at(
                Error::not_found("no such file").hint("`cabd init` makes an inventory")
            ));
        }
        if !path.is_file() {
            return Err(at(Error::new(ErrorKind::NotAStore, "not a file")));
        }
        check_header(path).map_err(at)?;
        // Each connection parses the whole schema: both at once.
        let (writer, reader) = std::thread::scope(|scope| {
            let reader = scope.spawn(|| open_reader(path).ok());
            (open_writer(path, false), reader.join().ok().flatten())
        });
        let (mut conn, read_only) = writer?;
        if migrate::version(&conn).map_err(at)?.is_none() {
            return Err(at(Error::new(
                ErrorKind::NotAStore,
                "the file is a database, but no cabd inventory",
            )
            .hint("`cabd init` adds an inventory to a SpatiaLite file")));
        }
        let before = migrate::version(&conn).map_err(at)?;
        if !read_only || before != Some(migrate::newest()) {
            migrate::migrate(&mut conn).map_err(at)?;
        }
        if before != Some(migrate::newest()) {
            // Triggers of an older version know an older schema.
            repair(&mut conn).map_err(at)?;
        }
        if !read_only {
            write_ahead(&conn).map_err(at)?;
            audit::gather_unless_busy(&conn).map_err(at)?;
            seal::seal_if_idle(&conn).map_err(at)?;
        }
        Ok(Self::new(path, conn, reader, read_only))
    }

    /// Makes an inventory: a new file, or the tables of one in an existing SpatiaLite file. In an inventory, missing
    /// triggers, indexes and views are made again.
    ///
    /// # Errors
    /// [`ErrorKind::NotAStore`] for a file that is no SpatiaLite database; a new file is removed when making it fails.
    pub fn create(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let at = |e: Error| e.at(path.display().to_string());
        let exists = path.exists()
            && std::fs::metadata(path)
                .map_err(Error::from)
                .map_err(at)?
                .len()
                > 0;
        if exists {
            check_header(path).map_err(at)?;
        }
        let (mut conn, read_only) = open_writer(path, true)?;
        if exists && migrate::version(&conn).map_err(at)?.is_some() {
            migrate::migrate(&mut conn).map_err(at)?;
            write_ahead(&conn).map_err(at)?;
            repair(&mut conn).map_err(at)?;
            seal::seal_if_idle(&conn).map_err(at)?;
            return Ok(Self::new(path, conn, None, read_only));
        }
        let made = (|| {
            if exists
                && !spatial::is_spatialite(&conn).map_err(db("look at the file"))?
                && has_tables(&conn)?
            {
                return Err(Error::new(
                    ErrorKind::NotAStore,
                    "the file is a database of another program",
                )
                .hint("name a new file, or a SpatiaLite file"));
            }
            spatial::initialise(&conn).map_err(db("write the spatial metadata"))?;
            migrate::migrate(&mut conn)?;
            write_ahead(&conn)?;
            repair(&mut conn)
        })();
        if let Err(e) = made {
            drop(conn);
            if !exists {
                let _ = std::fs::remove_file(path);
            }
            return Err(at(e));
        }
        Ok(Self::new(path, conn, None, read_only))
    }

    fn new(path: &Path, conn: Connection, reader: Option<Connection>, read_only: bool) -> Self {
        Self {
            pool: Arc::new(Pool::new(path.to_owned(), conn, reader, read_only)),
            catalog: Arc::new(Mutex::new((
                (-1, -1),
                Arc::new(Catalog::assemble(-1, Manifest::default())),
            ))),
            log_reader: Arc::default(),
            seen: Mutex::default(),
            hooks: Hooks::default(),
        }
    }

    /// The catalogue as a connection sees it, loaded anew when its version has changed, or a table or view.
    fn catalog_of(&self) -> impl FnOnce(&Connection) -> Result<Arc<Catalog>> + Send + use<> {
        let cache = self.catalog.clone();
        move |conn| {
            let stamp = catalog::stamp(conn)?;
            let (of, known) = cache.lock().unwrap_or_else(PoisonError::into_inner).clone();
            if of == stamp {
                return Ok(known);
            }
            let fresh = Arc::new(catalog::load(conn)?);
            let mut cached = cache.lock().unwrap_or_else(PoisonError::into_inner);
            if stamp > cached.0 {
                *cached = (stamp, fresh.clone());
            }
            Ok(fresh)
        }
    }

    /// The newest commit and the catalogue, where nobody has written since they were read. Costs microseconds.
    pub(crate) fn known(&self) -> Option<(CommitNumber, Arc<Catalog>)> {
        // Where it cannot be told, who asks reads.
        self.seen_at(self.pool.data_version().ok()?)
    }

    fn seen_at(&self, version: i64) -> Option<(CommitNumber, Arc<Catalog>)> {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let (of, head, catalog) = seen.as_ref()?;
        (*of == version).then(|| (*head, catalog.clone()))
    }

    pub(crate) async fn read<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection, Arc<Catalog>) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let mut reader = self.pool.reader().await?;
        let _wanted = reader.wanted();
        let catalog = self.catalog_of();
        tokio::task::spawn_blocking(move || {
            let conn = reader.conn()?;
            conn.execute_batch("BEGIN").map_err(db("begin to read"))?;
            let catalog = catalog(conn)?;
            work(conn, catalog)
        })
        .await
        .map_err(lost)?
    }

    async fn change(&self, change: CatalogChange) -> Result<CatalogPlan> {
        let mut writer = self.pool.writer().await?;
        let catalog = self.catalog_of();
        let head = ChangeHead {
            author: change.author.clone(),
            reason: change
                .reason
                .clone()
                .or_else(|| Some("catalogue".to_owned())),
            kind: ChangeKind::Catalog,
            ..ChangeHead::default()
        };
        let mut t = Transaction::begin(writer.take()?, head).await?;
        let done = t.evolve(move |conn| catalog(conn), change).await;
        let (conn, done) = match done {
            Ok(plan) if !plan.steps.is_empty() => {
                let (conn, committed) = t.commit().await;
                (conn, committed.map(|_| plan))
            }
            other => (t.rollback().await, other),
        };
        if let Some(conn) = conn {
            writer.put_back(conn);
        }
        done
    }
}

/// What a write transaction is for.
enum Work {
    Apply(OperationStream),
    Derive(DeriveStream),
}

impl SqliteStore {
    async fn write(&self, head: &ChangeHead, work: Work) -> Result<Applied> {
        let mut writer = self.pool.writer().await?;
        let mut t = Transaction::begin(writer.take()?, head.clone()).await?;
        let load = self.catalog_of();
        let applied = match (t.catalog(load).await, work) {
            (Ok(catalog), Work::Apply(operations)) => {
                apply_operations(&catalog, &mut t, &self.hooks, head, operations).await
            }
            (Ok(catalog), Work::Derive(features)) => {
                derive_features(&catalog, &mut t, &self.hooks, features).await
            }
            (Err(e), _) => Err(e),
        };
        let (conn, applied) = match applied {
            Ok(counts) if !head.dry_run => {
                let changed = counts.values().any(|c| c.changed());
                let (conn, commit) = t.commit().await;
                (
                    conn,
                    commit.map(|commit| Applied {
                        commit: commit.filter(|_| changed),
                        counts,
                    }),
                )
            }
            Ok(counts) => (
                t.rollback().await,
                Ok(Applied {
                    commit: None,
                    counts,
                }),
            ),
            Err(e) => (t.rollback().await, Err(e)),
        };
        if let Some(conn) = conn {
            writer.put_back(conn);
        }
        applied
    }
}

fn repair(conn: &mut Connection) -> Result<()> {
    let doing = db("repair the schema");
    let t = conn.transaction().map_err(&doing)?;
    let present = catalog::load(&t)?;
    catalog::repair(&t, &present)?;
    t.commit().map_err(&doing)
}

fn check_header(path: &Path) -> Result<()> {
    use std::io::Read;
    let mut head = [0u8; 16];
    let mut file = std::fs::File::open(path)?;
    let n = file.read(&mut head)?;
    if n == 0 || &head == b"SQLite format 3\0" {
        return Ok(());
    }
    Err(Error::new(ErrorKind::NotAStore, "not an SQLite file")
        .hint("name the file that `cabd init` made"))
}

fn has_tables(conn: &Connection) -> Result<bool> {
    conn.query_row("SELECT EXISTS (SELECT 1 FROM sqlite_schema)", [], |r| {
        r.get(0)
    })
    .map_err(db("look at the file"))
}

#[async_trait]
impl CatalogStore for SqliteStore {
    async fn catalog(&self) -> Result<Arc<Catalog>> {
        match self.known() {
            Some((_, catalog)) => Ok(catalog),
            None => self.read(|_, catalog| Ok(catalog)).await,
        }
    }

    async fn plan(&self, change: &CatalogChange) -> Result<CatalogPlan> {
        let change = change.clone();
        self.read(move |conn, catalog| Ok(evolve::plan(conn, &catalog, &change)?.plan))
            .await
    }

    async fn evolve(&self, change: &CatalogChange) -> Result<CatalogPlan> {
        self.change(change.clone()).await
    }

    async fn catalog_history(&self) -> Result<Vec<CatalogCommit>> {
        self.read(|conn, _| evolve::history(conn)).await
    }

    async fn adopt(&self, feature_type: &str) -> Result<Adopted> {
        let id = feature_type.to_owned();
        self.read(move |conn, catalog| registered::adopt(conn, &catalog, &id))
            .await
    }
}

#[async_trait]
impl FeatureStore for SqliteStore {
    async fn features(&self, query: &FeatureQuery) -> Result<FeatureStream> {
        let query = with_named_sources(self, query).await?;
        let query = query.as_ref();
        if query.as_of.is_some() {
            return past::features(self, query).await;
        }
        features::features(self.pool.reader().await?, self.catalog_of(), query.clone()).await
    }

    async fn count(&self, query: &FeatureQuery) -> Result<u64> {
        let query = with_named_sources(self, query).await?;
        let query = query.as_ref();
        if query.as_of.is_some() {
            return past::count(self, query).await;
        }
        let query = query.clone();
        self.read(move |conn, catalog| features::count(conn, &catalog, &query))
            .await
    }

    async fn records(&self, query: &RecordQuery) -> Result<RecordStream> {
        features::records(self.pool.reader().await?, self.catalog_of(), query.clone()).await
    }

    async fn apply(&self, head: &ChangeHead, operations: OperationStream) -> Result<Applied> {
        // A row that cannot be derived must not keep others from writing; `cabd derive` says what is wrong with it.
        let _ = self.derive_foreign().await;
        self.write(head, Work::Apply(operations)).await
    }

    async fn derive(&self, head: &ChangeHead, features: DeriveStream) -> Result<Applied> {
        self.write(head, Work::Derive(features)).await
    }
}

#[async_trait]
impl Store for SqliteStore {
    fn name(&self) -> &'static str {
        "sqlite"
    }

    fn hooks(&self) -> &Hooks {
        &self.hooks
    }

    /// Costs a look whether the file has changed since it was asked last.
    async fn moment(&self) -> Result<(CommitNumber, Arc<Catalog>)> {
        // Before the rest is read: what is written meanwhile is seen by the next look.
        let version = self.pool.data_version()?;
        if let Some(seen) = self.seen_at(version) {
            return Ok(seen);
        }
        self.gathered().await?;
        let found =
            self.read(|conn, catalog| Ok((audit::head(conn)?, catalog, audit::waiting(conn)?)));
        let (head, catalog, waiting) = found.await?;
        // Rows of other programs that could not be gathered yet become a commit without a further change of theirs.
        let seen = (!waiting).then(|| (version, head, catalog.clone()));
        *self.seen.lock().unwrap_or_else(PoisonError::into_inner) = seen;
        Ok((head, catalog))
    }

    fn unmoved(&self) -> Option<(CommitNumber, i64)> {
        let (head, catalog) = self.known()?;
        Some((head, catalog.version))
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::DATABASE
    }

    async fn info(&self) -> Result<StoreInfo> {
        let location = self.pool.path().display().to_string();
        self.read(move |conn, catalog| {
            let doing = db("count rows");
            let count = |table: &str| -> Result<u64> {
                let sql = format!("SELECT count(*) FROM {}", spatial::identifier(table));
                let n: i64 = conn.query_row(&sql, [], |r| r.get(0)).map_err(&doing)?;
                Ok(u64::try_from(n).unwrap_or(0))
            };
            let mut counts = BTreeMap::new();
            for ft in catalog.types().filter(|t| !t.is_super()) {
                let n = if ft.is_registered() {
                    features::count(conn, &catalog, &FeatureQuery::of(ft.id()))?
                } else {
                    count(&sql::flat(catalog.table(&Relation::feature(ft.id()))?))?
                };
                counts.insert(ft.id().to_owned(), n);
            }
            Ok(StoreInfo {
                store: "sqlite".to_owned(),
                location,
                schema_version: migrate::version(conn)?.unwrap_or(0),
                catalog_version: catalog.version,
                head: audit::head(conn)?.0,
                engine: BTreeMap::from([
                    ("SQLite".to_owned(), rusqlite::version().to_owned()),
                    ("SpatiaLite layout".to_owned(), "4 and later".to_owned()),
                ]),
                features: counts,
                data_sources: count("cabd_data_source")?,
            })
        })
        .await
    }

    async fn doctor(&self) -> Result<Vec<Finding>> {
        let mut found = self
            .read(|conn, catalog| doctor::examine(conn, &catalog))
            .await?;
        found.extend(self.underived().await?);
        found.extend(self.verify_newest().await?.findings);
        Ok(found)
    }

    async fn close(&self) -> Result<()> {
        self.pool.close().await
    }
}
