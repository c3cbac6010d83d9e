//! What an author writes: a trait for each capability.

use crate::answer::{Claim, Failure, Issue, QueryDecision, WriteDecision};
use crate::context::{Context, Event, RequestHead};
use crate::describe::Description;
use crate::document::Document;
use crate::edit::Edit;

/// The capability `schema`: extensions and resource types for the tenant.
pub trait Schema {
    /// What the plugin adds. Called once, when the component is uploaded: it can depend on
    /// nothing but the component itself.
    fn describe() -> Description;
}

/// The capability `validation`: rules for resources.
pub trait Validation {
    /// Judges a resource that is about to be written. It has passed the server's own schema
    /// validation. `candidate` is the resource as it would be stored; `current` is the stored
    /// one, where there is one.
    ///
    /// No issues accept the resource. Otherwise the client is told all of them, with status 400.
    ///
    /// # Errors
    ///
    /// The plugin itself cannot do its work, say because its configuration is wrong. The write
    /// is refused with status 5xx; the message goes to the tenant's log, not to the client.
    fn validate(
        context: &Context,
        candidate: &Document,
        current: Option<&Document>,
    ) -> Result<Vec<Issue>, Failure>;
}

/// The capability `before-write`: changes what is written.
pub trait BeforeWrite {
    /// Looks at a resource that is about to be written, after the server's own schema validation
    /// and before any plugin's [`Validation`]. `candidate` is the resource as it would be stored,
    /// with the edits of the plugins before this one; `current` is the stored one, where there is
    /// one. It may be called again for the same request, where another one was quicker.
    ///
    /// # Errors
    ///
    /// The plugin itself cannot do its work. The write is refused with status 5xx, unless the
    /// tenant's settings of the plugin say to go on without it.
    fn before_write(
        context: &Context,
        candidate: &Document,
        current: Option<&Document>,
    ) -> Result<WriteDecision, Failure>;
}

/// The capability `before-delete`: refuses deletions.
pub trait BeforeDelete {
    /// Judges the deletion of a resource. No issues let it pass; otherwise the client is told all
    /// of them, with status 400.
    ///
    /// # Errors
    ///
    /// The plugin itself cannot do its work. The deletion is refused with status 5xx.
    fn before_delete(context: &Context, current: &Document) -> Result<Vec<Issue>, Failure>;
}

/// The capability `before-query`: narrows what a client sees.
pub trait BeforeQuery {
    /// Called once for each resource type that a request looks at, for single resources as for
    /// lists, and for what is written as for what is read. `filter` is the client's own.
    ///
    /// # Errors
    ///
    /// The plugin itself cannot do its work. The request is refused with status 5xx.
    fn before_query(context: &Context, filter: Option<&str>) -> Result<QueryDecision, Failure>;
}

/// The capability `after-read`: changes what a client is shown.
pub trait AfterRead {
    /// Edits resources of one type before they are shown: one list of edits for each document, in
    /// the order of the documents.
    ///
    /// # Errors
    ///
    /// The plugin itself cannot do its work. The resources are shown unedited, or the request is
    /// refused with status 5xx where the tenant's settings of the plugin say so.
    fn after_read(context: &Context, documents: &[Document]) -> Result<Vec<Vec<Edit>>, Failure>;
}

/// The capability `after-commit`: is told of what was written.
pub trait AfterCommit {
    /// Called some time after the commit, at least once for each event, and for one resource in
    /// the order of its events. `current` is the resource as it is now, where it still exists.
    ///
    /// # Errors
    ///
    /// The plugin itself cannot do its work. It is called again, after a pause that grows.
    fn after_commit(
        context: &Context,
        event: &Event,
        current: Option<&Document>,
    ) -> Result<(), Failure>;
}

/// The capability `resolver`: tells which tenant a request is for.
pub trait Resolver {
    /// Called for requests that no credential of the server explains. `None`: neither does this
    /// plugin, and the request stays unauthorized.
    ///
    /// # Errors
    ///
    /// The plugin itself cannot do its work. The request is refused.
    fn resolve(head: &RequestHead) -> Result<Option<Claim>, Failure>;
}
