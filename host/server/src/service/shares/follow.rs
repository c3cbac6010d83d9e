//! Carries on with shares, in the background: a batch of each that is due, in a transaction of its own.
//!
//! Why no change of the parent is missed: its events are in the order in which writes began, and one may
//! be committed after others that began later. So the last seconds are read again each time, and all
//! events once more when no write that began before is left. To read an event again costs a look at two
//! versions. Where events are removed before they are read, everything is copied anew.

use std::time::Duration;

use sqlx::PgConnection;
use tenon_plugin::Capability;
use time::OffsetDateTime;
use tokio::time::Instant;
use uuid::Uuid;

use super::copy::Copying;
use crate::clock;
use crate::service::{Error, Services};
use crate::store::page::first_id_at;
use crate::store::shares::originals::{self, Event};
use crate::store::shares::{self, Share, State, conflicts, copies};
use crate::store::{StoreError, TenantId, plugins};

/// Shares that are looked at before it is asked again which are due.
const SHARES: i64 = 100;
/// Resources of a batch.
const PAGE: i64 = 200;
/// Resources that are in memory at a time.
const CHUNK: usize = 50;
/// How long a batch of groups goes on, whose members are many: others wait for what it has locked.
const LONGEST: Duration = Duration::from_secs(3);
/// Events of a batch, of which many may be of one resource.
const EVENTS: i64 = 500;
/// How often a share is looked at of which nothing is left to do.
const INTERVAL: Duration = Duration::from_secs(1);
/// How far back events are read again.
const OVERLAP: Duration = Duration::from_secs(3);
/// After which no event comes late: statements and transactions end long before.
const HORIZON: Duration = Duration::from_mins(2);
/// How often is looked whether a conflict is still one.
const RETRY: Duration = Duration::from_secs(5);

impl Services {
    /// Does a batch of each share that is due; false where there is nothing to do at present. One that
    /// fails holds up no other.
    ///
    /// # Errors
    /// The database fails.
    pub async fn carry_on_shares(&self, events_kept: Duration) -> Result<bool, Error> {
        let due = {
            let mut conn = self.database.read().await?;
            shares::due(&mut conn, clock::now(), SHARES).await?
        };
        let (mut is_busy, mut failed) = (false, None);
        for (child, parent) in due {
            match self.carry_on_share(child, parent, events_kept).await {
                Ok(busy) => is_busy |= busy,
                Err(error) => failed = Some(error),
            }
        }
        failed.map_or(Ok(is_busy), Err)
    }

    /// Does a batch of a share; false where nothing is left at present, or another server is at it.
    ///
    /// # Errors
    /// The database fails; then it is put off.
    pub(super) async fn carry_on_share(
        &self,
        child: TenantId,
        parent: TenantId,
        events_kept: Duration,
    ) -> Result<bool, Error> {
        let error = match self.carry_on_once(child, parent, events_kept).await {
            Ok(busy) => return Ok(busy),
            Err(error) => error,
        };
        let mut conn = self.database.autocommit().await?;
        let until = clock::now() + INTERVAL;
        let put_off = shares::put_off(&mut conn, child, parent, until).await;
        conn.finish(put_off).await?;
        match error {
            Error::Contended | Error::Store(StoreError::LostRace(_)) => Ok(false),
            error => Err(error),
        }
    }

    async fn carry_on_once(
        &self,
        child: TenantId,
        parent: TenantId,
        events_kept: Duration,
    ) -> Result<bool, Error> {
        let mut transaction = self.database.begin().await?;
        let Some(mut share) = shares::lease(&mut transaction, child, parent).await? else {
            return Ok(false);
        };
        let now = clock::now();
        let told = plugins::active_with(&mut transaction, child, Capability::AfterCommit).await?;
        let mut batch = Batch::of(&share, told, now);
        if share.has_lost_events(now, events_kept) {
            tracing::info!(%child, %parent, "events are gone that were not read: all is copied anew");
            share.start_over(now);
        } else if batch.lacks_no_type_now(&mut transaction, &share).await? {
            share.start_over(now);
        }
        match share.state {
            State::Copying => batch.copy(&mut transaction, &mut share).await?,
            State::Checking => batch.check(&mut transaction, &mut share).await?,
            State::Following => batch.follow(&mut transaction, &mut share).await?,
            State::Removing => batch.remove(&mut transaction, &share).await?,
        }
        if batch.is_over {
            shares::delete(&mut transaction, child, parent).await?;
        } else {
            share.due = if batch.is_busy { now } else { now + INTERVAL };
            share.problem = batch.problem.or(share.problem);
            shares::put(&mut transaction, &share).await?;
        }
        transaction.commit().await?;
        for id in batch.deleted {
            self.credentials.forget_subject(id);
        }
        Ok(batch.is_busy && !batch.is_over)
    }
}

impl Share {
    /// Copies everything, and follows the events from now on.
    pub(super) fn start_over(&mut self, now: OffsetDateTime) {
        self.state = State::Copying;
        self.last_type = String::new();
        self.last_id = Uuid::nil();
        self.settled = first_id_at(now - HORIZON);
        self.seen = self.settled;
        self.due = now;
        self.problem = None;
    }

