//! Programs that refuse to run as root run as somebody else.

use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use tempfile::TempDir;

/// `nobody`, by convention everywhere.
const NOBODY: u32 = 65534;

/// A command of the account's.
pub(crate) fn command(program: impl AsRef<Path>) -> Command {
    let mut command = Command::new(program.as_ref());
    if is_root() {
        command.uid(NOBODY).gid(NOBODY);
    }
    command
}

/// A directory of the account's.
pub(crate) fn directory() -> TempDir {
    directory_in(&std::env::temp_dir())
}

/// The same in another directory.
pub(crate) fn directory_in(parent: &Path) -> TempDir {
    let dir = tempfile::Builder::new().prefix("tenon-test-").tempdir_in(parent);
    let dir = dir.expect("a directory");
    if is_root() {
        chown(dir.path(), Some(NOBODY), Some(NOBODY)).expect("root may");
    }
    let open = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(dir.path(), open).expect("the directory is ours");
    dir
}

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}
