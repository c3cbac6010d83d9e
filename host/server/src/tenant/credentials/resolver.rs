//! What the resolvers of realms say of requests that no credential of ours explains. Their word counts for
//! the tenants of the realm alone, and gives no more than the realm grants. Who asks them is
//! `service::resolver`.

use std::sync::Arc;
use std::sync::atomic::AtomicI64;

use sha2::{Digest, Sha256};
use tenon_plugin::{Claim, RequestHead};
use time::Duration;
use uuid::Uuid;

use super::{Authenticated, Credentials, Proof};
use crate::clock;
use crate::store::tokens::StoredGrants;
use crate::store::{Database, StoreError, TenantId, realm_resolvers, tenants};
use crate::tenant::access::{Grants, Principal};
use crate::tenant::auth::{CredentialKey, SecretHash};
use crate::tenant::entry::{Claims, TenantIdentity};
use crate::tenant::runtime::RuntimeError;
use crate::tenant::shown::Shown;

/// How long it is not asked again about the same head: so long what it goes by may have ended already.
const REMEMBERED: Duration = Duration::seconds(30);

/// What is attached to a realm.
#[derive(Debug)]
pub struct Resolver {
    /// The realm.
    pub realm: Uuid,
    /// Whose plugin it is.
    pub tenant: TenantId,
    /// The name of the plugin.
    pub plugin: String,
    /// The names of the headers that it sees, in lower case.
    pub headers: Vec<String>,
    /// What it may give at the most.
    grants: Grants,
}

impl Resolver {
    /// What a request shows to it.
    #[must_use]
    pub fn shown(&self, head: &RequestHead) -> Shown {
        let RequestHead { method, path, host, headers, client } = head;
        let mut digest = Sha256::new();
        let mut part = |text: &str| {
            digest.update(text.len().to_be_bytes());
            digest.update(text);
        };
        part(&self.realm.to_string());
        [method, path, client].into_iter().for_each(|it| part(it));
        host.iter().for_each(|host| part(host));
        for (name, value) in headers {
            part(name);
            part(value);
        }
        Shown::Head(SecretHash::from_bytes(digest.finalize().into()))
    }
}

impl Credentials {
    /// The resolver of a realm, if it has one.
    ///
    /// # Errors
    /// The database fails.
    pub async fn resolver(
        &self,
        database: &Database,
        realm: Uuid,
    ) -> Result<Option<Arc<Resolver>>, StoreError> {
        let as_of = self.epoch.as_of();
        if let Some(known) = self.memory.get(as_of, |them| them.resolvers.get(&realm)) {
            return Ok(known);
        }
        let mut conn = database.read().await?;
        let stored = realm_resolvers::get(&mut conn, realm).await?;
        drop(conn);
        let resolver = stored.map(|stored| {
            let grants = StoredGrants { permissions: stored.permissions, hidden: Vec::new() };
            Ok::<_, StoreError>(Arc::new(Resolver {
                realm,
                tenant: TenantId(stored.tenant_id),
                plugin: stored.plugin,
                headers: stored.headers,
                grants: Grants::of_stored(grants)?,
            }))
        });
        let resolver = resolver.transpose()?;
        self.memory.keep(as_of, |them| them.resolvers.insert(realm, resolver.clone()));
        Ok(resolver)
    }

    /// Whose request it is by a resolver's claim; nobody's, where the tenant is of another realm, or
    /// something is claimed that there is not.
    ///
    /// # Errors
    /// The database fails, or the tenant's plugins do not fit together.
    pub async fn by_claim(
        &self,
        database: &Database,
        resolver: &Resolver,
        shown: &Shown,
        claim: Claim,
        claims: &Claims,
    ) -> Result<Option<Arc<Authenticated>>, RuntimeError> {
        let as_of = self.epoch.as_of();
        let realm = resolver.realm;
        let claimed = match Grants::parse(&claim.permissions, Vec::new()) {
            Ok(claimed) => claimed,
            Err(error) => {
                tracing::warn!(%realm, %error, "the claim of a resolver is refused");
                return Ok(None);
            }
        };
        let mut conn = database.read().await?;
        let Some(tenant) = tenants::identity(&mut conn, &claim.tenant).await? else {
            return Ok(None);
        };
        let tenants::Identity { id, name, realm_id, config_epoch, .. } = tenant;
        let identity = TenantIdentity { id: TenantId(id), name, realm: realm_id };
        if identity.realm != Some(realm) || !claims.admit(&identity) {
            tracing::warn!(%realm, "a resolver claims a tenant that is not of its realm");
            return Ok(None);
        }
        let runtime = self.runtimes.get(&mut conn, identity.id, config_epoch).await?;
        drop(conn);
        let digest = shown.digest();
        // Who it is stays the same with another token, where the plugin says who it is.
        let who = claim.subject.as_deref().map_or(digest.as_bytes().as_slice(), str::as_bytes);
        let client = [b"resolver".as_slice(), realm.as_bytes(), who];
        let grants = claimed.within(&resolver.grants);
        let known = Arc::new(Authenticated {
            identity,
            principal: Arc::new(Principal::of_resolver(realm, claim.subject.as_deref(), grants)),
            runtime,
            names_its_tenant: true,
            proof: Proof::Verified(CredentialKey::of_identity(&self.identities, &client)),
            expires: Some(clock::now() + REMEMBERED),
            row: None,
            noted: AtomicI64::default(),
        });
        self.memory.keep(as_of, |them| {
            them.verified.insert(*digest.as_bytes(), Arc::clone(&known));
        });
        Ok(Some(known))
    }
}
