//! A server process.

use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use crate::artifacts;
use crate::log::Log;

/// The operator's token of test servers.
pub const ADMIN_TOKEN: &str = "the-operator-token-of-the-tests";

/// Set to `on` in the environment of the tests, it has all of their servers use the database's
/// row-level security.
const SECOND_LOCK: &str = "TEST_ROW_LEVEL_SECURITY";

/// How a server is started.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// The data directory, to start again over the same data; a new one where none is given.
    pub data_dir: Option<PathBuf>,
    /// Where to listen; on a free port of the loopback address where nothing is said.
    pub listen: Option<SocketAddr>,
    /// What to log; everything where nothing is said. The line that says "ready" is needed.
    pub log: Option<String>,
    /// Whether the server has to make up the operator's token itself.
    pub no_admin_token: bool,
    /// Further environment.
    pub environment: Vec<(String, String)>,
}

impl Options {
    /// A server on the database of this URL.
    #[must_use]
    pub fn on(database_url: &str) -> Self {
        let url = ("TENON_DATABASE_URL".to_owned(), database_url.to_owned());
        Self { environment: vec![url], ..Self::default() }
    }

    /// With a further variable in its environment.
    #[must_use]
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }
}

/// A running server. Dropping it stops it, and removes the data if the directory was its own.
#[derive(Debug)]
pub struct Server {
    child: Option<Child>,
    /// Where it listens, `http://127.0.0.1:PORT`.
    pub url: String,
    /// What it logs.
    pub log: Log,
    /// What it prints.
    pub printed: Log,
    data_dir: PathBuf,
    external: Option<String>,
    _own_data: Option<TempDir>,
}

impl Server {
    /// The server that tests share, each with tenants of its own. It is started when it is first
    /// needed, and stopped when nobody holds it any more.
    #[must_use]
    pub fn shared() -> Arc<Self> {
        static SHARED: Mutex<Weak<Server>> = Mutex::new(Weak::new());
        let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(server) = shared.upgrade() {
            return server;
        }
        let server = Arc::new(Self::start(Options::default()));
        *shared = Arc::downgrade(&server);
        server
    }

    /// Starts a server on a free port, and waits until it is ready.
    ///
    /// # Panics
    /// It does not become ready; the log is in the message.
    #[must_use]
    pub fn start(options: Options) -> Self {
        let own_data = options.data_dir.is_none().then(new_data_dir);
        let data_dir = options
            .data_dir
            .or_else(|| own_data.as_ref().map(|dir| dir.path().to_owned()))
            .expect("one or the other");
        let listen = options.listen.unwrap_or_else(|| SocketAddr::from(([127, 0, 0, 1], 0)));
        let mut command = command(&data_dir);
        command.arg("--listen").arg(listen.to_string());
        command.args(["--log", options.log.as_deref().unwrap_or("debug,sqlx=info")]);
        if !options.no_admin_token {
            command.env("TENON_ADMIN_TOKEN", ADMIN_TOKEN);
        }
        let external = options.environment.iter().find(|(name, _)| name == "TENON_DATABASE_URL");
        let external = external.map(|(_, url)| url.clone());
        // Of the tests' own: 32 bytes of nothing.
        command.env("TENON_ENCRYPTION_KEY", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=");
        // All tests come from one address, and many show what is not valid.
        command.env("TENON_FAILED_ATTEMPTS", "0");
        command.envs(options.environment).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the server's binary runs");
        let log = Log::follow(child.stderr.take().expect("it is piped"));
        let printed = Log::follow(child.stdout.take().expect("it is piped"));
        let ready = log.wait_for("line that says \"ready\"", |line| line["message"] == "ready");
        let url = ready["url"].as_str().expect("it names the URL").to_owned();
        Self { child: Some(child), url, log, printed, data_dir, external, _own_data: own_data }
    }

    /// The data directory.
    #[must_use]
    pub fn data_dir(&self) -> &Path {
        &self.data_dir
    }

    /// The URL of the server's database, for tests that look into it.
    ///
    /// # Panics
    /// An embedded one does not run.
    #[must_use]
    pub fn database_url(&self) -> String {
        if let Some(url) = &self.external {
            return url.clone();
        }
        let cluster = self.data_dir.join("postgres/cluster");
        let read = |file: &str| std::fs::read_to_string(cluster.join(file)).expect("it runs");
        let (running, password) = (read("data/postmaster.pid"), read("password"));
        // PostgreSQL: pid, data directory, time of the start, port, directory of the socket.
        let mut lines = running.lines().skip(3);
        let (port, socket) = (lines.next().expect("a port"), lines.next().expect("a socket"));
        let password = password.trim();
        format!("postgres://tenon:{password}@localhost:{port}/tenon?host={socket}")
    }

    /// The process; 0 where it has been waited for.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.as_ref().map_or(0, Child::id)
    }

    /// Tells the server to stop, as Ctrl-C does, and waits until it has.
    pub fn stop(&mut self) -> ExitStatus {
        self.signal(Signal::INT);
        self.wait()
    }

    /// Kills the server's process with no chance to do anything.
    pub fn kill(&mut self) -> ExitStatus {
        self.signal(Signal::KILL);
        self.wait()
    }

    /// Sends a signal.
    pub fn signal(&self, signal: Signal) {
        let pid = self.child.as_ref().and_then(|child| Pid::from_raw(child.id().cast_signed()));
        if let Some(pid) = pid {
            kill_process(pid, signal).expect("the process is ours");
        }
    }

    /// Waits until the process has ended.
    ///
    /// # Panics
    /// It has been waited for before.
    pub fn wait(&mut self) -> ExitStatus {
        let mut child = self.child.take().expect("it is waited for once");
        child.wait().expect("it is our child")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if self.child.is_some() {
            self.stop();
        }
    }
}

/// A directory for data that PostgreSQL's own user can reach when the tests run as root.
#[must_use]
pub fn new_data_dir() -> TempDir {
    let dir = tempfile::Builder::new().prefix("tenon-test-").tempdir().expect("a directory");
    let open = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(dir.path(), open).expect("the directory is ours");
    dir
}

/// `tenon serve` with no setting of the environment's.
fn command(data_dir: &Path) -> Command {
    let mut command = Command::new(artifacts::tenon());
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("TENON_") {
            command.env_remove(name);
        }
    }
    command
        .arg("serve")
        .args(["--log-format", "json"])
        .arg("--data-dir")
        .arg(data_dir)
        .stdin(Stdio::null());
    if std::env::var_os(SECOND_LOCK).is_some_and(|switch| switch == "on") {
        command.env("TENON_ROW_LEVEL_SECURITY", "on");
    }
    command
}
