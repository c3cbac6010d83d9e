//! Where tenants' data is: made for new ones, and moved while they are in use. Any server carries on with a
//! move that another began.

use serde_json::{Value, json};
use sqlx::PgConnection;
use uuid::Uuid;

use super::Services;
use crate::clock;
use crate::keyring::KeyringError;
use crate::store::audit::{self, Act, By};
use crate::store::moves::{self, Move, Stepped};
use crate::store::own_databases::{self, DatabaseUrl, NotUsable};
use crate::store::place::Placement;
use crate::store::schemas::{self, SchemaError};
use crate::store::{StoreError, TenantId};

/// Where a tenant's data is to be.
#[derive(Debug, Clone)]
pub enum Target {
    /// In the tables that tenants share.
    Shared,
    /// In a schema of its own.
    Schema,
    /// In a database of its own.
    Database(DatabaseUrl),
}

impl Target {
    /// A placement for it; one in a database is another each time.
    #[must_use]
    pub fn placement(&self) -> Placement {
        match self {
            Self::Shared => Placement::Shared,
            Self::Schema => Placement::Schema,
            Self::Database(_) => Placement::Database(Uuid::now_v7()),
        }
    }

    /// The URL of the database.
    #[must_use]
    pub const fn url(&self) -> Option<&DatabaseUrl> {
        match self {
            Self::Database(url) => Some(url),
            Self::Shared | Self::Schema => None,
        }
    }

    /// As it is shown: without the password.
    #[must_use]
    pub fn shown(&self) -> Value {
        match self {
            Self::Shared | Self::Schema => json!({ "kind": self.placement().name() }),
            Self::Database(url) => json!({ "kind": "database", "url": url.shown() }),
        }
    }
}

