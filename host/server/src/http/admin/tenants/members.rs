//! Members of the bodies that make and change tenants.

use serde_json::Value;
use sqlx::PgConnection;
use tenon_scim::Dialect;
use uuid::Uuid;

use super::super::super::error::Problem;
use super::super::{Members, invalid};
use crate::store::realms;
use crate::store::requests::Logged;

/// Bytes of an external key at the most.
const MAX_EXTERNAL_KEY: usize = 256;

/// How requests reach the tenant.
pub(super) struct Resolution {
    /// The realm to which it belongs, by name or id; `None` for that of all that belong to no other.
    pub(super) realm: Option<String>,
}

impl Resolution {
    /// `{"realm": "eu"}`, where the body has it.
    pub(super) fn take(members: &mut Members) -> Result<Option<Self>, Problem> {
        let invalid = || {
            let expected = "\"resolution\" must be an object with \"realm\", a string or null";
            invalid(expected.to_owned())
        };
        let mut resolution = match members.take("resolution") {
            None => return Ok(None),
            Some(Value::Object(resolution)) => resolution,
            Some(_) => return Err(invalid()),
        };
        let realm = match resolution.shift_remove("realm") {
            Some(Value::Null) => None,
            Some(Value::String(realm)) => Some(realm),
            _ => return Err(invalid()),
        };
        if resolution.is_empty() { Ok(Some(Self { realm })) } else { Err(invalid()) }
    }
}

/// The realm of that name or id, which stays until this transaction ends.
pub(super) async fn held(
    conn: &mut PgConnection,
    realm: Option<&str>,
) -> Result<Option<Uuid>, Problem> {
    let Some(name) = realm else { return Ok(None) };
    let unknown = || invalid(format!("\"resolution\": there is no realm \"{name}\""));
    let realm = realms::get(conn, name).await?.ok_or_else(unknown)?.id;
    if realms::hold(conn, realm).await? { Ok(Some(realm)) } else { Err(unknown()) }
}

/// A dialect by its name, where the body has one.
pub(super) fn dialect(members: &mut Members) -> Result<Option<Dialect>, Problem> {
    let Some(name) = members.optional_string("dialect")? else { return Ok(None) };
    Dialect::named(&name).map(Some).ok_or_else(|| {
        let known = Dialect::ALL.map(|dialect| format!("\"{}\"", dialect.name));
        invalid(format!("\"dialect\" must be one of {}, not \"{name}\"", known.join(", ")))
    })
}

/// What the operator's other systems call the tenant, where the body says it; `null` is nothing.
pub(super) fn external_key(members: &mut Members) -> Result<Option<Option<String>>, Problem> {
    if !members.has("externalKey") {
        return Ok(None);
    }
    let key = members.optional_string("externalKey")?;
    match &key {
        Some(key) if !(1..=MAX_EXTERNAL_KEY).contains(&key.len()) || key.contains('\0') => {
            Err(invalid(format!("\"externalKey\" must have 1 to {MAX_EXTERNAL_KEY} bytes")))
        }
        _ => Ok(Some(key)),
    }
}

/// Which requests are to be logged, where the body says it; `null` is the default.
pub(super) fn request_log(members: &mut Members) -> Result<Option<Logged>, Problem> {
    let known = || Logged::ALL.map(|it| format!("\"{}\"", it.name())).join(", ");
    match members.take("requestLog") {
        None => Ok(None),
        Some(Value::Null) => Ok(Some(Logged::default())),
        Some(given) => {
            let logged = given.as_str().and_then(Logged::named);
            let wrong =
                || invalid(format!("\"requestLog\" must be one of {}, not {given}", known()));
            logged.map(Some).ok_or_else(wrong)
        }
    }
}

/// Whether anybody is told what the tenant's service offers, where the body says it; `null` is no.
pub(super) fn public_discovery(members: &mut Members) -> Result<Option<bool>, Problem> {
    let invalid = || {
        let expected = "\"discovery\" must be an object with \"public\", a boolean, or null";
        invalid(expected.to_owned())
    };
    match members.take("discovery") {
        None => Ok(None),
        Some(Value::Null) => Ok(Some(false)),
        Some(Value::Object(discovery)) if discovery.len() == 1 => {
            let public = discovery.get("public").and_then(Value::as_bool);
            public.map(Some).ok_or_else(invalid)
        }
        Some(_) => Err(invalid()),
    }
}
