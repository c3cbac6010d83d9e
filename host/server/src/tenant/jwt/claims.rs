//! What a verified JWT says (RFC 7519 §4.1), as far as its issuer is believed.

use serde_json::Value;
use tenon_scim::Object;
use time::{Duration, OffsetDateTime};
use uuid::Uuid;

use super::Refused;
use super::issuer::{Issuer, IssuerConfig};
use crate::store::tenants::Identity;
use crate::tenant::access::Grants;
use crate::tenant::limits::ClaimedLimits;

/// Characters of a subject that are shown in records.
const SHOWN_SUBJECT: usize = 64;

/// What a JWT is good for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Accepted {
    /// `sub`, empty where there is none.
    pub subject: String,
    /// The resource for which it speaks, if one.
    pub speaks_for: Option<Uuid>,
    /// What it is allowed.
    pub grants: Grants,
    /// What it may cost, where that is less than its tenant may.
    pub limits: ClaimedLimits,
    /// When it stops to be accepted.
    pub expires: OffsetDateTime,
}

impl Accepted {
    /// The subject for the record: a database keeps no U+0000, and a log has lines.
    #[must_use]
    pub fn shown_subject(&self) -> String {
        self.subject.chars().filter(|it| !it.is_control()).take(SHOWN_SUBJECT).collect()
    }
}

impl Issuer {
    /// What names the tenant in the claims of a JWT of this issuer.
    pub fn tenants_named<'c>(&self, claims: &'c Object) -> impl Iterator<Item = &'c str> {
        texts(self.config.tenant_claim.as_deref().and_then(|it| at(claims, it)))
    }

    /// What the claims of a JWT of this issuer are good for at a tenant.
    ///
    /// # Errors
    /// They are for another issuer, audience, tenant or time.
    pub fn accept(
        &self,
        claims: &Object,
        tenant: &Identity,
        now: OffsetDateTime,
    ) -> Result<Accepted, Refused> {
        let config = &self.config;
        if claims.get("iss").and_then(Value::as_str) != Some(&config.issuer) {
            return Err(Refused::Issuer);
        }
        if !texts(claims.get("aud")).any(|it| config.audiences.iter().any(|own| own == it)) {
            return Err(Refused::Audience);
        }
        let expires = expiry(claims, config, now)?;
        let at = |pointer: &Option<String>| at(claims, pointer.as_deref()?);
        if config.tenant_claim.is_some()
            && !self.tenants_named(claims).any(|it| tenant.is_called(it))
        {
            return Err(Refused::Tenant);
        }
        let subject = claims.get("sub").and_then(Value::as_str).unwrap_or_default().to_owned();
        let speaks_for = at(&config.subject_claim).and_then(Value::as_str);
        let speaks_for = speaks_for.and_then(|id| Uuid::parse_str(id).ok());
        let limits = at(&config.limits_claim).map_or(Ok(ClaimedLimits::default()), limits)?;
        Ok(Accepted { subject, speaks_for, grants: self.grants(claims), limits, expires })
    }

    /// What its names stand for here, as far as the issuer may give it. What it calls by a name that
    /// means nothing here is for somebody else.
    fn grants(&self, claims: &Object) -> Grants {
        let config = &self.config;
        let named = texts(at(claims, &config.permissions_claim)).flat_map(str::split_whitespace);
        let mut claimed = Grants::default();
        for name in named {
            let mapped = config.permission_map.get(name);
            let own = [name.to_owned()];
            let permissions = mapped.map_or(own.as_slice(), Vec::as_slice);
            if let Ok(further) = Grants::parse(permissions, Vec::new()) {
                claimed = claimed.union(&further);
            }
        }
        claimed.within(&self.ceiling)
    }
}

/// What the object of a claim lowers. One that cannot be read is not taken for none.
fn limits(claim: &Value) -> Result<ClaimedLimits, Refused> {
    let number = |member: &'static str| match (claim.as_object(), claim.get(member)) {
        (Some(_), None) => Ok(None),
        (_, value) => match value.and_then(Value::as_u64) {
            None | Some(0) => Err(Refused::Limits(member)),
            number => Ok(number),
        },
    };
    // More than can be counted lowers nothing.
    Ok(ClaimedLimits {
        requests_per_second: number("requestsPerSecond")?.and_then(|it| it.try_into().ok()),
        max_page_size: number("maxPageSize")?.and_then(|it| it.try_into().ok()),
    })
}

/// When a JWT ends, which has to have begun and not to have ended.
fn expiry(
    claims: &Object,
    config: &IssuerConfig,
    now: OffsetDateTime,
) -> Result<OffsetDateTime, Refused> {
    let skew = Duration::seconds(config.clock_skew_seconds.into());
    let max_age = Duration::seconds(config.max_age_seconds.into());
    let exp = instant(claims, "exp")?.ok_or(Refused::Time("exp"))?;
    if instant(claims, "nbf")?.is_some_and(|begins| now + skew < begins) {
        return Err(Refused::Time("nbf"));
    }
    let ends = match instant(claims, "iat")? {
        Some(issued) if now + skew < issued => return Err(Refused::Time("iat")),
        Some(issued) => exp.min(issued + max_age),
        // Nobody can say how old it is; so it must not last longer than a new one.
        None if now + max_age < exp => return Err(Refused::Time("iat")),
        None => exp,
    };
    let ends = ends + skew;
    // RFC 7519 §4.1.4: "on or after which the JWT MUST NOT be accepted".
    if now < ends { Ok(ends) } else { Err(Refused::Time("exp")) }
}

/// A NumericDate: "seconds from 1970-01-01T00:00:00Z UTC", which may have a fraction.
fn instant(claims: &Object, name: &'static str) -> Result<Option<OffsetDateTime>, Refused> {
    let Some(value) = claims.get(name) else { return Ok(None) };
    // Up to the year 9000: what is added to it is a time as well.
    let seconds = value.as_f64().filter(|it| (0.0..=221_845_392_000.0).contains(it));
    let seconds = seconds.ok_or(Refused::Time(name))?;
    Ok(Some(OffsetDateTime::UNIX_EPOCH + Duration::seconds_f64(seconds)))
}

/// The value that a JSON pointer leads to (RFC 6901).
fn at<'c>(claims: &'c Object, pointer: &str) -> Option<&'c Value> {
    let (first, rest) = match pointer.strip_prefix('/')?.split_once('/') {
        Some((first, rest)) => (first, Some(rest)),
        None => (pointer.strip_prefix('/')?, None),
    };
    let value = claims.get(&first.replace("~1", "/").replace("~0", "~"))?;
    rest.map_or(Some(value), |rest| value.pointer(&format!("/{rest}")))
}

/// The texts of a claim that is one, or an array of them.
fn texts(claim: Option<&Value>) -> impl Iterator<Item = &str> {
    let many = claim.and_then(Value::as_array).into_iter().flatten();
    claim.into_iter().chain(many).filter_map(Value::as_str)
}
