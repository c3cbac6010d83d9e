//! Where the server's unix socket lives. The system cuts a socket's path at about a hundred
//! bytes and data directories may be deeper, so there is a short second choice.

use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::account::Account;
use super::error::EmbeddedError;
use super::room::Room;

/// The number in the socket's name; nothing listens on a network port.
pub(super) const PORT: u16 = 5432;

/// The bytes of `sockaddr_un.sun_path` on macOS, less the final zero; Linux has four more.
const SOCKET_PATH_MAX: usize = 103;

/// The socket's directory for this room, made if missing, closed to everyone but the account:
/// beside the data if the path is short enough, else a short one named after the room, so that
/// the next start finds it again.
pub(super) fn directory(room: &Room, account: &Account) -> Result<PathBuf, EmbeddedError> {
    let beside = room.cluster().join("socket");
    let chosen =
        if is_usable(&beside) { beside } else { short_base(account).join(short_name(room.root())) };
    ensure_private(&chosen, account)?;
    Ok(chosen)
}

/// The socket's path in its directory.
pub(super) fn file(directory: &Path) -> PathBuf {
    directory.join(format!(".s.PGSQL.{PORT}"))
}

/// Short enough, and free of the characters that end a name in PostgreSQL's list of
/// directories.
fn is_usable(directory: &Path) -> bool {
    let bytes = directory.as_os_str().as_bytes();
    file(directory).as_os_str().len() <= SOCKET_PATH_MAX
        && !bytes.iter().any(|b| matches!(b, b',' | b'"' | b'\\' | b'\n'))
}

/// A short directory that outlives this process: root's own, the user's own, else `/tmp`.
fn short_base(account: &Account) -> PathBuf {
    let own = if account.descends() {
        Some(PathBuf::from("/run"))
    } else {
        std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from)
    };
    own.filter(|dir| dir.is_absolute() && dir.is_dir())
        .filter(|dir| is_usable(&dir.join(short_name(Path::new("")))))
        .unwrap_or_else(|| PathBuf::from("/tmp"))
}

fn short_name(room: &Path) -> String {
    let digest = Sha256::digest(room.as_os_str().as_bytes());
    let hex: String = digest.iter().take(8).map(|b| format!("{b:02x}")).collect();
    format!("tenon-{hex}")
}

/// In a shared directory somebody else may have been first with the name, so the owner and the
/// mode are checked without following a link.
fn ensure_private(directory: &Path, account: &Account) -> Result<(), EmbeddedError> {
    match fs::symlink_metadata(directory) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            account.make_private_directory(directory)
        }
        Err(error) => Err(EmbeddedError::io("look at", directory)(error)),
        Ok(found)
            if found.is_dir()
                && found.uid() == account.uid()
                && found.permissions().mode() & 0o077 == 0 =>
        {
            Ok(())
        }
        Ok(_) => Err(EmbeddedError::UnsafeSocketDirectory {
            path: directory.to_path_buf(),
            owner: account.uid(),
        }),
    }
}
