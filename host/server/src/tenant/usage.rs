//! When credentials were last used, and from where: kept here, and written together.

use std::collections::HashMap;
use std::mem;
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};

use time::OffsetDateTime;
use uuid::Uuid;

use crate::store::credentials::{self, Kind, Use};
use crate::store::{Database, StoreError, TenantId};

/// Credentials whose use is kept while it cannot be written.
const KEPT: usize = 10_000;

/// A credential that has a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct CredentialId {
    /// Whose it is.
    pub tenant: TenantId,
    /// Where its row is.
    pub kind: Kind,
    /// Its id.
    pub id: Uuid,
}

/// The last use of each credential that was used since they were written.
#[derive(Debug, Default)]
pub struct Uses(Mutex<Last>);

type Last = HashMap<CredentialId, (OffsetDateTime, Option<IpAddr>)>;

impl Uses {
    /// A credential is used.
    pub fn note(&self, id: CredentialId, at: OffsetDateTime, client: Option<IpAddr>) {
        self.last().insert(id, (at, client));
    }

    /// Writes what has come together.
    ///
    /// # Errors
    /// The database fails; what was not written is written the next time.
    pub async fn write(&self, database: &Database) -> Result<(), StoreError> {
        let mut by_table: HashMap<(TenantId, Kind), Vec<Use>> = HashMap::new();
        let taken = mem::take(&mut *self.last());
        for (CredentialId { tenant, kind, id }, (at, client)) in &taken {
            let address = client.map(|it| it.to_canonical().to_string());
            by_table.entry((*tenant, *kind)).or_default().push(Use { id: *id, at: *at, address });
        }
        for ((tenant, kind), uses) in by_table {
            if let Err(error) = written(database, tenant, kind, &uses).await {
                self.put_back(taken);
                return Err(error);
            }
        }
        Ok(())
    }

    /// What was written in part is written again, which changes nothing.
    fn put_back(&self, taken: Last) {
        let mut last = self.last();
        for (id, used) in taken {
            if last.len() < KEPT {
                last.entry(id).or_insert(used);
            }
        }
    }

    fn last(&self) -> MutexGuard<'_, Last> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn written(
    database: &Database,
    tenant: TenantId,
    kind: Kind,
    uses: &[Use],
) -> Result<(), StoreError> {
    let mut conn = database.autocommit().await?;
    let used = credentials::used(&mut conn, tenant, kind, uses).await;
    conn.finish(used).await
}
