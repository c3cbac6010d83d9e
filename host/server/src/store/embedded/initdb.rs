//! Makes the database's files, whole or not at all: initdb works in a directory beside the final
//! one, which gets its name only when everything is on the disk.

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::process::Stdio;

use tokio::process::Command;

use super::account::Account;
use super::binaries::Binaries;
use super::error::EmbeddedError;
use super::room::Room;

/// The role that owns the server; Tenon uses it to make its own role and database.
pub(super) const SUPERUSER: &str = "postgres";

/// Appended to `postgresql.conf` once, so that an operator may change them there.
///
/// What the durability of a commit rests on is spelled out although it is the default.
const SETTINGS: &str = "
# Tenon's settings. The socket's directory is given on the command line.
max_connections = 100
shared_buffers = 128MB
max_wal_size = 1GB
fsync = on
synchronous_commit = on
full_page_writes = on
jit = off
unix_socket_permissions = 0700
timezone = 'UTC'
log_timezone = 'UTC'
log_checkpoints = off
log_line_prefix = '%m [%p] '
";

/// The environment that PostgreSQL's programs keep: where programs, libraries, time zones and
/// temporary files are.
const KEPT: [&str; 7] =
    ["PATH", "HOME", "TMPDIR", "TZ", "TZDIR", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH"];

/// How much of initdb's output an error quotes, in characters.
const QUOTED: usize = 2000;

/// Runs initdb and puts its work in place. `server_lock` is held by initdb too: one that
/// outlives a killed Tenon keeps the next from working in the same directory.
pub(super) async fn make_cluster(
    room: &Room,
    account: &Account,
    binaries: &Binaries,
    server_lock: &File,
) -> Result<(), EmbeddedError> {
    let partial = room.partial();
    if partial.exists() {
        tracing::info!(path = %partial.display(), "making the database was interrupted; beginning again");
        fs::remove_dir_all(&partial).map_err(EmbeddedError::io("remove", &partial))?;
    }
    account.make_private_directory(&partial)?;
    let password = partial.join("password");
    write_private(&password, &random_password()?)?;
    account.give(&password)?;

    run_initdb(room, account, binaries, server_lock).await?;

    let settings = partial.join("data/postgresql.conf");
    append(&settings, SETTINGS).map_err(EmbeddedError::io("write", &settings))?;
    fs::rename(&partial, room.cluster()).map_err(EmbeddedError::io("rename", &partial))?;
    // The rename itself is on the disk only when its directory is.
    File::open(room.root())
        .and_then(|root| root.sync_all())
        .map_err(EmbeddedError::io("sync", room.root()))
}

/// A command of PostgreSQL's with nothing of the caller's terminal: a Ctrl-C meant for Tenon
/// would otherwise stop the server under its feet.
pub(super) fn detached(program: &Path, room: &Room, account: &Account) -> Command {
    let mut command = Command::new(program);
    clean_environment(&mut command);
    command.current_dir(room.root()).process_group(0);
    account.run_as(&mut command);
    command
}

/// Leaves a program of PostgreSQL's the [`KEPT`] environment alone. The environment of Tenon
/// holds secrets (`TENON_ADMIN_TOKEN`), which would stay readable in the server's as long as it
/// lives, and `PG…` settings that are meant for others.
pub(super) fn clean_environment(command: &mut Command) {
    command.env_clear();
    command.envs(std::env::vars_os().filter(|(name, _)| KEPT.iter().any(|kept| name == kept)));
    command.env("LC_ALL", "C");
}

async fn run_initdb(
    room: &Room,
    account: &Account,
    binaries: &Binaries,
    server_lock: &File,
) -> Result<(), EmbeddedError> {
    let program = binaries.program("initdb");
    let partial = room.partial();
    let lock =
        server_lock.try_clone().map_err(EmbeddedError::io("share the lock of", room.root()))?;
    let mut command = detached(&program, room, account);
    command
        .arg("--pgdata")
        .arg(partial.join("data"))
        .arg("--pwfile")
        .arg(partial.join("password"))
        .args(["--username", SUPERUSER])
        .args(["--auth", "scram-sha-256"])
        .args(["--encoding", "UTF8", "--locale", "C"])
        .stdin(Stdio::from(lock))
        .kill_on_drop(true);
    let output = command.output().await.map_err(EmbeddedError::io("run", &program))?;
    if output.status.success() {
        return Ok(());
    }
    let mut said = String::from_utf8_lossy(&output.stdout).into_owned();
    said.push_str(&String::from_utf8_lossy(&output.stderr));
    let skipped = said.chars().count().saturating_sub(QUOTED);
    Err(EmbeddedError::Initdb {
        path: partial.join("data"),
        status: output.status,
        output: said.chars().skip(skipped).collect(),
    })
}

/// 256 random bits in hexadecimal, which needs no quoting anywhere.
fn random_password() -> Result<String, EmbeddedError> {
    let mut bytes = [0_u8; 32];
    getrandom::fill(&mut bytes).map_err(EmbeddedError::Random)?;
    Ok(bytes.iter().map(|b| format!("{b:02x}")).collect())
}

fn write_private(path: &Path, text: &str) -> Result<(), EmbeddedError> {
    let write = || -> std::io::Result<()> {
        let mut file = OpenOptions::new().create_new(true).write(true).mode(0o600).open(path)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()
    };
    write().map_err(EmbeddedError::io("write", path))
}

fn append(path: &Path, text: &str) -> std::io::Result<()> {
    let mut file = OpenOptions::new().append(true).open(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}
