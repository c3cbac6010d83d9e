//! Requests without a credential, of tenants whose discovery is for everybody.

use std::sync::Arc;
use std::sync::atomic::AtomicI64;

use super::{Authenticated, Credentials, Proof};
use crate::store::{Database, TenantId, tenants};
use crate::tenant::access::Principal;
use crate::tenant::auth::{CredentialKey, SecretHash};
use crate::tenant::entry::{Claims, TenantIdentity};
use crate::tenant::runtime::RuntimeError;

impl Credentials {
    /// Nobody in particular, at the tenant that the request names, if its discovery is for everybody.
    pub(super) async fn by_nothing(
        &self,
        database: &Database,
        digest: &SecretHash,
        claims: &Claims,
    ) -> Result<Option<Arc<Authenticated>>, RuntimeError> {
        let as_of = self.epoch.as_of();
        let Some(named) = claims.tenant() else { return Ok(None) };
        let mut conn = database.read().await?;
        let public = tenants::with_public_discovery(&mut conn, &named).await?;
        let Some(tenants::Identity { id, name, realm_id, config_epoch, .. }) = public else {
            return Ok(None);
        };
        let id = TenantId(id);
        let identity = TenantIdentity { id, name, realm: realm_id };
        if !claims.admit(&identity) {
            return Ok(None);
        }
        let runtime = self.runtimes.get(&mut conn, id, config_epoch).await?;
        drop(conn);
        let known = Arc::new(Authenticated {
            identity,
            principal: Arc::new(Principal::nobody()),
            runtime,
            proof: Proof::Verified(CredentialKey::of_identity(&self.identities, &[b"nobody"])),
            names_its_tenant: false,
            expires: None,
            row: None,
            noted: AtomicI64::default(),
        });
        self.memory.keep(as_of, |them| {
            them.verified.insert(*digest.as_bytes(), Arc::clone(&known));
        });
        Ok(Some(known))
    }
}
