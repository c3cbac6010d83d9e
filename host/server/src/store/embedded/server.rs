//! The server's processes: adopted if they run, else started; waited for, watched, ended.

use std::fmt;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use sqlx::postgres::{PgConnectOptions, PgSslMode};
use sqlx::{ConnectOptions, Connection};
use tokio::process::Child;
use tokio::time::{Instant, sleep, timeout};

use super::account::Account;
use super::binaries::{Binaries, Existing};
use super::error::EmbeddedError;
use super::initdb::{SUPERUSER, detached, make_cluster};
use super::room::{POLL, Room, START_LIMIT};
use super::socket;

/// How long one attempt to connect may take.
const CONNECT_LIMIT: Duration = Duration::from_secs(5);

/// How long the fast shutdown may take (it writes everything to the disk), then the immediate.
const STOP_LIMIT: Duration = Duration::from_secs(60);

/// How often an adopted server, which is nobody's child here, is looked at.
const ADOPTED_POLL: Duration = Duration::from_secs(1);

/// Everything needed to bring the server of one room to life, now and after a crash.
#[derive(Debug)]
pub(super) struct Postgres {
    pub(super) room: Room,
    account: Account,
    bin_dir: Option<PathBuf>,
}

/// A server that has answered with the room's password.
pub(super) struct Running {
    pub(super) socket_dir: PathBuf,
    pub(super) password: String,
    process: Process,
}

/// Without the password.
impl fmt::Debug for Running {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Running")
            .field("socket_dir", &self.socket_dir)
            .field("process", &self.process)
            .finish_non_exhaustive()
    }
}

#[derive(Debug)]
enum Process {
    Child(Child),
    /// Started by a Tenon that has ended, or by one that runs beside this one.
    Adopted(Pid),
}

/// What a connection attempt met, when it is no error yet.
enum Answer {
    Ready,
    NotYet(String),
}

impl Postgres {
    pub(super) fn open(data_dir: &Path, bin_dir: Option<PathBuf>) -> Result<Self, EmbeddedError> {
        let (room, account) = Room::open(data_dir)?;
        Ok(Self { room, account, bin_dir })
    }

    /// Adopts the room's server, or starts it, making the database first if there is none.
    /// Needs the turn. A restart names the socket directory its clients know already.
    pub(super) async fn run(&self, known: Option<&Path>) -> Result<Running, EmbeddedError> {
        let begun = Instant::now();
        let mut last = "no server process file".to_owned();
        while begun.elapsed() < START_LIMIT {
            // The lock tells the cases apart: nobody holds it, so nothing of an old server is
            // alive; or somebody does, and is a server that answers, starts or ends.
            if let Some(lock) = self.room.try_server_lock()? {
                return self.launch(lock, known).await;
            }
            if let Some((pid, socket_dir)) = self.recorded() {
                let password = self.password()?;
                match self.ask(&socket_dir, &password).await? {
                    Answer::Ready => {
                        tracing::info!(pid = pid.as_raw_nonzero().get(), data = %self.room.data().display(), "embedded PostgreSQL was running already");
                        return Ok(Running {
                            socket_dir,
                            password,
                            process: Process::Adopted(pid),
                        });
                    }
                    Answer::NotYet(reason) => last = reason,
                }
            }
            sleep(POLL).await;
        }
        Err(self.not_ready(begun, last, 0))
    }

    /// Starts the server on a room that no process has open.
    async fn launch(&self, lock: File, known: Option<&Path>) -> Result<Running, EmbeddedError> {
        let begun = Instant::now();
        let data = self.room.data();
        let major = self.room.major()?;
        let existing = major.map(|major| Existing { data: &data, major });
        let binaries = Binaries::find(self.bin_dir.as_deref(), existing).await?;
        if existing.is_none() {
            tracing::info!(data = %data.display(), "making the embedded database");
            make_cluster(&self.room, &self.account, &binaries, &lock).await?;
        }
        let password = self.password()?;
        let socket_dir = match known {
            Some(known) if known.is_dir() => known.to_path_buf(),
            _ => socket::directory(&self.room, &self.account)?,
        };
        self.remove_stale_records(&socket_dir)?;

        let (log, from) = self.room.open_log()?;
        let child = self.spawn(&binaries, lock, log, &socket_dir)?;
        let mut starting = Starting(Some(child));
        self.wait_until_ready(&mut starting, &socket_dir, &password, from).await?;
        let Some(child) = starting.0.take() else {
            return Err(self.not_ready(begun, "the process is gone".to_owned(), from));
        };
        tracing::info!(
            pid = child.id(),
            release = binaries.major,
            programs = %binaries.dir.display(),
            data = %data.display(),
            took_ms = begun.elapsed().as_millis(),
            "embedded PostgreSQL started"
        );
        Ok(Running { socket_dir, password, process: Process::Child(child) })
    }

