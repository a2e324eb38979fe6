//! Connections: one writer, and readers that are kept for the next question.

use std::cell::RefCell;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::available_parallelism;
use std::time::{Duration, Instant};

use cabd_core::{Error, ErrorKind, Result};
use rusqlite::{Connection, OpenFlags};
use tokio::runtime::Handle;
use tokio::sync::mpsc::Sender;
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{MutexGuard, OwnedSemaphorePermit, Semaphore};

use crate::error::{db, lost};
use crate::functions;

/// How long a statement waits for another process before it gives up.
pub(crate) const BUSY: Duration = Duration::from_secs(15);
/// Page cache of the writer, in KiB.
const WRITER_CACHE_KIB: i64 = 16 * 1024;
/// Page cache of a reader, in KiB: there may be many at once, and the system keeps the file's pages as well.
const READER_CACHE_KIB: i64 = 2 * 1024;
/// Steps of SQLite's machine between two looks whether the answer is still wanted: some microseconds.
const BETWEEN_LOOKS: i32 = 2000;
/// Readers that work at once, for each processor. A new connection parses the whole schema, some megabytes of triggers:
/// more readers than processors cost more than they give.
const READERS_A_PROCESSOR: usize = 2;
/// How long a reader keeps its turn while what it has read is not taken: one whose taker is only busy needs no other reader beside
/// it, which would be one connection more.
const TAKEN_SOON: Duration = Duration::from_millis(20);
/// How often it looks meanwhile.
const BETWEEN_OFFERS: Duration = Duration::from_millis(1);
/// How long closing waits for readers that are at work.
const LAST_READERS: Duration = Duration::from_secs(2);

pub(crate) struct Pool {
    path: PathBuf,
    readers: Mutex<Vec<Connection>>,
    /// Readers kept open while nobody reads.
    idle: usize,
    turns: Arc<Semaphore>,
    writer: tokio::sync::Mutex<Writer>,
    /// Tells whether anybody has written; it never reads the schema.
    watch: Mutex<Option<Connection>>,
    on_loan: Arc<OnLoan>,
    closed: AtomicBool,
    pub(crate) read_only: bool,
}

/// How many readers are on loan.
#[derive(Default)]
struct OnLoan {
    number: Mutex<usize>,
    changed: Condvar,
}

impl OnLoan {
    fn change(&self, by: impl FnOnce(&mut usize)) {
        by(&mut self.number.lock().unwrap_or_else(PoisonError::into_inner));
        self.changed.notify_all();
    }

    /// Waits until there is none, for so long at most.
    fn wait_for_none(&self, most: Duration) {
        let number = self.number.lock().unwrap_or_else(PoisonError::into_inner);
        drop(self.changed.wait_timeout_while(number, most, |n| *n > 0));
    }
}

/// The writing connection; gone while a change has it, and after a change was abandoned.
#[derive(Default)]
pub(crate) struct Writer {
    conn: Option<Connection>,
}

impl Writer {
    pub(crate) fn take(&mut self) -> Result<Connection> {
        self.conn
            .take()
            .ok_or_else(|| Error::internal("the writer is in use"))
    }

    pub(crate) fn put_back(&mut self, conn: Connection) {
        self.conn = Some(conn);
    }
}

/// A reader on loan, and its turn to work; both go back when dropped.
pub(crate) struct Reader {
    conn: Option<Connection>,
    pool: Arc<Pool>,
    turn: RefCell<Option<OwnedSemaphorePermit>>,
    wanted: Option<Arc<()>>,
}

impl Reader {
    pub(crate) fn conn(&self) -> Result<&Connection> {
        self.conn
            .as_ref()
            .ok_or_else(|| Error::internal("reader is closed"))
    }

    /// What the one who asks holds: when it is dropped, the statement that runs ends.
    pub(crate) fn wanted(&mut self) -> Arc<()> {
        self.wanted.take().unwrap_or_default()
    }

    /// Lets those work who wait for it, from a thread that may block: a long answer does not keep short ones waiting until its end.
    pub(crate) fn give_way(&self) {
        if self.pool.turns.available_permits() == 0 {
            drop(self.turn.take());
            let turn = self.pool.turns.clone().acquire_owned();
            *self.turn.borrow_mut() = Handle::current().block_on(turn).ok();
        }
    }

    /// Hands on what was read, from a thread that may block; false when nobody takes it any more. While the taker is slow
    /// another reader has the turn.
    pub(crate) fn hand_on<T>(&self, to: &Sender<T>, item: T) -> bool {
        let mut offered = item;
        let begun = Instant::now();
        loop {
            offered = match to.try_send(offered) {
                Ok(()) => return true,
                Err(TrySendError::Closed(_)) => return false,
                Err(TrySendError::Full(back)) => back,
            };
            if begun.elapsed() >= TAKEN_SOON {
                break;
            }
            std::thread::sleep(BETWEEN_OFFERS);
        }
        drop(self.turn.take());
        if to.blocking_send(offered).is_err() {
            return false;
        }
        let turn = self.pool.turns.clone().acquire_owned();
        *self.turn.borrow_mut() = Handle::current().block_on(turn).ok();
        true
    }
}

