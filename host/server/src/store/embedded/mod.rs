//! A PostgreSQL of Tenon's own, for `tenon serve` without `TENON_DATABASE_URL`: installed server
//! programs, run on files below Tenon's data directory, reachable by a unix socket only.
//!
//! Nothing committed is lost when Tenon or the server is killed: the server survives Tenon, and
//! the next Tenon over the same directory adopts it; a server that dies is started again, and
//! recovers. Several Tenons may share one data directory. Each holds a lease while it uses the
//! server, whoever started it, and the one that lets go of the last lease stops the server.
//! A handle that is dropped without [`Embedded::stop`] leaves the server to the next Tenon.

mod account;
mod binaries;
mod error;
mod initdb;
mod room;
mod server;
mod socket;
#[cfg(test)]
mod tests;

use std::ffi::OsString;
use std::fmt;
use std::fs::File;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, Executor};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};

pub use error::EmbeddedError;
use initdb::SUPERUSER;
use server::{Postgres, Running};

/// The name of Tenon's role and of its database.
const TENON: &str = "tenon";
/// The role as which requests work where `row_level_security` is on.
const TENANT_ROLE: &str = "tenon_tenant";

/// The pauses between attempts to restart a server that dies: the first, and the longest.
const RESTART_PAUSE: (Duration, Duration) = (Duration::from_millis(250), Duration::from_secs(10));

/// A server that ran this long is restarted without a pause when it dies.
const STEADY: Duration = Duration::from_secs(60);

/// Where the embedded server lives.
#[derive(Debug, Clone)]
pub struct EmbeddedSettings {
    /// Tenon's data directory; the server's files are in `postgres/` below it.
    pub data_dir: PathBuf,
    /// The directory with `postgres` and `initdb`; looked for if not given.
    pub bin_dir: Option<PathBuf>,
}

/// A running server, and this process's lease on it.
pub struct Embedded {
    postgres: Arc<Postgres>,
    options: PgConnectOptions,
    about: String,
    lease: File,
    stop: oneshot::Sender<()>,
    watch: JoinHandle<Option<Running>>,
}

/// What [`Embedded::stop`] did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stopped {
    /// The server has ended.
    Ended,
    /// Another Tenon uses the server, so it goes on.
    LeftToOthers,
}

/// Tenon's data directory when none is chosen: `/var/lib/tenon` for root, whose home the
/// server's unprivileged account could not enter, else `$XDG_DATA_HOME/tenon`, else
/// `~/.local/share/tenon`.
///
/// # Errors
/// Neither variable is set, and this is not root.
pub fn default_data_dir() -> Result<PathBuf, EmbeddedError> {
    data_dir_of(
        rustix::process::geteuid().is_root(),
        std::env::var_os("XDG_DATA_HOME"),
        std::env::var_os("HOME"),
    )
}

/// Brings the server of `settings.data_dir` to life, or joins it if it runs, and sees to it that
/// it stays so.
///
/// # Errors
/// No programs, files that cannot be used, or a server that does not come up; the text says what
/// to do.
pub async fn start(settings: EmbeddedSettings) -> Result<Embedded, EmbeddedError> {
    let postgres = Arc::new(Postgres::open(&settings.data_dir, settings.bin_dir)?);
    let turn = postgres.room.take_turn().await?;
    let lease = postgres.room.join_users()?;
    let running = postgres.run(None).await?;
    let database = ensure_database(&running).await;

    let options = server::connect_options(&running.socket_dir, TENON, TENON, &running.password);
    let about = about(&postgres, &running);
    let (stop, stopped) = oneshot::channel();
    let watch = tokio::spawn(keep_alive(Arc::clone(&postgres), running, stopped));
    let embedded = Embedded { postgres, options, about, lease, stop, watch };
    drop(turn);
    match database {
        Ok(()) => Ok(embedded),
        Err(error) => {
            // The first error is the one to tell; a server that does not stop either is logged.
            if let Err(error) = embedded.stop().await {
                tracing::error!(%error, "the embedded PostgreSQL could not be stopped");
            }
            Err(error)
        }
    }
}

impl Embedded {
    /// How to connect: as the role `tenon`, which owns the database `tenon` and is no superuser.
    /// It stays valid when the server is restarted.
    pub fn connect_options(&self) -> PgConnectOptions {
        self.options.clone()
    }

    /// Gives the lease back, and ends the server if it was the last: connections are cut,
    /// committed data is on the disk, no process is left.
    ///
    /// # Errors
    /// The server outlived two minutes of being told to stop.
    pub async fn stop(self) -> Result<Stopped, EmbeddedError> {
        // The watch answers with the server, unless it was just restarting it: then the start
        // was given up, and its child told to end.
        drop(self.stop);
        let running = self.watch.await.unwrap_or_default();
        let turn = self.postgres.room.take_turn().await?;
        if !self.postgres.room.leave_users(self.lease)? {
            tracing::info!("another process uses the embedded PostgreSQL; it goes on");
            return Ok(Stopped::LeftToOthers);
        }
        self.postgres.stop(running).await?;
        drop(turn);
        tracing::info!("embedded PostgreSQL stopped");
        Ok(Stopped::Ended)
    }
}

