//! The keys under which secrets are stored: given as text or in a file.

use std::path::Path;

use super::ConfigError;
use super::values::{Given, Values};
use crate::keyring::{EncryptionKey, Keyring};

impl Values {
    pub(super) fn keyring(&self) -> Result<Keyring, ConfigError> {
        let current = match (self.get("encryption_key"), self.get("encryption_key_file")) {
            (Some(_), Some(file)) => {
                return Err(file.invalid("excludes encryption_key; set one of them"));
            }
            (Some(given), None) => Some(key(given, &given.text)?),
            (None, Some(file)) => Some(key_in(file)?),
            (None, None) => None,
        };
        let old = match self.get("encryption_keys_old") {
            Some(given) => given.text.split_whitespace().map(|text| key(given, text)).collect(),
            None => Ok(Vec::new()),
        };
        Ok(Keyring::new(current, old?))
    }
}

/// The text is not repeated in the error: it may be a key with a slip.
fn key(given: &Given, text: &str) -> Result<EncryptionKey, ConfigError> {
    EncryptionKey::parse(text).map_err(|error| given.invalid(format!("must be {error}")))
}

fn key_in(file: &Given) -> Result<EncryptionKey, ConfigError> {
    let text = std::fs::read_to_string(Path::new(&file.text)).map_err(|error| {
        file.invalid(format!("the key in {} cannot be read: {error}", file.text))
    })?;
    EncryptionKey::parse(&text)
        .map_err(|error| file.invalid(format!("what is in {} must be {error}", file.text)))
}
