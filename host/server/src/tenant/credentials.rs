//! The credentials that had requests, with all that a request needs to know of its tenant.
//!
//! What is remembered holds as long as the configuration epoch does, which is asked for once a
//! second. A change made through this server is seen by the next request; one made through another,
//! a second later at the most. Where the epoch could not be asked for, nothing is remembered, and
//! every request asks the database.

mod access;
mod jwt;

pub use self::access::KnownClient;

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use time::OffsetDateTime;
use tokio::time::{Instant, MissedTickBehavior, interval};
use uuid::Uuid;

use super::access::{Grants, Principal};
use super::access_token::AccessTokens;
use super::auth::{CredentialKey, SecretHash, TokenParts};
use super::entry::{Claims, TenantIdentity};
use super::jwks::JwksCache;
use super::runtime::{RuntimeError, Runtimes, TenantRuntime};
use super::shown::Shown;
use crate::clock;
use crate::store::lanes::Lanes;
use crate::store::tokens::{self, Credential};
use crate::store::{Database, TenantId, config_epoch, tenants};

/// How often the epoch is asked for.
const POLL: Duration = Duration::from_secs(1);
/// How long what is remembered holds after the epoch was asked for.
const HOLDS: Duration = Duration::from_secs(3);
/// Credentials that are kept. Past that, all are dropped and read again as they are needed.
const KEPT: usize = 10_000;

/// A credential that is valid, and whose request it is.
#[derive(Debug)]
pub struct Authenticated {
    /// The tenant.
    pub identity: TenantIdentity,
    /// Who it is, and what they may do.
    pub principal: Arc<Principal>,
    /// What the tenant has.
    pub runtime: Arc<TenantRuntime>,
    proof: Proof,
    expires: Option<OffsetDateTime>,
    as_of: Option<AsOf>,
}

/// What is remembered of what was shown.
#[derive(Debug)]
enum Proof {
    /// The hash of a token's secret.
    Secret(SecretHash),
    /// That it was verified; by its digest it is found again. It may be shown anew with each request,
    /// so that the client has a key which does not come from it.
    Verified(CredentialKey),
}

/// The state of the configuration in which something was read, or an older one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct AsOf {
    epoch: i64,
    /// How often this server has forgotten everything.
    forgotten: u64,
}

/// What a server remembers of credentials.
#[derive(Debug)]
pub struct Credentials {
    runtimes: Runtimes,
    /// The keys of issuers.
    pub jwks: JwksCache,
    /// Makes access tokens.
    pub access_tokens: AccessTokens,
    /// From which the keys of clients without a lasting secret are derived.
    identities: [u8; 32],
    /// The last answer to the question for the epoch, and when it was asked.
    polled: RwLock<Option<(i64, Instant)>>,
    forgotten: AtomicU64,
    remembered: RwLock<Remembered>,
}

#[derive(Debug, Default)]
struct Remembered {
    by_token: HashMap<Uuid, Arc<Authenticated>>,
    /// Of what is verified as a whole, by its SHA-256.
    by_digest: HashMap<[u8; 32], Arc<Authenticated>>,
    subjects: HashSet<Uuid>,
}

impl Credentials {
    /// Nothing yet. The keys are those that all servers on the database share.
    #[must_use]
    pub fn new(jwks: JwksCache, access_tokens: AccessTokens, identities: [u8; 32]) -> Self {
        Self {
            runtimes: Runtimes::default(),
            jwks,
            access_tokens,
            identities,
            polled: RwLock::default(),
            forgotten: AtomicU64::default(),
            remembered: RwLock::default(),
        }
    }

    /// Whose credential is shown, if it is a valid one of the tenant to which the request came.
    ///
    /// # Errors
    /// The database fails, or the tenant's plugins do not fit together.
    pub async fn authenticate(
        &self,
        database: &Database,
        shown: &Shown,
        claims: &Claims,
    ) -> Result<Option<Arc<Authenticated>>, RuntimeError> {
        match shown {
            Shown::Token(token) => self.by_token(database, token, claims).await,
            Shown::Access(sealed) => self.by_access_token(database, sealed, claims).await,
            Shown::Jwt(jwt) => self.by_jwt(database, jwt, claims).await,
        }
    }

    async fn by_token(
        &self,
        database: &Database,
        token: &TokenParts,
        claims: &Claims,
    ) -> Result<Option<Arc<Authenticated>>, RuntimeError> {
        let as_of = self.as_of();
        let known = match self.remembered(token, as_of) {
            Some(known) => Some(known),
            None => self.read(database, token, as_of).await?,
        };
        Ok(known.filter(|known| known.accepts(token) && claims.admit(&known.identity)))
    }

