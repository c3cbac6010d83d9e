//! How a tenant is: how much of what it may have it has, and whether something of it does not work.

use std::collections::BTreeMap;

use serde::Serialize;
use sqlx::PgConnection;
use tenon_scim::value::timestamp;
use time::OffsetDateTime;

use super::{Error, Services};
use crate::store::counters::{self, Counter};
use crate::store::deliveries::{self, Backlog};
use crate::store::index_builds::{self, DOCUMENTS, IndexBuild, State};
use crate::store::plugins::{self, Plugin};
use crate::store::shares::{self, conflicts};
use crate::store::{StoreError, TenantId, outbox, tenants};
use crate::tenant::limits::Limits;
use crate::tenant::runtime::registry_of;

/// How much a tenant has and may have.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Stats {
    /// By the name of a type, where there ever was a resource of it or there is a limit.
    pub resources: BTreeMap<String, Quota>,
    /// Active plugins.
    pub active_plugins: Quota,
    /// Events that plugins are still to be told of, by the name of a plugin that has such.
    pub deliveries: BTreeMap<String, Waiting>,
    /// Requests, as the server that answers counts them.
    pub rate: Pace,
}

/// How many there are of what.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Quota {
    /// How many there are.
    pub count: i64,
    /// How many there may be; null where any number may.
    pub limit: Option<i64>,
    /// Whether there are 80 % of that.
    pub warning: bool,
}

/// How many events a plugin is still to be told of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Waiting {
    /// Those that will be tried.
    pub waiting: i64,
    /// Those that have failed too often.
    pub parked: i64,
    /// When the oldest of those happened that will be tried, as RFC 3339 has it.
    pub oldest: Option<String>,
}

/// How fast requests may come to this server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Pace {
    /// For long.
    pub requests_per_second: u32,
    /// At once.
    pub burst: u32,
    /// How many may come now.
    pub remaining: u64,
    /// Whose count it is: each server's own.
    pub counted_by: &'static str,
}

/// Whether something of a tenant does not work, or soon will not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Health {
    /// `ok` where there are no problems.
    pub status: Status,
    /// What is wrong, a sentence each.
    pub problems: Vec<String>,
    /// Active plugins, and whether this server can load them.
    pub plugins: Vec<PluginHealth>,
    /// Indexes that are not finished.
    pub index_builds: Vec<Build>,
    /// When the oldest event was made that is kept, as RFC 3339 has it.
    pub oldest_event: Option<String>,
}

/// Whether all is well.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Status {
    /// It is.
    Ok,
    /// Something is to be done.
    Degraded,
}

/// An active plugin.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PluginHealth {
    /// Its name at the tenant.
    pub name: String,
    /// Whether requests can go through it.
    pub loads: bool,
}

/// An index that is being built or removed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Build {
    /// The name of the type.
    pub resource_type: String,
    /// The path of the attribute; null where it is what filters look at themselves.
    pub attribute: Option<String>,
    /// What is going on.
    pub state: State,
    /// Resources or entries that are done.
    pub done: i64,
    /// How many resources there were when it began.
    pub total: i64,
}

impl Services {
    /// How much a tenant has and may have.
    ///
    /// # Errors
    /// The database fails, or the tenant has been removed.
    pub async fn stats(&self, tenant: TenantId) -> Result<Stats, Error> {
        let mut conn = self.database.read().await?;
        let limits = tenants::configuration(&mut conn, tenant).await?.limits;
        let limits = Limits::of_stored(&limits)?;
        let plugins = plugins::list(&mut conn, tenant).await?;
        drop(conn);
        let mut data = self.database.read_at(tenant).await?;
        let counters = counters::list(&mut data, tenant).await?;
        let backlogs = deliveries::backlogs(&mut data, tenant).await?;
        drop(data);
        let active = plugins.iter().filter(|it| it.active.is_some()).count();
        let as_count = |it: usize| i64::try_from(it).unwrap_or(i64::MAX);
        let active = Counter { n: as_count(active), max_n: limits.plugins.count.map(as_count) };
        Ok(Stats {
            resources: counters.iter().map(|(name, it)| (name.clone(), Quota::of(it))).collect(),
            active_plugins: Quota::of(&active),
            deliveries: backlogs.into_iter().map(Waiting::of).collect(),
            rate: Pace {
                requests_per_second: limits.rate.per_second,
                burst: limits.rate.burst,
                remaining: self.rates.standing(tenant, limits.rate).remaining,
                counted_by: "this server",
            },
        })
    }

