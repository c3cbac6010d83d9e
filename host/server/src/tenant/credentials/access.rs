//! Access tokens of the tenant's OAuth clients.

use std::sync::Arc;

use time::OffsetDateTime;
use uuid::Uuid;

use super::{Authenticated, Credentials, Proof};
use crate::clock;
use crate::store::clients::{self, ClientCredential};
use crate::store::{Database, StoreError, TenantId};
use crate::tenant::access::{Grants, Principal, UnknownPermission};
use crate::tenant::access_token::{ClientId, Opened, Sealed};
use crate::tenant::auth::{CredentialKey, SecretHash};
use crate::tenant::entry::{Claims, TenantIdentity};
use crate::tenant::runtime::RuntimeError;

/// A client that has shown its secret.
#[derive(Debug)]
pub struct KnownClient {
    /// Whose it is, and its id.
    pub id: ClientId,
    /// The tenant.
    pub tenant: TenantIdentity,
    /// The most that its tokens are allowed.
    pub grants: Grants,
}

impl Credentials {
    /// The client, if the secret is its own and it is one of the tenant to which the request came. For
    /// one that there is not, that takes as long as for one that there is.
    ///
    /// # Errors
    /// The database fails.
    pub async fn client(
        &self,
        database: &Database,
        shown: Option<ClientId>,
        secret: &str,
        claims: &Claims,
    ) -> Result<Option<KnownClient>, StoreError> {
        let id = shown.unwrap_or(ClientId { tenant: TenantId(Uuid::nil()), id: Uuid::nil() });
        let mut conn = database.read().await?;
        let found = clients::credential(&mut conn, id.tenant, id.id).await?;
        drop(conn);
        let hash = found.as_ref().and_then(|it| SecretHash::from_stored(&it.secret_hash));
        let is_right = SecretHash::is_right(hash.as_ref(), secret.as_bytes());
        let Some(found) = found.filter(|_| is_right) else { return Ok(None) };
        let ClientCredential { tenant_name: name, realm_id: realm, grants, .. } = found;
        let tenant = TenantIdentity { id: id.tenant, name, realm };
        if !claims.admit(&tenant) {
            return Ok(None);
        }
        Ok(Some(KnownClient { id, tenant, grants: Grants::of_stored(grants)? }))
    }

    /// Whose access token it is, if its client is one of the tenant still. What it is allowed is what it
    /// was given of what the client may have now.
    pub(super) async fn by_access_token(
        &self,
        database: &Database,
        sealed: &Sealed,
        claims: &Claims,
    ) -> Result<Option<Arc<Authenticated>>, RuntimeError> {
        let (as_of, digest) = (self.as_of(), SecretHash::of(sealed.bytes()));
        if let Some(known) = self.verified(&digest, as_of, claims) {
            return Ok(Some(known));
        }
        let Some(opened) = self.access_tokens.open(sealed, clock::now()) else { return Ok(None) };
        let Opened { expires, permissions } = opened;
        let Ok(expires) = OffsetDateTime::from_unix_timestamp(expires) else { return Ok(None) };
        let client = sealed.client;
        let mut conn = database.read().await?;
        let credential = clients::credential(&mut conn, client.tenant, client.id).await?;
        let Some(credential) = credential else { return Ok(None) };
        let ClientCredential { tenant_name, realm_id, config_epoch, grants, .. } = credential;
        let identity = TenantIdentity { id: client.tenant, name: tenant_name, realm: realm_id };
        if !claims.admit(&identity) {
            return Ok(None);
        }
        let runtime = self.runtimes.get(&mut conn, client.tenant, config_epoch).await?;
        drop(conn);
        let unknown = |UnknownPermission(found)| StoreError::Unknown { what: "permission", found };
        let given = Grants::parse(&permissions, Vec::new()).map_err(unknown)?;
        let grants = given.within(&Grants::of_stored(grants)?);
        let named = [b"client", client.id.as_bytes().as_slice()];
        let known = Arc::new(Authenticated {
            identity,
            principal: Arc::new(Principal::client(client.id, grants)),
            runtime,
            proof: Proof::Verified(CredentialKey::of_identity(&self.identities, &named)),
            expires: Some(expires),
            as_of,
        });
        if as_of.is_some() {
            self.remember(&known, |them| {
                them.by_digest.insert(*digest.as_bytes(), Arc::clone(&known))
            });
        }
        Ok(Some(known))
    }
}
