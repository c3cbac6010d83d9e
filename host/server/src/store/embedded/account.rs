//! Who the server runs as. PostgreSQL refuses to run as root, so a Tenon that is root gives it
//! an unprivileged account, and opens the way to its files for that account alone.

use std::fs::{self, Metadata, Permissions};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};

use tokio::process::Command;

use super::error::EmbeddedError;

/// The accounts a root Tenon may use, in order of preference: PostgreSQL's own, else the one
/// that owns nothing.
const UNPRIVILEGED: [&str; 2] = ["postgres", "nobody"];

/// The ids of `nobody` on Linux, for a system without a user database.
const NOBODY: (u32, u32) = (65534, 65534);

/// The account of the server's processes and files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Account {
    name: String,
    uid: u32,
    gid: u32,
    /// Whether this process is root and has to become the account.
    descend: bool,
}

impl Account {
    /// The owner of `cluster` if it exists, else ourselves, else (as root) an unprivileged one.
    pub(super) fn of(cluster: &Path) -> Result<Self, EmbeddedError> {
        let ours = rustix::process::geteuid().as_raw();
        let existing = match fs::metadata(cluster) {
            Ok(found) => Some(found),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
            Err(error) => return Err(EmbeddedError::io("look at", cluster)(error)),
        };
        match existing {
            Some(found) if ours == 0 && found.uid() != 0 => Ok(Self {
                name: format!("uid {}", found.uid()),
                uid: found.uid(),
                gid: found.gid(),
                descend: true,
            }),
            Some(found) if found.uid() != ours => Err(EmbeddedError::ForeignOwner {
                path: cluster.to_path_buf(),
                owner: found.uid(),
                ours,
            }),
            _ if ours == 0 => {
                let users = fs::read_to_string("/etc/passwd").unwrap_or_default();
                Ok(unprivileged(&users))
            }
            _ => Ok(Self {
                name: format!("uid {ours}"),
                uid: ours,
                gid: rustix::process::getegid().as_raw(),
                descend: false,
            }),
        }
    }

    pub(super) fn uid(&self) -> u32 {
        self.uid
    }

    /// Whether the account differs from the one of this process.
    pub(super) fn descends(&self) -> bool {
        self.descend
    }

    /// Makes `command` run as the account. The standard library also drops root's
    /// supplementary groups when it changes the uid.
    pub(super) fn run_as(&self, command: &mut Command) {
        if self.descend {
            command.uid(self.uid).gid(self.gid);
        }
    }

    /// Gives a file or directory that this process made to the account.
    pub(super) fn give(&self, path: &Path) -> Result<(), EmbeddedError> {
        if self.descend {
            chown(path, Some(self.uid), Some(self.gid))
                .map_err(EmbeddedError::io("change the owner of", path))?;
        }
        Ok(())
    }

    /// Makes a directory that the account alone can enter.
    pub(super) fn make_private_directory(&self, path: &Path) -> Result<(), EmbeddedError> {
        fs::DirBuilder::new()
            .mode(0o700)
            .create(path)
            .map_err(EmbeddedError::io("create", path))?;
        self.give(path)
    }

    /// Makes `data_dir` and what is missing above it, so that the account can pass.
    ///
    /// The directories above that exist already are the machine's, and stay as they are: a
    /// closed one is an error.
    pub(super) fn make_data_dir(&self, data_dir: &Path) -> Result<(), EmbeddedError> {
        let missing: Vec<&Path> = data_dir.ancestors().take_while(|p| !p.exists()).collect();
        let nearest = match missing.last() {
            Some(highest) => highest.parent(),
            None => data_dir.parent(),
        };
        if let Some(nearest) = nearest {
            let real = nearest.canonicalize().map_err(EmbeddedError::io("resolve", nearest))?;
            if let Some(ancestor) = self.first_closed(&real) {
                return Err(EmbeddedError::Unreachable {
                    account: self.name.clone(),
                    ancestor,
                    data_dir: data_dir.to_path_buf(),
                });
            }
        }
        let above = if self.descend { 0o755 } else { 0o700 };
        for directory in missing.into_iter().rev() {
            let mode = if directory == data_dir { 0o700 } else { above };
            fs::create_dir(directory).map_err(EmbeddedError::io("create", directory))?;
            // Set afterwards, since the umask would take bits away from a mode given before.
            set_mode(directory, mode)?;
        }
        self.let_through(data_dir)
    }

