//! Bulk (RFC 7644 §3.7): one operation after another, each as a request of its own. What is wrong
//! with one leaves the others alone, except those that refer to what it was to create.

mod creation;
mod together;

use std::collections::HashMap;
use std::sync::{Arc, Weak};
use std::time::Duration;

use tenon_scim::bulk::{Action, BulkRequest, Change, Entry, Label, Operation};
use tokio::time::Instant;
use tracing::Instrument;

use self::together::Steps;
use super::{Error, Request, Services};
use crate::tenant::access::Permission;

/// For how long resources are worked on. A request that takes longer than a minute is given up, and
/// its answer with it: the last piece of work begins well before.
const PATIENCE: Duration = Duration::from_secs(45);

/// What became of an operation.
#[derive(Debug)]
pub struct OperationResult {
    /// Which operation.
    pub label: Label,
    /// The URI of the resource; none of one that is not created, or where no path was sent.
    pub location: Option<String>,
    /// What was done, or why not.
    pub outcome: Result<Done, Failure>,
}

/// What was done, with the ETag that the resource has now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Done {
    /// A resource was created.
    Created(String),
    /// A resource was replaced or patched.
    Changed(String),
    /// A resource was deleted.
    Deleted,
}

/// Why an operation is not carried out.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// As a request of its own it would fail too.
    #[error(transparent)]
    Request(Box<Error>),
    /// What it refers to does not exist.
    #[error("\"bulkId:{bulk_id}\" refers to an operation that failed")]
    ReferenceFailed {
        /// The bulkId of the operation that failed.
        bulk_id: String,
    },
    /// RFC 7644 §3.7.1: after a failed attempt at a circular reference a server may "return HTTP
    /// status code 409".
    #[error(
        "the circular reference cannot be resolved: attribute \"{attribute}\" is required, and \
         what it refers to cannot be created before"
    )]
    Circular {
        /// The path of the attribute.
        attribute: String,
    },
    /// The operations before took too long, or those that refer to each other did.
    #[error(
        "the operations took longer than {} seconds, and this one was not carried out; send it again",
        PATIENCE.as_secs()
    )]
    OutOfTime,
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Request(Box::new(error))
    }
}

impl From<tenon_scim::Error> for Failure {
    fn from(error: tenon_scim::Error) -> Self {
        Error::from(error).into()
    }
}

impl Services {
    /// Carries out the operations of a bulk request. The results are in the order of the request;
    /// after `failOnErrors` errors no further operation is begun, and those have no result.
    ///
    /// The work is in a task of its own: when this future is dropped, because the client has gone
    /// or the request took too long, the task begins no further operation, and still undoes a
    /// circular reference that is not complete.
    ///
    /// # Errors
    /// The task fails, which is a fault of the server.
    pub async fn bulk(
        &self,
        request: Request,
        bulk: BulkRequest,
    ) -> Result<Vec<OperationResult>, Error> {
        let asker = Arc::new(());
        let run = Run {
            services: self.clone(),
            request,
            ids: HashMap::new(),
            begun: Instant::now(),
            asker: Arc::downgrade(&asker),
        };
        let under_way = self.bulks.subscribe();
        let carried_out = async move {
            let results = run.carry_out(bulk).await;
            drop(under_way);
            results
        };
        let task = tokio::spawn(carried_out.in_current_span());
        let results = task.await.map_err(|error| Error::Internal(error.to_string()));
        drop(asker);
        results
    }

    /// Waits until no bulk request is being carried out.
    pub async fn bulks_ended(&self) {
        self.bulks.closed().await;
    }
}

/// A bulk request that is being carried out.
struct Run {
    services: Services,
    request: Request,
    /// By bulkId, the id of what was created; `None` where that failed.
    ids: HashMap<String, Option<String>>,
    begun: Instant,
    /// Alive as long as somebody waits for the results.
    asker: Weak<()>,
}

impl Run {
    async fn carry_out(mut self, bulk: BulkRequest) -> Vec<OperationResult> {
        let operations = bulk.entries.len();
        let fail_on_errors = bulk.fail_on_errors.unwrap_or(usize::MAX);
        let mut results = Vec::with_capacity(operations);
        let mut failed = 0;
        let mut steps = Steps::new(bulk.into_steps());
        while failed < fail_on_errors {
            let done = match self.check_time() {
                Ok(()) => match steps.next_together(&self).await {
                    Some(together) => {
                        self.together(together, fail_on_errors - failed, &mut steps).await
                    }
                    None => {
                        let Some(step) = steps.next() else { break };
                        self.step(step).await
                    }
                },
                Err(_) => {
                    let Some(step) = steps.next() else { break };
                    let out_of_time = |it: Entry| self.result(it.label, Err(Failure::OutOfTime));
                    step.into_iter().map(out_of_time).collect()
                }
            };
            failed += done.iter().filter(|result| result.outcome.is_err()).count();
            results.extend(done);
        }
        results.sort_unstable_by_key(|result| result.label.index);
        tracing::info!(operations, answered = results.len(), failed, "bulk request carried out");
        results
    }

