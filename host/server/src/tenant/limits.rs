//! What a tenant may cost: as its administrator has configured it, and as it holds.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use tenon_scim::bulk::MAX_OPERATIONS;
use tenon_scim::filter::MAX_TERMS;

use crate::store::StoreError;

mod plugins;

pub use self::plugins::{ConfiguredCallLimits, ConfiguredPluginLimits, PluginLimits};

/// Limits as they are configured; what is absent is as the server has it. Stored as JSON.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct ConfiguredLimits {
    /// Short for `max_resources` of the type `User`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_users: Option<u64>,
    /// Short for `max_resources` of the type `Group`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_groups: Option<u64>,
    /// How many resources there may be, by the name of their type.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub max_resources: BTreeMap<String, u64>,
    /// How many members a group may have.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_members: Option<usize>,
    /// Requests in a second, for long.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub requests_per_second: Option<u32>,
    /// Requests at once.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub burst: Option<u32>,
    /// Bytes of the body of a request.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_body_bytes: Option<usize>,
    /// Terms of a filter.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_filter_terms: Option<usize>,
    /// Resources of a page.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_page_size: Option<usize>,
    /// Operations of a bulk request.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_bulk_operations: Option<usize>,
    /// Bytes of a bulk request.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_bulk_bytes: Option<usize>,
    /// What its plugins may cost.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub plugins: Option<ConfiguredPluginLimits>,
}

/// Limits that hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// How many resources there may be, by the name of their type; where nothing is said, any number.
    pub quotas: BTreeMap<String, u64>,
    /// How many members a group may have; where nothing is said, any number.
    pub max_members: Option<usize>,
    /// How fast requests may come, at each server.
    pub rate: Rate,
    /// Bytes of the body of a request.
    pub max_body_bytes: usize,
    /// Terms of a filter.
    pub max_filter_terms: usize,
    /// Resources of a page.
    pub max_page_size: usize,
    /// Operations of a bulk request.
    pub max_bulk_operations: usize,
    /// Bytes of a bulk request.
    pub max_bulk_bytes: usize,
    /// What its plugins may cost.
    pub plugins: PluginLimits,
}

/// How fast requests may come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// For long.
    pub per_second: u32,
    /// At once.
    pub burst: u32,
}

/// What a JWT says that it may cost: it lowers the limits of its tenant, and never raises them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ClaimedLimits {
    /// Requests in a second, for long.
    pub requests_per_second: Option<u32>,
    /// Resources of a page.
    pub max_page_size: Option<usize>,
}

impl ClaimedLimits {
    /// The rate that it is to keep to beside that of its tenant; `None` where it claims no lower one.
    #[must_use]
    pub fn rate(self, tenants: Rate) -> Option<Rate> {
        let per_second = self.requests_per_second.filter(|it| *it < tenants.per_second)?;
        Some(Rate { per_second, burst: per_second.saturating_mul(2).min(tenants.burst) })
    }
}

/// Why limits are refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LimitsError {
    /// A number that no server keeps to.
    #[error("\"{member}\" must be between {min} and {max}, not {found}")]
    Range {
        /// The member.
        member: String,
        /// The least.
        min: usize,
        /// The most.
        max: usize,
        /// What is configured.
        found: usize,
    },
    /// Two members say different things of one type.
    #[error("\"{member}\" and \"maxResources\" say different things of {resource_type} resources")]
    Twice {
        /// The short member.
        member: &'static str,
        /// The name of the type.
        resource_type: &'static str,
    },
    /// More than can be counted.
    #[error("at the most {} resources of a type can be counted", i64::MAX)]
    Uncountable,
}

/// Where nothing is configured. 25 requests in a second are what the IPSIE profile of SCIM asks for.
const RATE: Rate = Rate { per_second: 100, burst: 200 };
const MAX_RATE: usize = 1_000_000;
const BODY_BYTES: usize = 1024 * 1024;
const MAX_BODY_BYTES: usize = 16 * 1024 * 1024;
/// Resources of a page when nothing is configured, and at the most.
const MAX_PAGE: usize = 1_000;

impl ConfiguredLimits {
    /// What is stored.
    ///
    /// # Errors
    /// It is not JSON, or has what this server does not know: a newer one has stored it.
    pub fn of_stored(text: &str) -> Result<Self, StoreError> {
        serde_json::from_str(text).map_err(|source| StoreError::Corrupt { what: "limits", source })
    }
}

