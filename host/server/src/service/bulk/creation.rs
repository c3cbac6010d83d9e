//! Creates what the POSTs of a step say: one resource, or all of a circular reference.
//!
//! RFC 7644 §3.7.1: "The service provider MUST try to resolve circular cross-references". Each is
//! created without the values that refer to what does not exist yet, and completed by a PATCH when
//! all exist. Where one fails, all that refer to it fail, and in a circle all do: what was created
//! of it is deleted again.

use std::mem;

use tenon_scim::Object;
use tenon_scim::bulk::{Creation, Deferred, Label, defer, replace_in_patch};
use tenon_scim::precondition::Preconditions;

use super::{Done, Error, Failure, OperationResult, Run};
use crate::service::read::Resource;

/// A resource that exists, and the body of the PATCH that completes it.
struct Created {
    label: Label,
    creation: Creation,
    resource: Resource,
    missing: Option<Object>,
}

/// The creation that keeps all of the step from succeeding.
struct Culprit {
    index: usize,
    bulk_id: String,
    failure: Failure,
}

impl Run {
    pub(super) async fn create(
        &mut self,
        mut waiting: Vec<(Label, Creation)>,
    ) -> Vec<OperationResult> {
        let mut created = Vec::with_capacity(waiting.len());
        let mut outcome = self.create_all(&mut waiting, &mut created).await;
        if outcome.is_ok() {
            outcome = self.complete_all(&mut created).await;
        }
        match outcome {
            Ok(()) => created.into_iter().map(|it| self.success(it)).collect(),
            Err(culprit) => {
                self.delete_all(&created).await;
                let created = created.into_iter().map(|it| it.label);
                let labels = waiting.into_iter().map(|(label, _)| label).chain(created);
                self.failures(labels.collect(), culprit)
            }
        }
    }

    async fn create_all(
        &mut self,
        waiting: &mut Vec<(Label, Creation)>,
        created: &mut Vec<Created>,
    ) -> Result<(), Culprit> {
        while let Some((position, deferred)) = self.next(waiting)? {
            let Some((label, creation)) = waiting.get(position) else { return Ok(()) };
            let resource = self.create_one(&creation.endpoint, &deferred.now).await;
            let resource = resource.map_err(|failure| culprit(label, creation, failure))?;
            let (label, creation) = waiting.remove(position);
            self.ids.insert(creation.bulk_id.clone(), Some(resource.meta.id.clone()));
            created.push(Created { label, creation, resource, missing: deferred.later });
        }
        Ok(())
    }

    /// The first of those that wait that can be created now, and how; `None` where none waits.
    fn next(
        &self,
        waiting: &mut [(Label, Creation)],
    ) -> Result<Option<(usize, Deferred)>, Culprit> {
        let mut stuck = None;
        for (position, (label, creation)) in waiting.iter_mut().enumerate() {
            match self.ready(creation) {
                Ok(deferred) => return Ok(Some((position, deferred))),
                Err(failure @ Failure::Circular { .. }) => {
                    stuck.get_or_insert_with(|| culprit(label, creation, failure));
                }
                Err(failure) => return Err(culprit(label, creation, failure)),
            }
        }
        stuck.map_or(Ok(None), Err)
    }

    fn ready(&self, creation: &mut Creation) -> Result<Deferred, Failure> {
        let resource_type = self.request.resource_type(&creation.endpoint)?;
        let mut lookup = self.lookup();
        creation.replace_references(resource_type, |bulk_id| lookup.id_of(bulk_id));
        if lookup.finish()? {
            return Ok(Deferred { now: mem::take(&mut creation.data), later: None });
        }
        defer(resource_type, creation.data.clone())
            .map_err(|attribute| Failure::Circular { attribute })
    }

    async fn create_one(&self, endpoint: &str, data: &Object) -> Result<Resource, Failure> {
        self.check_time()?;
        let resource_type = self.request.resource_type(endpoint)?;
        Ok(self.services.create(&self.request, resource_type, data).await?)
    }

    async fn complete_all(&self, created: &mut [Created]) -> Result<(), Culprit> {
        for it in created {
            let Some(missing) = it.missing.take() else { continue };
            let completed = self.complete(it, missing).await;
            it.resource = completed.map_err(|failure| culprit(&it.label, &it.creation, failure))?;
        }
        Ok(())
    }

    async fn complete(&self, created: &Created, mut patch: Object) -> Result<Resource, Failure> {
        self.check_time()?;
        let resource_type = self.request.resource_type(&created.creation.endpoint)?;
        let mut lookup = self.lookup();
        replace_in_patch(resource_type, &mut patch, &mut |bulk_id: &str| lookup.id_of(bulk_id));
        lookup.finish()?;
        let patch = self.request.parse_patch(&patch).await?;
        let (id, any) = (&created.resource.meta.id, Preconditions::default());
        Ok(self.services.patch(&self.request, resource_type, id, &patch, &any).await?)
    }

    /// A POST that failed leaves nothing behind.
    async fn delete_all(&self, created: &[Created]) {
        for it in created {
            match self.delete(it).await {
                Ok(()) | Err(Error::NotFound { .. }) => {}
                Err(error) => {
                    let id = it.resource.meta.id.as_str();
                    tracing::error!(%error, id, "a resource that a bulk request gave up is left");
                }
            }
        }
    }

    async fn delete(&self, created: &Created) -> Result<(), Error> {
        let resource_type = self.request.resource_type(&created.creation.endpoint)?;
        let (id, any) = (&created.resource.meta.id, Preconditions::default());
        self.services.delete(&self.request, resource_type, id, &any).await
    }

    fn success(&self, created: Created) -> OperationResult {
        let Created { label, creation, resource, .. } = created;
        let (base_url, endpoint) = (&self.request.base_url, creation.endpoint);
        let location = format!("{base_url}{endpoint}/{}", resource.meta.id);
        let outcome = Ok(Done::Created(resource.meta.etag()));
        OperationResult { label, location: Some(location), outcome }
    }

    fn failures(&mut self, labels: Vec<Label>, culprit: Culprit) -> Vec<OperationResult> {
        let Culprit { index, bulk_id, failure } = culprit;
        let out_of_time = matches!(failure, Failure::OutOfTime);
        let mut failure = Some(failure);
        let mut outcome = |label: &Label| match failure.take_if(|_| label.index == index) {
            Some(failure) => failure,
            None if out_of_time => Failure::OutOfTime,
            None => Failure::ReferenceFailed { bulk_id: bulk_id.clone() },
        };
        labels
            .into_iter()
            .map(|label| {
                let failure = outcome(&label);
                self.result(label, Err(failure))
            })
            .collect()
    }
}

fn culprit(label: &Label, creation: &Creation, failure: Failure) -> Culprit {
    Culprit { index: label.index, bulk_id: creation.bulk_id.clone(), failure }
}
