//! The key under which secrets are stored, where the Postgres is one of our own and the configuration names no
//! key: it is beside the database in the data directory, which is one person's.

use std::io::{self, Write};
use std::path::Path;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use tempfile::NamedTempFile;

use super::ServeError;
use crate::config::{Config, Database};
use crate::keyring::{EncryptionKey, Keyring};
use crate::tenant::auth::random;

const FILE: &str = "encryption-key";

/// The keys of the configuration, with one of our own beside a Postgres of our own where it has none.
pub(super) fn keyring(config: &Config) -> Result<Keyring, ServeError> {
    let keyring = config.keyring.clone();
    if keyring.can_seal() || matches!(config.database, Database::External(_)) {
        return Ok(keyring);
    }
    Ok(keyring.or_with(own(&config.data_dir)?))
}

/// The key in this directory, made if there is none. Servers that make one at once have the same.
fn own(data_dir: &Path) -> Result<EncryptionKey, ServeError> {
    let path = data_dir.join(FILE);
    let io = |source| ServeError::Io { doing: "keep the encryption key", source };
    let text = match std::fs::read_to_string(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => make(data_dir, &path)?,
        read => read.map_err(io)?,
    };
    EncryptionKey::parse(&text)
        .map_err(|error| ServeError::EncryptionKey { path: path.display().to_string(), error })
}

fn make(data_dir: &Path, path: &Path) -> Result<String, ServeError> {
    let io = |source| ServeError::Io { doing: "keep the encryption key", source };
    let bytes = random()?;
    // For its owner alone (mode 600), and under its name when it is whole.
    let mut file = NamedTempFile::new_in(data_dir).map_err(io)?;
    writeln!(file, "{}", BASE64_STANDARD.encode(bytes)).map_err(io)?;
    file.as_file().sync_all().map_err(io)?;
    match file.persist_noclobber(path) {
        Ok(_) => {}
        Err(error) if error.error.kind() == io::ErrorKind::AlreadyExists => {}
        Err(error) => return Err(io(error.error)),
    }
    std::fs::read_to_string(path).map_err(io)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use uuid::Uuid;

    use super::*;
    use crate::keyring::Context;

    #[test]
    fn the_own_key_is_made_once_and_for_its_owner_alone() {
        let dir = tempfile::tempdir().unwrap();
        let (first, again) = (own(dir.path()).unwrap(), own(dir.path()).unwrap());
        let context = Context { purpose: "test", owner: Uuid::nil() };
        let sealed = Keyring::new(Some(first), Vec::new()).seal(context, b"hunter2").unwrap();
        assert_eq!(
            Keyring::new(Some(again), Vec::new()).open(context, &sealed).unwrap(),
            b"hunter2"
        );
        let mode = std::fs::metadata(dir.path().join(FILE)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        std::fs::write(dir.path().join(FILE), "short").unwrap();
        let error = own(dir.path()).unwrap_err().to_string();
        assert!(error.contains("encryption-key") && error.contains("must be 32 bytes"), "{error}");
    }
}
