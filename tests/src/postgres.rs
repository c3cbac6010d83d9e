//! A Postgres of the test's own, which it stops, kills and starts again.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use crate::account;
use crate::log::Log;

/// A Postgres that trusts whoever comes from this machine. Dropping it ends it.
#[derive(Debug)]
pub struct Postgres {
    /// Where it listens on the loopback address. It stays the same.
    pub port: u16,
    /// What it logs, since it was last started.
    pub log: Log,
    child: Option<Child>,
    dir: TempDir,
    _log_dir: TempDir,
    arguments: Vec<String>,
}

impl Postgres {
    /// Makes a database and starts it with further settings, such as `max_connections=20`.
    ///
    /// # Panics
    /// There are no programs of PostgreSQL's, or they fail.
    #[must_use]
    pub fn start(settings: &[&str]) -> Self {
        Self::start_in(account::directory(), settings)
    }

    /// The same with its data below a directory, and its write-ahead log elsewhere.
    ///
    /// # Panics
    /// As [`Postgres::start`].
    #[must_use]
    pub fn start_on(disk: &Path, settings: &[&str]) -> Self {
        Self::start_in(account::directory_in(disk), settings)
    }

    /// A streaming replica of this one, with further settings.
    ///
    /// # Panics
    /// As [`Postgres::start`].
    #[must_use]
    pub fn replica(&self, settings: &[&str]) -> Self {
        let mut copy = account::command(programs().join("pg_basebackup"));
        copy.args(["--write-recovery-conf", "--checkpoint=fast", "--no-sync", "--username=tenon"])
            .args(["--host=127.0.0.1", &format!("--port={}", self.port)]);
        Self::start_with(copy, account::directory(), settings)
    }

    fn start_in(dir: TempDir, settings: &[&str]) -> Self {
        let mut initdb = account::command(programs().join("initdb"));
        initdb.args(["--username=tenon", "--auth=trust", "--encoding=UTF8", "--no-sync"]);
        Self::start_with(initdb, dir, settings)
    }

    /// Starts what a program makes, which is told where.
    fn start_with(mut make: Command, dir: TempDir, settings: &[&str]) -> Self {
        let log_dir = account::directory();
        let made = make
            .arg("-D")
            .arg(dir.path().join("data"))
            .arg("--waldir")
            .arg(log_dir.path().join("wal"))
            .stdin(Stdio::null())
            .output()
            .expect("the program runs");
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        let port = free_port();
        let own = [
            "listen_addresses=127.0.0.1".to_owned(),
            format!("port={port}"),
            format!("unix_socket_directories={}", dir.path().display()),
            // What a killed process leaves is with the system, and that goes on.
            "fsync=off".to_owned(),
            "shared_buffers=32MB".to_owned(),
        ];
        let arguments = own.into_iter().chain(settings.iter().map(|it| (*it).to_owned()));
        let arguments = arguments.flat_map(|setting| ["-c".to_owned(), setting]).collect();
        let mut postgres =
            Self { port, log: Log::default(), child: None, dir, _log_dir: log_dir, arguments };
        postgres.start_again();
        postgres
    }

    /// Starts it again, and waits until it takes connections.
    ///
    /// # Panics
    /// It does not start.
    pub fn start_again(&mut self) {
        let mut child = account::command(programs().join("postgres"))
            .arg("-D")
            .arg(self.dir.path().join("data"))
            .args(&self.arguments)
            .env("LC_MESSAGES", "C")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("postgres runs");
        self.log = Log::follow(child.stderr.take().expect("it is piped"));
        self.child = Some(child);
        self.log.wait_for("line that says that it is ready", |line| {
            // A replica says "ready to accept read-only connections".
            line.as_str().is_some_and(|line| {
                line.contains("ready to accept") && line.contains("connections")
            })
        });
    }

    /// The URL of its database.
    #[must_use]
    pub fn url(&self) -> String {
        format!("postgres://tenon@127.0.0.1:{}/postgres", self.port)
    }

    /// Stops it as a restart of the service does: connections are cut, transactions undone.
    pub fn stop(&mut self) {
        self.end(&[Signal::INT]);
    }

    /// Kills all of its processes, with no chance to do anything.
    pub fn kill(&mut self) {
        self.end(&[Signal::KILL]);
    }

    /// Kills one of the processes that work for clients, and waits until Postgres has ended all
    /// others, to recover. Once after each start.
    ///
    /// # Panics
    /// No process works for a client.
    pub fn kill_backend(&self) {
        let postmaster = self.pid().expect("it runs");
        let backend = children(postmaster).into_iter().find(|pid| {
            let title = format!("/proc/{}/cmdline", pid.as_raw_nonzero());
            std::fs::read_to_string(title).is_ok_and(|title| title.contains(" tenon postgres "))
        });
        kill_process(backend.expect("somebody is connected"), Signal::KILL).expect("it is ours");
        self.log.wait_for("line that says that all have ended", |line| {
            line.as_str().is_some_and(|line| line.contains("terminated; reinitializing"))
        });
    }

    fn end(&mut self, signals: &[Signal]) {
        let Some(postmaster) = self.pid() else { return };
        // Its processes are in sessions of their own.
        let mut others = Vec::new();
        if signals.contains(&Signal::KILL) {
            // Stopped, it makes no further ones.
            let _ = kill_process(postmaster, Signal::STOP);
            others = children(postmaster);
        }
        for (pid, signal) in std::iter::once(&postmaster)
            .chain(&others)
            .flat_map(|pid| signals.iter().map(move |it| (pid, it)))
        {
            // One that has ended by itself is no matter.
            let _ = kill_process(*pid, *signal);
        }
        let mut child = self.child.take().expect("it has a pid");
        child.wait().expect("it is our child");
        // They are nobody's children now, and hold the shared memory until they have ended.
        while others.iter().any(|pid| is_alive(*pid)) {
            std::thread::yield_now();
        }
    }

    fn pid(&self) -> Option<Pid> {
        self.child.as_ref().and_then(|child| Pid::from_raw(child.id().cast_signed()))
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        self.end(&[Signal::QUIT]);
    }
}

/// A port of the loopback address on which nobody listens.
pub(crate) fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.local_addr().expect("it is bound").port()
}

/// Whether a process has not ended yet. One that nobody has waited for is a zombie, `Z`.
fn is_alive(pid: Pid) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_nonzero()));
    status.is_ok_and(|status| !status.rsplit(')').next().unwrap_or_default().starts_with(" Z"))
}

fn children(of: Pid) -> Vec<Pid> {
    let of = of.as_raw_nonzero();
    let children = std::fs::read_to_string(format!("/proc/{of}/task/{of}/children"));
    let children = children.expect("the system lists children");
    children.split_whitespace().filter_map(|pid| Pid::from_raw(pid.parse().ok()?)).collect()
}

/// The directory with the newest `initdb` and `postgres`.
fn programs() -> PathBuf {
    let releases = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten();
    let newest = releases
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<u32>().ok())
        .max()
        .map(|release| PathBuf::from(format!("/usr/lib/postgresql/{release}/bin")));
    newest.unwrap_or_else(|| {
        let found = Command::new("pg_config").arg("--bindir").output().expect("PostgreSQL is here");
        PathBuf::from(String::from_utf8_lossy(&found.stdout).trim())
    })
}
