//! Rows by a key, each for a request of its own. A tenant has two such statements on their way at
//! the most: what is asked for meanwhile waits for one of them to end, and goes with the next,
//! together. Nothing waits where there is little to do, and where there is much, one statement
//! serves many requests.
//!
//! What is in a database of the tenant's own, or may be, is asked for over a connection each time.

use std::collections::HashMap;
use std::mem;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use sqlx::PgConnection;
use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tokio_postgres::types::Type;
use uuid::Uuid;

use super::{Row, columns};
use crate::store::lanes::{Lanes, Read};
use crate::store::place::Place;
use crate::store::{Database, StoreError};

/// Statements of a tenant that are on their way at the same time. With one, the server and the
/// database wait for each other in turns; with more, fewer requests share a statement.
const AT_ONCE: usize = 2;
/// Keys of one statement at the most: it holds up others on its connection.
const TOGETHER: usize = 64;

/// Finds single resources; all requests share it.
#[derive(Debug, Clone)]
pub struct Lookups {
    by_id: Gathered<ById>,
    by_unique_value: Gathered<ByUniqueValue>,
}

/// Lookups by one kind of key.
#[derive(Debug)]
struct Gathered<K> {
    lanes: Lanes,
    database: Database,
    tenants: Arc<Mutex<HashMap<Place, Queue<K>>>>,
}

/// What a resource is found by.
trait Key: Clone + Send + Sync + 'static {
    /// The row of one key.
    fn one(
        &self,
        lanes: &Lanes,
        place: Place,
    ) -> impl Future<Output = Result<Option<tokio_postgres::Row>, StoreError>> + Send;

    /// The same over a connection to where the tenant's data is.
    fn over(
        &self,
        conn: &mut PgConnection,
        place: Place,
    ) -> impl Future<Output = Result<Option<Row>, StoreError>> + Send;

    /// The rows of several, after the place of the key, counted from 1.
    fn many(
        keys: &[Self],
        lanes: &Lanes,
        place: Place,
    ) -> impl Future<Output = Result<Vec<tokio_postgres::Row>, StoreError>> + Send;
}

/// The type and the id of a resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ById {
    /// The name of its type.
    pub resource_type: String,
    /// Identifies it within the tenant.
    pub id: Uuid,
}

/// A value of a unique attribute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ByUniqueValue {
    /// The name of the type.
    pub resource_type: String,
    /// The path of the attribute, as the schemas spell it.
    pub attr: String,
    /// As `resource::unique_values` normalises it.
    pub val: String,
}

#[derive(Debug)]
struct Queue<K> {
    on_their_way: usize,
    waiting: Vec<Waiting<K>>,
}

#[derive(Debug)]
struct Waiting<K> {
    key: K,
    answer: oneshot::Sender<Option<Row>>,
}

/// The right to send a statement. Who drops it leaves it to those who wait.
struct Turn<K: Key> {
    of: Gathered<K>,
    place: Place,
}

impl Lookups {
    /// Lookups over these connections.
    #[must_use]
    pub fn over(lanes: &Lanes, database: &Database) -> Self {
        let (by_id, by_unique_value) =
            (Gathered::over(lanes, database), Gathered::over(lanes, database));
        Self { by_id, by_unique_value }
    }

    /// The resource of that type and id.
    ///
    /// # Errors
    /// The database fails.
    pub async fn by_id(&self, place: Place, key: ById) -> Result<Option<Row>, StoreError> {
        self.by_id.row(place, key).await
    }

    /// The resource of a type that has a value of a unique attribute.
    ///
    /// # Errors
    /// The database fails.
    pub async fn by_unique_value(
        &self,
        place: Place,
        key: ByUniqueValue,
    ) -> Result<Option<Row>, StoreError> {
        // PostgreSQL's text has no U+0000, so that no resource's value has it.
        if key.val.contains('\0') {
            return Ok(None);
        }
        self.by_unique_value.row(place, key).await
    }
}

impl<K: Key> Gathered<K> {
    fn over(lanes: &Lanes, database: &Database) -> Self {
        Self { lanes: lanes.clone(), database: database.clone(), tenants: Arc::default() }
    }