/// Why a tenant does not move.
#[derive(Debug, thiserror::Error)]
pub enum MoveError {
    /// Copies are kept within the tables that tenants share.
    #[error(
        "the tenant has resources of another tenant, or another has some of it: that is for tenants in \
         the shared tables; end the shares first"
    )]
    HasShares,
    /// The database that it is to have.
    #[error(transparent)]
    Database(#[from] NotUsable),
    /// The database of the servers.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Services {
    /// Makes the place for a tenant that is added in this transaction, which sees its tables from then on, but
    /// for those of another database: that is the answer.
    ///
    /// # Errors
    /// A schema may not be made, or the database is not for this tenant.
    pub async fn make_place(
        &self,
        conn: &mut PgConnection,
        tenant: TenantId,
        target: &Target,
        placement: Placement,
    ) -> Result<Option<PgConnection>, PlaceError> {
        match (target, placement) {
            (Target::Schema, _) => {
                schemas::create(conn, tenant, self.database.row_security()).await?;
                Ok(None)
            }
            (Target::Database(url), Placement::Database(id)) => {
                own_databases::insert(conn, tenant, &self.keyring, id, url).await?;
                let mut there = url.connect().await.map_err(NotUsable::Failed)?;
                own_databases::prepare(&mut there, tenant).await?;
                own_databases::take(&mut there, tenant).await.map_err(NotUsable::Failed)?;
                own_databases::mark(&mut there, tenant, true).await.map_err(NotUsable::Failed)?;
                Ok(Some(there))
            }
            _ => Ok(None),
        }
    }

    /// Has a tenant moved; `None` where it is moving already.
    ///
    /// # Errors
    /// It shares resources with another, the database is not for it, or a database fails.
    pub async fn move_tenant(
        &self,
        by: By<'_>,
        tenant: TenantId,
        target: &Target,
    ) -> Result<Option<Move>, MoveError> {
        let placement = target.placement();
        // First of all, and while nothing is held: another database may take its time.
        let mut there = match target.url() {
            Some(url) => Some(self.usable(tenant, url).await?),
            None => None,
        };
        let mut transaction = self.database.begin_at(tenant).await?;
        let rows = moves::rows(transaction.data().await?, tenant).await?;
        if !moves::begin(&mut transaction, tenant, placement, rows).await? {
            return Ok(None);
        }
        if moves::has_shares(&mut transaction, tenant).await? {
            return Err(MoveError::HasShares);
        }
        if let (Some(url), Some(id), Some(there)) = (target.url(), placement.database(), &mut there)
        {
            own_databases::insert(&mut transaction, tenant, &self.keyring, id, url).await?;
            own_databases::take(there, tenant).await.map_err(NotUsable::Failed)?;
        }
        let act = Act { action: "tenant.move", subject: &tenant.to_string(), at: clock::now() };
        let details = json!({ "placement": target.shown() });
        audit::insert_with(&mut transaction, tenant, by, act, &details).await?;
        let begun = moves::get(&mut transaction, tenant).await?;
        transaction.commit().await?;
        tracing::info!(%tenant, target = placement.name(), "a tenant begins to move");
        Ok(begun)
    }

    /// A connection to a database that a tenant may have.
    async fn usable(&self, tenant: TenantId, url: &DatabaseUrl) -> Result<PgConnection, NotUsable> {
        if !self.keyring.can_seal() {
            return Err(KeyringError::NoKey.into());
        }
        let mut there = url.connect().await.map_err(NotUsable::Failed)?;
        own_databases::prepare(&mut there, tenant).await?;
        Ok(there)
    }

    /// Has another URL lead to the database that a tenant has, as with another password; false where that has
    /// not the tenant's data.
    ///
    /// # Errors
    /// The database cannot be used, or that of the servers fails.
    pub async fn replace_database_url(
        &self,
        by: By<'_>,
        tenant: TenantId,
        url: &DatabaseUrl,
    ) -> Result<bool, MoveError> {
        let mut there = url.connect().await.map_err(NotUsable::Failed)?;
        let has_data = own_databases::has_data(&mut there, tenant).await;
        if !has_data.map_err(NotUsable::Failed)? {
            return Ok(false);
        }
        let mut transaction = self.database.begin_at(tenant).await?;
        let id = Uuid::now_v7();
        own_databases::insert(&mut transaction, tenant, &self.keyring, id, url).await?;
        own_databases::replace(&mut transaction, tenant, id).await?;
        let act = Act { action: "tenant.update", subject: &tenant.to_string(), at: clock::now() };
        let details = json!({ "placement": { "kind": "database", "url": url.shown() } });
        audit::insert_with(&mut transaction, tenant, by, act, &details).await?;
        transaction.commit().await?;
        Ok(true)
    }

    /// How far a tenant's move is; `None` where it is not moving.
    ///
    /// # Errors
    /// The database fails.
    pub async fn tenants_move(&self, tenant: TenantId) -> Result<Option<Move>, StoreError> {
        let mut conn = self.database.read().await?;
        moves::get(&mut conn, tenant).await
    }

    /// Carries on with the tenants that are moving, one step of each; false where there is nothing to be done
    /// here. One that fails holds up no other.
    ///
    /// # Errors
    /// The database fails, or does not permit it.
    pub async fn carry_on_moves(&self) -> Result<bool, SchemaError> {
        let tenants = {
            let mut conn = self.database.read().await?;
            moves::list(&mut conn).await?
        };
        let (mut is_busy, mut failed) = (false, None);
        for tenant in tenants {
            match self.move_a_step(tenant).await {
                Ok(stepped) => is_busy |= stepped != Stepped::Waits,
                Err(error) => failed = Some(error),
            }
        }
        failed.map_or(Ok(is_busy), Err)
    }

    async fn move_a_step(&self, tenant: TenantId) -> Result<Stepped, SchemaError> {
        let mut transaction = self.database.begin().await?;
        let stepped = moves::step(&mut transaction, tenant, &self.database).await?;
        transaction.commit().await?;
        match stepped {
            Stepped::Switched => tracing::info!(%tenant, "a tenant is at its new place"),
            Stepped::Ended => tracing::info!(%tenant, "a tenant has moved"),
            Stepped::Done | Stepped::Waits => {}
        }
        Ok(stepped)
    }
}

/// Why there is no place for a new tenant.
#[derive(Debug, thiserror::Error)]
pub enum PlaceError {
    /// A schema of its own.
    #[error(transparent)]
    Schema(#[from] SchemaError),
    /// A database of its own.
    #[error(transparent)]
    Database(#[from] NotUsable),
}