    fn has_lost_events(&self, now: OffsetDateTime, kept: Duration) -> bool {
        let kept_from = now.checked_sub(kept.try_into().unwrap_or(time::Duration::MAX));
        let is_lost = |kept_from| self.settled < first_id_at(kept_from);
        self.state == State::Following && kept_from.is_some_and(is_lost)
    }
}

/// What is done in one transaction.
struct Batch {
    copying: Copying,
    /// Copies that are no more.
    deleted: Vec<Uuid>,
    /// Why some resources are left out.
    problem: Option<String>,
    /// Whether there may be more at once.
    is_busy: bool,
    /// Whether nothing is left of the share.
    is_over: bool,
}

impl Batch {
    fn of(share: &Share, told: Vec<String>, now: OffsetDateTime) -> Self {
        let copying = Copying::of(share, told, now);
        Self { copying, deleted: Vec::new(), problem: None, is_busy: true, is_over: false }
    }

    /// Whether resources were left out whose type the child has again.
    async fn lacks_no_type_now(
        &self,
        conn: &mut PgConnection,
        share: &Share,
    ) -> Result<bool, Error> {
        let left_out = share.problem.is_some() && share.state != State::Removing;
        Ok(left_out && self.copying.missing_type(conn).await?.is_none())
    }

    async fn sync(&mut self, conn: &mut PgConnection, ids: &[Uuid]) -> Result<(), Error> {
        for ids in ids.chunks(CHUNK) {
            let synced = self.copying.sync(conn, ids).await?;
            self.deleted.extend(synced.deleted);
            if synced.lacks_type && self.problem.is_none() {
                let missing = self.copying.missing_type(conn).await?;
                self.problem = missing.map(|name| {
                    format!(
                        "resources of type \"{name}\" are not copied: the tenant does not have \
                         the type any more; activate the plugin that defines it, or share other types"
                    )
                });
            }
        }
        Ok(())
    }

    /// A page of the parent's resources, type by type. Of large groups there are fewer on a page.
    async fn copy(&mut self, conn: &mut PgConnection, share: &mut Share) -> Result<(), Error> {
        let at = share.types.iter().position(|it| *it == share.last_type).unwrap_or(0);
        let Some(name) = share.types.get(at).cloned() else {
            share.state = State::Checking;
            return Ok(());
        };
        let ids = originals::after(conn, share.parent, &name, share.last_id, PAGE).await?;
        share.last_type = name;
        if ids.is_empty() {
            match share.types.get(at + 1) {
                Some(next) => (share.last_type, share.last_id) = (next.clone(), Uuid::nil()),
                None => (share.state, share.last_id) = (State::Checking, Uuid::nil()),
            }
            return Ok(());
        }
        let begun = Instant::now();
        for chunk in ids.chunks(CHUNK).take_while(|_| begun.elapsed() < LONGEST) {
            self.sync(conn, chunk).await?;
            share.last_id = chunk.last().copied().unwrap_or(share.last_id);
        }
        Ok(())
    }

    /// A page of the copies: those that the parent does not share any more go.
    async fn check(&mut self, conn: &mut PgConnection, share: &mut Share) -> Result<(), Error> {
        let ids = copies::after(conn, share.child, share.parent, share.last_id, PAGE).await?;
        match ids.last() {
            Some(last) => share.last_id = *last,
            // Nothing has been copied yet: this was to delete what is shared no more.
            None if share.last_type.is_empty() => {
                (share.state, share.last_id) = (State::Copying, Uuid::nil());
            }
            None => {
                share.state = State::Following;
                tracing::info!(child = %share.child, parent = %share.parent, "share copied");
            }
        }
        self.sync(conn, &ids).await
    }

    async fn follow(&mut self, conn: &mut PgConnection, share: &mut Share) -> Result<(), Error> {
        let (now, parent) = (clock::now(), share.parent);
        let settled_by = first_id_at(now - HORIZON);
        let new = originals::events(conn, parent, share.seen, Uuid::max(), EVENTS).await?;
        let old = originals::events(conn, parent, share.settled, settled_by, EVENTS).await?;
        let retried =
            conflicts::not_tried_since(conn, share.child, parent, now - RETRY, PAGE).await?;
        self.is_busy = is_full(&new) || is_full(&old);
        share.seen = if is_full(&new) { last_id(&new) } else { first_id_at(now - OVERLAP) };
        share.settled = if is_full(&old) { last_id(&old) } else { settled_by };
        let events = new.into_iter().chain(old);
        let mut ids: Vec<Uuid> = events.map(|it| it.resource_id).chain(retried).collect();
        ids.sort_unstable();
        ids.dedup();
        self.sync(conn, &ids).await
    }

    /// A page of the copies, all of which go.
    async fn remove(&mut self, conn: &mut PgConnection, share: &Share) -> Result<(), Error> {
        let ids = copies::after(conn, share.child, share.parent, Uuid::nil(), PAGE).await?;
        self.is_over = ids.is_empty();
        self.copying.remove(conn, &ids).await?;
        self.deleted.extend(ids);
        Ok(())
    }
}

/// Whether there may be more of them.
fn is_full(events: &[Event]) -> bool {
    i64::try_from(events.len()).unwrap_or(i64::MAX) >= EVENTS
}

fn last_id(events: &[Event]) -> Uuid {
    events.last().map_or(Uuid::nil(), |it| it.id)
}