impl Reader {
    /// The connection as good as new, or closed.
    fn put_back(&mut self) {
        let Some(mut conn) = self.conn.take() else {
            return;
        };
        if conn.progress_handler(0, None::<fn() -> bool>).is_err() {
            return;
        }
        if !conn.is_autocommit() && conn.execute_batch("ROLLBACK").is_err() {
            return;
        }
        let mut idle = self
            .pool
            .readers
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        // Asked under the lock that closing takes afterwards.
        if !self.pool.is_closed() && idle.len() < self.pool.idle {
            idle.push(conn);
        }
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        self.put_back();
        self.pool.on_loan.change(|n| *n -= 1);
    }
}

fn prepare(conn: &Connection, cache_kib: i64) -> Result<()> {
    let doing = db("prepare the connection");
    conn.busy_timeout(BUSY).map_err(&doing)?;
    functions::register(conn).map_err(&doing)?;
    conn.pragma_update(None, "foreign_keys", true)
        .map_err(&doing)?;
    conn.pragma_update(None, "cache_size", -cache_kib)
        .map_err(&doing)?;
    conn.set_prepared_statement_cache_capacity(64);
    Ok(())
}

/// Opens a file for writing, or read-only where its permissions say so.
pub(crate) fn open_writer(path: &Path, create: bool) -> Result<(Connection, bool)> {
    let at = |e: Error| e.at(path.display().to_string());
    let base = OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let write = OpenFlags::SQLITE_OPEN_READ_WRITE;
    let flags = if create {
        base | write | OpenFlags::SQLITE_OPEN_CREATE
    } else {
        base | write
    };
    let opened = Connection::open_with_flags(path, flags);
    let conn = match opened {
        Ok(c) => c,
        Err(_) if !create && path.is_file() => {
            Connection::open_with_flags(path, base | OpenFlags::SQLITE_OPEN_READ_ONLY)
                .map_err(db("open the file"))
                .map_err(at)?
        }
        Err(e) => return Err(at(db("open the file")(e))),
    };
    prepare(&conn, WRITER_CACHE_KIB).map_err(at)?;
    let read_only = conn
        .is_readonly("main")
        .map_err(db("open the file"))
        .map_err(at)?;
    Ok((conn, read_only))
}

/// Opens a file for reading.
pub(crate) fn open_reader(path: &Path) -> Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let conn = Connection::open_with_flags(path, flags).map_err(db("open the file"))?;
    prepare(&conn, READER_CACHE_KIB)?;
    Ok(conn)
}

/// Readers go on while one writes. Only for a file known to be ours: the mode is kept in its header.
pub(crate) fn write_ahead(conn: &Connection) -> Result<()> {
    let doing = db("open the file");
    conn.pragma_update(None, "journal_mode", "wal")
        .map_err(&doing)?;
    conn.pragma_update(None, "synchronous", "normal")
        .map_err(&doing)?;
    conn.pragma_update(None, "journal_size_limit", 64 << 20)
        .map_err(&doing)
}

