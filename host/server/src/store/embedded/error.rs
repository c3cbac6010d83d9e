//! Why the server could not be started, kept or stopped; each message ends with what to do.

use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::time::Duration;

/// A failure of the embedded server. The text is for the operator's terminal.
#[derive(Debug, thiserror::Error)]
pub enum EmbeddedError {
    /// Neither `XDG_DATA_HOME` nor `HOME` is set, and no directory was chosen.
    #[error(
        "no place for Tenon's data: neither XDG_DATA_HOME nor HOME is set; name a directory with TENON_DATA_DIR"
    )]
    NoHome,

    /// No directory holds PostgreSQL's server programs.
    #[error(
        "PostgreSQL is not installed: no `postgres` and `initdb` in {}; install it with `{install}`, or set TENON_DATABASE_URL to a server of your own",
        list(.searched)
    )]
    NotInstalled {
        /// Where the programs were looked for.
        searched: Vec<PathBuf>,
        /// The one command that installs them on this machine.
        install: String,
    },

    /// The directory that was chosen explicitly lacks a program.
    #[error(
        "the directory {} of TENON_POSTGRES_BIN_DIR has no `{program}`; name the one with the server programs (`pg_config --bindir` prints it), or install them with `{install}`",
        .bin_dir.display()
    )]
    ProgramMissing {
        /// The chosen directory.
        bin_dir: PathBuf,
        /// The program that is not in it.
        program: &'static str,
        /// The one command that installs it on this machine.
        install: String,
    },

    /// Programs exist, but of no release that can be used here.
    #[error(
        "{wanted} is needed{}, and only {} was found; install it with `{install}`",
        for_data(.data.as_deref()),
        releases(.found)
    )]
    WrongRelease {
        /// The release that is needed, in words.
        wanted: String,
        /// The database that needs it, if one exists.
        data: Option<PathBuf>,
        /// The major releases found, and where.
        found: Vec<(u32, PathBuf)>,
        /// The one command that installs the right one on this machine.
        install: String,
    },

    /// `postgres --version` printed something that is not a version.
    #[error("`{} --version` printed {printed:?}, which names no PostgreSQL release", .program.display())]
    UnreadableVersion {
        /// The program asked.
        program: PathBuf,
        /// What it printed.
        printed: String,
    },

    /// The unprivileged account cannot pass a directory above the data directory.
    #[error(
        "PostgreSQL does not run as root; it would run as `{account}`, who cannot pass {} on the way to {}; choose another data directory (TENON_DATA_DIR=/var/lib/tenon, say), or `chmod o+x {}`",
        .ancestor.display(), .data_dir.display(), .ancestor.display()
    )]
    Unreachable {
        /// Who the server would run as.
        account: String,
        /// The directory that is closed.
        ancestor: PathBuf,
        /// The data directory below it.
        data_dir: PathBuf,
    },

    /// The database belongs to another user.
    #[error(
        "the database in {} belongs to uid {owner}, and this process runs as uid {ours}; run Tenon as that user or as root, or choose another directory with TENON_DATA_DIR",
        .path.display()
    )]
    ForeignOwner {
        /// The database's directory.
        path: PathBuf,
        /// Its owner.
        owner: u32,
        /// Who asks.
        ours: u32,
    },

    /// A short directory for the socket exists and is not ours alone.
    #[error(
        "{} should hold the server's socket, and is not a directory that uid {owner} alone can enter; remove it",
        .path.display()
    )]
    UnsafeSocketDirectory {
        /// The directory in question.
        path: PathBuf,
        /// Who should own it.
        owner: u32,
    },

    /// The cluster's directory is there, its contents are not.
    #[error(
        "{} is missing although {} exists: the database is damaged; restore it from a backup, or move the directory away to begin with an empty one",
        .missing.display(), .cluster.display()
    )]
    Damaged {
        /// The file that should be there.
        missing: PathBuf,
        /// The directory it should be in.
        cluster: PathBuf,
    },

    /// A file operation failed.
    #[error("could not {doing} {} as uid {}: {source}", .path.display(), rustix::process::geteuid().as_raw())]
    Io {
        /// What was attempted.
        doing: &'static str,
        /// On which file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },

    /// The system gave no random bytes for the password.
    #[error("the system gave no random bytes for the database password: {0}")]
    Random(getrandom::Error),

    /// `initdb` failed; nothing of its work is kept.
    #[error("`initdb` ended with {status} while it made the database in {}; it said:\n{output}", .path.display())]
    Initdb {
        /// The database's directory to be.
        path: PathBuf,
        /// How it ended.
        status: ExitStatus,
        /// The end of what it printed.
        output: String,
    },

    /// The server ended before it accepted a connection.
    #[error("PostgreSQL ended with {status} while it started; the end of its log {}:\n{tail}", .log.display())]
    EndedAtStart {
        /// How it ended.
        status: ExitStatus,
        /// Its log.
        log: PathBuf,
        /// The last lines of this start.
        tail: String,
    },

    /// Something runs, or should, and does not answer.
    #[error(
        "PostgreSQL accepted no connection within {} s (last: {last}); the end of its log {}:\n{tail}",
        .waited.as_secs(), .log.display()
    )]
    NotReady {
        /// How long was waited.
        waited: Duration,
        /// What the last attempt met.
        last: String,
        /// The server's log.
        log: PathBuf,
        /// The last lines of this start.
        tail: String,
    },

    /// The server does not take the password kept beside the database.
    #[error(
        "PostgreSQL refuses the password in {}; put back the file that belongs to this database",
        .password.display()
    )]
    PasswordRefused {
        /// The file with the password.
        password: PathBuf,
    },

    /// Another process holds a lock for too long.
    #[error(
        "another process held {} for {} s; see which with `fuser -v {}`, end it and start again",
        .lock.display(), .waited.as_secs(), .lock.display()
    )]
    Busy {
        /// The lock's file.
        lock: PathBuf,
        /// How long was waited.
        waited: Duration,
    },

    /// The server outlived both a fast and an immediate shutdown.
    #[error(
        "PostgreSQL still runs {} s after it was told to stop; see {}",
        .waited.as_secs(), .log.display()
    )]
    StillRunning {
        /// How long was waited.
        waited: Duration,
        /// Its log.
        log: PathBuf,
    },

    /// A statement of the setting-up failed.
    #[error("could not {doing}: {source}")]
    Sql {
        /// What was attempted.
        doing: &'static str,
        /// What the server said.
        source: sqlx::Error,
    },
}

impl EmbeddedError {
    /// For `map_err`: names the operation and the file of an I/O error.
    pub(super) fn io(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self + use<> {
        let path = path.to_path_buf();
        move |source| Self::Io { doing, path, source }
    }
}

fn list(paths: &[PathBuf]) -> String {
    let names: Vec<String> = paths.iter().map(|p| p.display().to_string()).collect();
    names.join(", ")
}

fn for_data(data: Option<&Path>) -> String {
    data.map(|path| format!(" for the database in {}", path.display())).unwrap_or_default()
}

fn releases(found: &[(u32, PathBuf)]) -> String {
    let names: Vec<String> = found
        .iter()
        .map(|(major, dir)| format!("PostgreSQL {major} in {}", dir.display()))
        .collect();
    names.join(", ")
}