    /// Whether there is time for more, and somebody who waits for it.
    fn check_time(&self) -> Result<(), Failure> {
        let goes_on = self.begun.elapsed() < PATIENCE && self.asker.strong_count() > 0;
        if goes_on { Ok(()) } else { Err(Failure::OutOfTime) }
    }

    async fn step(&mut self, step: Vec<Entry>) -> Vec<OperationResult> {
        let (mut results, mut creations) = (Vec::new(), Vec::new());
        for Entry { label, operation, .. } in step {
            let operation = match operation {
                Ok(operation) => self.permit(&operation).map(|()| operation),
                Err(error) => Err(tenon_scim::Error::from(error).into()),
            };
            match operation {
                Ok(Operation::Create(creation)) => creations.push((label, creation)),
                Ok(Operation::Change(change)) => {
                    let outcome = self.change(change).await;
                    results.push(self.result(label, outcome));
                }
                Err(failure) => results.push(self.result(label, Err(failure))),
            }
        }
        results.extend(self.create(creations).await);
        results
    }

    /// Refuses what the client may not do in a request of its own, or not together with others.
    fn permit(&self, operation: &Operation) -> Result<(), Failure> {
        let (permission, endpoint) = match operation {
            Operation::Create(creation) => (Permission::Create, &creation.endpoint),
            Operation::Change(change) => {
                let permission = match change.action {
                    Action::Replace(_) | Action::Patch(_) => Permission::Update,
                    Action::Delete => Permission::Delete,
                };
                (permission, &change.path.endpoint)
            }
        };
        let resource_type = self.request.resource_type(endpoint)?;
        self.request.require(Permission::Bulk, Some(resource_type))?;
        Ok(self.request.require(permission, Some(resource_type))?)
    }

    async fn change(&self, mut change: Change) -> Result<Done, Failure> {
        let (services, request) = (&self.services, &self.request);
        let resource_type = request.resource_type(&change.path.endpoint)?;
        let mut lookup = self.lookup();
        change.replace_references(resource_type, |bulk_id| lookup.id_of(bulk_id));
        lookup.finish()?;
        let Change { path, preconditions, action } = change;
        let changed = match action {
            Action::Replace(data) => {
                services.replace(request, resource_type, &path.id, &data, &preconditions).await?
            }
            Action::Patch(data) => {
                let patch = request.parse_patch(&data).await?;
                services.patch(request, resource_type, &path.id, &patch, &preconditions).await?
            }
            Action::Delete => {
                services.delete(request, resource_type, &path.id, &preconditions).await?;
                return Ok(Done::Deleted);
            }
        };
        Ok(Done::Changed(changed.meta.etag()))
    }

    /// The result of an operation on the resource in its path, or of one that failed.
    ///
    /// RFC 7644 §3.7.3: "A "location" attribute that includes the resource's endpoint MUST be
    /// returned for all operations except for failed POST operations".
    fn result(&mut self, label: Label, outcome: Result<Done, Failure>) -> OperationResult {
        if let (Some(bulk_id), Err(_)) = (label.creates(), &outcome) {
            self.ids.insert(bulk_id.to_owned(), None);
        }
        let path = label.path(|bulk_id| self.ids.get(bulk_id).cloned()?);
        let location = path.map(|path| format!("{}{path}", self.request.base_url));
        OperationResult { label, location, outcome }
    }

    fn lookup(&self) -> Lookup<'_> {
        Lookup { ids: &self.ids, failed: None, is_complete: true }
    }
}

/// Looks up ids, and remembers which were not found.
struct Lookup<'r> {
    ids: &'r HashMap<String, Option<String>>,
    failed: Option<String>,
    is_complete: bool,
}

impl Lookup<'_> {
    fn id_of(&mut self, bulk_id: &str) -> Option<String> {
        match self.ids.get(bulk_id) {
            Some(Some(id)) => return Some(id.clone()),
            Some(None) => self.failed = Some(bulk_id.to_owned()),
            None => self.is_complete = false,
        }
        None
    }

    /// Whether every id is known; those that are not are of operations to come.
    fn finish(self) -> Result<bool, Failure> {
        self.failed
            .map_or(Ok(self.is_complete), |bulk_id| Err(Failure::ReferenceFailed { bulk_id }))
    }
}