    fn spawn(
        &self,
        binaries: &Binaries,
        lock: File,
        log: File,
        socket_dir: &Path,
    ) -> Result<Child, EmbeddedError> {
        let program = binaries.program("postgres");
        let share = EmbeddedError::io("share the log", &self.room.log());
        let stdout = log.try_clone().map_err(share)?;
        let mut command = detached(&program, &self.room, &self.account);
        command
            .arg("-D")
            .arg(self.room.data())
            .arg("-k")
            .arg(socket_dir)
            .args(["-p", &socket::PORT.to_string()])
            .args(["-c", "listen_addresses="])
            // The lock lives as long as the last process of the server does.
            .stdin(Stdio::from(lock))
            .stdout(Stdio::from(stdout))
            .stderr(Stdio::from(log));
        command.spawn().map_err(EmbeddedError::io("run", &program))
    }

    async fn wait_until_ready(
        &self,
        starting: &mut Starting,
        socket_dir: &Path,
        password: &str,
        from: u64,
    ) -> Result<(), EmbeddedError> {
        let begun = Instant::now();
        let mut last = String::new();
        while begun.elapsed() < START_LIMIT {
            if let Some(status) = starting.ended() {
                return Err(EmbeddedError::EndedAtStart {
                    status,
                    log: self.room.log(),
                    tail: self.room.log_tail(from),
                });
            }
            match self.ask(socket_dir, password).await? {
                Answer::Ready => return Ok(()),
                Answer::NotYet(reason) => last = reason,
            }
            sleep(POLL).await;
        }
        Err(self.not_ready(begun, last, from))
    }

    /// Whether the server at the socket takes our password and serves our data: a copied data
    /// directory brings a record of the original's server along.
    async fn ask(&self, socket_dir: &Path, password: &str) -> Result<Answer, EmbeddedError> {
        let options = connect_options(socket_dir, SUPERUSER, "postgres", password);
        let attempt = async {
            let mut connection = options.connect().await?;
            let data: String = sqlx::query_scalar("SELECT current_setting('data_directory')")
                .fetch_one(&mut connection)
                .await?;
            connection.close().await?;
            Ok::<String, sqlx::Error>(data)
        };
        let served = match timeout(CONNECT_LIMIT, attempt).await {
            Ok(Ok(data)) => PathBuf::from(data),
            Ok(Err(sqlx::Error::Database(refusal)))
                if refusal.code().as_deref() == Some("28P01") =>
            {
                return Err(EmbeddedError::PasswordRefused { password: self.room.password() });
            }
            Ok(Err(error)) => return Ok(Answer::NotYet(error.to_string())),
            Err(_) => return Ok(Answer::NotYet("no answer to a connection".to_owned())),
        };
        if served.canonicalize().ok() == self.room.data().canonicalize().ok() {
            Ok(Answer::Ready)
        } else {
            Ok(Answer::NotYet(format!(
                "the server at {} serves {}",
                socket_dir.display(),
                served.display()
            )))
        }
    }

    /// The process and the socket directory in `postmaster.pid`, which a server writes when it
    /// starts: lines 1 and 5.
    fn recorded(&self) -> Option<(Pid, PathBuf)> {
        let text = fs::read_to_string(self.room.data().join("postmaster.pid")).ok()?;
        let mut lines = text.lines();
        let pid = Pid::from_raw(lines.next()?.trim().parse().ok()?)?;
        let socket_dir = lines.nth(3).filter(|line| !line.is_empty())?;
        Some((pid, PathBuf::from(socket_dir)))
    }

    /// Takes away the pid files of a server that is gone. PostgreSQL does so itself, but believes
    /// in any living process of the same user with the old number, zombies included.
    ///
    /// A record stays if a PostgreSQL has that number: one started by hand does not hold our
    /// lock, and its own interlock then refuses the second server.
    fn remove_stale_records(&self, socket_dir: &Path) -> Result<(), EmbeddedError> {
        if self.recorded().is_some_and(|(pid, _)| is_postgres(pid)) {
            return Ok(());
        }
        let mut socket_lock = socket::file(socket_dir).into_os_string();
        socket_lock.push(".lock");
        for record in [self.room.data().join("postmaster.pid"), socket_lock.into()] {
            match fs::remove_file(&record) {
                Ok(()) => {
                    tracing::info!(record = %record.display(), "removed the record of a server that is gone")
                }
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
                Err(error) => return Err(EmbeddedError::io("remove", &record)(error)),
            }
        }
        Ok(())
    }

