//! JWTs of the tenant's issuers.

use std::sync::Arc;
use std::sync::atomic::AtomicI64;

use time::Duration;

use super::{Authenticated, Credentials, Proof};
use crate::clock;
use crate::store::issuers::{self, StoredIssuer};
use crate::store::{Database, StoreError, TenantId, tenants};
use crate::tenant::access::Principal;
use crate::tenant::auth::{CredentialKey, SecretHash};
use crate::tenant::entry::{Claims, TenantIdentity};
use crate::tenant::jwks::JwksError;
use crate::tenant::jwt::claims::Accepted;
use crate::tenant::jwt::issuer::{Issuer, Keys};
use crate::tenant::jwt::keys::KeySet;
use crate::tenant::jwt::{Jwt, Refused};
use crate::tenant::runtime::RuntimeError;
use crate::tenant::shown::JwtText;

/// How long a JWT that was verified is not verified again: so long its key may be gone already.
const REMEMBERED: Duration = Duration::minutes(5);

/// Why an issuer's word is not taken. For the log.
#[derive(Debug, thiserror::Error)]
enum NotAccepted {
    #[error(transparent)]
    Refused(#[from] Refused),
    #[error("the issuer has no keys: {0}")]
    NoKeys(#[from] JwksError),
}

impl Credentials {
    /// Whose JWT it is, if an issuer of the tenant has signed it for this tenant and this time.
    pub(super) async fn by_jwt(
        &self,
        database: &Database,
        text: &JwtText,
        digest: &SecretHash,
        claims: &Claims,
    ) -> Result<Option<Arc<Authenticated>>, RuntimeError> {
        let as_of = self.epoch.as_of();
        let jwt = match Jwt::parse(text.as_str()) {
            Ok(jwt) => jwt,
            Err(error) => {
                tracing::debug!(%error, "a JWT was refused");
                return Ok(None);
            }
        };
        let Some(iss) = jwt.issuer().filter(|iss| !iss.contains('\0')) else { return Ok(None) };
        // Who an issuer is, only a tenant says.
        let Some(named) = claims.tenant() else { return Ok(None) };
        let mut conn = database.read().await?;
        let Some(tenant) = tenants::identity(&mut conn, &named).await? else { return Ok(None) };
        let tenants::Identity { id, name, realm_id, config_epoch } = tenant;
        let id = TenantId(id);
        let identity = TenantIdentity { id, name, realm: realm_id };
        if !claims.admit(&identity) {
            return Ok(None);
        }
        let stored = issuers::list(&mut conn, id, Some(iss)).await?;
        // Its keys may be at a server that takes its time.
        drop(conn);
        let names = [identity.name.as_str(), &id.to_string()];
        let Some((issuer, accepted)) = self.first_that_accepts(&jwt, &stored, &names).await? else {
            return Ok(None);
        };
        let mut conn = database.read().await?;
        let runtime = self.runtimes.get(&mut conn, id, config_epoch).await?;
        drop(conn);
        let shown = accepted.shown_subject();
        let Accepted { subject, speaks_for, grants, expires } = accepted;
        let client = [b"jwt", issuer.as_bytes().as_slice(), subject.as_bytes()];
        let known = Arc::new(Authenticated {
            identity,
            principal: Arc::new(Principal::of_issuer(issuer, &shown, grants, speaks_for)),
            runtime,
            proof: Proof::Verified(CredentialKey::of_identity(&self.identities, &client)),
            expires: Some(expires.min(clock::now() + REMEMBERED)),
            row: None,
            noted: AtomicI64::default(),
        });
        self.memory.keep(as_of, |them| {
            them.subjects.extend(speaks_for);
            them.verified.insert(*digest.as_bytes(), Arc::clone(&known));
        });
        Ok(Some(known))
    }

    /// What the JWT is good for with the first of the issuers whose it is, and that issuer's id.
    async fn first_that_accepts(
        &self,
        jwt: &Jwt<'_>,
        stored: &[StoredIssuer],
        tenant: &[&str],
    ) -> Result<Option<(uuid::Uuid, Accepted)>, StoreError> {
        for stored in stored {
            let issuer = Issuer::of_stored(&stored.config)?;
            match self.judged(jwt, &issuer, tenant).await {
                Ok(accepted) => return Ok(Some((stored.id, accepted))),
                Err(error) => {
                    tracing::debug!(issuer = %stored.id, %error, "a JWT was refused");
                }
            }
        }
        Ok(None)
    }

    async fn judged(
        &self,
        jwt: &Jwt<'_>,
        issuer: &Issuer,
        tenant: &[&str],
    ) -> Result<Accepted, NotAccepted> {
        let fetched;
        let keys: &KeySet = match &issuer.keys {
            Keys::Inline(keys) => keys,
            Keys::At(url) => {
                fetched = self.jwks.get(url, |keys| jwt.has_key_in(keys)).await?;
                &fetched
            }
        };
        let claims = jwt.verified(issuer.algorithms(), keys)?;
        Ok(issuer.accept(claims, tenant, clock::now())?)
    }
}