    /// Who shows the token, whatever the tenant, as the database knows it.
    async fn read(
        &self,
        database: &Database,
        token: &TokenParts,
        as_of: Option<AsOf>,
    ) -> Result<Option<Arc<Authenticated>>, RuntimeError> {
        let mut conn = database.read().await?;
        let credential = tokens::credential(&mut conn, token.tenant, token.id).await?;
        let Some(credential) = credential else { return Ok(None) };
        let Some(hash) = SecretHash::from_stored(&credential.secret_hash) else { return Ok(None) };
        let Credential { tenant_name, realm_id, expires, user_id, grants, .. } = credential;
        if !is_valid(&hash, expires, token) {
            return Ok(None);
        }
        let runtime = self.runtimes.get(&mut conn, token.tenant, credential.config_epoch).await?;
        drop(conn);
        let principal = Principal::token(token.id, Grants::of_stored(grants)?, user_id);
        let identity = TenantIdentity { id: token.tenant, name: tenant_name, realm: realm_id };
        let (principal, proof) = (Arc::new(principal), Proof::Secret(hash));
        let known = Arc::new(Authenticated { identity, principal, runtime, proof, expires, as_of });
        if as_of.is_some() {
            self.remember(&known, |them| them.by_token.insert(token.id, Arc::clone(&known)));
        }
        Ok(Some(known))
    }

    /// What a tenant has, for the operator, who needs no credential of the tenant.
    ///
    /// # Errors
    /// The database fails, or the tenant's plugins do not fit together.
    pub async fn runtime(
        &self,
        database: &Database,
        tenant: TenantId,
    ) -> Result<Arc<TenantRuntime>, RuntimeError> {
        let mut conn = database.read().await?;
        let epoch = tenants::epoch(&mut conn, tenant).await?;
        self.runtimes.get(&mut conn, tenant, epoch).await
    }

    /// Forgets everything: something has been changed through this server.
    pub fn forget(&self) {
        self.forgotten.fetch_add(1, Ordering::SeqCst);
    }

    /// Forgets everything if a token speaks for this resource, which has been deleted.
    pub fn forget_subject(&self, id: Uuid) {
        let remembered = self.remembered.read().unwrap_or_else(PoisonError::into_inner);
        if remembered.subjects.contains(&id) {
            self.forget();
        }
    }

    /// Asks for the epoch, again and again.
    pub async fn follow(&self, lanes: &Lanes) {
        let mut polls = interval(POLL);
        polls.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            polls.tick().await;
            let asked = Instant::now();
            match config_epoch::current(lanes).await {
                Ok(epoch) => {
                    let mut polled = self.polled.write().unwrap_or_else(PoisonError::into_inner);
                    *polled = Some((epoch, asked));
                }
                Err(error) => {
                    tracing::warn!(%error, "the configuration epoch could not be asked for");
                }
            }
        }
    }

    /// `None` where nothing may be remembered.
    pub(super) fn as_of(&self) -> Option<AsOf> {
        let polled = *self.polled.read().unwrap_or_else(PoisonError::into_inner);
        let (epoch, _) = polled.filter(|(_, asked)| asked.elapsed() < HOLDS)?;
        Some(AsOf { epoch, forgotten: self.forgotten.load(Ordering::SeqCst) })
    }

    fn remembered(&self, token: &TokenParts, as_of: Option<AsOf>) -> Option<Arc<Authenticated>> {
        let remembered = self.remembered.read().unwrap_or_else(PoisonError::into_inner);
        let known = remembered.by_token.get(&token.id)?;
        (as_of.is_some() && known.as_of == as_of).then(|| Arc::clone(known))
    }

    /// What was verified as a whole, if it still holds.
    fn verified(
        &self,
        digest: &SecretHash,
        as_of: Option<AsOf>,
        claims: &Claims,
    ) -> Option<Arc<Authenticated>> {
        let remembered = self.remembered.read().unwrap_or_else(PoisonError::into_inner);
        let known = remembered.by_digest.get(digest.as_bytes())?;
        let holds = as_of.is_some()
            && known.as_of == as_of
            && claims.admit(&known.identity)
            && known.expires.is_none_or(|expires| clock::now() < expires);
        holds.then(|| Arc::clone(known))
    }

    fn remember<T>(&self, known: &Authenticated, insert: impl FnOnce(&mut Remembered) -> T) {
        let mut remembered = self.remembered.write().unwrap_or_else(PoisonError::into_inner);
        if remembered.by_token.len() + remembered.by_digest.len() >= KEPT {
            *remembered = Remembered::default();
        }
        remembered.subjects.extend(known.principal.subject);
        insert(&mut remembered);
    }
}

impl Authenticated {
    /// A key that only the client has who showed this.
    #[must_use]
    pub fn key(&self, shown: &Shown) -> CredentialKey {
        match (&self.proof, shown) {
            (Proof::Verified(key), _) => key.clone(),
            (Proof::Secret(_), Shown::Token(token)) => token.derive("fingerprint"),
            // A token is known by its secret, and nothing else is.
            (Proof::Secret(hash), _) => CredentialKey::of_identity(hash.as_bytes(), &[]),
        }
    }

    fn accepts(&self, token: &TokenParts) -> bool {
        let Proof::Secret(hash) = &self.proof else { return false };
        self.identity.id == token.tenant && is_valid(hash, self.expires, token)
    }
}

fn is_valid(hash: &SecretHash, expires: Option<OffsetDateTime>, token: &TokenParts) -> bool {
    hash.matches(&token.secret_hash()) && expires.is_none_or(|expires| clock::now() < expires)
}
