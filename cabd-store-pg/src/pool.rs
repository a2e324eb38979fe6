//! Connections: a pool, and sessions that leave no work behind when they are dropped.

use std::sync::Arc;
use std::time::Duration;

use deadpool_postgres::{
    ManagerConfig, Object, Pool as Inner, PoolError, RecyclingMethod, Runtime,
};
use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_postgres::{Config, Statement};

use cabd_core::error::{Error, ErrorKind, Result};

use crate::error::{connecting, pg};
use crate::tls::Tls;

/// Connections of one store, at most.
pub(crate) const CONNECTIONS: usize = 16;
/// Of these, most that streams hold, as long as somebody reads them: who reads one may ask something else meanwhile, and for that
/// there is always another connection.
pub(crate) const STREAMS: usize = 12;
/// Longest wait for a free connection.
const WAIT: Duration = Duration::from_secs(30);
/// Prepared statements a connection keeps; past that it starts anew.
const STATEMENTS: usize = 400;

/// The connections of a store.
#[derive(Clone)]
pub(crate) struct Pool {
    inner: Inner,
    streams: Arc<Semaphore>,
    tls: Tls,
    location: String,
}

impl Pool {
    pub(crate) fn new(config: Config) -> Result<Self> {
        let tls = Tls::of(&config)?;
        let location = crate::config::location(&config);
        let settings = ManagerConfig {
            recycling_method: RecyclingMethod::Fast,
        };
        let inner = Inner::builder(tls.manager(config, settings))
            .max_size(CONNECTIONS)
            .runtime(Runtime::Tokio1)
            .wait_timeout(Some(WAIT))
            .build()
            .map_err(|e| Error::internal("no connection pool").because(e))?;
        Ok(Self {
            inner,
            streams: Arc::new(Semaphore::new(STREAMS)),
            tls,
            location,
        })
    }

    /// Where the store is, without the password.
    pub(crate) fn location(&self) -> &str {
        &self.location
    }

    /// A connection.
    ///
    /// # Errors
    /// [`ErrorKind::Unreachable`] with a next step; [`ErrorKind::Busy`] when none gets free in 30 seconds.
    pub(crate) async fn session(&self) -> Result<Session> {
        let object = self.inner.get().await.map_err(|e| match e {
            PoolError::Backend(e) => connecting(e, &self.location),
            PoolError::Timeout(_) => busy(),
            PoolError::Closed => Error::new(ErrorKind::Unreachable, "the store is closed"),
            other => Error::internal("no connection").because(other),
        })?;
        Ok(Session {
            object: Some(object),
            tls: self.tls.clone(),
            runtime: Handle::try_current().ok(),
            dirty: false,
            stream: None,
        })
    }

    /// A connection for rows that are read one after the other, as fast as somebody takes them.
    ///
    /// # Errors
    /// As [`Pool::session`].
    pub(crate) async fn streaming(&self) -> Result<Session> {
        let place = self.streams.clone().acquire_owned();
        let place = tokio::time::timeout(WAIT, place).await;
        let Ok(Ok(place)) = place else {
            return Err(busy());
        };
        let mut session = self.session().await?;
        session.stream = Some(place);
        Ok(session)
    }

    pub(crate) fn close(&self) {
        self.inner.close();
    }
}

fn busy() -> Error {
    Error::new(
        ErrorKind::Busy,
        format!("all {CONNECTIONS} connections are in use"),
    )
}

/// A connection in use. Dropped in the middle of its work, the work is cancelled and rolled back.
pub(crate) struct Session {
    object: Option<Object>,
    tls: Tls,
    runtime: Option<Handle>,
    dirty: bool,
    /// The place of a stream, given back with the connection.
    stream: Option<OwnedSemaphorePermit>,
}

impl Session {
    /// The connection.
    pub(crate) fn client(&self) -> Result<&Object> {
        self.object
            .as_ref()
            .ok_or_else(|| Error::internal("the connection was given back"))
    }

    pub(crate) fn client_mut(&mut self) -> Result<&mut Object> {
        self.object
            .as_mut()
            .ok_or_else(|| Error::internal("the connection was given back"))
    }

    /// From now on there is work to cancel.
    pub(crate) fn begin_work(&mut self) {
        self.dirty = true;
    }

    /// Nothing runs and no transaction is open.
    pub(crate) fn end_work(&mut self) {
        self.dirty = false;
    }

    /// The statement, prepared once a connection.
    pub(crate) async fn prepare(&self, sql: &str) -> Result<Statement> {
        let client = self.client()?;
        if client.statement_cache.size() > STATEMENTS {
            client.statement_cache.clear();
        }
        client.prepare_cached(sql).await.map_err(pg)
    }

    /// Runs statements without parameters.
    pub(crate) async fn run(&self, sql: &str) -> Result<()> {
        self.client()?.batch_execute(sql).await.map_err(pg)
    }

    /// Begins a transaction.
    pub(crate) async fn begin(&mut self, how: &str) -> Result<()> {
        self.begin_work();
        self.run(&format!("BEGIN {how}")).await
    }

    /// Commits it.
    pub(crate) async fn commit(&mut self) -> Result<()> {
        self.run("COMMIT").await?;
        self.end_work();
        Ok(())
    }

    /// Rolls it back.
    pub(crate) async fn rollback(&mut self) -> Result<()> {
        self.run("ROLLBACK").await?;
        self.end_work();
        Ok(())
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        if !self.dirty {
            return;
        }
        let Some(object) = self.object.take() else {
            return;
        };
        let (tls, token) = (self.tls.clone(), object.cancel_token());
        let stream = self.stream.take();
        match &self.runtime {
            Some(runtime) => {
                runtime.spawn(async move {
                    tls.cancel(token).await;
                    // The request may still arrive late and end the work of whoever has the connection then, so nobody
                    // gets it again. Whether the rollback is answered does not matter: the server rolls back anyway.
                    let _ = object.batch_execute("ROLLBACK").await;
                    drop(Object::take(object));
                    drop(stream);
                });
            }
            None => drop(Object::take(object)),
        }
    }
}
