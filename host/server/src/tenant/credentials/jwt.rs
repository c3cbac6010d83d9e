//! JWTs of the tenants' issuers and of the operator's.

mod candidates;

use std::sync::Arc;
use std::sync::atomic::AtomicI64;

use tenon_scim::Object;
use time::Duration;
use uuid::Uuid;

use self::candidates::Candidate;
use super::{Authenticated, Credentials, Proof};
use crate::clock;
use crate::store::tenants::Identity;
use crate::store::{Database, StoreError, TenantId};
use crate::tenant::access::Principal;
use crate::tenant::auth::{CredentialKey, SecretHash};
use crate::tenant::entry::Claims;
use crate::tenant::jwks::JwksError;
use crate::tenant::jwt::claims::Accepted;
use crate::tenant::jwt::issuer::{Issuer, Keys};
use crate::tenant::jwt::keys::KeySet;
use crate::tenant::jwt::{Jwt, Refused};
use crate::tenant::runtime::RuntimeError;
use crate::tenant::shown::JwtText;

/// How long a JWT that was verified is not verified again: so long its key may be gone already.
const REMEMBERED: Duration = Duration::minutes(5);

/// Whose word is taken for a JWT, and what it is good for.
struct Found {
    /// The id of the issuer.
    issuer: Uuid,
    names_its_tenant: bool,
    tenant: Identity,
    accepted: Accepted,
}

/// Why an issuer's word is not taken. For the log.
#[derive(Debug, thiserror::Error)]
enum NotAccepted {
    #[error(transparent)]
    Refused(#[from] Refused),
    #[error("the issuer has no keys: {0}")]
    NoKeys(#[from] JwksError),
}

impl Credentials {
    /// Whose JWT it is, if an issuer whose word counts for the tenant has signed it for this time.
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
        let mut conn = database.read().await?;
        let candidates = candidates::of(&mut conn, iss, claims).await?;
        // Its keys may be at a server that takes its time.
        drop(conn);
        let first = self.first_that_accepts(database, &jwt, &candidates, claims).await?;
        let Some(Found { issuer, names_its_tenant, tenant, accepted }) = first else {
            return Ok(None);
        };
        let mut conn = database.read().await?;
        let id = TenantId(tenant.id);
        let runtime = self.runtimes.get(&mut conn, id, tenant.config_epoch).await?;
        drop(conn);
        let shown = accepted.shown_subject();
        let Accepted { subject, speaks_for, grants, limits, expires } = accepted;
        let client = [b"jwt", issuer.as_bytes().as_slice(), subject.as_bytes()];
        let known = Arc::new(Authenticated {
            identity: candidates::identity(&tenant),
            principal: Arc::new(Principal::of_issuer(issuer, &shown, grants, speaks_for, limits)),
            runtime,
            names_its_tenant,
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

    /// What the JWT is good for, and where, with the first of the issuers whose it is.
    async fn first_that_accepts(
        &self,
        database: &Database,
        jwt: &Jwt<'_>,
        candidates: &[Candidate],
        claims: &Claims,
    ) -> Result<Option<Found>, StoreError> {
        for candidate in candidates {
            let issuer = Issuer::of_stored(&candidate.stored.config)?;
            let id = candidate.stored.id;
            let said = match self.verified(jwt, &issuer).await {
                Ok(said) => said,
                Err(error) => {
                    tracing::debug!(issuer = %id, %error, "a JWT was refused");
                    continue;
                }
            };
            let mut conn = database.read().await?;
            let tenant = candidate.tenant(&mut conn, &issuer, said, claims).await?;
            drop(conn);
            let accepted = tenant.ok_or(Refused::Tenant).and_then(|tenant| {
                let accepted = issuer.accept(said, &tenant, clock::now())?;
                Ok((tenant, accepted))
            });
            match accepted {
                Ok((tenant, accepted)) => {
                    let names_its_tenant = candidate.names_its_tenant();
                    return Ok(Some(Found { issuer: id, names_its_tenant, tenant, accepted }));
                }
                Err(error) => tracing::debug!(issuer = %id, %error, "a JWT was refused"),
            }
        }
        Ok(None)
    }

    /// What the JWT says, if the issuer has signed it.
    async fn verified<'j>(
        &self,
        jwt: &'j Jwt<'_>,
        issuer: &Issuer,
    ) -> Result<&'j Object, NotAccepted> {
        let fetched;
        let keys: &KeySet = match &issuer.keys {
            Keys::Inline(keys) => keys,
            Keys::At(url) => {
                fetched = self.jwks.get(url, |keys| jwt.has_key_in(keys)).await?;
                &fetched
            }
        };
        Ok(jwt.verified(issuer.algorithms(), keys)?)
    }
}
