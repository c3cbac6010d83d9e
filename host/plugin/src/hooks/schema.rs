//! `schema`: what a plugin adds to the tenant's schemas, asked once at upload.

use serde_json::Value;

use crate::call::Capability;
use crate::error::Refusal;
use crate::{Plugin, answer, fault};

impl Plugin {
    /// Asks a plugin for its schemas; none, and no call, where it has no such capability.
    ///
    /// For the gate alone: at run time the stored answer counts.
    pub(crate) async fn describe(&self) -> Result<Vec<Value>, Refusal> {
        let Some(indices) = &self.hooks.schema else { return Ok(Vec::new()) };
        let limits = self.limits();
        let limits_and_fuel = (limits, limits.describe_fuel);
        let ended = self
            .run(Some(Capability::Schema), limits_and_fuel, None, async |store, instance| {
                let hook = indices.load(&mut *store, instance).map_err(fault::link)?;
                hook.call_describe(&mut *store)
                    .await
                    .map_err(|error| fault::call(error, store.data(), limits, limits.describe_fuel))
            })
            .await;
        let documents = ended.outcome.result.map_err(|error| Refusal::DescribeFailed { error })?;
        answer::documents(&documents, limits)
    }
}
