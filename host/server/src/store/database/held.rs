//! What is worked with: a connection, or a transaction where a pooler or a lock needs one.

use std::ops::{Deref, DerefMut};

use sqlx::pool::PoolConnection;
use sqlx::postgres::PgConnection;
use sqlx::{Postgres, Transaction};

use crate::store::StoreError;

#[derive(Debug)]
pub(super) enum Held {
    Connection(PoolConnection<Postgres>),
    Transaction(Transaction<'static, Postgres>),
}

impl Deref for Held {
    type Target = PgConnection;

    fn deref(&self) -> &PgConnection {
        match self {
            Self::Connection(connection) => connection,
            Self::Transaction(transaction) => transaction,
        }
    }
}

impl DerefMut for Held {
    fn deref_mut(&mut self) -> &mut PgConnection {
        match self {
            Self::Connection(connection) => connection,
            Self::Transaction(transaction) => transaction,
        }
    }
}

/// A connection to read with; dropping it gives it back.
#[derive(Debug)]
pub struct ReadConnection(pub(super) Held);

/// A transaction to write in; dropping it undoes it.
#[derive(Debug)]
pub struct WriteTransaction {
    pub(super) transaction: Transaction<'static, Postgres>,
    pub(super) is_apart: bool,
}

/// A connection to write with a single statement. What came of it has to be given to
/// [`Autocommit::finish`]: where a pooler is in between, the statement counts only then.
#[derive(Debug)]
pub struct Autocommit(pub(super) Held);

impl WriteTransaction {
    /// Whether it is in a database of the tenant's own: what all tenants have in common is not there.
    #[must_use]
    pub const fn is_apart(&self) -> bool {
        self.is_apart
    }

    /// Makes what was written last, and seen by others.
    ///
    /// # Errors
    /// It is undone; or nobody knows ([`StoreError::Undecided`]).
    pub async fn commit(self) -> Result<(), StoreError> {
        let committed = self.transaction.commit().await;
        committed.map_err(|error| StoreError::from(error).of_a_commit())
    }
}

impl Autocommit {
    /// Ends the write, and gives the result of the statement on.
    ///
    /// # Errors
    /// That of the statement; nobody knows whether it was carried out ([`StoreError::Undecided`]).
    pub async fn finish<T>(self, result: Result<T, StoreError>) -> Result<T, StoreError> {
        match self.0 {
            Held::Connection(_) => result.map_err(StoreError::of_a_commit),
            Held::Transaction(transaction) => {
                let result = result?;
                let committed = transaction.commit().await;
                committed.map_err(|error| StoreError::from(error).of_a_commit())?;
                Ok(result)
            }
        }
    }
}

impl Deref for ReadConnection {
    type Target = PgConnection;

    fn deref(&self) -> &PgConnection {
        &self.0
    }
}

impl DerefMut for ReadConnection {
    fn deref_mut(&mut self) -> &mut PgConnection {
        &mut self.0
    }
}

impl Deref for WriteTransaction {
    type Target = PgConnection;

    fn deref(&self) -> &PgConnection {
        &self.transaction
    }
}

impl DerefMut for WriteTransaction {
    fn deref_mut(&mut self) -> &mut PgConnection {
        &mut self.transaction
    }
}

impl Deref for Autocommit {
    type Target = PgConnection;

    fn deref(&self) -> &PgConnection {
        &self.0
    }
}

impl DerefMut for Autocommit {
    fn deref_mut(&mut self) -> &mut PgConnection {
        &mut self.0
    }
}