impl Pool {
    pub(crate) fn new(
        path: PathBuf,
        writer: Connection,
        reader: Option<Connection>,
        read_only: bool,
    ) -> Self {
        let processors = available_parallelism().map_or(1, usize::from);
        let turns = (processors * READERS_A_PROCESSOR).max(4);
        Self {
            path,
            readers: Mutex::new(reader.into_iter().collect()),
            idle: turns,
            turns: Arc::new(Semaphore::new(turns)),
            watch: Mutex::default(),
            on_loan: Arc::default(),
            closed: AtomicBool::new(false),
            writer: tokio::sync::Mutex::new(Writer { conn: Some(writer) }),
            read_only,
        }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    fn is_closed(&self) -> bool {
        self.closed.load(Ordering::SeqCst)
    }

    fn need_open(&self) -> Result<()> {
        match self.is_closed() {
            true => Err(Error::internal("the store is closed")),
            false => Ok(()),
        }
    }

    /// A reader, when it is its turn.
    pub(crate) async fn reader(self: &Arc<Self>) -> Result<Reader> {
        let turn = self.turns.clone().acquire_owned().await;
        let turn = turn.map_err(|_| Error::internal("the store is closed"))?;
        // Counted before it has a connection, so that closing waits for one that is being opened.
        self.on_loan.change(|n| *n += 1);
        let mut reader = Reader {
            conn: None,
            pool: self.clone(),
            turn: RefCell::new(Some(turn)),
            wanted: None,
        };
        self.need_open()?;
        let idle = self
            .readers
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .pop();
        match idle {
            Some(conn) => reader.conn = Some(conn),
            None => {
                // The reader goes along: where nobody waits any more, it is still known until it is closed.
                let opening = tokio::task::spawn_blocking(move || {
                    reader.conn = Some(open_reader(&reader.pool.path)?);
                    Ok::<_, Error>(reader)
                });
                reader = opening.await.map_err(lost)??;
            }
        }
        let wanted = Arc::new(());
        let still = Arc::downgrade(&wanted);
        if let Some(conn) = &mut reader.conn {
            conn.progress_handler(BETWEEN_LOOKS, Some(move || still.strong_count() == 0))
                .map_err(db("prepare the connection"))?;
        }
        reader.wanted = Some(wanted);
        Ok(reader)
    }

    /// A number that changes with every change of the file, whoever makes it. Costs microseconds.
    pub(crate) fn data_version(&self) -> Result<i64> {
        let doing = db("look whether the file has changed");
        let mut watch = self.watch.lock().unwrap_or_else(PoisonError::into_inner);
        self.need_open()?;
        let conn = match &mut *watch {
            Some(conn) => conn,
            none => {
                let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
                none.insert(Connection::open_with_flags(&self.path, flags).map_err(&doing)?)
            }
        };
        let mut look = conn.prepare_cached("PRAGMA data_version").map_err(&doing)?;
        look.query_row([], |row| row.get(0)).map_err(&doing)
    }

    fn unwatch(&self) {
        *self.watch.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// The writer, for one change; others wait.
    pub(crate) async fn writer(&self) -> Result<MutexGuard<'_, Writer>> {
        self.ready(self.writer.lock().await)
    }

    /// The writer, if no change has it.
    pub(crate) fn idle_writer(&self) -> Result<Option<MutexGuard<'_, Writer>>> {
        self.writer
            .try_lock()
            .ok()
            .map(|w| self.ready(w))
            .transpose()
    }

    fn ready<'a>(&self, mut guard: MutexGuard<'a, Writer>) -> Result<MutexGuard<'a, Writer>> {
        if self.read_only {
            return Err(Error::new(ErrorKind::Denied, "the file is read-only")
                .at(self.path.display().to_string()));
        }
        self.need_open()?;
        if guard.conn.is_none() {
            let (conn, _) = open_writer(&self.path, false)?;
            write_ahead(&conn)?;
            guard.conn = Some(conn);
        }
        Ok(guard)
    }

    /// Closes every connection and leaves one file, without write-ahead log. Waits a moment for readers at work: only the
    /// writer can take the log away, so it is the last to go.
    pub(crate) async fn close(&self) -> Result<()> {
        let mut writer = self.writer.lock().await;
        self.closed.store(true, Ordering::SeqCst);
        self.readers
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clear();
        self.unwatch();
        let on_loan = self.on_loan.clone();
        // Whoever still reads then ends later, and leaves the log. On a thread: a runtime may have no timers.
        tokio::task::spawn_blocking(move || on_loan.wait_for_none(LAST_READERS))
            .await
            .map_err(lost)?;
        if let Some(conn) = writer.conn.take() {
            finish(&conn);
        }
        Ok(())
    }
}

fn finish(conn: &Connection) {
    // Another process may still read; then the last one to close cleans up.
    let _ = conn.busy_timeout(Duration::from_millis(200));
    let _ = conn.execute_batch("PRAGMA wal_checkpoint(TRUNCATE); PRAGMA journal_mode = DELETE;");
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.readers
            .get_mut()
            .unwrap_or_else(PoisonError::into_inner)
            .clear();
        self.unwatch();
        if let Some(conn) = self.writer.get_mut().conn.take() {
            finish(&conn);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SqliteStore;

    const ENDLESS: &str =
        "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT count(*) FROM c";

    #[tokio::test(flavor = "multi_thread")]
    async fn a_question_that_nobody_waits_for_ends() {
        let folder = tempfile::tempdir().unwrap();
        let store = SqliteStore::create(folder.path().join("a.sqlite")).unwrap();
        for _ in 0..20 {
            let question = store.read(|conn, _| {
                let done = conn.query_row(ENDLESS, [], |r| r.get::<_, i64>(0));
                done.map_err(db("count for ever"))
            });
            let waited = tokio::time::timeout(Duration::from_millis(5), question).await;
            assert!(waited.is_err());
            // Its turn goes to the next question, and the connection is as good as new.
            let one = store.read(|conn, _| {
                let one = conn.query_row("SELECT 1", [], |r| r.get::<_, i64>(0));
                one.map_err(db("count"))
            });
            assert_eq!(one.await.unwrap(), 1);
        }
        while store.pool.turns.available_permits() < store.pool.idle {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }
}
