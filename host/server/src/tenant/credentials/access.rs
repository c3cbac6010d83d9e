//! OAuth clients of a tenant, and their access tokens.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::AtomicI64;

use time::OffsetDateTime;
use uuid::Uuid;

use super::{Authenticated, Credentials, NotAuthenticated, Proof};
use crate::clock;
use crate::store::clients::{self, ClientCredential};
use crate::store::credentials::Kind;
use crate::store::{Database, StoreError, TenantId};
use crate::tenant::access::{Grants, Principal, UnknownPermission};
use crate::tenant::access_token::{ClientId, Opened, Sealed};
use crate::tenant::auth::{CredentialKey, SecretHash, Secrets};
use crate::tenant::entry::{Claims, TenantIdentity};
use crate::tenant::runtime::RuntimeError;
use crate::tenant::usage::CredentialId;

/// A client, as it is stored.
#[derive(Debug)]
pub struct StoredClient {
    /// The tenant.
    pub tenant: TenantIdentity,
    /// The most that its tokens are allowed.
    pub grants: Grants,
    /// Whether the operator has suspended the tenant.
    pub is_suspended: bool,
    config_epoch: i64,
    secrets: Option<Secrets>,
}

impl Credentials {
    /// The client, if the secret is its own and it is one of the tenant to which the request came. For
    /// one that there is not, that takes as long as for one that there is.
    ///
    /// # Errors
    /// It is not; it was not looked up; or the database fails.
    pub async fn client(
        &self,
        database: &Database,
        id: Option<ClientId>,
        secret: &str,
        claims: &Claims,
        address: Option<IpAddr>,
    ) -> Result<Arc<StoredClient>, NotAuthenticated> {
        let shown = SecretHash::of(secret.as_bytes());
        self.attempts.check(address, &shown)?;
        let id = id.unwrap_or(ClientId { tenant: TenantId(Uuid::nil()), id: Uuid::nil() });
        let stored = self.stored_client(database, id).await?;
        let (secrets, now) = (stored.as_ref().and_then(|it| it.secrets.as_ref()), clock::now());
        let is_known = Secrets::accept(secrets, &shown, now);
        let client = stored.filter(|it| is_known && claims.admit(&it.tenant));
        self.attempts.keep(address, &shown, client.is_some());
        let client = client.ok_or(NotAuthenticated::Nobody)?;
        self.uses.note(row(id), now, address);
        Ok(client)
    }

    /// Whose access token it is, if its client is one of the tenant still. What it is allowed is what it
    /// was given of what the client may have now.
    pub(super) async fn by_access_token(
        &self,
        database: &Database,
        sealed: &Sealed,
        digest: &SecretHash,
        claims: &Claims,
    ) -> Result<Option<Arc<Authenticated>>, RuntimeError> {
        let as_of = self.epoch.as_of();
        let Some(opened) = self.access_tokens.open(sealed, clock::now()) else { return Ok(None) };
        let Opened { expires, permissions } = opened;
        let Ok(expires) = OffsetDateTime::from_unix_timestamp(expires) else { return Ok(None) };
        let id = sealed.client;
        let client = self.stored_client(database, id).await?;
        let Some(client) = client.filter(|it| claims.admit(&it.tenant)) else { return Ok(None) };
        let mut conn = database.read().await?;
        let runtime = self.runtimes.get(&mut conn, id.tenant, client.config_epoch).await?;
        drop(conn);
        let unknown = |UnknownPermission(found)| StoreError::Unknown { what: "permission", found };
        let given = Grants::parse(&permissions, Vec::new()).map_err(unknown)?;
        let named = [b"client", id.id.as_bytes().as_slice()];
        let known = Arc::new(Authenticated {
            identity: client.tenant.clone(),
            principal: Arc::new(Principal::client(id.id, given.within(&client.grants))),
            runtime,
            names_its_tenant: true,
            proof: Proof::Verified(CredentialKey::of_identity(&self.identities, &named)),
            expires: Some(expires),
            row: Some(row(id)),
            noted: AtomicI64::default(),
        });
        self.memory.keep(as_of, |them| {
            them.verified.insert(*digest.as_bytes(), Arc::clone(&known));
        });
        Ok(Some(known))
    }

    async fn stored_client(
        &self,
        database: &Database,
        ClientId { tenant, id }: ClientId,
    ) -> Result<Option<Arc<StoredClient>>, StoreError> {
        let as_of = self.epoch.as_of();
        if let Some(known) = self.memory.get(as_of, |them| them.clients.get(&(tenant, id))) {
            return Ok(known);
        }
        let mut conn = database.read().await?;
        let found = clients::credential(&mut conn, tenant, id).await?;
        drop(conn);
        let client = found.map(|found| stored(tenant, found)).transpose()?.map(Arc::new);
        self.memory.keep(as_of, |them| them.clients.insert((tenant, id), client.clone()));
        Ok(client)
    }
}

fn stored(tenant: TenantId, found: ClientCredential) -> Result<StoredClient, StoreError> {
    let ClientCredential { tenant_name, realm_id, config_epoch, is_suspended, secrets, grants } =
        found;
    Ok(StoredClient {
        tenant: TenantIdentity { id: tenant, name: tenant_name, realm: realm_id },
        grants: Grants::of_stored(grants)?,
        is_suspended,
        config_epoch,
        secrets: Secrets::of_stored(&secrets),
    })
}

fn row(ClientId { tenant, id }: ClientId) -> CredentialId {
    CredentialId { tenant, kind: Kind::Client, id }
}
