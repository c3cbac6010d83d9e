//! `before-query`: narrows what a client sees.

use serde::Serialize;

use super::{answered, context};
use crate::bindings::exports::tenon::plugin::before_query::Decision;
use crate::call::{Call, Capability, Issue, Outcome};
use crate::recording::Input;
use crate::{Plugin, answer, fault};

/// What is to become of a query.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum QueryDecision {
    /// All resources of the type are seen.
    Proceed,
    /// Only those that match this filter too. Bounded, and not yet read.
    Narrow(String),
    /// It is refused with these issues, of which there is at least one.
    Reject(Vec<Issue>),
}

impl Plugin {
    /// Asks the plugin which resources of a type a request may see. `filter` is the client's own.
    pub async fn before_query(&self, call: &Call, filter: Option<&str>) -> Outcome<QueryDecision> {
        let input = call.input(|| Input::BeforeQuery { filter: filter.map(str::to_owned) });
        self.call_hook((Capability::BeforeQuery, input), call, async |store, instance, limits| {
            let indices =
                self.hooks.before_query.as_ref().ok_or(self.lacks(Capability::BeforeQuery))?;
            let hook = indices.load(&mut *store, instance).map_err(fault::link)?;
            let answer = hook.call_before_query(&mut *store, &context(call), filter).await;
            let decision = answered(answer, store, limits)?;
            match decision {
                Decision::Proceed => Ok(QueryDecision::Proceed),
                Decision::Narrow(filter) => {
                    Ok(QueryDecision::Narrow(answer::filter(filter, limits)?))
                }
                Decision::Reject(issues) => {
                    Ok(QueryDecision::Reject(answer::rejection(issues, limits)?))
                }
            }
        })
        .await
    }
}
