//! Passwords: what a client writes and nobody reads is stored as an argon2id hash.

use argon2::Argon2;
use argon2::password_hash::{PasswordHasher, SaltString};
use serde_json::Value;
use tenon_scim::Object;
use tenon_scim::schema::{Attribute, ResourceType};

use super::Error;

/// Puts the hash in the place of every secret that differs from the stored one. A hash takes tens
/// of milliseconds, off the async threads.
pub(super) async fn seal(
    resource_type: &ResourceType,
    attributes: &mut Object,
    stored: Option<&Object>,
) -> Result<(), Error> {
    seal_members(&resource_type.schema.attributes, attributes, stored).await?;
    for extension in &resource_type.extensions {
        let urn = &extension.schema.id;
        let stored = stored.and_then(|it| it.get(urn)).and_then(Value::as_object);
        if let Some(Value::Object(members)) = attributes.get_mut(urn) {
            seal_members(&extension.schema.attributes, members, stored).await?;
        }
    }
    Ok(())
}

async fn seal_members(
    definitions: &[Attribute],
    members: &mut Object,
    stored: Option<&Object>,
) -> Result<(), Error> {
    for definition in definitions.iter().filter(|definition| definition.is_secret()) {
        let Some(Value::String(secret)) = members.get(&definition.name) else { continue };
        let unchanged =
            stored.and_then(|it| it.get(&definition.name)) == Some(&Value::String(secret.clone()));
        if !unchanged {
            let hash = hash(secret.clone()).await?;
            members.insert(definition.name.clone(), Value::String(hash));
        }
    }
    Ok(())
}

async fn hash(secret: String) -> Result<String, Error> {
    let work = move || {
        let mut salt = [0; 16];
        getrandom::fill(&mut salt).map_err(|error| error.to_string())?;
        let salt = SaltString::encode_b64(&salt).map_err(|error| error.to_string())?;
        let hash = Argon2::default().hash_password(secret.as_bytes(), &salt);
        hash.map(|hash| hash.to_string()).map_err(|error| error.to_string())
    };
    let hashed = tokio::task::spawn_blocking(work).await;
    hashed.map_err(|error| error.to_string()).and_then(|it| it).map_err(Error::Internal)
}
