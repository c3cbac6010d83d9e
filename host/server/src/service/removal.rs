//! Deletes tenants: at once for everybody who asks, and then with all that they have.

use std::time::Duration;

use serde_json::json;
use tokio::time::{Instant, sleep};

use super::Services;
use crate::clock;
use crate::store::audit::{self, Act, By, NO_TENANT};
use crate::store::removal::{self, Batch, Progress};
use crate::store::{StoreError, TenantId};

/// Rows of a batch: a transaction is over before anybody waits for it.
const ROWS: i64 = 5_000;
/// How long a request waits for the end of a removal.
const PATIENCE: Duration = Duration::from_secs(2);
/// The pause while another server is at it.
const TURN: Duration = Duration::from_millis(50);

impl Services {
    /// Deletes a tenant: its name is free and its credentials are none when this returns. What is left
    /// of it then is told; where nothing is, all of it is gone.
    ///
    /// # Errors
    /// The database fails; a removal that has begun goes on all the same.
    pub async fn delete_tenant(
        &self,
        by: By<'_>,
        tenant: TenantId,
        name: &str,
    ) -> Result<Option<Progress>, StoreError> {
        let now = clock::now();
        let mut transaction = self.database.begin().await?;
        if removal::begin(&mut transaction, tenant, now).await? {
            let act = Act { action: "tenant.delete", subject: &tenant.to_string(), at: now };
            let details = json!({ "name": name });
            audit::insert_with(&mut transaction, NO_TENANT, by, act, &details).await?;
        }
        transaction.commit().await?;
        self.credentials.forget();
        let begun = Instant::now();
        while begun.elapsed() < PATIENCE {
            match self.remove_a_part(tenant).await {
                Ok(Batch::Gone) => return Ok(None),
                Ok(Batch::InUse) => sleep(TURN).await,
                Ok(Batch::Deleted | Batch::NothingLeft) => {}
                Err(error) => {
                    tracing::warn!(%tenant, %error, "the removal goes on in the background");
                    break;
                }
            }
        }
        let mut conn = self.database.read().await?;
        removal::get(&mut conn, tenant).await
    }

    /// Carries on with the tenants that are being removed, one batch of each; false where there is
    /// nothing to be done here. One that fails holds up no other.
    ///
    /// # Errors
    /// The database fails.
    pub async fn carry_on_removals(&self) -> Result<bool, StoreError> {
        let tenants = {
            let mut conn = self.database.read().await?;
            removal::list(&mut conn).await?
        };
        let (mut is_busy, mut failed) = (false, None);
        for tenant in tenants {
            match self.remove_a_part(TenantId(tenant.id)).await {
                Ok(batch) => is_busy |= matches!(batch, Batch::Deleted | Batch::NothingLeft),
                Err(error) => failed = Some(error),
            }
        }
        failed.map_or(Ok(is_busy), Err)
    }

    async fn remove_a_part(&self, tenant: TenantId) -> Result<Batch, StoreError> {
        let mut transaction = self.database.begin().await?;
        let batch = removal::delete_batch(&mut transaction, tenant, ROWS).await?;
        transaction.commit().await?;
        if batch != Batch::NothingLeft {
            return Ok(batch);
        }
        if !removal::empty_own_databases(&self.database, tenant, ROWS).await? {
            return Ok(Batch::Deleted);
        }
        let mut transaction = self.database.begin().await?;
        let batch = removal::finish(&mut transaction, tenant).await?;
        transaction.commit().await?;
        if batch == Batch::Gone {
            tracing::info!(%tenant, "nothing is left of a tenant that was deleted");
            self.delete_unused_components().await;
        }
        Ok(batch)
    }
}
