//! The credentials that had requests, with all that a request needs to know of its tenant.

mod access;
mod certificate;
mod epoch;
mod jwt;
mod memory;
mod nothing;
mod resolver;
mod token;

use std::convert::Infallible;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use time::OffsetDateTime;
use uuid::Uuid;

pub use self::access::StoredClient;
pub(super) use self::epoch::AsOf;
use self::epoch::Epoch;
use self::memory::Memory;
pub use self::resolver::Resolver;
use super::access::Principal;
use super::access_token::AccessTokens;
use super::attempts::{Attempts, Slowed};
use super::auth::{CredentialKey, SecretHash, Secrets};
use super::entry::{Claims, TenantIdentity};
use super::jwks::JwksCache;
use super::runtime::{RuntimeError, Runtimes, TenantRuntime};
use super::shown::Shown;
use super::usage::{CredentialId, Uses};
use crate::clock;
use crate::keyring::Keyring;
use crate::store::lanes::Lanes;
use crate::store::{Database, StoreError, TenantId, notices, tenants};

/// A credential that is valid, and whose request it is.
#[derive(Debug)]
pub struct Authenticated {
    /// The tenant.
    pub identity: TenantIdentity,
    /// Who it is, and what they may do.
    pub principal: Arc<Principal>,
    /// What the tenant has.
    pub runtime: Arc<TenantRuntime>,
    /// Whether the credential tells by itself whose it is, so that the request need not.
    names_its_tenant: bool,
    proof: Proof,
    expires: Option<OffsetDateTime>,
    /// Where its use is kept, if anywhere.
    row: Option<CredentialId>,
    /// The second since 1970 in which its use was noted last.
    noted: AtomicI64,
}

/// What is remembered of what was shown.
#[derive(Debug)]
enum Proof {
    /// What is accepted as a token's secret.
    Secret(Secrets),
    /// That it was verified; by its digest it is found again. It may be shown anew with each request,
    /// so that the client has a key which does not come from it.
    Verified(CredentialKey),
}

/// What a server remembers of credentials.
#[derive(Debug)]
pub struct Credentials {
    runtimes: Runtimes,
    /// The keys of issuers.
    pub jwks: JwksCache,
    /// Makes access tokens.
    pub access_tokens: AccessTokens,
    /// Those that were not valid.
    pub attempts: Attempts,
    /// When those that were valid were last used.
    pub uses: Uses,
    /// From which the keys of clients without a lasting secret are derived.
    identities: [u8; 32],
    epoch: Epoch,
    memory: Memory,
}