    /// Whether something of a tenant does not work. Plugins are loaded for it.
    ///
    /// # Errors
    /// The database fails.
    pub async fn health(&self, tenant: TenantId) -> Result<Health, Error> {
        let mut conn = self.database.read().await?;
        let plugins = plugins::list(&mut conn, tenant).await?;
        let builds = index_builds::list(&mut conn, tenant).await?;
        let shares = share_problems(&mut conn, tenant).await?;
        drop(conn);
        let mut problems = Vec::new();
        let Data { counters, backlogs, oldest_event } = match self.data_health(tenant).await {
            Err(StoreError::Unavailable(error)) => {
                tracing::warn!(%tenant, %error, "the tenant's data cannot be reached");
                problems.push("the tenant's data cannot be reached".to_owned());
                Data::default()
            }
            found => found?,
        };
        let plugins = self.plugins_health(tenant, &plugins, &mut problems).await?;
        let nearly_full = counters.iter().filter(|(_, counter)| counter.is_nearly_full());
        problems.extend(nearly_full.map(|(name, Counter { n, max_n })| {
            let max = max_n.unwrap_or_default();
            format!("the tenant has {n} of the {max} resources of type {name} that it may have")
        }));
        let unfinished: Vec<&IndexBuild> =
            builds.iter().filter(|it| it.state != State::Ready).collect();
        problems.extend(unfinished.iter().filter(|it| it.attr == DOCUMENTS).map(|it| {
            let name = &it.resource_type;
            format!(
                "resources of type {name} are being prepared for filters and sorts, and lists \
                     of them may be refused until that is done"
            )
        }));
        problems.extend(shares);
        problems.extend(backlogs.iter().filter(|it| it.parked > 0).map(|it| {
            let Backlog { plugin, parked, .. } = it;
            format!(
                "plugin \"{plugin}\" has failed too often to take {parked} events; retry or discard \
                 its deliveries"
            )
        }));
        Ok(Health {
            status: if problems.is_empty() { Status::Ok } else { Status::Degraded },
            problems,
            plugins,
            index_builds: unfinished.into_iter().map(Build::of).collect(),
            oldest_event: oldest_event.map(timestamp),
        })
    }

    async fn data_health(&self, tenant: TenantId) -> Result<Data, StoreError> {
        let mut conn = self.database.read_at(tenant).await?;
        Ok(Data {
            counters: counters::list(&mut conn, tenant).await?,
            backlogs: deliveries::backlogs(&mut conn, tenant).await?,
            oldest_event: outbox::oldest(&mut conn, tenant).await?,
        })
    }

    async fn plugins_health(
        &self,
        tenant: TenantId,
        plugins: &[Plugin],
        problems: &mut Vec<String>,
    ) -> Result<Vec<PluginHealth>, Error> {
        if let Err(misfit) = registry_of(plugins) {
            problems.push(format!(
                "the active plugins do not fit together, and every request fails: {misfit}; \
                 deactivate one of them"
            ));
        }
        let mut health = Vec::new();
        for plugin in plugins {
            let Some(digest) = &plugin.active else { continue };
            let loads = match self.plugin(tenant, &plugin.name, digest).await {
                Ok(_) => match self.config_problem(tenant, plugin) {
                    None => true,
                    Some(problem) => {
                        let name = &plugin.name;
                        problems.push(format!(
                            "plugin \"{name}\" cannot be called, and its hooks fail: {problem}; \
                             write its secrets again, or deactivate it"
                        ));
                        false
                    }
                },
                Err(Error::PluginNotLoaded { reason, .. }) => {
                    let name = &plugin.name;
                    problems.push(format!(
                        "plugin \"{name}\" cannot be loaded, and writes fail: {reason}; upload it \
                         again, or deactivate it"
                    ));
                    false
                }
                Err(error) => return Err(error),
            };
            health.push(PluginHealth { name: plugin.name.clone(), loads });
        }
        Ok(health)
    }
}

/// What is counted where a tenant's data is.
#[derive(Default)]
struct Data {
    counters: Vec<(String, Counter)>,
    backlogs: Vec<Backlog>,
    oldest_event: Option<OffsetDateTime>,
}

async fn share_problems(
    conn: &mut PgConnection,
    tenant: TenantId,
) -> Result<Vec<String>, StoreError> {
    let mut problems = Vec::new();
    for share in shares::list(conn, tenant).await? {
        let (_, conflicts) = conflicts::list(conn, tenant, share.parent, 0).await?;
        let parent = share.parent;
        if conflicts > 0 {
            problems.push(format!(
                "{conflicts} resources that the tenant {parent} shares are not copied: others have \
                 their ids or unique values"
            ));
        }
        problems.extend(share.problem.map(|it| format!("shared by the tenant {parent}: {it}")));
    }
    Ok(problems)
}

impl Waiting {
    fn of(backlog: Backlog) -> (String, Self) {
        let Backlog { plugin, waiting, parked, oldest } = backlog;
        (plugin, Self { waiting, parked, oldest: oldest.map(timestamp) })
    }
}

impl Quota {
    fn of(counter: &Counter) -> Self {
        Self { count: counter.n, limit: counter.max_n, warning: counter.is_nearly_full() }
    }
}

impl Build {
    fn of(build: &IndexBuild) -> Self {
        Self {
            resource_type: build.resource_type.clone(),
            attribute: Some(build.attr.clone()).filter(|it| it != DOCUMENTS),
            state: build.state,
            done: build.done,
            total: build.total,
        }
    }
}