impl Limits {
    /// The limits that hold where these are configured.
    ///
    /// # Errors
    /// A number is out of its range, or contradicts another.
    pub fn of(configured: &ConfiguredLimits) -> Result<Self, LimitsError> {
        let mut quotas = configured.max_resources.clone();
        for (member, resource_type, max) in [
            ("maxUsers", "User", configured.max_users),
            ("maxGroups", "Group", configured.max_groups),
        ] {
            let Some(max) = max else { continue };
            let before = quotas.insert(resource_type.to_owned(), max);
            if before.is_some_and(|before| before != max) {
                return Err(LimitsError::Twice { member, resource_type });
            }
        }
        if quotas.values().any(|max| i64::try_from(*max).is_err()) {
            return Err(LimitsError::Uncountable);
        }
        let c = configured;
        let per_second = of_u32("requestsPerSecond", c.requests_per_second, RATE.per_second)?;
        let by_default = per_second.saturating_mul(2).min(1_000_000);
        Ok(Self {
            quotas,
            max_members: c.max_members,
            rate: Rate { per_second, burst: of_u32("burst", c.burst, by_default)? },
            max_body_bytes: of("maxBodyBytes", c.max_body_bytes, BODY_BYTES, MAX_BODY_BYTES)?,
            max_filter_terms: of("maxFilterTerms", c.max_filter_terms, MAX_TERMS, MAX_TERMS)?,
            max_page_size: of("maxPageSize", c.max_page_size, MAX_PAGE, MAX_PAGE)?,
            max_bulk_operations: of(
                "maxBulkOperations",
                c.max_bulk_operations,
                MAX_OPERATIONS,
                MAX_OPERATIONS,
            )?,
            max_bulk_bytes: of("maxBulkBytes", c.max_bulk_bytes, BODY_BYTES, MAX_BODY_BYTES)?,
            plugins: c.plugins.as_ref().map(PluginLimits::of).transpose()?.unwrap_or_default(),
        })
    }

    /// The limits that hold where these are stored.
    ///
    /// # Errors
    /// This server cannot keep to them: a newer one has stored them.
    pub fn of_stored(text: &str) -> Result<Self, StoreError> {
        let unknown =
            |error: LimitsError| StoreError::Unknown { what: "limits", found: error.to_string() };
        Self::of(&ConfiguredLimits::of_stored(text)?).map_err(unknown)
    }
}

fn of(
    member: &str,
    configured: Option<usize>,
    default: usize,
    max: usize,
) -> Result<usize, LimitsError> {
    match configured {
        None => Ok(default),
        Some(found) if (1..=max).contains(&found) => Ok(found),
        Some(found) => Err(LimitsError::Range { member: member.to_owned(), min: 1, max, found }),
    }
}

fn of_u32(member: &str, configured: Option<u32>, default: u32) -> Result<u32, LimitsError> {
    let configured = configured.map(|it| usize::try_from(it).unwrap_or(usize::MAX));
    let value = of(member, configured, usize::try_from(default).unwrap_or(1), MAX_RATE)?;
    Ok(u32::try_from(value).unwrap_or(default))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits(text: &str) -> Result<Limits, String> {
        let configured: ConfiguredLimits =
            serde_json::from_str(text).map_err(|it| it.to_string())?;
        Limits::of(&configured).map_err(|it| it.to_string())
    }

    #[test]
    fn what_is_absent_is_the_default() {
        let defaults = limits("{}").unwrap();
        assert_eq!(defaults.rate, RATE);
        assert_eq!((defaults.max_body_bytes, defaults.max_page_size), (BODY_BYTES, MAX_PAGE));
        assert!(defaults.quotas.is_empty());
        let short = limits(r#"{"maxUsers": 0, "maxResources": {"Robot": 5}}"#).unwrap();
        assert_eq!(short.quotas.get("User"), Some(&0));
        assert_eq!(short.quotas.get("Robot"), Some(&5));
    }

    #[test]
    fn what_cannot_hold_is_refused_with_its_member() {
        for (text, member) in [
            (r#"{"maxBodyBytes": 0}"#, "\"maxBodyBytes\" must be between 1 and 16777216, not 0"),
            (r#"{"maxFilterTerms": 501}"#, "\"maxFilterTerms\""),
            (r#"{"maxPageSize": 1001}"#, "\"maxPageSize\""),
            (r#"{"maxBulkOperations": 1001}"#, "\"maxBulkOperations\""),
            (r#"{"requestsPerSecond": 0}"#, "\"requestsPerSecond\""),
            (r#"{"burst": 1000001}"#, "\"burst\""),
            (r#"{"maxUsers": 1, "maxResources": {"User": 2}}"#, "\"maxUsers\""),
            (r#"{"plugins": {"fuel": 0}}"#, "\"plugins.fuel\" must be between 1 and 20000000"),
            (r#"{"plugins": {"deadlineMs": 251}}"#, "\"plugins.deadlineMs\""),
            (r#"{"plugins": {"memoryBytes": 67108865}}"#, "\"plugins.memoryBytes\""),
            (r#"{"plugins": {"concurrentCalls": 17}}"#, "\"plugins.concurrentCalls\""),
            (r#"{"plugins": {"fuelPerSecond": 0}}"#, "\"plugins.fuelPerSecond\""),
            (r#"{"plugins": {"lookUps": 65}}"#, "\"plugins.lookUps\" must be between 1 and 64"),
            (r#"{"plugins": {"tableElements": 20001}}"#, "\"plugins.tableElements\""),
            (r#"{"plugins": {"byName": {"a": {"logLines": 65}}}}"#, "\"plugins.byName.logLines\""),
            (r#"{"plugins": {"fule": 1}}"#, "fule"),
            (r#"{"plugins": {"byName": {"a": {"fuel": 0}}}}"#, "\"plugins.byName.fuel\""),
            (r#"{"plugins": {"byName": {"a": {"count": 1}}}}"#, "count"),
            (r#"{"maxUsers": 18446744073709551615}"#, "can be counted"),
            (r#"{"maxUsres": 1}"#, "maxUsres"),
        ] {
            let error = limits(text).unwrap_err();
            assert!(error.contains(member), "{error}");
        }
    }
}
