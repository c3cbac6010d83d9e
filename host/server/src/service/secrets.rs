//! Passwords: what a client writes and nobody reads is stored as an argon2id hash.

use std::sync::Arc;
use std::thread::available_parallelism;

use argon2::Argon2;
use argon2::password_hash::{PasswordHasher, SaltString};
use serde_json::Value;
use tenon_scim::Object;
use tenon_scim::schema::{Attribute, ResourceType};
use tokio::sync::Semaphore;

use super::Error;

/// Puts hashes in the place of secrets.
///
/// A hash takes tens of milliseconds of a processor and 19 MiB: no more run at a time than there
/// are processors, and the others wait.
#[derive(Debug, Clone)]
pub(super) struct Sealer {
    places: Arc<Semaphore>,
}

impl Default for Sealer {
    fn default() -> Self {
        let processors = available_parallelism().map_or(1, usize::from);
        Self { places: Arc::new(Semaphore::new(processors)) }
    }
}

impl Sealer {
    /// Puts the hash in the place of every secret that differs from the stored one.
    pub(super) async fn seal(
        &self,
        resource_type: &ResourceType,
        attributes: &mut Object,
        stored: Option<&Object>,
    ) -> Result<(), Error> {
        self.seal_members(&resource_type.schema.attributes, attributes, stored).await?;
        for extension in &resource_type.extensions {
            let urn = &extension.schema.id;
            let stored = stored.and_then(|it| it.get(urn)).and_then(Value::as_object);
            if let Some(Value::Object(members)) = attributes.get_mut(urn) {
                self.seal_members(&extension.schema.attributes, members, stored).await?;
            }
        }
        Ok(())
    }

    async fn seal_members(
        &self,
        definitions: &[Attribute],
        members: &mut Object,
        stored: Option<&Object>,
    ) -> Result<(), Error> {
        for definition in definitions.iter().filter(|definition| definition.is_secret()) {
            let Some(secret) = members.get(&definition.name) else { continue };
            let unchanged = stored.and_then(|it| it.get(&definition.name)) == Some(secret);
            if let (false, Value::String(secret)) = (unchanged, secret) {
                let hash = self.hash(secret.clone()).await?;
                members.insert(definition.name.clone(), Value::String(hash));
            }
        }
        Ok(())
    }

    async fn hash(&self, secret: String) -> Result<String, Error> {
        let internal = |error: String| Error::Internal(error);
        let place = Arc::clone(&self.places).acquire_owned().await;
        let place = place.map_err(|error| internal(error.to_string()))?;
        let hashed = tokio::task::spawn_blocking(move || {
            // Held to the end of the work, also where nobody waits for it any more.
            let _place = place;
            let mut salt = [0; 16];
            getrandom::fill(&mut salt).map_err(|error| error.to_string())?;
            let salt = SaltString::encode_b64(&salt).map_err(|error| error.to_string())?;
            let hash = Argon2::default().hash_password(secret.as_bytes(), &salt);
            hash.map(|hash| hash.to_string()).map_err(|error| error.to_string())
        });
        hashed.await.map_err(|error| error.to_string()).and_then(|it| it).map_err(internal)
    }
}