    /// The resource that has the key.
    async fn row(&self, place: Place, key: K) -> Result<Option<Row>, StoreError> {
        if !place.is_at_home() {
            let mut conn = self.database.read_for(place).await?;
            return key.over(&mut conn, place).await;
        }
        let turn = match self.turn(place, &key) {
            Ok(turn) => Some(turn),
            Err(answer) => match answer.await {
                Ok(row) => return Ok(row),
                // What failed may have been another's part of the statement.
                Err(_) => None,
            },
        };
        let row = key.one(&self.lanes, place).await;
        drop(turn);
        row?.as_ref().map(|row| Row::of(row, 0)).transpose()
    }

    /// A turn, or where the answer will be.
    fn turn(&self, place: Place, key: &K) -> Result<Turn<K>, oneshot::Receiver<Option<Row>>> {
        let mut tenants = self.tenants();
        let queue =
            tenants.entry(place).or_insert_with(|| Queue { on_their_way: 0, waiting: Vec::new() });
        if queue.on_their_way < AT_ONCE {
            queue.on_their_way += 1;
            return Ok(Turn { of: self.clone(), place });
        }
        let (answer, receiver) = oneshot::channel();
        queue.waiting.push(Waiting { key: key.clone(), answer });
        Err(receiver)
    }

    fn tenants(&self) -> MutexGuard<'_, HashMap<Place, Queue<K>>> {
        self.tenants.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Those who wait; where nobody does, the turn is over.
    fn next(&self, place: Place) -> Vec<Waiting<K>> {
        let mut tenants = self.tenants();
        let Some(queue) = tenants.get_mut(&place) else { return Vec::new() };
        if !queue.waiting.is_empty() {
            let rest = queue.waiting.split_off(queue.waiting.len().min(TOGETHER));
            return mem::replace(&mut queue.waiting, rest);
        }
        queue.on_their_way = queue.on_their_way.saturating_sub(1);
        if queue.on_their_way == 0 {
            tenants.remove(&place);
        }
        Vec::new()
    }

    /// Asks for all of them. Where that fails, each finds its answer given up, and asks alone.
    async fn answer(&self, place: Place, waiting: Vec<Waiting<K>>) -> Result<(), StoreError> {
        let (keys, answers): (Vec<K>, Vec<_>) =
            waiting.into_iter().map(|it| (it.key, it.answer)).unzip();
        let mut found: Vec<Option<Row>> = vec![None; keys.len()];
        for row in K::many(&keys, &self.lanes, place).await? {
            let nth: i64 = row.try_get(0)?;
            let nth = usize::try_from(nth - 1).ok();
            if let Some(found) = nth.and_then(|nth| found.get_mut(nth)) {
                *found = Some(Row::of(&row, 1)?);
            }
        }
        for (answer, row) in answers.into_iter().zip(found) {
            // Who has gone away needs no answer.
            let _ = answer.send(row);
        }
        Ok(())
    }
}

impl<K> Clone for Gathered<K> {
    fn clone(&self) -> Self {
        let (lanes, database) = (self.lanes.clone(), self.database.clone());
        Self { lanes, database, tenants: Arc::clone(&self.tenants) }
    }
}

impl<K: Key> Drop for Turn<K> {
    fn drop(&mut self) {
        let waiting = self.of.next(self.place);
        if waiting.is_empty() {
            return;
        }
        let turn = Self { of: self.of.clone(), place: self.place };
        // Without a runtime nobody waits any more.
        let Ok(runtime) = Handle::try_current() else { return };
        runtime.spawn(async move {
            if let Err(error) = turn.of.answer(turn.place, waiting).await {
                tracing::debug!(%error, "resources are asked for one by one");
            }
            drop(turn);
        });
    }
}

/// The resources by their primary key, which the planner would trust its statistics with.
macro_rules! resource {
    ($from:literal) => {
        concat!(
            "SELECT wanted.place, ",
            columns!(),
            " FROM ",
            $from,
            " CROSS JOIN LATERAL (SELECT * FROM resources \
                    WHERE tenant_id = $1 AND id BETWEEN found.id AND found.id \
                        ORDER BY id LIMIT 1) AS r \
              WHERE r.id = found.id AND r.type = wanted.type"
        )
    };
}

