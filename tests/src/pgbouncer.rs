//! PgBouncer in transaction mode before a Postgres of the test's own.

use std::path::Path;
use std::process::{Child, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use crate::account;
use crate::log::Log;
use crate::postgres::{Postgres, free_port};

/// Where distributions put it; `/usr/sbin` is in no user's path.
const PROGRAMS: [&str; 3] =
    ["/usr/sbin/pgbouncer", "/usr/bin/pgbouncer", "/usr/local/bin/pgbouncer"];

/// A pooler that gives each transaction a connection of its choice. Dropping it ends it.
#[derive(Debug)]
pub struct PgBouncer {
    /// What it logs.
    pub log: Log,
    port: u16,
    child: Child,
    _dir: TempDir,
}

impl PgBouncer {
    /// Starts one with so many connections to the database.
    ///
    /// # Panics
    /// It is not installed (`scripts/prerequisites` does so), or does not start.
    #[must_use]
    pub fn start(postgres: &Postgres, connections: u32) -> Self {
        let program = PROGRAMS.iter().map(Path::new).find(|program| program.exists());
        let program = program.expect("pgbouncer is installed");
        let (dir, port) = (account::directory(), free_port());
        let settings = dir.path().join("pgbouncer.ini");
        let text = format!(
            "[databases]\n\
             postgres = host=127.0.0.1 port={} user=tenon pool_size={connections}\n\
             [pgbouncer]\n\
             listen_addr = 127.0.0.1\n\
             listen_port = {port}\n\
             unix_socket_dir =\n\
             auth_type = any\n\
             pool_mode = transaction\n\
             max_client_conn = 200\n",
            postgres.port
        );
        std::fs::write(&settings, text).expect("the directory is ours");
        let mut child = account::command(program)
            .arg(&settings)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("pgbouncer runs");
        let log = Log::follow(child.stderr.take().expect("it is piped"));
        log.wait_for("line that says that it is up", |line| {
            line.as_str().is_some_and(|line| line.contains("process up"))
        });
        Self { log, port, child, _dir: dir }
    }

    /// The URL of the database behind it.
    #[must_use]
    pub fn url(&self) -> String {
        format!("postgres://tenon@127.0.0.1:{}/postgres", self.port)
    }
}

impl Drop for PgBouncer {
    fn drop(&mut self) {
        if let Some(pid) = Pid::from_raw(self.child.id().cast_signed()) {
            let _ = kill_process(pid, Signal::INT);
        }
        let _ = self.child.wait();
    }
}