    /// Lets the account pass a directory of Tenon's own, by its group and without a look inside.
    pub(super) fn let_through(&self, directory: &Path) -> Result<(), EmbeddedError> {
        let found = fs::metadata(directory).map_err(EmbeddedError::io("look at", directory))?;
        if !self.descend || self.can_pass(&found) {
            return Ok(());
        }
        chown(directory, None, Some(self.gid))
            .map_err(EmbeddedError::io("change the group of", directory))?;
        set_mode(directory, (found.mode() & 0o7777) | 0o010)
    }

    /// The outermost directory on the way to (and with) `path` that the account cannot pass.
    fn first_closed(&self, path: &Path) -> Option<PathBuf> {
        if !self.descend {
            return None;
        }
        let closed = path
            .ancestors()
            .filter(|dir| !fs::metadata(dir).is_ok_and(|found| self.can_pass(&found)));
        closed.last().map(Path::to_path_buf)
    }

    fn can_pass(&self, found: &Metadata) -> bool {
        let mode = found.mode();
        if found.uid() == self.uid {
            mode & 0o100 != 0
        } else if found.gid() == self.gid {
            mode & 0o010 != 0
        } else {
            mode & 0o001 != 0
        }
    }
}

fn set_mode(path: &Path, mode: u32) -> Result<(), EmbeddedError> {
    fs::set_permissions(path, Permissions::from_mode(mode))
        .map_err(EmbeddedError::io("change the mode of", path))
}

/// The account for a root Tenon, from the text of `/etc/passwd`.
fn unprivileged(users: &str) -> Account {
    let known = UNPRIVILEGED.iter().find_map(|name| {
        let line = users.lines().find(|line| line.split(':').next() == Some(*name))?;
        let mut fields = line.split(':').skip(2);
        let uid = fields.next()?.parse().ok()?;
        let gid = fields.next()?.parse().ok()?;
        Some(((*name).to_owned(), uid, gid))
    });
    let (name, uid, gid) = known.unwrap_or(("nobody".to_owned(), NOBODY.0, NOBODY.1));
    Account { name, uid, gid, descend: true }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn root_gives_the_server_to_postgres_else_to_nobody() {
        let nobody = "root:x:0:0::/root:/bin/sh\nnobody:x:65534:65533::/:/bin/false\n";
        let found = unprivileged(nobody);
        assert_eq!((found.name.as_str(), found.uid, found.gid), ("nobody", 65534, 65533));
        let both = format!("{nobody}postgres:x:101:104::/var/lib/postgresql:/bin/bash\n");
        let found = unprivileged(&both);
        assert_eq!((found.name.as_str(), found.uid, found.gid), ("postgres", 101, 104));
        assert_eq!(unprivileged("").uid, NOBODY.0);
    }

    #[test]
    fn a_closed_directory_above_the_data_directory_is_named() {
        let place = tempfile::tempdir().unwrap();
        let closed = place.path().join("closed");
        fs::create_dir(&closed).unwrap();
        set_mode(place.path(), 0o755).unwrap();
        set_mode(&closed, 0o700).unwrap();
        let account = Account {
            name: "nobody".to_owned(),
            uid: NOBODY.0,
            gid: NOBODY.1,
            descend: rustix::process::geteuid().as_raw() != NOBODY.0,
        };
        if !account.descend {
            return;
        }
        let refusal = account.make_data_dir(&closed.join("a/tenon")).unwrap_err().to_string();
        assert!(
            refusal.contains(&format!("`nobody`, who cannot pass {}", closed.display())),
            "{refusal}"
        );
        assert!(!closed.join("a").exists());
    }
}
