//! The embedded server's files, and the locks by which several processes share it.
//!
//! ```text
//! <data directory>/postgres/
//!     cluster/            whole or absent: it appears by a rename
//!         data/           what initdb made
//!         password        of both database roles, mode 0600
//!         socket/         unless its path is too long for a socket (see `socket`)
//!     cluster.partial/    an initdb under way, or cut short
//!     locks/turn          held while a Tenon starts or stops the server
//!     locks/users         held shared by every Tenon that uses the server
//!     locks/server        held by the server's own processes, as their standard input
//!     server.log
//! ```
//!
//! The locks are `flock`s: the kernel lets go of them when the last process with the open file
//! ends, however it ends. So `locks/server` tells a living server from a stale pid file, a zombie
//! or another program that got the old number, and it stays held while a single backend of a
//! killed server still has the files open.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{Read, Seek, SeekFrom};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::time::Instant;

use super::account::Account;
use super::error::EmbeddedError;

/// How often a lock or a server that is not ready is tried again.
pub(super) const POLL: Duration = Duration::from_millis(25);

/// How long a start may take: the recovery after a crash replays up to a gigabyte of log.
pub(super) const START_LIMIT: Duration = Duration::from_secs(300);

/// A server log longer than this is put aside at the next start.
const LOG_KEPT: u64 = 8 << 20;

/// How much of the log's end an error quotes.
const TAIL: u64 = 2048;

/// The paths, all absolute.
#[derive(Debug, Clone)]
pub(super) struct Room {
    root: PathBuf,
}

impl Room {
    /// The room below `data_dir`, made if missing, and the account its server runs as.
    pub(super) fn open(data_dir: &Path) -> Result<(Self, Account), EmbeddedError> {
        let data_dir =
            std::path::absolute(data_dir).map_err(EmbeddedError::io("resolve", data_dir))?;
        let unresolved = Self { root: data_dir.join("postgres") };
        let account = Account::of(&unresolved.cluster())?;
        account.make_data_dir(&data_dir)?;
        let root = data_dir
            .canonicalize()
            .map_err(EmbeddedError::io("resolve", &data_dir))?
            .join("postgres");
        let room = Self { root };
        fs::create_dir_all(room.root.join("locks"))
            .map_err(EmbeddedError::io("create", &room.root))?;
        account.let_through(&room.root)?;
        Ok((room, account))
    }

    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    pub(super) fn cluster(&self) -> PathBuf {
        self.root.join("cluster")
    }

    pub(super) fn partial(&self) -> PathBuf {
        self.root.join("cluster.partial")
    }

    pub(super) fn data(&self) -> PathBuf {
        self.cluster().join("data")
    }

    pub(super) fn password(&self) -> PathBuf {
        self.cluster().join("password")
    }

    pub(super) fn log(&self) -> PathBuf {
        self.root.join("server.log")
    }

    /// The release that wrote the database, if there is one.
    pub(super) fn major(&self) -> Result<Option<u32>, EmbeddedError> {
        if !self.cluster().exists() {
            return Ok(None);
        }
        let version = self.data().join("PG_VERSION");
        let major = fs::read_to_string(&version).ok().and_then(|text| text.trim().parse().ok());
        match major {
            Some(major) => Ok(Some(major)),
            None => Err(EmbeddedError::Damaged { missing: version, cluster: self.cluster() }),
        }
    }

    /// Waits until no other Tenon is starting or stopping the server.
    pub(super) async fn take_turn(&self) -> Result<File, EmbeddedError> {
        let path = self.root.join("locks/turn");
        let file = open_lock(&path)?;
        let begun = Instant::now();
        while !try_exclusive(&file, &path)? {
            if begun.elapsed() > 2 * START_LIMIT {
                return Err(EmbeddedError::Busy { lock: path, waited: begun.elapsed() });
            }
            tokio::time::sleep(POLL).await;
        }
        Ok(file)
    }

    /// Joins those who use the server, until the file is dropped. Needs the turn.
    pub(super) fn join_users(&self) -> Result<File, EmbeddedError> {
        let path = self.root.join("locks/users");
        let file = open_lock(&path)?;
        file.lock_shared().map_err(EmbeddedError::io("lock", &path))?;
        Ok(file)
    }

    /// Ends a lease; whether it was the last. Needs the turn, so that nobody joins meanwhile.
    pub(super) fn leave_users(&self, lease: File) -> Result<bool, EmbeddedError> {
        let path = self.root.join("locks/users");
        // Closing alone would not do: a child that another thread is just starting still has a
        // copy of the open file until it executes its program.
        lease.unlock().map_err(EmbeddedError::io("unlock", &path))?;
        let file = open_lock(&path)?;
        let last = try_exclusive(&file, &path)?;
        file.unlock().map_err(EmbeddedError::io("unlock", &path))?;
        Ok(last)
    }

    /// The lock a server holds while it lives, or `None` while one does.
    pub(super) fn try_server_lock(&self) -> Result<Option<File>, EmbeddedError> {
        let path = self.root.join("locks/server");
        let file = open_lock(&path)?;
        Ok(try_exclusive(&file, &path)?.then_some(file))
    }

    /// Whether a process of a server has the room's files open; so too if that cannot be told.
    pub(super) fn is_served(&self) -> bool {
        !matches!(self.try_server_lock(), Ok(Some(_)))
    }

    /// Returns when no process of a server has the room's files open.
    pub(super) async fn server_gone(&self) {
        while self.is_served() {
            tokio::time::sleep(POLL).await;
        }
    }

    /// The server's log, open for appending, and its length so far.
    pub(super) fn open_log(&self) -> Result<(File, u64), EmbeddedError> {
        let path = self.log();
        if fs::metadata(&path).is_ok_and(|found| found.len() > LOG_KEPT) {
            fs::rename(&path, path.with_extension("log.old"))
                .map_err(EmbeddedError::io("put aside", &path))?;
        }
        let file = OpenOptions::new()
            .create(true)
            .append(true)
            .mode(0o600)
            .open(&path)
            .map_err(EmbeddedError::io("open", &path))?;
        let length = file.metadata().map_err(EmbeddedError::io("look at", &path))?.len();
        Ok((file, length))
    }

    /// The end of what the log got since it had `from` bytes; an error quotes it, so a log
    /// that cannot be read gives an empty text.
    pub(super) fn log_tail(&self, from: u64) -> String {
        let read = || -> std::io::Result<Vec<u8>> {
            let mut file = File::open(self.log())?;
            let end = file.metadata()?.len();
            file.seek(SeekFrom::Start(from.max(end.saturating_sub(TAIL))))?;
            let mut bytes = Vec::new();
            file.read_to_end(&mut bytes)?;
            Ok(bytes)
        };
        let bytes = read().unwrap_or_default();
        String::from_utf8_lossy(&bytes).trim_end().to_owned()
    }
}

fn open_lock(path: &Path) -> Result<File, EmbeddedError> {
    OpenOptions::new()
        .create(true)
        .truncate(false)
        .read(true)
        .write(true)
        .mode(0o600)
        .open(path)
        .map_err(EmbeddedError::io("open", path))
}

fn try_exclusive(file: &File, path: &Path) -> Result<bool, EmbeddedError> {
    match file.try_lock() {
        Ok(()) => Ok(true),
        Err(TryLockError::WouldBlock) => Ok(false),
        Err(TryLockError::Error(error)) => Err(EmbeddedError::io("lock", path)(error)),
    }
}
