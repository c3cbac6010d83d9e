//! What becomes of a request of an administrator that cannot be carried out.

use axum::http::StatusCode;
use serde_json::Value;
use tenon_plugin::Refusal;

use super::store::store_error;
use super::{Problem, body_status};
use crate::http::admin::plugins::schema_change;
use crate::http::body::BodyError;
use crate::service::indexes::IndexError;
use crate::service::plugins::PluginError;
use crate::service::shares::ShareError;
use crate::service::substrings::SubstringsError;
use crate::tenant::plugin_secrets::SecretError;

impl From<PluginError> for Problem {
    fn from(error: PluginError) -> Self {
        let detail = error.to_string();
        match error {
            PluginError::Refused(refusal) if refusal.is_internal() => {
                tracing::error!(?refusal, "a plugin could not be checked");
                Self::new(StatusCode::INTERNAL_SERVER_ERROR, detail)
            }
            PluginError::Refused(Refusal::Busy { .. }) => {
                Self::new(StatusCode::SERVICE_UNAVAILABLE, detail)
            }
            PluginError::Refused(refusal) => {
                tracing::info!(check = refusal.check(), %refusal, "plugin refused");
                Self::new(StatusCode::UNPROCESSABLE_ENTITY, detail)
                    .kind("plugin-refused")
                    .member("check", refusal.check())
            }
            PluginError::Described(_) => Self::new(StatusCode::UNPROCESSABLE_ENTITY, detail)
                .kind("plugin-refused")
                .member("check", "describe"),
            PluginError::NoPlugin { .. }
            | PluginError::NoVersion { .. }
            | PluginError::NoShadow { .. }
            | PluginError::NoDelivery { .. }
            | PluginError::NoRecordedCall { .. }
            | PluginError::NoImpact { .. } => Self::new(StatusCode::NOT_FOUND, detail),
            PluginError::NothingBefore { .. }
            | PluginError::NothingActive { .. }
            | PluginError::NothingToRecord { .. }
            | PluginError::RecordingRuns { .. }
            | PluginError::ActiveAlready { .. } => Self::new(StatusCode::CONFLICT, detail),
            PluginError::NotAnOrder { .. }
            | PluginError::Settings(_)
            | PluginError::NoHook { .. }
            | PluginError::Redaction(_) => {
                Self::new(StatusCode::BAD_REQUEST, detail).kind("invalid-request")
            }
            PluginError::Breaking { confirm, changes } => {
                let changes: Vec<Value> = changes.iter().map(schema_change).collect();
                Self::new(StatusCode::CONFLICT, detail)
                    .kind("breaking-schema-change")
                    .member("confirm", confirm)
                    .member("changes", changes)
            }
            PluginError::TooManyActive { .. } => {
                Self::new(StatusCode::CONFLICT, detail).kind("too-many-plugins")
            }
            PluginError::Misfit(_) => {
                Self::new(StatusCode::CONFLICT, detail).kind("plugins-do-not-fit")
            }
            PluginError::Secret(SecretError::Keyring(_)) => {
                Self::new(StatusCode::CONFLICT, detail).kind("no-encryption-key")
            }
            PluginError::Secret(_) => Self::new(StatusCode::BAD_REQUEST, detail),
            PluginError::Store(error) => store_error(error),
        }
    }
}

impl From<IndexError> for Problem {
    fn from(error: IndexError) -> Self {
        let detail = error.to_string();
        match error {
            IndexError::NoResourceType { .. } | IndexError::NotAdded { .. } => {
                Self::new(StatusCode::NOT_FOUND, detail)
            }
            IndexError::Path(_) | IndexError::NotIndexable { .. } => {
                Self::new(StatusCode::BAD_REQUEST, detail).kind("not-indexable")
            }
            IndexError::TooMany => Self::new(StatusCode::CONFLICT, detail).kind("too-many-indexes"),
            IndexError::Declared { .. } => {
                Self::new(StatusCode::CONFLICT, detail).kind("declared-by-a-schema")
            }
            IndexError::Misfit(misfit) => PluginError::Misfit(misfit).into(),
            IndexError::Store(error) => store_error(error),
        }
    }
}

impl From<ShareError> for Problem {
    fn from(error: ShareError) -> Self {
        let detail = error.to_string();
        match error {
            ShareError::Itself | ShareError::Types => {
                Self::new(StatusCode::BAD_REQUEST, detail).kind("invalid-request")
            }
            ShareError::NoResourceType { .. } => {
                Self::new(StatusCode::CONFLICT, detail).kind("no-such-resource-type")
            }
            ShareError::OwnTables { .. } => {
                Self::new(StatusCode::CONFLICT, detail).kind("own-tables")
            }
            ShareError::BeingRemoved => {
                Self::new(StatusCode::CONFLICT, detail).kind("being-removed")
            }
            ShareError::Misfit(misfit) => PluginError::Misfit(misfit).into(),
            ShareError::Store(error) => store_error(error),
        }
    }
}

impl From<SubstringsError> for Problem {
    fn from(error: SubstringsError) -> Self {
        let detail = error.to_string();
        let conflict = |kind| Self::new(StatusCode::CONFLICT, detail).kind(kind);
        match error {
            SubstringsError::Store(error) => store_error(error),
            SubstringsError::NotOffered => conflict("extension-not-offered"),
            SubstringsError::NotPermitted => conflict("extension-not-permitted"),
            SubstringsError::Building => conflict("being-built"),
        }
    }
}

impl From<BodyError> for Problem {
    fn from(error: BodyError) -> Self {
        Self::new(body_status(&error), error.to_string())
    }
}