const BY_ID: Read = Read {
    sql: concat!(
        "SELECT ",
        columns!(),
        " FROM resources AS r WHERE r.tenant_id = $1 AND r.id = $2 AND r.type = $3"
    ),
    arguments: &[Type::UUID, Type::UUID, Type::TEXT],
};

const BY_UNIQUE_VALUE: Read = Read {
    sql: concat!(
        "SELECT ",
        columns!(),
        " FROM (SELECT id FROM unique_values WHERE tenant_id = $1 AND type = $2 \
                AND attr = $3 AND val = $4 LIMIT 1) AS u \
          CROSS JOIN LATERAL (SELECT * FROM resources \
                WHERE tenant_id = $1 AND id BETWEEN u.id AND u.id \
                    ORDER BY id LIMIT 1) AS r \
          WHERE r.id = u.id"
    ),
    arguments: &[Type::UUID, Type::TEXT, Type::TEXT, Type::TEXT],
};

impl Key for ById {
    async fn one(
        &self,
        lanes: &Lanes,
        place: Place,
    ) -> Result<Option<tokio_postgres::Row>, StoreError> {
        lanes.row_for(place, &BY_ID, &[&place.tenant.0, &self.id, &self.resource_type]).await
    }

    async fn over(&self, conn: &mut PgConnection, place: Place) -> Result<Option<Row>, StoreError> {
        let found = sqlx::query_as(BY_ID.sql).bind(place.tenant.0).bind(self.id);
        Ok(found.bind(&self.resource_type).fetch_optional(conn).await?)
    }

    async fn many(
        keys: &[Self],
        lanes: &Lanes,
        place: Place,
    ) -> Result<Vec<tokio_postgres::Row>, StoreError> {
        const MANY: Read = Read {
            sql: resource!(
                "unnest($2::uuid[], $3::text[]) WITH ORDINALITY AS wanted (id, type, place) \
                 CROSS JOIN LATERAL (SELECT wanted.id) AS found"
            ),
            arguments: &[Type::UUID, Type::UUID_ARRAY, Type::TEXT_ARRAY],
        };
        let ids: Vec<Uuid> = keys.iter().map(|key| key.id).collect();
        let types: Vec<&str> = keys.iter().map(|key| key.resource_type.as_str()).collect();
        lanes.rows_for(place, &MANY, &[&place.tenant.0, &ids, &types]).await
    }
}

impl Key for ByUniqueValue {
    async fn one(
        &self,
        lanes: &Lanes,
        place: Place,
    ) -> Result<Option<tokio_postgres::Row>, StoreError> {
        let Self { resource_type, attr, val } = self;
        lanes.row_for(place, &BY_UNIQUE_VALUE, &[&place.tenant.0, resource_type, attr, val]).await
    }

    async fn over(&self, conn: &mut PgConnection, place: Place) -> Result<Option<Row>, StoreError> {
        let found = sqlx::query_as(BY_UNIQUE_VALUE.sql).bind(place.tenant.0);
        let found = found.bind(&self.resource_type).bind(&self.attr).bind(&self.val);
        Ok(found.fetch_optional(conn).await?)
    }

    async fn many(
        keys: &[Self],
        lanes: &Lanes,
        place: Place,
    ) -> Result<Vec<tokio_postgres::Row>, StoreError> {
        const MANY: Read = Read {
            sql: resource!(
                "unnest($2::text[], $3::text[], $4::text[]) WITH ORDINALITY \
                     AS wanted (type, attr, val, place) \
                 CROSS JOIN LATERAL (SELECT id FROM unique_values \
                     WHERE tenant_id = $1 AND type = wanted.type AND attr = wanted.attr \
                       AND val = wanted.val LIMIT 1) AS found"
            ),
            arguments: &[Type::UUID, Type::TEXT_ARRAY, Type::TEXT_ARRAY, Type::TEXT_ARRAY],
        };
        let parts = |part: fn(&Self) -> &str| keys.iter().map(part).collect::<Vec<_>>();
        let types = parts(|key| &key.resource_type);
        let (attrs, vals) = (parts(|key| &key.attr), parts(|key| &key.val));
        lanes.rows_for(place, &MANY, &[&place.tenant.0, &types, &attrs, &vals]).await
    }
}
