//! Tokens of a tenant.

use std::sync::Arc;
use std::sync::atomic::AtomicI64;

use super::{Authenticated, Credentials, Proof};
use crate::clock;
use crate::store::Database;
use crate::store::credentials::Kind;
use crate::store::tokens::{self, Credential};
use crate::tenant::access::{Grants, Principal};
use crate::tenant::auth::{SecretHash, Secrets, TokenParts};
use crate::tenant::entry::{Claims, TenantIdentity};
use crate::tenant::runtime::RuntimeError;
use crate::tenant::usage::CredentialId;

impl Credentials {
    /// Whose token it is. `shown` is the hash of its secret.
    pub(super) async fn by_token(
        &self,
        database: &Database,
        token: &TokenParts,
        shown: &SecretHash,
        claims: &Claims,
    ) -> Result<Option<Arc<Authenticated>>, RuntimeError> {
        let (as_of, ids) = (self.epoch.as_of(), (token.tenant, token.id));
        if let Some(known) = self.memory.get(as_of, |them| them.tokens.get(&ids)) {
            return Ok(known.is_shown_by(shown, claims).then_some(known));
        }
        if let Some(secrets) = self.memory.get(as_of, |them| them.refused.get(&ids))
            && !Secrets::accept(secrets.as_ref(), shown, clock::now())
        {
            return Ok(None);
        }
        let mut conn = database.read().await?;
        let credential = tokens::credential(&mut conn, token.tenant, token.id).await?;
        let secrets = credential.as_ref().and_then(|it| Secrets::of_stored(&it.secrets));
        let is_accepted = Secrets::accept(secrets.as_ref(), shown, clock::now());
        let (Some(credential), Some(secrets), true) = (credential, secrets.clone(), is_accepted)
        else {
            self.memory.keep(as_of, |them| them.refused.insert(ids, secrets));
            return Ok(None);
        };
        let Credential { tenant_name, realm_id, config_epoch, expires, user_id, grants, .. } =
            credential;
        if expires.is_some_and(|expires| expires <= clock::now()) {
            self.memory.keep(as_of, |them| them.refused.insert(ids, None));
            return Ok(None);
        }
        let runtime = self.runtimes.get(&mut conn, token.tenant, config_epoch).await?;
        drop(conn);
        let grants = Grants::of_stored(grants)?;
        let known = Arc::new(Authenticated {
            identity: TenantIdentity { id: token.tenant, name: tenant_name, realm: realm_id },
            principal: Arc::new(Principal::token(token.id, grants, user_id, expires)),
            runtime,
            names_its_tenant: true,
            proof: Proof::Secret(secrets),
            expires,
            row: Some(CredentialId { tenant: token.tenant, kind: Kind::Token, id: token.id }),
            noted: AtomicI64::default(),
        });
        self.memory.keep(as_of, |them| {
            them.subjects.extend(user_id);
            them.tokens.insert(ids, Arc::clone(&known));
        });
        Ok(claims.admit(&known.identity).then_some(known))
    }
}
