//! What a server does beside requests. Every server does it: the database sees to it that two are
//! never in each other's way.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::sleep;

use crate::service::Services;
use crate::service::housekeeping::Retention;
use crate::store::{Pooler, notices};

/// How often is kept when credentials were last used.
const USES_INTERVAL: Duration = Duration::from_mins(1);
/// How often is looked whether an index is to be built.
const BUILD_INTERVAL: Duration = Duration::from_secs(1);
/// The pause after a failure: of the database, most likely.
const AFTER_FAILURE: Duration = Duration::from_secs(5);
/// How often is looked whether a deleted tenant has left something.
const REMOVAL_INTERVAL: Duration = Duration::from_secs(1);
/// How often is looked whether something has come to what tenants share.
const SHARES_INTERVAL: Duration = Duration::from_millis(500);
/// How often is looked whether a tenant is moving.
const MOVE_INTERVAL: Duration = Duration::from_secs(1);
/// How often is looked whether plugins are to be told of something.
const DELIVERY_INTERVAL: Duration = Duration::from_millis(500);
/// How often is looked whether a plugin is to be run over stored resources.
const IMPACT_INTERVAL: Duration = Duration::from_secs(1);
/// How often the audit log is sealed.
const SEALING_INTERVAL: Duration = Duration::from_secs(60);
/// How often what is old is removed.
const HOUSEKEEPING_INTERVAL: Duration = Duration::from_hours(1);

/// Starts it. Dropping the tasks ends it at once: what is not committed is undone by the database.
pub(super) fn start(services: &Services, retention: Retention) -> JoinSet<()> {
    let mut tasks = JoinSet::new();
    let (credentials, lanes) = (Arc::clone(&services.credentials), services.lanes.clone());
    tasks.spawn(async move { credentials.follow(&lanes).await });
    tasks.spawn(tell(services.clone()));
    tasks.spawn(listen(services.clone()));
    tasks.spawn(keep_uses(services.clone()));
    tasks.spawn(build_indexes(services.clone()));
    tasks.spawn(remove_tenants(services.clone()));
    tasks.spawn(move_tenants(services.clone()));
    tasks.spawn(deliver_events(services.clone()));
    tasks.spawn(carry_on_impacts(services.clone()));
    tasks.spawn(seal_audits(services.clone()));
    tasks.spawn(carry_on_shares(services.clone(), retention.events));
    let writer = services.clone();
    tasks.spawn(async move { writer.write_requests().await });
    let writer = services.clone();
    tasks.spawn(async move { writer.write_plugin_log().await });
    let writer = services.clone();
    tasks.spawn(async move { writer.write_shadows().await });
    let writer = services.clone();
    tasks.spawn(async move { writer.write_recordings().await });
    tasks.spawn(keep_house(services.clone(), retention));
    tasks
}

async fn tell(services: Services) {
    loop {
        let Err(error) = services.credentials.tell(&services.database).await;
        if notices::has_none(&error) {
            return;
        }
        tracing::warn!(%error, "other servers could not be told of a change; they ask each second");
        sleep(AFTER_FAILURE).await;
    }
}

async fn listen(services: Services) {
    const ASKED: &str = "what other servers change is asked for each second: nothing tells of it";
    if services.database.pooler() != Pooler::None {
        tracing::info!(reason = "sessions of a pooler end with each transaction", "{ASKED}");
        return;
    }
    loop {
        let Err(error) = services.credentials.listen(&services.database).await;
        if notices::has_none(&error) {
            tracing::info!(reason = %error, "{ASKED}");
            return;
        }
        tracing::warn!(%error, "nothing tells of what other servers change; it is asked for each second");
        sleep(AFTER_FAILURE).await;
    }
}

async fn keep_uses(services: Services) {
    loop {
        sleep(USES_INTERVAL).await;
        if let Err(error) = services.credentials.uses.write(&services.database).await {
            tracing::warn!(%error, "when credentials were last used could not be kept; it will be tried again");
        }
    }
}

async fn build_indexes(services: Services) {
    while let Err(error) = services.adjust_indexes_to_core().await {
        tracing::warn!(%error, "indexes could not be compared with those of this server");
        sleep(AFTER_FAILURE).await;
    }
    loop {
        match services.build_indexes().await {
            Ok(true) => {}
            Ok(false) => sleep(BUILD_INTERVAL).await,
            Err(error) => {
                tracing::warn!(%error, "an index could not be built; it will be tried again");
                sleep(AFTER_FAILURE).await;
            }
        }
    }
}

/// Whatever server began with it: that one may be gone.
async fn remove_tenants(services: Services) {
    loop {
        match services.carry_on_removals().await {
            Ok(true) => {}
            Ok(false) => sleep(REMOVAL_INTERVAL).await,
            Err(error) => {
                tracing::warn!(%error, "a deleted tenant could not be removed; it will be tried again");
                sleep(AFTER_FAILURE).await;
            }
        }
    }
}

async fn carry_on_shares(services: Services, events_kept: Duration) {
    loop {
        match services.carry_on_shares(events_kept).await {
            Ok(true) => {}
            Ok(false) => sleep(SHARES_INTERVAL).await,
            Err(error) => {
                tracing::warn!(%error, "what tenants share could not be copied; it will be tried again");
                sleep(AFTER_FAILURE).await;
            }
        }
    }
}

/// Whatever server began with it: that one may be gone.
async fn move_tenants(services: Services) {
    loop {
        match services.carry_on_moves().await {
            Ok(true) => {}
            Ok(false) => sleep(MOVE_INTERVAL).await,
            Err(error) => {
                tracing::warn!(%error, "a tenant could not be moved on; it will be tried again");
                sleep(AFTER_FAILURE).await;
            }
        }
    }
}

async fn deliver_events(services: Services) {
    loop {
        match services.deliver_events().await {
            Ok(true) => {}
            Ok(false) => sleep(DELIVERY_INTERVAL).await,
            Err(error) => {
                tracing::warn!(%error, "plugins could not be told of events; it will be tried again");
                sleep(AFTER_FAILURE).await;
            }
        }
    }
}

/// Whatever server began with it: that one may be gone.
async fn carry_on_impacts(services: Services) {
    loop {
        match services.carry_on_impacts().await {
            Ok(true) => {}
            Ok(false) => sleep(IMPACT_INTERVAL).await,
            Err(error) => {
                tracing::warn!(%error, "a plugin could not be run over stored resources; it will be tried again");
                sleep(AFTER_FAILURE).await;
            }
        }
    }
}

async fn seal_audits(services: Services) {
    loop {
        if let Err(error) = services.seal_audits().await {
            tracing::warn!(%error, "the audit log could not be sealed; it will be tried again");
        }
        sleep(SEALING_INTERVAL).await;
    }
}

async fn keep_house(services: Services, retention: Retention) {
    loop {
        if let Err(error) = services.remove_what_is_old(retention).await {
            tracing::warn!(%error, "what is old could not be removed; it will be tried again");
        }
        sleep(HOUSEKEEPING_INTERVAL).await;
    }
}
