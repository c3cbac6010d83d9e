//! `placement`: which tables have a tenant's data.

use axum::http::StatusCode;
use serde_json::{Map, Value, json};

use super::super::error::{Problem, ScimError};
use super::{Members, invalid};
use crate::service::Error;
use crate::service::moves::{PlaceError, Target};
use crate::store::own_databases::{DatabaseUrl, NotUsable};
use crate::store::schemas::SchemaError;
use crate::store::tenants::Tenant;

/// `{"kind": "schema"}`, where the body has it.
pub(super) fn take(members: &mut Members) -> Result<Target, Problem> {
    match members.take("placement") {
        None | Some(Value::Null) => Ok(Target::Shared),
        Some(Value::Object(placement)) => target(&placement),
        Some(_) => Err(wrong()),
    }
}

fn target(placement: &Map<String, Value>) -> Result<Target, Problem> {
    let text = |name: &str| placement.get(name).and_then(Value::as_str);
    match (text("kind"), text("url"), placement.len()) {
        (Some("shared"), None, 1) => Ok(Target::Shared),
        (Some("schema"), None, 1) => Ok(Target::Schema),
        (Some("database"), Some(url), 2) => {
            let url = DatabaseUrl::parse(url).map_err(|error| {
                invalid(format!(
                    "\"url\" must be a URL such as postgres://user:password@host:5432/database{error}"
                ))
            })?;
            Ok(Target::Database(url))
        }
        _ => Err(wrong()),
    }
}

fn wrong() -> Problem {
    invalid(
        "\"placement\" must be an object whose only member is \"kind\", \"shared\" or \"schema\", or one \
         with the kind \"database\" and its \"url\""
            .to_owned(),
    )
}

/// Without the password of a database.
pub(super) fn shown_of(tenant: &Tenant) -> Value {
    let mut shown = json!({ "kind": tenant.placement.name() });
    if let (Some(shown), Some(url)) = (shown.as_object_mut(), &tenant.database) {
        shown.insert("url".to_owned(), url.as_str().into());
    }
    shown
}

/// What a refused database is to the operator.
pub(super) fn not_usable(error: NotUsable) -> Problem {
    let detail = error.to_string();
    match error {
        NotUsable::OfServers | NotUsable::OfAnother(_) => {
            Problem::new(StatusCode::CONFLICT, detail).kind("database-in-use")
        }
        NotUsable::Failed(_) => {
            Problem::new(StatusCode::CONFLICT, detail).kind("database-not-usable")
        }
        NotUsable::Keyring(_) => {
            Problem::new(StatusCode::CONFLICT, detail).kind("no-encryption-key")
        }
        NotUsable::Store(error) => error.into(),
    }
}

/// Why there is no place for a new tenant.
pub(super) fn not_made(error: PlaceError) -> Problem {
    let detail = error.to_string();
    match error {
        PlaceError::Schema(SchemaError::NotPermitted) => {
            Problem::new(StatusCode::CONFLICT, detail).kind("not-permitted")
        }
        PlaceError::Schema(SchemaError::Store(error)) => error.into(),
        PlaceError::Schema(SchemaError::RowSecurity(_) | SchemaError::Differs { .. }) => {
            ScimError::from(Error::Internal(detail)).into()
        }
        PlaceError::Database(error) => not_usable(error),
    }
}