/// Why nobody is known by what was shown.
#[derive(Debug, thiserror::Error)]
pub enum NotAuthenticated {
    /// It is not valid here, for whichever reason.
    #[error("the credential is not valid")]
    Nobody,
    /// It was not looked up.
    #[error(transparent)]
    Slowed(#[from] Slowed),
    /// The database fails, or the tenant's plugins do not fit together.
    #[error(transparent)]
    Failed(#[from] RuntimeError),
}

impl From<StoreError> for NotAuthenticated {
    fn from(error: StoreError) -> Self {
        Self::Failed(error.into())
    }
}

impl Credentials {
    /// Nothing yet. The keys are those that all servers on the database share; the keyring opens
    /// the secrets of plugins.
    #[must_use]
    pub fn new(
        jwks: JwksCache,
        access_tokens: AccessTokens,
        attempts: Attempts,
        identities: [u8; 32],
        keyring: Keyring,
    ) -> Self {
        Self {
            runtimes: Runtimes::new(keyring),
            jwks,
            access_tokens,
            attempts,
            uses: Uses::default(),
            identities,
            epoch: Epoch::default(),
            memory: Memory::default(),
        }
    }

    /// Whose credential is shown by the client at this address, if it is a valid one of the tenant to
    /// which the request came.
    ///
    /// # Errors
    /// It is not; it was not looked up; or that has failed.
    pub async fn authenticate(
        &self,
        database: &Database,
        shown: &Shown,
        claims: &Claims,
        client: Option<IpAddr>,
    ) -> Result<Arc<Authenticated>, NotAuthenticated> {
        let digest = shown.digest();
        let known = match self.remembered(shown, &digest, claims) {
            Some(known) => known,
            None => {
                self.attempts.check(client, &digest)?;
                let found = self.find(database, shown, &digest, claims).await?;
                self.attempts.keep(client, &digest, found.is_some());
                found.ok_or(NotAuthenticated::Nobody)?
            }
        };
        self.note_use(&known, client);
        Ok(known)
    }

    /// Whose request it is by what a resolver has said of it a moment ago.
    #[must_use]
    pub fn known(&self, shown: &Shown, claims: &Claims) -> Option<Arc<Authenticated>> {
        self.remembered(shown, &shown.digest(), claims)
    }

    fn remembered(
        &self,
        shown: &Shown,
        digest: &SecretHash,
        claims: &Claims,
    ) -> Option<Arc<Authenticated>> {
        let known = self.memory.get(self.epoch.as_of(), |them| match shown {
            Shown::Token(token) => them.tokens.get(&(token.tenant, token.id)),
            Shown::Access(_)
            | Shown::Jwt(_)
            | Shown::Certificate(_)
            | Shown::Head(_)
            | Shown::Nothing(_) => them.verified.get(digest.as_bytes()),
        });
        known.filter(|known| {
            known.is_shown_by(digest, claims)
                && (known.names_its_tenant || claims.name(&known.identity))
        })
    }

    async fn find(
        &self,
        database: &Database,
        shown: &Shown,
        digest: &SecretHash,
        claims: &Claims,
    ) -> Result<Option<Arc<Authenticated>>, RuntimeError> {
        match shown {
            Shown::Token(token) => self.by_token(database, token, digest, claims).await,
            Shown::Access(sealed) => self.by_access_token(database, sealed, digest, claims).await,
            Shown::Jwt(jwt) => self.by_jwt(database, jwt, digest, claims).await,
            Shown::Certificate(_) => self.by_certificate(database, digest, claims).await,
            // Nobody but a resolver knows; who asks it is `service::resolver`.
            Shown::Head(_) => Ok(None),
            Shown::Nothing(_) => self.by_nothing(database, digest, claims).await,
        }
    }

    /// Once a second for each credential is enough.
    fn note_use(&self, known: &Authenticated, client: Option<IpAddr>) {
        let Some(row) = known.row else { return };
        let now = clock::now();
        let second = now.unix_timestamp();
        if known.noted.swap(second, Ordering::Relaxed) != second {
            self.uses.note(row, now, client);
        }
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
        self.epoch.forget();
    }

    /// Forgets everything if a token speaks for this resource, which has been deleted.
    pub fn forget_subject(&self, id: Uuid) {
        if self.memory.has_subject(id) {
            self.forget();
        }
    }

    /// Tells the other servers each time that something has been changed through this one.
    ///
    /// # Errors
    /// The database fails.
    pub async fn tell(&self, database: &Database) -> Result<Infallible, StoreError> {
        loop {
            self.epoch.changed.notified().await;
            notices::send(database).await?;
        }
    }

    /// Hears of what has been changed through other servers.
    ///
    /// # Errors
    /// The database fails.
    pub async fn listen(&self, database: &Database) -> Result<Infallible, StoreError> {
        notices::listen(database, &self.epoch.told).await
    }

    /// Asks whether the configuration has changed, again and again.
    pub async fn follow(&self, lanes: &Lanes) {
        self.epoch.follow(lanes).await;
    }

    /// `None` where nothing may be remembered.
    pub(super) fn as_of(&self) -> Option<AsOf> {
        self.epoch.as_of()
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
            (Proof::Secret(_), other) => CredentialKey::of_identity(other.digest().as_bytes(), &[]),
        }
    }

    /// Whether it is the one that was shown, with this digest, and still valid where the request came
    /// in.
    fn is_shown_by(&self, digest: &SecretHash, claims: &Claims) -> bool {
        let now = clock::now();
        let is_proven = match &self.proof {
            Proof::Secret(secrets) => Secrets::accept(Some(secrets), digest, now),
            // By its digest it was found.
            Proof::Verified(_) => true,
        };
        is_proven
            && self.expires.is_none_or(|expires| now < expires)
            && claims.admit(&self.identity)
    }
}
