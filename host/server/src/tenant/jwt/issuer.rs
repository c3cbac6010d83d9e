//! An issuer of JWTs as an administrator of a tenant, or the operator, has configured it.

use std::collections::BTreeMap;

use reqwest::Url;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::keys::{Algorithm, KeySet, KeySetError};
use crate::store::StoreError;
use crate::tenant::access::{Grants, UnknownPermission};

/// Seconds by which the clocks of an issuer and of this server may differ at the most.
const MAX_SKEW: u32 = 300;
/// Seconds for which a JWT is accepted at the most: 30 days.
const MAX_AGE: u32 = 30 * 24 * 3600;
/// Bytes of texts, and entries of lists.
const MAX_TEXT: usize = 500;
const MAX_ENTRIES: usize = 100;

/// What is said of an issuer: the body of a request, and what is stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct IssuerConfig {
    /// `iss`, as it has to be.
    pub issuer: String,
    /// `aud` has to contain one of these.
    pub audiences: Vec<String>,
    /// Where its keys are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jwks_url: Option<String>,
    /// Its keys.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jwks: Option<Value>,
    /// How it signs.
    #[serde(default = "usual_algorithms")]
    pub algorithms: Vec<Algorithm>,
    /// Seconds by which its clock may differ.
    #[serde(default = "usual_skew")]
    pub clock_skew_seconds: u32,
    /// Seconds after it was issued for which a JWT is accepted, if it does not expire before.
    #[serde(default = "usual_age")]
    pub max_age_seconds: u32,
    /// A JSON pointer to the claim that has to name the tenant, by name, id or external key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenant_claim: Option<String>,
    /// A JSON pointer to the claim with permissions: text with spaces in between, or an array.
    #[serde(default = "usual_permissions_claim")]
    pub permissions_claim: String,
    /// A JSON pointer to an object with `requestsPerSecond` and `maxPageSize`, which only lower.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limits_claim: Option<String>,
    /// What the issuer's names stand for.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub permission_map: BTreeMap<String, Vec<String>>,
    /// A JSON pointer to the id of the user for whom a JWT speaks (`/Me`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject_claim: Option<String>,
    /// The most that a JWT of its is allowed.
    #[serde(default = "usual_permissions")]
    pub permissions: Vec<String>,
    /// Attributes that its JWTs may not read.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hidden: Vec<String>,
    /// Whether its JWTs find their tenant where nothing else in a request names one. The operator's
    /// to say: two tenants may name the same issuer.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub anywhere: bool,
}

fn usual_algorithms() -> Vec<Algorithm> {
    Algorithm::USUAL.to_vec()
}

const fn usual_skew() -> u32 {
    60
}

const fn usual_age() -> u32 {
    24 * 3600
}

fn usual_permissions_claim() -> String {
    "/scope".to_owned()
}

fn usual_permissions() -> Vec<String> {
    vec!["scim:*".to_owned()]
}

/// Why an issuer cannot be configured like that.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IssuerError {
    /// A member is not as it has to be.
    #[error("\"{member}\": {reason}")]
    Member {
        /// Which.
        member: &'static str,
        /// What it has to be.
        reason: String,
    },
    /// There are keys in two places, or in none.
    #[error("one of \"jwks\" and \"jwksUrl\" is required, and not both")]
    Keys,
}

/// Where the keys of an issuer are.
#[derive(Debug, Clone)]
pub enum Keys {
    /// In its configuration.
    Inline(KeySet),
    /// At a URL.
    At(Url),
}

/// An issuer whose configuration is right.
#[derive(Debug, Clone)]
pub struct Issuer {
    pub(super) config: IssuerConfig,
    /// Where its keys are.
    pub keys: Keys,
    /// The most that a JWT of its is allowed.
    pub ceiling: Grants,
}

