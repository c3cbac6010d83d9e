//! Operations that each change a few members of groups, one behind the other: they are carried out
//! together, in one transaction of a few statements, with the results that they have one by one.

use std::collections::VecDeque;

use tenon_scim::bulk::{Action, Entry, Operation};
use tenon_scim::membership::members_of;
use tenon_scim::resource::etag;

use super::{Done, OperationResult, Run};
use crate::service::memberships::MembersPatch;

/// The operations of a bulk request that are still to be carried out.
pub(super) struct Steps {
    waiting: VecDeque<Vec<Entry>>,
    /// How many of them are carried out one by one.
    alone: usize,
}

/// Steps of one operation each, on groups of one type.
pub(super) struct Together {
    endpoint: String,
    steps: Vec<Vec<Entry>>,
    patches: Vec<MembersPatch<'static>>,
}

impl Steps {
    pub(super) fn new(steps: Vec<Vec<Entry>>) -> Self {
        Self { waiting: steps.into(), alone: 0 }
    }

    pub(super) fn next(&mut self) -> Option<Vec<Entry>> {
        self.alone = self.alone.saturating_sub(1);
        self.waiting.pop_front()
    }

    /// Those that come next and can be carried out together; `None` where that is one at the most.
    pub(super) async fn next_together(&mut self, run: &Run) -> Option<Together> {
        if self.alone > 0 {
            return None;
        }
        let mut endpoint: Option<String> = None;
        let mut patches = Vec::new();
        for step in &self.waiting {
            let Some((of, patch)) = run.members_patch(step).await else { break };
            if endpoint.get_or_insert_with(|| of.clone()) != &of {
                break;
            }
            patches.push(patch);
        }
        let endpoint = endpoint.filter(|_| patches.len() > 1)?;
        let steps = self.waiting.drain(..patches.len()).collect();
        Some(Together { endpoint, steps, patches })
    }

    /// Takes back what cannot be carried out together.
    fn one_by_one(&mut self, steps: Vec<Vec<Entry>>) {
        self.alone = steps.len();
        for step in steps.into_iter().rev() {
            self.waiting.push_front(step);
        }
    }
}

impl Run {
    /// Carries out operations until `failures` of them have failed. Where all fail together, because
    /// others are in the way, there is no result, and each is tried on its own.
    pub(super) async fn together(
        &mut self,
        together: Together,
        failures: usize,
        steps: &mut Steps,
    ) -> Vec<OperationResult> {
        let (services, request) = (&self.services, &self.request);
        let Together { endpoint, steps: taken, patches } = together;
        let Ok(resource_type) = request.resource_type(&endpoint) else {
            steps.one_by_one(taken);
            return Vec::new();
        };
        let outcomes =
            services.patch_members_together(request, resource_type, &patches, failures).await;
        match outcomes {
            Ok(outcomes) => {
                let labels = taken.into_iter().flatten().map(|entry| entry.label);
                labels
                    .zip(outcomes)
                    .map(|(label, outcome)| {
                        let done = outcome.map(|version| Done::Changed(etag(version)));
                        self.result(label, done.map_err(Into::into))
                    })
                    .collect()
            }
            Err(error) => {
                tracing::debug!(%error, "members are changed one by one");
                steps.one_by_one(taken);
                Vec::new()
            }
        }
    }

    /// The endpoint and the change of a step that names all the members that it looks at.
    async fn members_patch(&self, step: &[Entry]) -> Option<(String, MembersPatch<'static>)> {
        let [Entry { operation: Ok(operation), .. }] = step else { return None };
        self.permit(operation).ok()?;
        let Operation::Change(change) = operation else { return None };
        let resource_type = self.request.resource_type(&change.path.endpoint).ok()?;
        members_of(resource_type)?;
        let mut change = change.clone();
        let mut lookup = self.lookup();
        change.replace_references(resource_type, |bulk_id| lookup.id_of(bulk_id));
        lookup.finish().ok()?;
        let Action::Patch(data) = &change.action else { return None };
        let patch = self.request.parse_patch(data).await.ok()?;
        let patch = self.request.read_patch(resource_type, &patch).await.ok()?;
        let (id, preconditions) = (&change.path.id, &change.preconditions);
        let patch = MembersPatch::of(&self.request, resource_type, id, &patch, preconditions);
        let patch = patch.ok()?.filter(MembersPatch::keeps_others)?.into_owned();
        Some((change.path.endpoint, patch))
    }
}
