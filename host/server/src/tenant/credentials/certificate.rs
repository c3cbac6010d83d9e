//! Certificates that a tenant's administrators have named.

use std::sync::Arc;
use std::sync::atomic::AtomicI64;

use super::{Authenticated, Credentials, Proof};
use crate::clock;
use crate::store::credentials::Kind;
use crate::store::tokens::{self, Certificate};
use crate::store::{Database, TenantId, tenants};
use crate::tenant::access::{Grants, Principal};
use crate::tenant::auth::{CredentialKey, SecretHash};
use crate::tenant::entry::{Claims, TenantIdentity};
use crate::tenant::runtime::RuntimeError;
use crate::tenant::usage::CredentialId;

impl Credentials {
    /// Whose certificate it is, at the tenant that the request names.
    pub(super) async fn by_certificate(
        &self,
        database: &Database,
        digest: &SecretHash,
        claims: &Claims,
    ) -> Result<Option<Arc<Authenticated>>, RuntimeError> {
        let as_of = self.epoch.as_of();
        let Some(named) = claims.tenant() else { return Ok(None) };
        let mut conn = database.read().await?;
        let Some(tenant) = tenants::identity(&mut conn, &named).await? else { return Ok(None) };
        let tenants::Identity { id: tenant, name, realm_id, config_epoch, .. } = tenant;
        let tenant = TenantId(tenant);
        let identity = TenantIdentity { id: tenant, name, realm: realm_id };
        if !claims.admit(&identity) {
            return Ok(None);
        }
        let found = tokens::certificate(&mut conn, tenant, digest.as_bytes()).await?;
        let Some(Certificate { id, expires, user_id, grants }) = found else { return Ok(None) };
        if expires.is_some_and(|expires| expires <= clock::now()) {
            return Ok(None);
        }
        let runtime = self.runtimes.get(&mut conn, tenant, config_epoch).await?;
        drop(conn);
        let client = [b"certificate", id.as_bytes().as_slice()];
        let grants = Grants::of_stored(grants)?;
        let known = Arc::new(Authenticated {
            identity,
            principal: Arc::new(Principal::certificate(id, grants, user_id, expires)),
            runtime,
            names_its_tenant: false,
            proof: Proof::Verified(CredentialKey::of_identity(&self.identities, &client)),
            expires,
            row: Some(CredentialId { tenant, kind: Kind::Token, id }),
            noted: AtomicI64::default(),
        });
        self.memory.keep(as_of, |them| {
            them.subjects.extend(user_id);
            them.verified.insert(*digest.as_bytes(), Arc::clone(&known));
        });
        Ok(Some(known))
    }
}