impl Issuer {
    /// Checks a configuration.
    ///
    /// # Errors
    /// It is wrong; the first member that is.
    pub fn of(config: IssuerConfig) -> Result<Self, IssuerError> {
        text("issuer", &config.issuer)?;
        entries("audiences", config.audiences.len())?;
        config.audiences.iter().try_for_each(|it| text("audiences", it))?;
        entries("algorithms", config.algorithms.len())?;
        within("clockSkewSeconds", config.clock_skew_seconds, 0, MAX_SKEW)?;
        within("maxAgeSeconds", config.max_age_seconds, 1, MAX_AGE)?;
        pointer("permissionsClaim", Some(&config.permissions_claim))?;
        pointer("tenantClaim", config.tenant_claim.as_deref())?;
        pointer("limitsClaim", config.limits_claim.as_deref())?;
        pointer("subjectClaim", config.subject_claim.as_deref())?;
        let ceiling = grants("permissions", &config.permissions, &config.hidden)?;
        if config.permission_map.len() > MAX_ENTRIES {
            return Err(wrong("permissionMap", format!("has more than {MAX_ENTRIES} members")));
        }
        for permissions in config.permission_map.values() {
            grants("permissionMap", permissions, &[])?;
        }
        let keys = match (&config.jwks, &config.jwks_url) {
            (Some(jwks), None) => Keys::Inline(key_set(jwks)?),
            (None, Some(url)) => Keys::At(url_of_keys(url)?),
            _ => return Err(IssuerError::Keys),
        };
        Ok(Self { config, keys, ceiling })
    }

    /// Checks the configuration of an issuer for several tenants.
    ///
    /// # Errors
    /// As [`Issuer::of`]; or nothing would say for which of them a JWT is.
    pub fn of_operator(config: IssuerConfig) -> Result<Self, IssuerError> {
        if config.tenant_claim.is_none() {
            let reason = "is required: a JSON pointer to the claim that names the tenant";
            return Err(wrong("tenantClaim", reason));
        }
        if config.anywhere {
            return Err(wrong("anywhere", "is said of the issuers of one tenant alone"));
        }
        Self::of(config)
    }

    /// Reads what is stored of an issuer.
    ///
    /// # Errors
    /// A newer server has stored what this one does not know.
    pub fn of_stored(config: &str) -> Result<Self, StoreError> {
        let unknown = |error: String| StoreError::Unknown {
            what: "configuration of an issuer",
            found: error,
        };
        let config = serde_json::from_str(config).map_err(|error| unknown(error.to_string()))?;
        Self::of(config).map_err(|error| unknown(error.to_string()))
    }

    /// How it signs.
    #[must_use]
    pub fn algorithms(&self) -> &[Algorithm] {
        &self.config.algorithms
    }
}

fn wrong(member: &'static str, reason: impl Into<String>) -> IssuerError {
    IssuerError::Member { member, reason: reason.into() }
}

fn text(member: &'static str, text: &str) -> Result<(), IssuerError> {
    if (1..=MAX_TEXT).contains(&text.len()) && !text.contains(char::is_control) {
        return Ok(());
    }
    Err(wrong(member, format!("must be text of 1 to {MAX_TEXT} bytes")))
}

fn entries(member: &'static str, count: usize) -> Result<(), IssuerError> {
    if (1..=MAX_ENTRIES).contains(&count) {
        return Ok(());
    }
    Err(wrong(member, format!("must have 1 to {MAX_ENTRIES} elements")))
}

fn within(member: &'static str, value: u32, min: u32, max: u32) -> Result<(), IssuerError> {
    if (min..=max).contains(&value) {
        return Ok(());
    }
    Err(wrong(member, format!("must be {min} to {max}, not {value}")))
}

/// RFC 6901: empty, or segments that each begin with a slash. The empty one is all claims.
fn pointer(member: &'static str, pointer: Option<&str>) -> Result<(), IssuerError> {
    if pointer.is_none_or(|it| it.starts_with('/') && it.len() <= MAX_TEXT) {
        return Ok(());
    }
    Err(wrong(member, "must be a JSON pointer such as \"/scope\" (RFC 6901)"))
}

fn grants(
    member: &'static str,
    permissions: &[String],
    hidden: &[String],
) -> Result<Grants, IssuerError> {
    Grants::parse(permissions, hidden.to_vec())
        .map_err(|unknown: UnknownPermission| wrong(member, unknown.to_string()))
}

fn key_set(jwks: &Value) -> Result<KeySet, IssuerError> {
    KeySet::of(jwks).map_err(|error: KeySetError| wrong("jwks", error.to_string()))
}

fn url_of_keys(text: &str) -> Result<Url, IssuerError> {
    let url = Url::parse(text).ok().filter(|url| {
        matches!(url.scheme(), "https" | "http")
            && url.has_host()
            && url.username().is_empty()
            && url.password().is_none()
            && text.len() <= MAX_TEXT
    });
    url.ok_or_else(|| {
        wrong("jwksUrl", "must be a URL such as https://login.example.com/keys, without a password")
    })
}