/// Without the options, which hold the password.
impl fmt::Debug for Embedded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Embedded").field("about", &self.about).finish_non_exhaustive()
    }
}

/// One line for the log: which data, which socket, which process.
impl fmt::Display for Embedded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.about)
    }
}

fn about(postgres: &Postgres, running: &Running) -> String {
    let how = if running.is_adopted() { "joined" } else { "started" };
    let pid = running.pid().map_or(0, |pid| pid.as_raw_nonzero().get());
    format!(
        "embedded PostgreSQL in {} ({how}, process {pid}, socket in {}, log in {})",
        postgres.room.data().display(),
        running.socket_dir.display(),
        postgres.room.log().display()
    )
}

/// Makes Tenon's role and database if they are missing; asked at every start, since a kill may
/// have come between the two.
async fn ensure_database(running: &Running) -> Result<(), EmbeddedError> {
    let sql = |doing| move |source| EmbeddedError::Sql { doing, source };
    let options =
        server::connect_options(&running.socket_dir, SUPERUSER, "postgres", &running.password);
    let mut connection = options.connect().await.map_err(sql("connect to the embedded server"))?;
    let missing = |catalog: &'static str, name: &str| {
        format!("SELECT NOT EXISTS (SELECT FROM {catalog} = '{name}')")
    };
    if ask(&mut connection, missing("pg_roles WHERE rolname", TENON))
        .await
        .map_err(sql("look for the role `tenon`"))?
    {
        // No superuser: row-level security binds it, and it reaches no file of the system's.
        let create = format!("CREATE ROLE {TENON} LOGIN CREATEDB PASSWORD '{}'", running.password);
        connection.execute(AssertSqlSafe(create)).await.map_err(sql("create the role `tenon`"))?;
    }
    // `row_security` works as it, and Tenon's role may make none.
    if ask(&mut connection, missing("pg_roles WHERE rolname", TENANT_ROLE))
        .await
        .map_err(sql("look for the role `tenon_tenant`"))?
    {
        let create = format!("CREATE ROLE {TENANT_ROLE} NOLOGIN; GRANT {TENANT_ROLE} TO {TENON}");
        connection
            .execute(AssertSqlSafe(create))
            .await
            .map_err(sql("create the role `tenon_tenant`"))?;
    }
    if ask(&mut connection, missing("pg_database WHERE datname", TENON))
        .await
        .map_err(sql("look for the database `tenon`"))?
    {
        let create = format!("CREATE DATABASE {TENON} OWNER {TENON}");
        connection
            .execute(AssertSqlSafe(create))
            .await
            .map_err(sql("create the database `tenon`"))?;
    }
    connection.close().await.map_err(sql("leave the embedded server"))
}

async fn ask(connection: &mut PgConnection, question: String) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar(AssertSqlSafe(question)).fetch_one(connection).await
}

/// Restarts the server whenever it dies, until told to stop; then hands it back.
async fn keep_alive(
    postgres: Arc<Postgres>,
    mut running: Running,
    mut stop: oneshot::Receiver<()>,
) -> Option<Running> {
    let mut pause = Duration::ZERO;
    loop {
        let since = Instant::now();
        let end = tokio::select! {
            _ = &mut stop => return Some(running),
            end = running.ended(&postgres.room) => end,
        };
        tracing::error!(
            end,
            log = %postgres.room.log().display(),
            "embedded PostgreSQL died; starting it again"
        );
        if since.elapsed() >= STEADY {
            pause = Duration::ZERO;
        }
        running = tokio::select! {
            _ = &mut stop => return None,
            running = restart(&postgres, &running, &mut pause) => running,
        };
    }
}

/// Tries until it succeeds; meanwhile requests fail for want of a database, and say so.
async fn restart(postgres: &Postgres, dead: &Running, pause: &mut Duration) -> Running {
    loop {
        sleep(*pause).await;
        *pause = (*pause * 2).clamp(RESTART_PAUSE.0, RESTART_PAUSE.1);
        let attempt = async {
            let _turn = postgres.room.take_turn().await?;
            postgres.run(Some(&dead.socket_dir)).await
        };
        match attempt.await {
            Ok(running) => return running,
            Err(error) => tracing::error!(
                %error,
                retry_in_ms = pause.as_millis(),
                "embedded PostgreSQL could not be started again"
            ),
        }
    }
}

fn data_dir_of(
    root: bool,
    data_home: Option<OsString>,
    home: Option<OsString>,
) -> Result<PathBuf, EmbeddedError> {
    if root {
        return Ok(PathBuf::from("/var/lib/tenon"));
    }
    // The XDG specification: a relative path is invalid and to be ignored.
    let data_home = data_home.map(PathBuf::from).filter(|dir| dir.is_absolute());
    let home = home.map(PathBuf::from).filter(|dir| dir.is_absolute());
    data_home
        .or_else(|| home.map(|home| home.join(".local/share")))
        .map(|parent| parent.join("tenon"))
        .ok_or(EmbeddedError::NoHome)
}