    /// Ends the server, whoever of those who shared it started it last: connections are cut,
    /// everything is written, our child is reaped. Needs the turn, and that nobody uses it.
    pub(super) async fn stop(&self, mut running: Option<Running>) -> Result<(), EmbeddedError> {
        for (signal, mode) in [(Signal::INT, "fast"), (Signal::QUIT, "immediate")] {
            let pid = self.recorded().map(|(pid, _)| pid).filter(|pid| is_postgres(*pid));
            if let Some(pid) = pid.filter(|_| self.room.is_served()) {
                tell(pid, signal);
            }
            let gone = async {
                if let Some(Running { process: Process::Child(child), .. }) = &mut running {
                    // An error means that there is no child to reap.
                    let _reaped = child.wait().await;
                }
                self.room.server_gone().await;
            };
            if timeout(STOP_LIMIT, gone).await.is_ok() {
                return Ok(());
            }
            tracing::warn!(mode, log = %self.room.log().display(), "embedded PostgreSQL does not stop");
        }
        Err(EmbeddedError::StillRunning { waited: 2 * STOP_LIMIT, log: self.room.log() })
    }

    fn password(&self) -> Result<String, EmbeddedError> {
        let path = self.room.password();
        let text = fs::read_to_string(&path).map_err(EmbeddedError::io("read", &path))?;
        Ok(text.trim().to_owned())
    }

    fn not_ready(&self, begun: Instant, last: String, from: u64) -> EmbeddedError {
        EmbeddedError::NotReady {
            waited: begun.elapsed(),
            last,
            log: self.room.log(),
            tail: self.room.log_tail(from),
        }
    }
}

impl Running {
    /// Returns when the server has ended.
    pub(super) async fn ended(&mut self, room: &Room) -> String {
        match &mut self.process {
            Process::Child(child) => match child.wait().await {
                Ok(status) => status.to_string(),
                Err(error) => format!("an unknown end ({error})"),
            },
            Process::Adopted(_) => {
                while room.is_served() {
                    sleep(ADOPTED_POLL).await;
                }
                "an end this process could not see".to_owned()
            }
        }
    }

    pub(super) fn pid(&self) -> Option<Pid> {
        match &self.process {
            Process::Child(child) => {
                child.id().and_then(|id| id.try_into().ok()).and_then(Pid::from_raw)
            }
            Process::Adopted(pid) => Some(*pid),
        }
    }

    pub(super) fn is_adopted(&self) -> bool {
        matches!(self.process, Process::Adopted(_))
    }
}

/// How to reach the server. What is given here does not come from `PGHOST` and its like.
pub(super) fn connect_options(
    socket_dir: &Path,
    role: &str,
    database: &str,
    password: &str,
) -> PgConnectOptions {
    PgConnectOptions::new_without_pgpass()
        .socket(socket_dir)
        .port(socket::PORT)
        .username(role)
        .password(password)
        .database(database)
        .ssl_mode(PgSslMode::Disable)
}

/// A child that is not ready yet. If the start fails or is given up, it is told to end.
struct Starting(Option<Child>);

impl Starting {
    fn ended(&mut self) -> Option<std::process::ExitStatus> {
        self.0.as_mut().and_then(|child| child.try_wait().ok().flatten())
    }
}

impl Drop for Starting {
    fn drop(&mut self) {
        let id = self.0.as_ref().and_then(Child::id);
        if let Some(pid) = id.and_then(|id| id.try_into().ok()).and_then(Pid::from_raw) {
            tell(pid, Signal::INT);
        }
    }
}

fn tell(pid: Pid, signal: Signal) {
    // A process that is gone needs no signal; whoever waits for its end sees it.
    if let Err(error) = kill_process(pid, signal) {
        tracing::debug!(pid = pid.as_raw_nonzero().get(), %error, "the embedded PostgreSQL took no signal");
    }
}

/// Whether the process is a PostgreSQL, as far as the system tells. Where there is no `/proc`
/// the answer is yes, and PostgreSQL judges its pid file itself.
fn is_postgres(pid: Pid) -> bool {
    if !Path::new("/proc/self/cmdline").exists() {
        return true;
    }
    // Empty for a zombie, missing for a process that is gone.
    let command = fs::read(format!("/proc/{}/cmdline", pid.as_raw_nonzero())).unwrap_or_default();
    let program = command.split(|b| *b == 0 || *b == b' ').next();
    let program = String::from_utf8_lossy(program.unwrap_or_default()).into_owned();
    let name = program.rsplit('/').next().unwrap_or_default();
    name.starts_with("postgres") || name == "postmaster"
}
